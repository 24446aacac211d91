"""The plugin seam: every hook, and calling plugins without being harmed by them.

specs.py, types.py, context.py   hooks, their arguments and results, the parts of a server that plugins get
telling.py                       what plugins that lead to users elsewhere are told
timing.py                        timers, records that expire, the clock, as plugins see them
actions.py, drafts.py            what users do, as plugins see it before it is done; messages as actions
filters.py                       what hooks for lists and searches get and return
door.py                          the door by which the work under way came in
listening.py                     notices of plugins, and the connection that an operation came from
login.py, loginmethods.py        ways to sign in: what plugins declare; contained calls of them
personal.py                      what plugins hold about people; contained calls of them
tokens.py                        kinds of tokens that sign bots in; contained calls of them
targets.py, blobs.py, mail.py    places for backups and for files, and senders of mail, that plugins provide
graphql.py                       the inputs of mutations that plugins add
commands.py, arguments.py        commands of users; their arguments, read from the fields of a struct
loading.py, powers.py            finds and checks plugins; what they declare that their hooks do not show
abouts.py                        what plugins say of themselves to people
active.py, instance.py           the plugins that are called now, as one immutable set; one instance of each
calls.py, observers.py           calls while the server runs, one method a hook; queues of observers
chains.py, plain.py              plugins that are asked one after the other; those of them that are plain functions
providing.py, registering.py     what plugins provide, and what they register: one line a kind
lifecycle.py                     their start and end
reasons.py                       the reasons of their refusals, by language
absent.py                        what plugins claim that are not here
policy.py                        what a plugin's failure means for messages and actions, by its settings
guard.py, deadline.py, breaker.py   contain errors, time-outs, and plugins that fail again and again
traced_guard.py                  the same with spans of the calls, if there is a tracer
guardedroutes.py                 contained calls of the handlers of routes
records.py, expiring.py          a plugin's records, and those that expire
ownmeasures.py                   the measures as one instance of a plugin sees them
dependencies.py                  its optional dependencies
"""
