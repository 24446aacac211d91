"""Posting messages and changing them. Every door comes through here."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import msgspec

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.actions import MessageDelete, Pin, React
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.observers import note_actor
from chatserver.hooks.types import DataChange, Draft
from chatserver.interfaces import Store
from chatserver.model import (
    NO_DATA,
    AnyEvent,
    Message,
    MessageDeleted,
    MessagePosted,
    PinAdded,
    PinRemoved,
    ReactionAdded,
    ReactionRemoved,
    User,
    UserRef,
    message_id,
    message_seq,
)
from chatserver.parts import NAMESPACE as PARTS
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.entries import Done, Entry, Outcome, awaited
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.service.blocks import Blocks
from chatserver.service.contexts import Contexts
from chatserver.service.edits import Edits
from chatserver.service.history import History
from chatserver.service.mentions import Mentions
from chatserver.service.message_data import MessageDataKinds
from chatserver.service.pins import Pins
from chatserver.service.rewriting import Content, Rewriting
from chatserver.service.rights import Right, demand, may_read
from chatserver.service.rooms import RoomService
from chatserver.service.slow_mode import SlowMode
from chatserver.service.texts import check_body, check_emoji, mentioned_names
from chatserver.service.threads import Threads

REACTIONS = 50  # different reactions on one message


class Prepared(NamedTuple):
    """A draft after plugins have changed and checked it, and what follows from it."""

    draft: Draft
    mentions: tuple[str, ...] = ()
    data_text: str = ""


class Post(Entry):
    """A message that waits in its room's lane for its place in the log."""

    __slots__ = ("_client_id", "_done", "_prepared", "_user")

    def __init__(
        self, user: User, room: Room, client_id: str, prepared: Prepared, done: Done
    ) -> None:
        super().__init__(room, (room.id, user.id, client_id))
        self._user, self._client_id, self._prepared = user, client_id, prepared
        self._done = done

    def check(self) -> None:
        demand(self._user, self.room, Right.POST)

    def build(self, seq: int, at: str) -> MessagePosted:
        room, user, (draft, mentions, data_text) = self.room.id, self._user, self._prepared
        return MessagePosted(
            room=room,
            seq=seq,
            at=at,
            author=UserRef.of(user),
            id=message_id(room, seq),
            body=draft.body,
            client_id=self._client_id,
            reply_to=draft.reply_to,
            thread=draft.thread,
            broadcast=draft.broadcast,
            mentions=mentions,
            data=draft.data,
            data_text=data_text,
        )

    def settled(self, outcome: Outcome | ChatError) -> None:
        if isinstance(outcome, Outcome) and outcome.event.room != self.room.id:
            outcome = ChatError("message.client_id_reused")
        self._done(outcome)


