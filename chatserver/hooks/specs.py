"""Every hook, and nothing else. The first word of a name is its rule:

`provide_` exactly one plugin answers (for a bus: one or none), `wrap_` each plugin may put something of its own around
what another provides, `register_` all results are combined, `change_` each plugin may replace the draft, `check_` the
first refusal stops, `filter_` each plugin may leave something out, `on_` all plugins are called. `on_`, `startup` and `shutdown` are `async def`; so are `change_`, `check_`
and `filter_` here, and plugins write them as that or as plain functions; the others are plain functions. Plugins are
called in the order of the configuration. A plugin takes any subset of a hook's arguments, by name.

What runs at start runs again, for a new instance, when an operator turns a plugin on or gives it new settings while the
server runs; then an error leaves everything as it was.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar, overload

import click
import pluggy

from chatserver.hooks.actions import Action
from chatserver.hooks.blobs import Blobs
from chatserver.hooks.commands import Command
from chatserver.hooks.context import Context, RunInServer
from chatserver.hooks.filters import FoundRoom, FoundUser, SearchQuery
from chatserver.hooks.login import LoginMethod
from chatserver.hooks.mail import Mailer
from chatserver.hooks.personal import PersonalData
from chatserver.hooks.targets import BackupScheme
from chatserver.hooks.telling import Concerned, ExpiredMessages, Reminder
from chatserver.hooks.timing import Timer
from chatserver.hooks.tokens import TokenKind
from chatserver.hooks.types import (
    AccountChange,
    Consumer,
    Decision,
    Draft,
    EventKind,
    GraphQLPart,
    HealthCheck,
    Job,
    LoginAttempt,
    Look,
    MessageData,
    Operation,
    PagePart,
    PluginSwitch,
    ReadMark,
    Refusal,
    Route,
)
from chatserver.interfaces import Authenticator, Bus, Records, Store, Tracer
from chatserver.model import AnyEvent, User

PROJECT = "chatserver"
hookspec = pluggy.HookspecMarker(PROJECT)
_mark = pluggy.HookimplMarker(PROJECT)
F = TypeVar("F", bound=Callable[..., Any])
ACTIONS_OF = (
    "chatserver_actions"  # the attribute of a hook's function that says which actions it wants
)
DATA_OF = "chatserver_data"  # as ACTIONS_OF: the namespaces of data whose messages it wants
MATCHING_OF = "chatserver_matching"  # as ACTIONS_OF: the pattern of texts whose messages it wants


@overload
def hookimpl(function: F) -> F: ...
@overload
def hookimpl(
    *,
    actions: Sequence[type[Action]] = (),
    data: Sequence[str] = (),
    matching: str = "",
    **options: Any,
) -> Callable[[F], F]: ...
def hookimpl(
    function: F | None = None,
    *,
    actions: Sequence[type[Action]] = (),
    data: Sequence[str] = (),
    matching: str = "",
    **options: Any,
) -> F | Callable[[F], F]:
    """Marks a method of a plugin as a hook: `@hookimpl`, or `@hookimpl(actions=(RoomJoin, Pin))`.

    `actions` are the kinds of actions that `change_action` or `check_action` is called for; `data` are namespaces
    of message data, and `matching` is a regular expression: `change_message` or `check_message` is then called only
    for messages that have one of the namespaces, or a text in which the expression is found, and all others keep the
    short way to the log. It is looked for in each message, so it has to be fast with any text. Other options are
    pluggy's. Raises `TypeError` for a text as `data`, `re.error` for what is no expression.
    """

    if isinstance(data, str):  # its letters would be taken for namespaces
        raise TypeError(f"hookimpl: data is a sequence of namespaces, such as ({data!r},)")

    pattern = re.compile(matching) if matching else None

    def mark(function: F) -> F:
        marked: F = _mark(function, **options)
        if actions:
            setattr(marked, ACTIONS_OF, tuple(actions))
        if data:
            setattr(marked, DATA_OF, tuple(data))
        if pattern:
            setattr(marked, MATCHING_OF, pattern)
        return marked

    return mark if function is None else mark(function)


class Hooks:
    """The specification that plugins are checked against when the server starts."""

    @hookspec
    def provide_store(self) -> Store:
        """The store of this server.

        Runs at start, before anything is opened, and may run several times. Return a new store
        object each time, unopened: the server calls `open` and `close` of one, and asks others
        only for `is_private` and `plan`. An error refuses to start, as do two plugins with a store.
        """
        raise NotImplementedError

    @hookspec
    def wrap_store(self, store: Store) -> Store:
        """A store around the store of this server, such as one that encrypts what it hands on.

        Runs at start after `provide_store`, as often as that, and for commands that open the store, too. Return a
        store that keeps the whole contract by means of `store`, with its optional methods if it has them. It opens
        and closes `store` as it is opened and closed. If its data cannot be read without it, it puts a record with
        the plugin's name as key into the space `wrapped` of `store` before it writes anything of the kind, and shows
        this record to nobody: a server or command that finds a mark is without the plugin, and refuses to start. Its
        own records are in the space `wrapped/NAME`, which it does not show either, and no copy has. If it encrypts, it
        has a method `is_sealed() -> bool`, so that copies are encrypted, too. An error refuses to start. With several
        plugins, each one's store is around those of the plugins before it.
        """
        raise NotImplementedError

    @hookspec
    def provide_authenticator(self, records: Records) -> Authenticator:
        """The authenticator, which checks passwords and sessions.

        Runs once at start, before the store is open. Return the authenticator; `records` is the
        plugin's own space in the store, usable from `startup` on. An error refuses to start, as
        do two plugins with an authenticator.
        """
        raise NotImplementedError

    @hookspec
    def provide_bus(self) -> Bus:
        """The bus between the nodes of this server.

        Runs once at start, before anything is opened; the bus is optional. Return the bus, unopened:
        the server calls `open` and `close`. An error refuses to start, as do two plugins
        with a bus.
        """
        raise NotImplementedError

    @hookspec
    def provide_blobs(self) -> Blobs | None:
        """The back end for files, which are too large for the store.

        Runs once at start, before anything is opened; a server without one keeps no files. Return the back
        end, unopened: the server calls `open` and `close`; or None if the plugin's settings name none. An error
        refuses to start, as do two plugins with a back end, unless `blobs.place` names one of them.
        """
        raise NotImplementedError

    @hookspec
    def wrap_blobs(self, blobs: Blobs) -> Blobs:
        """A back end around the one for files, such as one that encrypts what it hands on.

        Runs once at start after `provide_blobs`, for each of the places that `blobs.place` and `blobs.former` name; for
        commands that work on files, too. Return a back end that keeps the whole contract by means of `blobs`, also for
        what is there already. It opens and closes `blobs` as it is opened and closed, and is used only while the store
        is open. An error refuses to start. With several plugins, each one's back end is around those of the plugins
        before it.
        """
        raise NotImplementedError

    @hookspec
    def provide_mail(self) -> Mailer | None:
        """The way to send mails to users, such as links for those who forgot their password.

        Runs once at start, before anything is opened; a server without one sends no mail. Return it; or None if
        the plugin's settings name none. The server queues mails and repeats failed attempts. An error refuses to
        start, as do two plugins that send mail.
        """
        raise NotImplementedError

    @hookspec
    def provide_tracer(self) -> Tracer:
        """The tracer, which records where requests and operations spend their time.

        Runs once at start, before all other hooks; the tracer is optional. Return the tracer. Without one
        tracing costs nothing. An error refuses to start, as do two plugins with a tracer.
        """
        raise NotImplementedError

    @hookspec
    def register_routes(self, context: Context) -> Sequence[Route]:
        """Additional HTTP routes.

        Runs once at start. Return routes; a path that is taken refuses to start, as does an
        error. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_page(self) -> PagePart:
        """A part of the page.

        Runs once at start. Return the part. A missing folder, module or style sheet refuses to start, as
        does an error. The page loads the parts in the order of the configuration; one that fails is named in the
        browser's console, and neither the page nor other parts are affected.
        """
        raise NotImplementedError

    @hookspec
    def register_cli(self, run: RunInServer) -> click.Command:
        """A command of the plugin's own: `chatserver plugin run NAME …`.

        Runs only for that command, before anything is opened. Return a click command or group. In its
        functions `run(action)` opens the store as a server does, also beside running servers if the store
        allows it, awaits `action(context)`, and returns its result. An error that is a `ChatError` or `StartupError`
        is shown without a traceback; the exit status is 1.
        """
        raise NotImplementedError

    @hookspec
    def register_operations(self, context: Context) -> Sequence[Operation]:
        """Additional operations of `chat.v1`, the WebSocket protocol.

        Runs once at start. Return operations, each with a name that begins with the plugin's. A name that is
        taken refuses to start, as does an error. A call counts as one of the user's operations. A `ChatError`
        is the client's answer; any other error is logged, counted and answered with plugin.failed. Order does
        not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_health_checks(self) -> Sequence[HealthCheck]:
        """Additional checks of GET /health.

        Runs once at start. Return named async functions. They run on each request, but at most
        four times a second, under a deadline; if one raises, the answer is 503. A name that is
        taken refuses to start, as does an error. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_graphql(self) -> Sequence[GraphQLPart]:
        """Types and fields of the GraphQL schema.

        Runs once at start, even if no plugin serves GraphQL. Return the parts; a name that is
        taken refuses to start, as does an error, and a type or field that does not fit the others.
        Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_jobs(self, context: Context) -> Sequence[Job]:
        """Periodic jobs, each run once for all nodes.

        Runs once at start. Return named jobs; one node with the role `jobs` at a time runs each.
        If that node dies, another one takes over within seconds, and no run is skipped. A job that
        never ran runs at once. A name that is taken refuses to start, as does an error. A run
        that raises or misses its deadline is logged and counted, and retried after a minute, then
        after two, four, … up to its period; other jobs are not affected. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_timers(self, context: Context) -> Sequence[Timer]:
        """One-off work at times that the plugin sets while the server runs, each run once for all nodes.

        Runs once at start. Return named timers, whose keys are set with `context.timers`; one node with the
        role `jobs` at a time runs each. If that node dies, another one takes over. The store keeps what is
        set; what came due while no server ran is made up for, in order of time. A name that is taken
        refuses to start, as does an error. `Timer` describes the effect of an error in `run`; other keys and
        other timers are not affected. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_backup_schemes(self) -> Sequence[BackupScheme]:
        """Kinds of backup targets, by the scheme of their URLs, such as `s3`.

        Runs once at start, and in the commands that read targets. Return schemes, each with a function that
        makes a target from a URL in `backup.targets`. An error refuses to start, as does a scheme that two
        plugins have.
        """
        raise NotImplementedError

    @hookspec
    def register_commands(self, context: Context) -> Sequence[Command]:
        """Commands that users run in rooms, such as `/invite @bob`.

        Runs once at start. Return commands; a name that is taken refuses to start, as does an error, and
        arguments that cannot be typed. The server lists them to clients, decides who may run them, parses
        their arguments, and calls `run`. An error in `run` refuses that call alone (plugin.failed), and is
        logged and counted; a `ChatError` is shown to the user. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_consumers(self, context: Context) -> Sequence[Consumer]:
        """Durable readers of the log, for plugins that must not miss an event.

        Runs once at start. Return named consumers; one node with the role `consumers` at a time
        runs each; if it dies, another one takes over. The store keeps the consumer's position in each
        room. A name that is taken refuses to start, as does an error. `Consumer` describes the effect of
        an error in `handle`; other consumers and other rooms are not affected. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_message_data(self, context: Context) -> Sequence[MessageData]:
        """Namespaces of data that messages may carry beside their text.

        Runs once at start. Return the namespaces; each has the plugin's name, or begins with it and a dot. A
        name that is taken refuses to start, as does an error. Messages keep their data, and clients get it,
        while the plugin is off. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_event_kinds(self, context: Context) -> Sequence[EventKind]:
        """Kinds of events of the plugin's own, for `context.messages.note`.

        Runs once at start. Return the kinds; each name begins with the plugin's name and a dot. A name that is
        taken refuses to start, as does an error. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_login_methods(self, context: Context) -> Sequence[LoginMethod]:
        """Further ways to sign in, and second steps after them.

        Runs once at start. Return methods; clients show them in this order, after the password. A name that is
        taken refuses to start, as does an error. An error in a step refuses the sign-in (plugin.failed), a
        `ChatError` is shown to the client, and an error in `demand` lets nobody in.
        """
        raise NotImplementedError

    @hookspec
    def register_token_kinds(self, context: Context) -> Sequence[TokenKind]:
        """Kinds of tokens by which bots show who they are, beside the sessions of people.

        Runs once at start. Return kinds; a prefix that is taken refuses to start, as does an error. An error in
        `find` refuses the request or the connection (plugin.failed). If the plugin is turned off, the connections
        that were signed in by its tokens end.
        """
        raise NotImplementedError

    @hookspec
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        """What the plugin holds about a user: to show it to them, and to erase it with their account.

        Runs once at start. Return the parts; a name that is taken refuses to start, as does an error. `export` is
        called when a person or an operator asks, `erase` when an account is deleted. An error in `export` ends that
        export; an erasure in whose `erase` there is one is repeated later, by a job. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    async def change_message(self, draft: Draft, user: User, via: str) -> Draft | None:
        """Rewrite a message before it is checked and stored.

        Runs for each new and each edited message, after the rights of `user` were checked. Return
        another draft, or None to leave it unchanged; only its text counts, and its data in namespaces of the
        plugin. `via` is the door: `websocket`, `http`, or the name of the plugin that serves the request. An
        error refuses the message (plugin.failed), unless the plugin's section says `on_failure = "pass"`. Each
        plugin gets what the one before it returned. `@hookimpl(data=("attachments",))` is called only for messages
        that have data in one of these namespaces when its turn comes, given by their author or by plugins before it;
        `@hookimpl(matching=r":[a-z]+:")` only for those in whose text the expression is found. With both, either is
        enough.
        """

    @hookspec
    async def check_message(self, draft: Draft, user: User, via: str) -> Refusal | None:
        """Refuse a message.

        Runs for each new and each edited message, after all changes; `via` is the door, as in `change_message`, and
        `@hookimpl(data=…, matching=…)` means the same.
        Return a refusal, whose reason the author sees, or None if it may pass. An error refuses the message
        (plugin.failed), unless the plugin's section says `on_failure = "pass"`. The first refusal
        stops; later plugins are not asked.
        """

    @hookspec
    async def change_action(self, action: Action, user: User | None, via: str) -> Action | None:
        """Rewrite what a user asks for, before it is checked and done.

        Runs for each action of the kinds that the plugin names, as in `@hookimpl(actions=(RoomCreate,))`,
        after the rights of `user` were checked; `user` is None for somebody who makes an account, and `via` is
        the door: `websocket`, `http`, or the name of the plugin that serves the request. Return another action
        of the same kind, or None to leave it unchanged; only fields that its class names as `changeable` count.
        An error refuses the action (plugin.failed), unless the plugin's section says `on_failure = "pass"`.
        Each plugin gets what the one before it returned.
        """

    @hookspec
    async def check_action(self, action: Action, user: User | None, via: str) -> Refusal | None:
        """Refuse what a user asks for.

        Runs for each action of the kinds that the plugin names, as in `@hookimpl(actions=(RoomJoin, Pin))`,
        after all changes; `user` and `via` are as in `change_action`. Return a refusal, whose reason the user sees
        (action.refused; message.refused for a message), or None. An error
        refuses the action (plugin.failed), unless the plugin's section says `on_failure = "pass"`. The first
        refusal stops; later plugins are not asked. Commands of operators and work of plugins through
        `service.accounts` are no actions of users.
        """

    @hookspec
    async def filter_rooms(
        self, rooms: Sequence[FoundRoom], user: User, via: str
    ) -> Collection[str] | None:
        """Leave rooms out of what a user finds: lists, the directory of public rooms, search, suggestions.

        Runs once for each request, with all rooms that it would find. Return the ids of those to leave out, or
        None. An error refuses the request (plugin.failed), unless the plugin's section says
        `on_failure = "pass"`. Every plugin gets all rooms; what one of them leaves out is left out. That hides a
        room, and forbids nothing: whoever may read it and knows its id still can. Order does not matter.
        """

    @hookspec
    async def filter_users(
        self, users: Sequence[FoundUser], user: User, via: str
    ) -> Collection[str] | None:
        """Leave users out of what a user finds: lists of members, users by name, suggestions.

        Runs once for each request, with all users that it would find. Return the ids of those to leave out, or
        None; the user's own is never left out. An error refuses the request (plugin.failed), unless the plugin's
        section says `on_failure = "pass"`. Every plugin gets all users; what one of them leaves out is left out.
        That hides a user, and forbids nothing: messages keep their authors, and whoever knows an id can still ask
        for it. Lists of the staff are not filtered. Order does not matter.
        """

    @hookspec
    async def filter_search(
        self, query: SearchQuery, user: User, via: str
    ) -> SearchQuery | Refusal | None:
        """Change the words of a search, or refuse it.

        Runs once for each request, before `filter_rooms`. Return another query, of which only the text counts, or
        a refusal, whose reason the user sees (action.refused), or None to leave it unchanged. An error refuses
        the search (plugin.failed), unless the plugin's section says `on_failure = "pass"`. Each plugin gets what
        the one before it returned; the first refusal stops.
        """

    @hookspec
    async def find_groups(
        self, user: User, room: str, names: Sequence[str]
    ) -> Mapping[str, Collection[str]] | None:
        """Find groups of users by the names behind `@` in a message, so that it mentions their members.

        Runs for each new and each edited message with names that no user has, after all checks. `names` are folded, at
        most 50, and `room` is the room's id. Return the ids of the members by the name of each group that the plugin
        knows, or None. Of those, the message mentions at most 200 who are in the room and do not block its author. An
        error is logged and counted, and groups of the plugin mention nobody; the message stands. All plugins are asked,
        in the order as listed; of two groups of one name the first counts.
        """

    @hookspec
    async def on_event(self, event: AnyEvent) -> None:
        """Observe an event of a room.

        Runs after the event is durable, once for each event that this node wrote, in order for
        each room. The return value is ignored. An error is logged and counted; the event stands.
        Each plugin has its own bounded queue; if it is full, events are dropped and counted. A
        plugin object with an attribute `event_kinds` (such as `{"member.joined"}`) gets only those kinds.
        """

    @hookspec
    async def on_read(self, mark: ReadMark) -> None:
        """Observe that a user has read further in a room.

        Runs after the position was stored, on every node that learns of it: without a bus on the user's alone. The
        return value is ignored. An error is logged and counted; the position stands. Queue and order are those
        of `on_event`. A plugin object with an attribute `read_rooms`, a set of ids which it may change at any time, gets
        only what is read in these rooms: for all others a look into that set is the whole cost.
        """

    @hookspec
    async def on_login(self, attempt: LoginAttempt) -> None:
        """Observe an attempt to sign in.

        Runs after each attempt, successful or not. Attempts refused by the rate limit are reported once a
        minute for each account and network. The return value is ignored. An error is logged and
        counted; the answer stands. Queue and order are those of `on_event`.
        """

    @hookspec
    async def on_account(self, change: AccountChange) -> None:
        """Observe a change of an account.

        Runs after the change took effect: an account made, changed, locked or deleted, or its sessions
        ended, over the network or by the command line. The return value is ignored. An error is logged and
        counted; the change stands. Queue and order are those of `on_event`.
        """

    @hookspec
    async def on_look(self, look: Look) -> None:
        """Observe a staff member's look at the data.

        Runs after the data was read, before it is shown. The return value is ignored.
        An error is logged and counted; the answer stands. Queue and order are those of `on_event`.
        """

    @hookspec
    async def on_switch(self, change: PluginSwitch) -> None:
        """Observe that a plugin was turned on or off, or got new settings, while the server ran.

        Runs after the switch, on the node on which it was asked for; a plugin that is turned off learns of that, too.
        The return value is ignored. An error is logged and counted; the switch stands. Queue and order are
        those of `on_event`.
        """

    @hookspec
    async def on_decision(self, decision: Decision) -> None:
        """Observe a decision on a message by somebody who moderates.

        Runs after a plugin has said so by `Context.decided`, on the node on which it was made. The return value is
        ignored. An error is logged and counted; the decision stands. Queue and order are those of `on_event`.
        """

    @hookspec
    async def threads_read(self, user: User, threads: Sequence[str]) -> Mapping[str, int] | None:
        """Say up to which seq a user has read threads, each by the id of the message that it begins with.

        Runs when the user is to be told of replies elsewhere (`service.notifying.standing`). Return the seq of each
        thread that the plugin knows of, or None; a thread that no plugin knows of is read with its room. An error, or
        an answer of another kind, is raised there as plugin.failed, so that it is asked again. All plugins are asked,
        in the order as listed; of two answers for one thread the last counts.
        """

    @hookspec
    async def on_concerned(self, concerned: Concerned) -> None:
        """Tell users of a message that concerns them, by a way that leads to those who do not look at the page.

        Runs when a plugin calls `Context.concern`, which waits for it, with at most 20 users at once; it may run again
        for the same message and user. Whether they are told is asked when the time has come
        (`service.notifying.standing`). The return value is ignored. An error is logged and counted; the other plugins
        are told.
        """

    @hookspec
    async def on_reminder(self, reminder: Reminder) -> None:
        """Tell a user of a message, by a way that leads to those who do not look at the page.

        Runs when a plugin calls `Context.remind`, which waits for it; it may run again for the same reminder. Whether
        the user may read the message, and whether they are to be disturbed, is asked here
        (`service.notifying.standing`, with `Why.REMINDER`). The return value is ignored. An error is logged and
        counted; the other plugins are told.
        """

    @hookspec
    async def on_expired(self, expired: ExpiredMessages) -> None:
        """Remove what the plugin keeps of messages that have expired.

        Runs when messages are removed as they are older than their room keeps them, at most 100 at once, and is waited
        for. It may run again for the same messages, on any node. Pinned messages that are kept are not among them. The
        return value is ignored. An error is logged and counted; the plugins are told again by the next run.
        """

    @hookspec
    async def startup(self, context: Context) -> None:
        """Begin work that needs the running server.

        Runs once, after the store is open and before connections are accepted. The return value
        is ignored. An error refuses to start. Order as listed.
        """

    @hookspec
    async def shutdown(self) -> None:
        """End what `startup` began.

        Runs once, after the last connection has closed and before the store is closed, only if this
        plugin's `startup` succeeded or is missing. The return value is ignored. An error
        is logged; the others still run. Order reversed.
        """
