"""The parts of a running server that plugins get."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from chatserver.blobs.plugin import PluginBlobs
from chatserver.hooks.actions import Action
from chatserver.hooks.listening import Listener, listener, notice_of
from chatserver.hooks.telling import Reminder, Why
from chatserver.hooks.timing import ExpiringRecords, Timers, WallClock
from chatserver.hooks.types import Actor, Decision, GraphQLPart
from chatserver.interfaces import Records
from chatserver.localized import Localized, is_localized
from chatserver.model import MessagePosted, ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.runtime.measure import Measures
from chatserver.service.plugin_messages import PluginMessages
from chatserver.service.service import Service

BOT_NAME_CHARS = 100
REMINDER_TITLE_CHARS = 60
ResultT = TypeVar("ResultT")
ActionT = TypeVar("ActionT", bound=Action)


class RunInServer(Protocol):
    """Runs a function with a server's `Context`, for commands of plugins; see `register_cli`."""

    def __call__(self, action: "Callable[[Context], Awaitable[ResultT]]") -> ResultT: ...


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a running server that a plugin may use."""

    data: Path  # a folder for this plugin's own files; made on first use by the plugin
    records: Records  # the plugin's own space in the store
    expiring: ExpiringRecords  # another space, whose values end by themselves
    timers: Timers  # sets the times of the plugin's timers
    clock: WallClock  # the time, which a test may move
    measures: Measures  # the core's metrics, to read; and to add the plugin's own
    version: str  # of the server
    service: Service  # all rules of the server; usable from `startup` on
    messages: PluginMessages  # posts messages with the plugin's data, and changes it
    blobs: PluginBlobs = PluginBlobs(None, "")  # files of users and of the plugin
    graphql: Sequence[GraphQLPart] = ()  # all parts that plugins registered
    worker: int = 0  # number of this worker of `serve --workers`, from 1; 0 without workers
    worker_ports: tuple[int, ...] = ()  # of 127.0.0.1, where each worker answers for itself
    plugin: str = ""  # the plugin's own name
    public_url: str = ""  # `server.public_url`, without a slash at its end; may be empty

    async def claim(
        self,
        action: type[Action] | Literal["message"],
        room: str | None = None,
        *,
        having: str | None = None,
        roles: Collection[ServerRole] = (),
    ) -> None:
        """Guard an action, in one room or in all: while this plugin is off or missing, it is refused.

        `having` and `roles` limit that to some users: to those of whom `records` has a value under `having`
        followed by the user's id, and to those with one of these roles on the server. `message` stands for
        sending and editing messages. A claim is stored, so once is enough; the last call for the same action and
        room counts. It ends with `release` or when an operator releases it (`chatserver plugins release`). From
        `startup` on.
        """
        await self.service.claims.add(self.plugin, action, room, having=having, roles=roles)

    async def release(
        self, action: type[Action] | Literal["message"], room: str | None = None
    ) -> None:
        """End a claim; it is no error if there is none."""
        await self.service.claims.release(self.plugin, action, room)

    async def allow(self, action: ActionT, user: User) -> ActionT:
        """Ask all plugins about what a user wants to do by a way that this plugin brings, before it is done.

        Returns the action as they want it. Raises `ChatError` action.refused, plugin.absent, plugin.failed.
        """
        return await self.service.hooks.allow(action, user)

    def decided(
        self, by: Actor, room: str, message: str, author: str, steps: tuple[str, ...] = ()
    ) -> None:
        """Tell all plugins, the audit log among them, of a decision on a message; see `Decision`."""
        self.service.hooks.on_decision(
            Decision(
                plugin=self.plugin, by=by, room=room, message=message, author=author, steps=steps
            )
        )

    async def concern(self, event: MessagePosted, users: Mapping[str, Why]) -> None:
        """Have users (ids) told of a new message that concerns them for a reason that this plugin knows of.

        As of a mention: also where they do not look at the page, unless they are gone from the room, have read it, or
        do not want to know. Waits until all plugins know of it. For users whom it concerns by what it says, or by
        their preferences of the room, this is not needed: `service.notifying.concerned` finds them.
        """
        await self.service.notifying.concern(event, users)

    async def remind(
        self, user: str, message: str, at: float, title: Localized, text: str = ""
    ) -> None:
        """Have a user (id) told of a message (id) also where they do not look at the page, such as by a push.

        As in `Reminder`; `title` has at most REMINDER_TITLE_CHARS, else `ValueError`. Waits until all plugins know of
        it; called again for the same `at`, the user is not told twice.
        """
        if not is_localized(title, REMINDER_TITLE_CHARS):
            raise ValueError(f"not the title of a reminder: {title!r}")
        reminder = Reminder(
            plugin=self.plugin, user=user, message=message, at=at, title=title, text=text
        )
        await self.service.notifying.remind(reminder)

    def tell(
        self,
        name: str,
        payload: Any = None,
        *,
        user: str | None = None,
        companions: bool = False,
        room: Room | None = None,
        roles: Collection[ServerRole] = (),
    ) -> None:
        """Send a notice to connected clients, on all nodes: of one user (id), of users with one of `roles`, or of all.

        With `companions`, those of everybody who follows a room with the user get it, too. With `room`, those that
        follow this room in chat.v1 get it.

        On the page, `page.hear(name, …)` gets it; other clients get the event `plugin.notice`. It is in no log: a
        client that is away or reads too slowly misses it. So let it say that something has changed, and let
        clients ask for what stands now. `name` has 1 to 64 of `a-z 0-9 _ -`, `payload` at most NOTICE_BYTES as JSON; else `ValueError`.
        """
        notice = notice_of(self.plugin, name, payload)
        if room is not None:
            self.service.hub.tell_room(room, notice)
        elif user is None:
            self.service.hub.tell_everybody(notice, roles)
        elif companions:
            self.service.hub.tell_companions(user, notice)
        else:
            self.service.hub.tell_user(user, notice)

    def listener(self) -> Listener | None:
        """The connection that the operation under way came from, to tell it alone of something later.

        None for work that came by another door than chat.v1.
        """
        return listener(self.plugin)

    async def bot(self, name: str, shown: str | None = None) -> User:
        """The account of a machine, marked as `bot` wherever it is shown; nobody can sign in to it.

        It is made once, over all nodes, for this plugin and `name` (1 to 100 characters); its display name is
        `shown`, by default the same. Usable from `startup` on.
        """
        if not 1 <= len(name) <= BOT_NAME_CHARS:
            raise ValueError(f"a bot's name has 1 to {BOT_NAME_CHARS} characters")
        return await self.service.accounts.bot(f"{self.plugin}/{name}", name, shown or name)
