"""All rules live here. Every door (HTTP, WebSocket, GraphQL, command line) enters through `Service`.

    service.py                 `Service` puts the parts together
    connections.py             lasting connections of any door: signing them in, ending them
    names.py, similar.py       rules for names of people; names that look alike
    directory.py               finding accounts
    accounts.py, founding.py   accounts and sessions; choosing the first owner
    newcomers.py               making accounts without a password, once over all nodes
    own_account.py             what users do with their own account
    passwords.py               setting, changing and resetting passwords
    staff.py                   what staff does with the accounts of others
    mail/                      mails to users, and their addresses
    login/                     ways to sign in, step by step
    owners.py, removal.py      keeping the last owner; deleting accounts
    administration.py          who may administrate, and from which addresses
    attempts.py                telling plugins of attempts to sign in
    claims.py                  what plugins guard, also while they are not there
    switches.py                turning plugins on and off: who may
    changes.py                 telling all nodes that a user's rights changed
    rights.py                  the rights of a user in a room: the only place where they are decided
    scopes.py, tokens.py       what a bot's token must be for; the kinds of tokens that plugins brought
    messages.py, texts.py      posting and changing messages; rules for texts
    message_data.py            namespaces of data of messages
    rewriting.py               changes of texts and data, of which none is lost
    values.py                  the check of values for data and events of plugins
    plugin_messages.py, plugin_events.py
                               messages of one plugin; events of plugins' own kinds
    interactions.py, contexts.py
                               uses of buttons, menus and forms; what these mean to their plugins
    commands/                  commands of plugins, such as `/invite @bob`
    rooms.py, membership.py    rooms; events that change their members and descriptions
    bans.py, slow_mode.py      who is kept out of a room; how long members wait between two messages
    deletion.py                deleting rooms for good, with all that is in them
    invitations.py             limits of memberships
    roomlist.py, public.py     the list of a user's rooms; public rooms
    history.py, search.py      reading messages and events
    edits.py                   what messages said before they were edited
    replaced.py, cleanings.py  removing replaced texts that were left, and words of the search index
    expiry.py                  removing messages that a room does not keep any longer
    pins.py                    the pinned messages of a room
    mentions.py                whom a text mentions
    threads.py                 replies to a message, apart from its room
    found.py, people.py        users as others find them; those of whom a user may know
    lookup.py                  members by a part of their name
    blocks.py                  whom users want nothing of
    statuses.py                what users say of themselves for a while
    preferences.py, account_preferences.py
                               what users prefer of their rooms, and of their clients
    watchers.py                who watches which rooms: an index of what they prefer
    notifying/                 who is to be told of what while they look elsewhere
    following.py, markers.py, presence.py, typing_now.py
                               following rooms, read markers, online users, typing notices
    live.py                    a room's events as they come, for plugins
    outage.py                  logs outages of the store
    inspection.py              looking at all data, for staff of the server
    overview.py                the state of the running installation, for staff of the server
    views.py                   rooms and members as users see them

The service knows no door, no driver and no Tornado.
"""
