"""What a store knows of the installation itself: epoch, format, the key of its bus, whether it is being filled.

A command that fills a store claims it first (`chatserver/archive/claims.py`). Until it is done no
server starts on it.
"""

import secrets
from enum import StrEnum

import msgspec

from chatserver.errors import StartupError
from chatserver.interfaces import Store

META = "meta"  # record space of the installation itself
EPOCH = "epoch"  # positions in rooms mean nothing in another one
BUS_KEY = "bus_key"  # what nodes seal their frames with
FILLING = "filling"  # a `Claim`
FORMAT = "format"  # the number of what records and events mean, above the schema of the store
KNOWN_FORMAT = 1  # raised, and written, by a change that servers of before must not meet


class Stage(StrEnum):
    """How far a store has been filled."""

    CLAIMED = "claimed"  # it may turn out not to be empty
    FILLING = "filling"
    FILLED = "filled"
    SERVED = "served"  # a server has started on it


class Claim(msgspec.Struct, frozen=True):
    """`by` is the command that fills, `origin` from what, `run` which call of it works now."""

    by: str
    origin: str
    stage: Stage
    run: str

    @property
    def is_whole(self) -> bool:
        return self.stage in (Stage.FILLED, Stage.SERVED)

    @property
    def way_out(self) -> str:
        """What to do about one that was interrupted."""
        return f"finish it with `chatserver {self.by}`, or begin again with an empty store"


decode_claim = msgspec.json.Decoder(Claim).decode
encode_claim = msgspec.json.Encoder().encode


async def enter(store: Store) -> None:
    """From here on a server may use it.

    Raises `StartupError` while it is being filled, and where a newer server has changed what is in it.
    """
    await _demand_known(store)
    while (raw := await store.get(META, FILLING)) is not None:
        claim = decode_claim(raw)
        if claim.stage is Stage.SERVED:
            return
        if not claim.is_whole:
            raise StartupError(
                f"the installation is being filled from {claim.origin}, or that was interrupted: "
                f"{claim.way_out}"
            )
        served = msgspec.structs.replace(claim, stage=Stage.SERVED)
        if await store.swap(META, FILLING, raw, encode_claim(served)):
            return


async def _demand_known(store: Store) -> None:
    raw = await store.get(META, FORMAT)
    found = (
        int(raw) if raw is not None and raw.isdigit() else 0
    )  # servers before formats noted none
    if found > KNOWN_FORMAT:
        raise StartupError(
            f"the installation has format {found}, and this server knows none above {KNOWN_FORMAT}: a "
            "newer server has used it; start that one"
        )


async def epoch(store: Store) -> str:
    """Of this installation; made at its first start. Raises `StartupError` while it is filled."""
    await enter(store)
    fresh = secrets.token_hex(8)
    await store.add(META, FORMAT, str(KNOWN_FORMAT).encode())
    await store.add(META, EPOCH, fresh.encode())
    await enter(store)  # a command that claimed it in between may not have seen the epoch
    found = await store.get(META, EPOCH)
    return fresh if found is None else found.decode()


async def bus_key(store: Store) -> bytes:
    """What the nodes of this installation know and nobody else; made when it is asked for first."""
    fresh = secrets.token_bytes(32)
    await store.add(META, BUS_KEY, fresh)
    return await store.get(META, BUS_KEY) or fresh