class Messages:
    """Posts, edits and deletes messages; reactions and pins. Finds one by its id."""

    def __init__(
        self,
        store: Store,
        log: Log,
        cache: RoomCache,
        rooms: RoomService,
        history: History,
        hooks: HookCalls,
        limits: LimitsConfig,
        contexts: Contexts,
        blocks: Blocks,
        pins: Pins,
        threads: Threads,
        mentions: Mentions,
        slow_mode: SlowMode,
    ) -> None:
        self.pins, self.threads = pins, threads
        self.edits = Edits(store, history, limits)
        self._slow_mode = slow_mode
        self._store, self._log, self._cache, self._rooms = store, log, cache, rooms
        self._history, self._mentions = history, mentions
        self._hooks, self._limits = hooks, limits
        self._contexts, self._blocks = contexts, blocks
        self.data = MessageDataKinds(hooks.guard)
        self._rewriting = Rewriting(log, history)

    async def by_id(self, user: User, message: str) -> Message:
        """One message as it stands. Raises `ChatError` message.not_found.

        Deleted ones, and those of rooms that the user may not read, are refused as if they had never been.
        """
        try:
            room = await self._rooms.get(message.rpartition("-")[0], user)
        except ChatError as error:
            if error.code != "room.not_found":
                raise
            raise ChatError("message.not_found") from None
        if not may_read(user, room):
            raise ChatError("message.not_found")
        return await self._history.message(room, message)

    # -- posting -----------------------------------------------------------------------------------

    def send_now(self, user: User, client_id: str, draft: Draft, done: Done) -> bool:
        """Submit a message at once, if nothing has to be awaited for it. Returns whether it did.

        `done` is called with the outcome, a refusal included. If False is returned, await `send` instead.
        The room in memory may be out of date: the log compares it with the store before it numbers the
        message.
        """
        room = self._cache.known(draft.room)
        active = self._hooks.active
        if room is None or active.plain_sends_are_checked:
            return False
        for pattern in active.checked_texts:
            if pattern.search(draft.body):
                return False
        if self._slow_mode.is_in(room):
            return False
        if draft.data or draft.thread is not None or draft.broadcast:
            return False
        if mentioned_names(draft.body) or not self._blocks.may_talk(user, room):
            return False
        try:
            self._submit(user, room, client_id, Prepared(draft), done)
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
        self,
        user: User,
        room: Room,
        client_id: str,
        body: str,
        reply_to: str | None = None,
        *,
        thread: str | None = None,
        broadcast: bool = False,
        data: Mapping[str, Any] | None = None,
        plugin: str | None = None,
    ) -> tuple[MessagePosted, bool]:
        """Send a message and wait until it is durable; True if it repeats an earlier one.

        `data` is checked as a client's, or as that of the plugin that posts it.
        """
        future, done = awaited()
        draft = Draft(
            room=room.id,
            body=body,
            reply_to=reply_to,
            thread=thread,
            broadcast=broadcast,
            client_id=client_id,
            data=NO_DATA if plugin else data or NO_DATA,
        )
        if plugin and data:
            new = self.data.from_plugin(plugin, data)
            draft = msgspec.structs.replace(draft, data=self.data.joined(NO_DATA, new))
        await self._send(user, room, client_id, draft, done, is_checked=bool(plugin))
        event, repeated = await future
        assert isinstance(event, MessagePosted)
        return event, repeated

    async def _send(
        self,
        user: User,
        room: Room,
        client_id: str,
        draft: Draft,
        done: Done,
        *,
        is_checked: bool = False,
    ) -> None:
        """`is_checked`: the data in the draft needs no check any more."""
        demand(user, room, Right.POST)
        if draft.data and not is_checked:
            new = self.data.from_client(draft.data)
            draft = msgspec.structs.replace(draft, data=self.data.joined(NO_DATA, new))
        prepared = await self._prepare(user, room, draft)
        await self._check_thread(room, prepared.draft)
        if self._slow_mode.is_in(room):
            await self._slow_mode.take_turn(user, room, client_id)
        self._submit(user, room, client_id, prepared, done)

    async def _prepare(self, user: User, room: Room, draft: Draft) -> Prepared:
        """Let plugins change and check the draft, and look up the mentioned users."""
        demand(user, room, Right.POST if draft.message is None else Right.EDIT)
        await self._blocks.demand_talk(user, room)
        check_body(draft.body, self._limits.message_chars)
        note_actor(user.id)
        if self._hooks.active.messages_are_checked:
            draft = await self._hooks.change_message(draft, user, self.data.from_plugin)
            if draft.data:
                joined = self.data.joined(draft.data, NO_DATA)
                draft = msgspec.structs.replace(draft, data=joined)
            await self._hooks.check_message(draft, user)
        mentions = await self._mentions.of(user, room, draft.body)
        data_text = self.data.text(draft.data) if draft.data else ""
        return Prepared(draft, mentions, data_text)

    def _submit(
        self, user: User, room: Room, client_id: str, prepared: Prepared, done: Done
    ) -> None:
        demand(user, room, Right.POST)
        draft = prepared.draft
        check_body(draft.body, self._limits.message_chars)
        if draft.reply_to is not None:
            self._check_reply(room, draft.reply_to)
        self._log.submit(Post(user, room, client_id, prepared, done))

    # -- changing ----------------------------------------------------------------------------------

    async def edit(
        self,
        user: User,
        room: Room,
        message: str,
        body: str,
        *,
        data: Mapping[str, Any] | None = None,
    ) -> int:
        """Replace the text of the user's own message; returns the seq of the change.

        Data stays, except in namespaces for which `data` has a new value, or None to remove the old one.
        """
        demand(user, room, Right.EDIT)
        found = await self._history.message(room, message)
        if found.author.id != user.id:
            raise ChatError("room.forbidden", "Only its author may change a message.")
        await self._history.demand_editable(room, found)
        given = self.data.joined(found.data, self.data.from_client(data) if data else NO_DATA)
        draft, mentions, data_text = await self._prepare(
            user,
            room,
            Draft(
                room=room.id,
                body=body,
                reply_to=found.reply_to,
                thread=found.thread,
                broadcast=found.broadcast,
                message=message,
                client_id=found.client_id,
                data=given,
            ),
        )
        check_body(draft.body, self._limits.message_chars)
        new = _difference(found.data, draft.data)

        def content(present: Message) -> Content:
            if present.data == found.data:
                text = data_text if new else present.data_text
                return Content(draft.body, mentions, draft.data, text)
            joined = self.data.joined(present.data, new)
            return Content(draft.body, mentions, joined, self.data.text(joined))

        author = UserRef.of(user)
        return await self._rewriting.rewrite(
            room, message, author, lambda: demand(user, room, Right.EDIT), content
        )

    async def change_data(self, plugin: str, room: Room, message: str, change: DataChange) -> int:
        """Change the data of a plugin in a message; returns the seq of the change, or the room's head.

        `change` is as in `InteractionReply`; if another change came first, it is called again, with the data
        of that one. The text stays, and the message does not count as edited. Raises `ChatError`
        message.not_found, message.data_invalid, limit.count.
        """
        found = await self._history.message(room, message)
        await self._history.demand_editable(room, found)

        def content(present: Message) -> Content | None:
            wanted = change(deepcopy(dict(present.data)))  # may be changed in place
            if wanted is None:
                return None
            new = self.data.from_plugin(plugin, wanted, present.data)
            joined = self.data.joined(present.data, new)
            if joined == present.data:
                return None
            text, edited_at = self.data.text(joined), present.edited_at or ""
            return Content(present.body, present.mentions, joined, text, edited_at)

        return await self._rewriting.rewrite(room, message, found.author, lambda: None, content)

    async def delete(self, user: User, room: Room, message: str) -> int:
        """Delete a message: the user's own, or as a moderator another's."""
        demand(user, room, Right.READ)
        found = await self._history.message(room, message)
        right = Right.DELETE if found.author.id == user.id else Right.MODERATE
        demand(user, room, right)
        action = MessageDelete(room=room.id, message=message, author=found.author.id)
        await self._hooks.allow(action, user)
        seq = await self._change(MessageDeleted, user, room, right, found, erases=True)
        if PARTS in found.data:
            await self._contexts.forget(found)
        return seq

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
        await self._blocks.demand_talk(user, room)
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
        if pinned:
            await self.pins.note(room, message)
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
        *,
        erases: bool = False,
        **fields: str,
    ) -> int:
        author = UserRef.of(user)

        def build(seq: int, at: str) -> AnyEvent:
            return kind(room=room.id, seq=seq, at=at, author=author, message=message.id, **fields)

        event = await self._log.append(
            room, build, lambda: demand(user, room, right), erases=erases
        )
        return event.seq

    async def _check_thread(self, room: Room, draft: Draft) -> None:
        if draft.thread is not None:
            await self.threads.demand_root(room, draft.thread)
        elif draft.broadcast:
            raise ChatError(
                "request.invalid",
                "broadcast: only a reply in a thread is shown in the room as well.",
                detail={"field": "broadcast", "reason": "no_thread"},
            )

    def _check_reply(self, room: Room, reply_to: str) -> None:
        seq = message_seq(room.id, reply_to)
        if seq is None or not 0 < seq <= room.head:
            raise ChatError("message.not_found", "There is no such message to reply to.")


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    """The new values by namespace; None for a namespace that is gone."""
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    return changed | {name: None for name in old if name not in new}
