"""An installation's own records in its store: epoch, format, the key of its bus, the claim of a command.

A command that fills a store claims it first (`chatserver/copies/archive/claims.py`). No server starts on the store
before the command has finished.
"""

import secrets
from enum import StrEnum

import msgspec

from chatserver.errors import StartupError
from chatserver.interfaces import Store

META = "meta"  # record space of the installation itself
EPOCH = "epoch"  # seqs are valid only within one epoch
BUS_KEY = "bus_key"  # key for sealing the frames between nodes
FILLING = "filling"  # a `Claim`
FORMAT = "format"  # version of the meaning of records and events, independent of the store's schema
KNOWN_FORMAT = 1  # raised by each change that older servers would misread


class Stage(StrEnum):
    """How far the filling of a store has come."""

    CLAIMED = "claimed"  # not yet known to be empty
    FILLING = "filling"
    FILLED = "filled"
    SERVED = "served"  # a server has started on it


class Claim(msgspec.Struct, frozen=True):
    """A command's claim on a store: `by` is the command, `origin` its source, `run` its present call."""

    by: str
    origin: str
    stage: Stage
    run: str

    @property
    def is_whole(self) -> bool:
        return self.stage in (Stage.FILLED, Stage.SERVED)

    @property
    def way_out(self) -> str:
        """Advice for a filling that was interrupted."""
        return f"finish it with `chatserver {self.by}`, or begin again with an empty store"


decode_claim = msgspec.json.Decoder(Claim).decode
encode_claim = msgspec.json.Encoder().encode


async def enter(store: Store) -> None:
    """Note that a server uses the store from now on.

    Raises `StartupError` while the store is being filled, and if a newer server has changed its format.
    """
    await _demand_known(store)
    while (raw := await store.get(META, FILLING)) is not None:
        claim = decode_claim(raw)
        if claim.stage is Stage.SERVED:
            return
        if not claim.is_whole:
            raise StartupError(
                f"the installation is being filled from {claim.origin}, or the filling was interrupted: "
                f"{claim.way_out}"
            )
        served = msgspec.structs.replace(claim, stage=Stage.SERVED)
        if await store.swap(META, FILLING, raw, encode_claim(served)):
            return


async def _demand_known(store: Store) -> None:
    raw = await store.get(META, FORMAT)
    found = (
        int(raw) if raw is not None and raw.isdigit() else 0
    )  # the first servers noted no format
    if found > KNOWN_FORMAT:
        raise StartupError(
            f"the installation has format {found}, and this server reads formats up to {KNOWN_FORMAT}: "
            "start the newer server that has used it"
        )


async def epoch(store: Store) -> str:
    """The installation's epoch, made at the first start. Raises `StartupError` during a filling."""
    await enter(store)
    fresh = secrets.token_hex(8)
    await store.add(META, FORMAT, str(KNOWN_FORMAT).encode())
    await store.add(META, EPOCH, fresh.encode())
    await enter(store)  # a command that claimed the store in between may not have seen the epoch
    found = await store.get(META, EPOCH)
    return fresh if found is None else found.decode()


async def bus_key(store: Store) -> bytes:
    """The key that only the nodes of this installation know; made on the first call."""
    fresh = secrets.token_bytes(32)
    await store.add(META, BUS_KEY, fresh)
    return await store.get(META, BUS_KEY) or fresh
