"""Posting messages and changing them. Every door comes through here."""

from collections.abc import Callable

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.actions import MessageDelete, Pin, React
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import Draft
from chatserver.interfaces import Store
from chatserver.model import (
    AnyEvent,
    Message,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PinRemoved,
    ReactionAdded,
    ReactionRemoved,
    ServerRole,
    User,
    UserRef,
    message_id,
    message_seq,
)
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.entries import Done, Entry, Outcome, awaited
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.service.accounts import Accounts
from chatserver.service.history import History
from chatserver.service.rights import Right, demand
from chatserver.service.rooms import RoomService
from chatserver.service.texts import check_body, check_emoji, mentioned_names

REACTIONS = 50  # different reactions on one message


class Post(Entry):
    """A message that waits in its room's lane for its place in the log."""

    __slots__ = ("_client_id", "_done", "_draft", "_mentions", "_user")

    def __init__(
        self,
        user: User,
        room: Room,
        client_id: str,
        draft: Draft,
        mentions: tuple[str, ...],
        done: Done,
    ) -> None:
        super().__init__(room, (user.id, client_id))
        self._user, self._client_id, self._draft = user, client_id, draft
        self._mentions, self._done = mentions, done

    def check(self) -> None:
        demand(self._user, self.room, Right.POST)

    def build(self, seq: int, at: str) -> MessagePosted:
        room, user, draft = self.room.id, self._user, self._draft
        return MessagePosted(
            room=room,
            seq=seq,
            at=at,
            author=UserRef(user.id, user.name),
            id=message_id(room, seq),
            body=draft.body,
            client_id=self._client_id,
            reply_to=draft.reply_to,
            mentions=self._mentions,
        )

    def settled(self, outcome: Outcome | ChatError) -> None:
        if isinstance(outcome, Outcome) and outcome.event.room != self.room.id:
            outcome = ChatError("message.client_id_reused")
        self._done(outcome)


