"""Deletes accounts: what is held of a person is erased, everywhere. What stays is a shell with the id, and the log.

A record is written before anything else, so that nothing is forgotten. The account ends at once, with all that is held
of it in records; then the person is taken out of the log: by the node that deleted the account, and by a job that
finishes what a crash has left. The record says how far that came. When all is done it stays, without the names, with the
epoch of the installation: a restored store has another one, and maybe the log of before.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from loguru import logger

from chatserver.blobs.model import OWNED
from chatserver.blobs.service import BlobService
from chatserver.cluster import installation
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.actions import AccountDelete
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import Actor, Job
from chatserver.interfaces import Store
from chatserver.model import User
from chatserver.privacy.erasing import LogErasing
from chatserver.privacy.erasures import DONE, DUE, SPACE, Erasure, decode, encode
from chatserver.privacy.parts import PersonalParts
from chatserver.privacy.rewriting import Erased, Gone
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import Clock, text_of
from chatserver.service.accounts import Accounts
from chatserver.service.directory import NAMES, folded_name
from chatserver.service.own_account import THE_SERVER
from chatserver.service.replaced import scrub
from chatserver.service.rooms import RoomService
from chatserver.service.similar import SPACE as LOOKS

NAME = "accounts.erase"
EVERY, DEADLINE = 60.0, 4 * 3600.0
# After the end of the account, until the log is read: longer than a message of it takes that another node has accepted.
SETTLED_SECONDS = 3.0
UNDECIDED_SECONDS = (
    3600.0  # the account of a record that has not ended after so long was not deleted
)
PAGE = 500
TRIES = 20  # of one change of a record, each lost because another node works on the same


Keep = Callable[[str, Erasure], Awaitable[None]]


async def _nowhere(user: str, erasure: Erasure) -> None:
    """Without a folder of backups nothing is noted beside them."""


class Removal:
    """Deletes accounts. Each step can be repeated, so the same command finishes an interrupted deletion."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        rooms: RoomService,
        parts: PersonalParts,
        erasing: LogErasing,
        blobs: BlobService,
        clock: Clock,
        hooks: HookCalls,
        mode: Erased,
    ) -> None:
        """`mode` is what becomes of messages."""
        self._store, self._accounts, self._rooms = store, accounts, rooms
        self._parts, self._erasing, self._blobs = parts, erasing, blobs
        self._clock, self._hooks, self._mode = clock, hooks, mode
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by user id
        self.keep: Keep = _nowhere  # notes an erasure beside the backups

    async def delete(
        self,
        username: str,
        by: Actor = THE_SERVER,
        mode: Erased | None = None,
        *,
        despite_hold: bool = False,
    ) -> User:
        """Delete an account; returns the shell that is left. `mode` is what becomes of its messages.

        The account leaves its rooms, except direct ones and those that would be without an owner. The log is rewritten
        in the background: see `settle`. Raises `ChatError` user.not_found, user.last_owner, plugin.failed, and
        action.refused if a plugin wants the account kept, unless it is to go `despite_hold`.
        """
        user = await self._accounts.named(username)
        if not user.deleted and not despite_hold:
            await self._hooks.allow(AccountDelete(account=user.id), None)
        if user.bot:  # a machine's messages say nothing of a person
            return await self._end(user, username, by)
        erasure = Erasure(
            mode=mode or self._mode, at=self._clock.now(), username=username_of(user, username)
        )
        if not await self._store.add(SPACE, f"{DUE}{user.id}", encode(erasure)):
            kept = await self._store.get(SPACE, f"{DUE}{user.id}")
            erasure = erasure if kept is None else decode(kept)
        try:
            gone = await self._end(user, username, by)
        except ChatError as error:
            if error.code == "user.last_owner":
                await self._store.delete(SPACE, f"{DUE}{user.id}")
            raise
        await self._note(user.id, records=True)
        self._begin(user.id)
        return gone

    async def erase(
        self,
        user: User,
        by: Actor = THE_SERVER,
        mode: Erased | None = None,
        *,
        despite_hold: bool = False,
    ) -> None:
        """Delete an account, as `delete` does, and wait until the person is out of the log.

        An account that is deleted already is erased again, with this `mode` if it was to be another one. Raises what
        stopped it; then the job goes on.
        """
        key = f"{DUE}{user.id}"
        if not user.deleted:
            await self.delete(user.username, by, mode, despite_hold=despite_hold)
            await self.settle()
        else:
            again = Erasure(mode=mode or self._mode, at=self._clock.now())
            await self._store.add(SPACE, key, encode(again))
        record = await self._store.get(SPACE, key)
        if record is not None:
            await self._advance(user.id, decode(record), await installation.epoch(self._store))

    async def _end(self, user: User, username: str, by: Actor) -> User:
        """End the account, and erase what is held in records."""
        gone = await self._accounts.retire_user(user, by)
        leaving = msgspec.structs.replace(gone, disabled=False)
        for room in await self._rooms.joined(gone):
            try:
                await self._rooms.leave(leaving, room)
            except StoreUnavailable:
                raise
            except ChatError:  # a direct room, or its last owner: see above
                continue
        await self._parts.erase(gone.id)
        await self._accounts.free_name(username, gone.id)
        return gone

    # -- the log -------------------------------------------------------------------------------------

    def job(self) -> Job:
        """The job that finishes erasures."""
        return Job(name=NAME, every=EVERY, run=self.finish, deadline=DEADLINE)

    async def finish(self) -> None:
        """Do what is left of all erasures."""
        epoch = await installation.epoch(self._store)
        await self._begin_again(epoch)
        await self._find_names()
        async for user, record in self._due():
            await self._advance(user, decode(record), epoch)

    async def replay(self) -> int:
        """Do again what a restore has undone, before anybody sees the store; returns the number of accounts.

        Raises what stops it.
        """
        epoch, number = await installation.epoch(self._store), 0
        await self._begin_again(epoch)
        await self._find_names()
        async for user, record in self._due():
            erasure = decode(record)
            if erasure.again:
                number += 1
                await self._advance(user, erasure, epoch)
        return number

    async def settle(self) -> None:
        """Wait until this node has taken those whose accounts it deleted out of the log."""
        await asyncio.gather(*self._tasks.values())

    async def stop(self) -> None:
        """Leave the rest to the job, on whichever node."""
        await cancel_or_name(self._tasks.values())

    def _begin(self, user: str) -> None:
        task = asyncio.create_task(self._erase_once(user), name=f"erase {user}")
        self._tasks[user] = task
        task.add_done_callback(lambda _: self._tasks.pop(user, None))

    async def _erase_once(self, user: str) -> None:
        try:
            epoch = await installation.epoch(self._store)
            record = await self._store.get(SPACE, f"{DUE}{user}")
            if record is not None:
                await self._advance(user, decode(record), epoch)
        except Exception as error:
            logger.warning("account {}: what is left of it is erased later: {!r}", user, error)

    async def _due(self) -> AsyncIterator[tuple[str, bytes]]:
        """The accounts that are to be erased, with their records."""
        after = ""
        while rows := await self._store.scan(SPACE, DUE, after, PAGE):
            after = rows[-1][0]
            for key, record in rows:
                yield key.removeprefix(DUE), record

    async def _advance(self, user: str, erasure: Erasure, epoch: str) -> None:
        """Finish one erasure."""
        account = await self._accounts.get(user)
        if not account.deleted and erasure.again:
            try:
                account = await self._end(account, account.username, THE_SERVER)
            except ChatError as error:
                if error.code != "user.last_owner":
                    raise
                logger.error(
                    "account {}: it was erased, and came back with a restore as the last owner: make another "
                    "owner, and delete it",
                    user,
                )
                await self._store.delete(SPACE, f"{DUE}{user}")
                return
        if not account.deleted:
            if self._clock.now() - erasure.at > UNDECIDED_SECONDS:
                await self._store.delete(SPACE, f"{DUE}{user}")
            return
        if not erasure.noted:
            try:
                await self.keep(user, erasure)
            except Exception as error:
                logger.error("account {}: not noted beside the backups yet: {}", user, error)
            else:
                await self._note(user, noted=True)
        if not erasure.records:
            holder = await self._accounts.by_name(erasure.username)
            if holder is not None and holder.id == user:
                await self._end(account, erasure.username, THE_SERVER)
            else:  # the name is free, so all is erased that was there; a plugin may have come back
                await self._parts.erase(user)
            await self._note(user, records=True)
        if erasure.mode is Erased.REDACT:
            await self._remove_files(user)
        await asyncio.sleep(max(0.0, erasure.at + SETTLED_SECONDS - self._clock.now()))
        gone = Gone(user=user, username=erasure.username, at=text_of(erasure.at), mode=erasure.mode)
        async for room in self._erasing.run(gone, erasure.room):
            await self._note(user, room=room)
        await scrub(self._store)
        record = await self._store.get(SPACE, f"{DUE}{user}")
        if record is not None and not decode(record).noted:  # the job comes again for that alone
            return
        done = Erasure(mode=erasure.mode, at=erasure.at, records=True, noted=True)
        await self._store.put(SPACE, f"{DONE}{epoch}/{user}", encode(done))
        await self._store.delete(SPACE, f"{DUE}{user}")

    async def _remove_files(self, user: str) -> None:
        """Remove the person's files, whatever refers to them."""
        while self._blobs.exist and (rows := await self._store.scan(OWNED, f"{user}/", limit=PAGE)):
            for key, _ in rows:
                await self._blobs.purge(key.rpartition("/")[2])
                await self._store.delete(OWNED, key)

    async def _begin_again(self, epoch: str) -> None:
        """Have those erased again whose erasure another epoch has seen: this store was restored."""
        own = f"{DONE}{epoch}/"
        for after in ("", f"{DONE}{epoch}0"):  # "0" comes after "/", and so after all of this epoch
            while rows := await self._store.scan(SPACE, DONE, after, PAGE):
                others = [(key, record) for key, record in rows if not key.startswith(own)]
                for key, record in others:
                    before = decode(record)
                    again = Erasure(mode=before.mode, at=before.at, again=True)
                    user = key.rpartition("/")[2]
                    await self._store.add(SPACE, f"{DUE}{user}", encode(again))
                    await self._store.delete(SPACE, key)
                if not others:
                    break

    async def _find_names(self) -> None:
        """Look for names that a restore has brought back without their accounts: records are not all of one moment."""
        unnamed = {
            user
            async for user, record in self._due()
            if decode(record).again and not decode(record).username
        }
        if not unnamed:
            return
        for space in (NAMES, LOOKS):
            after = ""
            while rows := await self._store.scan(space, "", after, PAGE):
                after = rows[-1][0]
                for name, value in rows:
                    user = value.decode()
                    if user not in unnamed or not (await self._accounts.get(user)).deleted:
                        continue
                    if space == NAMES:  # freed once it is taken out of the log
                        await self._note(user, username=name)
                    else:
                        await self._store.delete(space, name, value)

    async def _note(self, user: str, **fields: object) -> None:
        """Note how far an erasure came; nothing if it is done already."""
        key = f"{DUE}{user}"
        for _ in range(TRIES):
            record = await self._store.get(SPACE, key)
            if record is None:
                return
            after = encode(msgspec.structs.replace(decode(record), **fields))
            if await self._store.swap(SPACE, key, record, after):
                return


def username_of(user: User, username: str) -> str:
    """The user name by which an account was mentioned: its own, or that which leads to it if it has ended already."""
    return folded_name(username) if user.deleted else user.username
