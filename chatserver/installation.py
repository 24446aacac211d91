"""What a store knows of the installation itself: its epoch, the key of its bus, whether it is being filled."""

import secrets

from chatserver.errors import StartupError
from chatserver.interfaces import Store

META = "meta"  # record space of the installation itself
EPOCH = "epoch"  # positions in rooms mean nothing in another one
BUS_KEY = "bus_key"  # what nodes seal their frames with
FILLING = "filling"  # what the installation is being filled from


async def epoch(store: Store) -> str:
    """Of this installation; made at its first start. Raises `StartupError` while it is filled."""
    source = await store.get(META, FILLING)
    if source is not None:
        raise StartupError(
            f"the installation is being filled from {source.decode()}, or that was interrupted: "
            "finish it, or begin again with an empty store"
        )
    fresh = secrets.token_hex(8).encode()
    await store.add(META, EPOCH, fresh)
    return (await store.get(META, EPOCH) or fresh).decode()


async def bus_key(store: Store) -> bytes:
    """What the nodes of this installation know and nobody else; made when it is asked for first."""
    fresh = secrets.token_bytes(32)
    await store.add(META, BUS_KEY, fresh)
    return await store.get(META, BUS_KEY) or fresh


async def begin_filling(store: Store, source: str) -> None:
    """From here on no server starts on it."""
    await store.put(META, FILLING, source.encode())


async def end_filling(store: Store) -> None:
    """It is whole. A server that starts on it begins a new epoch."""
    await store.delete(META, EPOCH)
    await store.delete(META, FILLING)