class Messages:
    """Posts, edits and deletes messages; reactions and pins."""

    def __init__(
        self,
        store: Store,
        log: Log,
        cache: RoomCache,
        rooms: RoomService,
        history: History,
        accounts: Accounts,
        hooks: HookCalls,
        limits: LimitsConfig,
    ) -> None:
        self._store, self._log, self._cache, self._rooms = store, log, cache, rooms
        self._history, self._accounts = history, accounts
        self._hooks, self._limits = hooks, limits

    # -- posting -----------------------------------------------------------------------------------

    def send_now(self, user: User, client_id: str, draft: Draft, done: Done) -> bool:
        """Submit a message at once, if nothing has to be awaited for it. Returns whether it did.

        `done` is called with the outcome, a refusal included. If False is returned, await `send` instead.
        The room in memory may be out of date: the log compares it with the store before it numbers the
        message.
        """
        room = self._cache.known(draft.room)
        if room is None or self._hooks.messages_are_checked or mentioned_names(draft.body):
            return False
        try:
            self._submit(user, room, client_id, draft, (), done)
        except StoreUnavailable as error:  # asking the store about the room would only take longer
            done(error)
        except ChatError as error:
            if self._cache.loaded(draft.room) is None or room.role(user.id) is None:
                return False  # refused by the room in memory, which may be out of date
            done(error)
        return True

    async def send(self, user: User, client_id: str, draft: Draft, done: Done) -> None:
        """Submit a message after plugins have checked it; returns once it is under way.

        `done` is called with the outcome: the message, or the earlier one if (user, client_id) was used
        before. Raises `ChatError` if the message is refused; `done` is not called then.
        """
        await self._send(user, await self._rooms.get(draft.room, user), client_id, draft, done)

    async def post(
        self, user: User, room: Room, client_id: str, body: str, reply_to: str | None = None
    ) -> tuple[MessagePosted, bool]:
        """Send a message and wait until it is durable; True if it repeats an earlier one."""
        future, done = awaited()
        await self._send(
            user, room, client_id, Draft(room=room.id, body=body, reply_to=reply_to), done
        )
        event, repeated = await future
        assert isinstance(event, MessagePosted)
        return event, repeated

    async def _send(self, user: User, room: Room, client_id: str, draft: Draft, done: Done) -> None:
        draft, mentions = await self._prepare(user, room, draft)
        self._submit(user, room, client_id, draft, mentions, done)

    async def _prepare(self, user: User, room: Room, draft: Draft) -> tuple[Draft, tuple[str, ...]]:
        """Let plugins check the draft, and look up the mentioned users. Returns the draft and their ids."""
        demand(user, room, Right.POST if draft.message is None else Right.EDIT)
        check_body(draft.body, self._limits.message_chars)
        if self._hooks.messages_are_checked:
            draft = await self._hooks.change_message(draft, user)
            await self._hooks.check_message(draft, user)
        names = mentioned_names(draft.body)
        mentions = await self._accounts.ids_of(names) if names else []
        if user.role is ServerRole.GUEST:  # a guest can mention only users of the same rooms
            mentions = [other for other in mentions if room.role(other) is not None]
        return draft, tuple(mentions)

    def _submit(
        self,
        user: User,
        room: Room,
        client_id: str,
        draft: Draft,
        mentions: tuple[str, ...],
        done: Done,
    ) -> None:
        demand(user, room, Right.POST)
        check_body(draft.body, self._limits.message_chars)
        if draft.reply_to is not None:
            self._check_reply(room, draft.reply_to)
        self._log.submit(Post(user, room, client_id, draft, mentions, done))

    # -- changing ----------------------------------------------------------------------------------

    async def edit(self, user: User, room: Room, message: str, body: str) -> int:
        """Replace the text of the user's own message; returns the seq of the change."""
        demand(user, room, Right.EDIT)
        found = await self._history.message(room, message)
        if found.author.id != user.id:
            raise ChatError("room.forbidden", "Only its author may change a message.")
        await self._history.demand_editable(room, message)
        draft, mentions = await self._prepare(
            user, room, Draft(room=room.id, body=body, reply_to=found.reply_to, message=message)
        )
        check_body(draft.body, self._limits.message_chars)
        author = UserRef(user.id, user.name)
        return await self._append(
            user,
            room,
            Right.EDIT,
            lambda seq, at: MessageEdited(
                room=room.id,
                seq=seq,
                at=at,
                author=author,
                message=message,
                body=draft.body,
                mentions=mentions,
            ),
        )

    async def delete(self, user: User, room: Room, message: str) -> int:
        """Delete a message: the user's own, or as a moderator another's."""
        demand(user, room, Right.READ)
        found = await self._history.message(room, message)
        right = Right.DELETE if found.author.id == user.id else Right.MODERATE
        demand(user, room, right)
        action = MessageDelete(room=room.id, message=message, author=found.author.id)
        await self._hooks.allow(action, user)
        return await self._change(MessageDeleted, user, room, right, found)

    async def purge(self, user: User, room: Room, message: str) -> int:
        """Delete a message, if it is not, and remove its texts from the store for good.

        For those who may delete it. Backups and archives made before keep the texts. Returns the number of events
        that had one: the message and its edits. Raises `ChatError` message.not_found, room.forbidden.
        """
        demand(user, room, Right.READ)
        seq = message_seq(room.id, message)
        posted = await self._store.posted([(room.id, seq)]) if seq else []
        if not posted:
            raise ChatError("message.not_found")
        demand(user, room, Right.DELETE if posted[0].author.id == user.id else Right.MODERATE)
        try:
            await self.delete(user, room, message)
        except ChatError as error:
            if error.code != "message.not_found":  # deleted before
                raise
        seqs = await self._store.texts(room.id, message)
        await self._store.redact(room.id, seqs)
        return len(seqs)

    async def react(self, user: User, room: Room, message: str, emoji: str) -> int:
        """Add a reaction; a repeated one changes nothing and returns the head."""
        demand(user, room, Right.REACT)
        check_emoji(emoji)
        found = await self._history.message(room, message)
        if user.id in found.reactions.get(emoji, ()):
            return room.head
        if emoji not in found.reactions and len(found.reactions) >= REACTIONS:
            raise ChatError(
                "limit.count",
                "This message has reached its limit of different reactions.",
                detail={"field": "reactions", "reason": "count"},
            )
        await self._history.demand_reactable(user, room, message)
        await self._hooks.allow(React(room=room.id, message=message, emoji=emoji, added=True), user)
        return await self._change(ReactionAdded, user, room, Right.REACT, found, emoji=emoji)

    async def unreact(self, user: User, room: Room, message: str, emoji: str) -> int:
        """Take a reaction back; does nothing if there is none."""
        demand(user, room, Right.REACT)
        found = await self._history.message(room, message)
        if user.id not in found.reactions.get(emoji, ()):
            return room.head
        await self._hooks.allow(
            React(room=room.id, message=message, emoji=emoji, added=False), user
        )
        return await self._change(ReactionRemoved, user, room, Right.REACT, found, emoji=emoji)

    async def pin(self, user: User, room: Room, message: str, pinned: bool) -> int:
        """Pin or unpin a message; does nothing if it is pinned or unpinned already."""
        demand(user, room, Right.PIN)
        found = await self._history.message(room, message)
        if found.pinned == pinned:
            return room.head
        if pinned:
            await self._history.demand_reactable(user, room, message)
        await self._hooks.allow(Pin(room=room.id, message=message, pinned=pinned), user)
        kind = PinAdded if pinned else PinRemoved
        return await self._change(kind, user, room, Right.PIN, found)

    # -- shared ----------------------------------------------------------------------------------

    async def _change(
        self,
        kind: Callable[..., AnyEvent],
        user: User,
        room: Room,
        right: Right,
        message: Message,
        **fields: str,
    ) -> int:
        author = UserRef(user.id, user.name)
        return await self._append(
            user,
            room,
            right,
            lambda seq, at: kind(
                room=room.id, seq=seq, at=at, author=author, message=message.id, **fields
            ),
        )

    async def _append(
        self,
        user: User,
        room: Room,
        right: Right,
        build: Callable[[int, str], AnyEvent],
    ) -> int:
        event = await self._log.append(room, build, lambda: demand(user, room, right))
        return event.seq

    def _check_reply(self, room: Room, reply_to: str) -> None:
        seq = message_seq(room.id, reply_to)
        if seq is None or not 0 < seq <= room.head:
            raise ChatError("message.not_found", "There is no such message to reply to.")
