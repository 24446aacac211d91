"""Takes people out of the log of the store, room by room; and out of the memory of all nodes within a second.

Every room is read: who was mentioned somewhere is not noted anywhere. The work is in pages, gives way to sends, and
says how far it came, so that it goes on there after a crash.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from functools import partial

from loguru import logger

from chatserver.delivery.hub import Hub
from chatserver.errors import ChatError
from chatserver.hooks.calls import HookCalls
from chatserver.interfaces import Store
from chatserver.model import (
    AnyEvent,
    MessageEdited,
    MessagePosted,
    PluginEvent,
    User,
    UserRef,
    message_seq,
)
from chatserver.privacy.rewriting import TOLD, Gone, rewritten
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.runtime.pace import Pace
from chatserver.service.accounts import Accounts
from chatserver.service.changes import Changes
from chatserver.service.cleanings import Cleanings

EVENTS = 100  # at once: of 40 KB each, with the largest texts and data, they take the loop 8 ms
ROOMS = 500  # ids of rooms at once
NOTED_ROOMS = 20  # rooms after which it is said how far the work came
SHARE = 0.5  # of the time: the rest is for others
PRESSED_SECONDS = 0.1  # more between two pages, while many sends are under way
CLEANED_EVENTS = 1000  # of a room, after which its index is cleaned
TRIES = 5  # of one page, each lost because others changed an event of it


class LogErasing:
    """Rewrites the log, and has all nodes forget what they have read of it."""

    def __init__(
        self,
        store: Store,
        cache: RoomCache,
        log: Log,
        hub: Hub,
        accounts: Accounts,
        hooks: HookCalls,
        changes: Changes,
        cleanings: Cleanings,
    ) -> None:
        self._store, self._cache, self._log, self._hub = store, cache, log, hub
        self._accounts, self._hooks, self._changes = accounts, hooks, changes
        self._cleanings = cleanings
        changes.watch("erased", self._recheck)

    async def run(self, gone: Gone, after: str) -> AsyncIterator[str]:
        """Take the person out of all rooms with id > `after`; yields ids up to which all rooms are done.

        Repeating it does no harm.
        """
        shell = await self._accounts.get(gone.user)
        while rooms := await self._store.list_rooms(after, ROOMS):
            for number, room in enumerate(rooms, 1):
                after = room
                await self._room(room, gone, shell)
                if number % NOTED_ROOMS == 0:
                    yield after
            yield after

    async def _room(self, room: str, gone: Gone, shell: User) -> None:
        after, is_changed, pace = 0, False, Pace(SHARE)
        said: list[int] = []  # seqs of texts that changed, whose words are in the index
        holders, theirs = partial(self._holders, shell, room), partial(self._theirs, shell)
        while events := await self._store.read(room, after, EVENTS):
            for _ in range(TRIES):
                pairs = await rewritten(events, gone, holders, theirs)
                if not pairs:
                    break
                if not is_changed:  # first, as nothing is found there any more after a crash
                    await self._note(room, gone)
                is_changed = True
                if changed := [old.seq for old, new in pairs if _says_other(old, new)]:
                    # Before they change, as a crash may follow, and nothing tells later which did.
                    await self._cleanings.note(room, changed)
                said += changed
                if await self._store.replace(pairs) == len(pairs):
                    break
                events = await self._store.read(room, after, EVENTS)
            else:
                logger.warning("room {}: events change all the time, and are left for later", room)
                raise ChatError("limit.rate", after_ms=1000)
            after = events[-1].seq
            if len(said) >= CLEANED_EVENTS:
                await self._cleanings.clean(room, said)
                said.clear()
            await pace()
            if self._log.is_pressed():
                await asyncio.sleep(PRESSED_SECONDS)
        await self._cleanings.clean(room, said)
        if is_changed:
            await self._tell(room, gone.user)

    async def _note(self, room: str, gone: Gone) -> None:
        """Note in the log of a room whose name, and maybe texts, go from it: for those who have copied it."""
        found = await self._cache.load(room)
        if found is None or found.description is None or found.is_deleted:
            return

        def noted(seq: int, at: str) -> PluginEvent:
            return PluginEvent(
                room=room,
                seq=seq,
                at=at,
                author=UserRef(gone.user, ""),
                type=TOLD,
                payload={"user": gone.user, "messages": gone.mode.value},
            )

        def check() -> None:
            if found.is_deleted:
                raise ChatError("room.not_found")

        try:
            await self._log.append(found, noted, check)
        except ChatError as error:
            if error.code != "room.not_found":
                raise

    async def _holders(self, shell: User, room: str, names: Collection[str]) -> Collection[str]:
        """Those of the names that others and groups have now. One that leads to the person is freed.

        A restore to a moment in the middle of an erasure may bring the name back, but not the account.
        """
        users = await self._accounts.ids_of(names)
        for name, user in users.items():
            if user == shell.id:
                await self._accounts.free_name(name, user)
        others = {name for name, user in users.items() if user != shell.id}
        left = [name for name in names if name not in users]
        return {*others, *(await self._hooks.find_groups(shell, room, left) if left else ())}

    async def _theirs(self, shell: User, messages: Collection[str]) -> Collection[str]:
        """Those of the messages (ids), of any rooms, that the person wrote."""
        keys = []
        for message in sorted(messages):
            room = message.rpartition("-")[0]
            if seq := message_seq(room, message):
                keys.append((room, seq))
        posted = await self._store.posted(keys) if keys else []
        return {each.id for each in posted if each.author.id == shell.id}

    # -- memory --------------------------------------------------------------------------------------

    async def _tell(self, room: str, user: str) -> None:
        self._forget(room, user)
        await self._changes.announce("erased", f"{room}/{user}")

    async def _recheck(self, name: str) -> None:
        room, _, user = name.partition("/")
        self._forget(room, user)

    def _forget(self, room: str, user: str) -> None:
        self._cache.forget_contents(room, user)
        self._hub.forget_pages(room)


def _says_other(old: AnyEvent, new: AnyEvent) -> bool:
    """Whether a text has gone, in part or as a whole."""
    return (
        isinstance(old, MessagePosted | MessageEdited)
        and isinstance(new, MessagePosted | MessageEdited)
        and (old.body, old.data_text) != (new.body, new.data_text)
    )
