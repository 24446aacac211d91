"""Every hook, and nothing else. The first word of a name is its rule:

`provide_` exactly one plugin answers (of a bus: one or none), `register_` all add up, `change_` each may
replace the draft, `check_` the first refusal stops, `on_` all are told. `change_`, `check_`, `on_`,
`startup` and `shutdown` are `async def`, the others plain functions; the order is that of the
configuration. A plugin takes any subset of a hook's arguments, by name.
"""

from collections.abc import Sequence

import pluggy

from chatserver.hooks.context import Context
from chatserver.hooks.types import (
    AccountChange,
    Consumer,
    Draft,
    GraphQLPart,
    HealthCheck,
    Job,
    LoginAttempt,
    Look,
    Refusal,
    Route,
)
from chatserver.interfaces import Authenticator, Bus, Records, Store
from chatserver.model import AnyEvent, User

PROJECT = "chatserver"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """The specification that plugins are checked against when the server starts."""

    @hookspec
    def provide_store(self) -> Store:
        """The store of this server.

        Runs once at start, before anything is opened. Return the store object, unopened: the
        server calls `open` and `close`. An error refuses to start, as do two plugins with a store.
        """
        raise NotImplementedError

    @hookspec
    def provide_authenticator(self, records: Records) -> Authenticator:
        """The check of passwords and sessions.

        Runs once at start, before the store is open. Return the authenticator; `records` is the
        plugin's own space in the store, usable from `startup` on. An error refuses to start, as
        do two plugins with an authenticator.
        """
        raise NotImplementedError

    @hookspec
    def provide_bus(self) -> Bus:
        """The bus between the nodes of this server.

        Runs once at start, before anything is opened; a server may do without. Return the bus,
        unopened: the server calls `open` and `close`. An error refuses to start, as do two plugins
        with a bus.
        """
        raise NotImplementedError

    @hookspec
    def register_routes(self, context: Context) -> Sequence[Route]:
        """Further HTTP addresses.

        Runs once at start. Return routes; a path that is taken refuses to start, as does an
        error. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_health_checks(self) -> Sequence[HealthCheck]:
        """Further checks of GET /health.

        Runs once at start. Return named async functions, which run when somebody asks, but at most
        four times a second, under a deadline: one that raises makes the answer 503. A name that is
        taken refuses to start, as does an error. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_graphql(self) -> Sequence[GraphQLPart]:
        """Types and fields of the GraphQL schema.

        Runs once at start, also where no plugin serves GraphQL. Return the parts; a name that is
        taken refuses to start, as does an error, and a type or field that does not fit the others.
        Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_jobs(self, context: Context) -> Sequence[Job]:
        """Work that is done periodically, once for all nodes.

        Runs once at start. Return named jobs; each is run by one node with the role `jobs` at a
        time. If that node dies another one takes over within seconds, and no run is left out. A job
        that never ran is run at once. A name that is taken refuses to start, as does an error. A run
        that raises or misses its deadline is logged and counted, and tried again after a minute,
        then two, four, … up to its period; other jobs go on. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    def register_consumers(self, context: Context) -> Sequence[Consumer]:
        """Durable readers of the log, for plugins that must not miss an event.

        Runs once at start. Return named consumers; each is run by one node with the role
        `consumers` at a time; if it dies another one takes over. Its position in each room is kept in
        the store. A name that is taken refuses to start, as does an error. `Consumer` describes the effect
        of an error in `handle`; other consumers, and other rooms, go on. Order does not matter.
        """
        raise NotImplementedError

    @hookspec
    async def change_message(self, draft: Draft, user: User) -> Draft | None:
        """Rewrite a message before it is checked and stored.

        Runs for each new and each edited message, after the rights of `user` were checked. Return
        another draft, or None to leave it as it is. An error refuses the message
        (plugin.failed), unless the plugin's section says `on_failure = "pass"`. Each plugin gets what
        the one before it returned.
        """

    @hookspec
    async def check_message(self, draft: Draft, user: User) -> Refusal | None:
        """Refuse a message.

        Runs for each new and each edited message, after all changes. Return a refusal, whose
        reason the author sees, or None if it may pass. An error refuses the message
        (plugin.failed), unless the plugin's section says `on_failure = "pass"`. The first refusal
        stops; later plugins are not asked.
        """

    @hookspec
    async def on_event(self, event: AnyEvent) -> None:
        """Take note of something that happened in a room.

        Runs after the event is durable, once for each event that this node wrote, in order for
        each room. The return value is ignored. An error is logged and counted; the event stands.
        Each plugin has a bounded queue of its own; events that find it full are dropped and counted.
        A plugin object with an attribute `event_kinds` (such as `{"member.joined"}`) is told of those only.
        """

    @hookspec
    async def on_login(self, attempt: LoginAttempt) -> None:
        """Take note of an attempt to sign in.

        Runs after each attempt, good or bad. Attempts that the rate limit refused are told once a minute
        for each account and network. The return value is ignored. An error is logged and
        counted; the answer stands. Queue and order as `on_event`.
        """

    @hookspec
    async def on_account(self, change: AccountChange) -> None:
        """Take note of a change of an account.

        Runs after the change is in force: an account made, changed, locked or deleted, sessions ended, over
        the network and by the command line alike. The return value is ignored. An error is logged and
        counted; the change stands. Queue and order as `on_event`.
        """

    @hookspec
    async def on_look(self, look: Look) -> None:
        """Take note of a member of the staff who looks through the data.

        Runs when the data has been read, before it is shown. The return value is ignored.
        An error is logged and counted; the answer stands. Queue and order as `on_event`.
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

        Runs once, after the last connection is gone and before the store is closed, only if
        `startup` of this plugin succeeded or is missing. The return value is ignored. An error
        is logged; the others still run. Order reversed.
        """
