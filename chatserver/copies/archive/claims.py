"""Claims on a store: one command at a time may fill it, from one origin, until a server starts on it.

The same command may claim the store again from the same origin, after an interruption and also after it
finished: a move then copies the changes since.
"""

import secrets
from typing import NamedTuple

from chatserver.cluster.installation import (
    EPOCH,
    FILLING,
    META,
    Claim,
    Stage,
    decode_claim,
    encode_claim,
)
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.patience import Readable
from chatserver.interfaces import Store

TAKEN_OVER = "another run of this command has taken over"


class Origin(NamedTuple):
    """The command that fills a store, and the name of its source."""

    by: str
    name: str


async def known_epoch(store: Readable) -> str | None:
    """The store's epoch; None if no server has started on it yet."""
    found = await store.get(META, EPOCH)
    return None if found is None else found.decode()


async def whole_epoch(store: Readable) -> str:
    """The epoch of a store to be copied. Raises `ArchiveError` if it is empty or only partly filled."""
    raw = await store.get(META, FILLING)
    if raw is not None and not (found := decode_claim(raw)).is_whole:
        raise ArchiveError(
            f"the store is incomplete: it is being filled from {found.origin}, or the filling was "
            f"interrupted: {found.way_out}"
        )
    epoch = await known_epoch(store)
    if epoch is None:
        raise ArchiveError("there is nothing to copy: no server has used this store yet")
    return epoch


async def is_same(one: Readable, other: Readable) -> bool:
    """Whether both are the same store. A copy has the same epoch, but another claim."""
    first, second = [
        (await store.get(META, EPOCH), await store.get(META, FILLING)) for store in (one, other)
    ]
    return first == second and first[0] is not None


async def claim(store: Store, origin: Origin) -> Claim:
    """Claim a store that is empty, or was claimed from the same origin before.

    The last of several runs gets the claim, and the others notice (`check`). Raises `ArchiveError`.
    """
    mine = Claim(*origin, Stage.CLAIMED, secrets.token_hex(8))
    while True:
        raw = await store.get(META, FILLING)
        if raw is None:
            await demand_empty(store)
            if await store.add(META, FILLING, encode_claim(mine)):
                return await _confirmed(store, mine)
            continue
        found = decode_claim(raw)
        _check_mine(found, origin)
        taken = mine if found.stage is Stage.CLAIMED else _at(mine, Stage.FILLING)
        if await store.swap(META, FILLING, raw, encode_claim(taken)):
            return await _confirmed(store, mine) if taken is mine else taken


async def is_claimed(store: Readable) -> bool:
    """Whether any command has claimed the store, so that data may be there already."""
    return await store.get(META, FILLING) is not None


async def check(store: Store, mine: Claim) -> None:
    """Raises `ArchiveError` if another run of the command has the claim now."""
    if await store.get(META, FILLING) != encode_claim(mine):
        raise ArchiveError(TAKEN_OVER)


async def complete(store: Store, mine: Claim, epoch: str) -> None:
    """Let servers start on the store, with this epoch. Raises `ArchiveError` as `check` does."""
    whole = encode_claim(_at(mine, Stage.FILLED))
    if await store.get(META, FILLING) == whole:
        return  # an earlier call succeeded, but its answer was lost
    await check(store, mine)
    await store.put(META, EPOCH, epoch.encode())
    if not await store.swap(META, FILLING, encode_claim(mine), whole):
        raise ArchiveError(TAKEN_OVER)


async def demand_empty(store: Store) -> None:
    """Raises `ArchiveError`, which lists the store's content, unless the store is empty."""
    content = []
    if await store.list_rooms("", 1):
        content.append("rooms")
    if any(space != META for space in await store.spaces()):
        content.append("records")
    if await known_epoch(store) is not None:
        content.append("an epoch, so a server has used it")
    if content:
        raise ArchiveError(f"the installation is not empty: it has {', '.join(content)}")


def _check_mine(found: Claim, origin: Origin) -> None:
    if found.stage is Stage.SERVED:
        raise ArchiveError("the installation is not empty: a server has used it")
    if (found.by, found.origin) == origin:
        return
    if found.is_whole:
        raise ArchiveError(
            f"the installation is not empty: `chatserver {found.by}` filled it from {found.origin}"
        )
    raise ArchiveError(
        f"the installation is not empty: it is being filled from {found.origin}, or the filling was "
        f"interrupted: {found.way_out}"
    )


async def _confirmed(store: Store, mine: Claim) -> Claim:
    """Advance from the claim to filling, if the store is still empty."""
    try:
        await demand_empty(store)
    except ArchiveError:
        await store.delete(META, FILLING)
        raise
    filling = _at(mine, Stage.FILLING)
    if not await store.swap(META, FILLING, encode_claim(mine), encode_claim(filling)):
        raise ArchiveError(TAKEN_OVER)
    return filling


def _at(claim: Claim, stage: Stage) -> Claim:
    return Claim(claim.by, claim.origin, stage, claim.run)
