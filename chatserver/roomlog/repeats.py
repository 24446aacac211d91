"""Which sends a store has already, asked in the form that it takes: see `repeats_in` at `Store`."""

from collections.abc import Sequence

from chatserver.interfaces import Store
from chatserver.model import MessagePosted

Send = tuple[str, str, str]  # (room id, author id, client_id)


async def stored_sends(store: Store, sends: Sequence[Send]) -> dict[Send, MessagePosted]:
    """The stored message of each send that has one.

    It is in another room if its author used the client_id there, and the store keeps it unique in all rooms.
    """
    if (repeats_in := getattr(store, "repeats_in", None)) is not None:
        within: dict[Send, MessagePosted] = await repeats_in(sends)
        return within
    found = await store.repeats([send[1:] for send in sends])
    return {send: found[send[1:]] for send in sends if send[1:] in found}
