"""The lines by which the old process and the new one agree, over a pair of sockets.

The new process says `built` once its configuration, code and plugins are loaded, and waits for `go`; then it
opens the store, starts its plugins, listens, and says `serves`. `yours` makes it the owner of the port and of
the data folder. Where it cannot, it says `failed` with the reason. Until `yours`, it ends with the old one.
"""

from typing import Literal

import msgspec

GO, YOURS = b"go\n", b"yours\n"
MOST_BYTES = 16_000  # of a reason

State = Literal["built", "serves", "failed"]


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the new process. `why` is the reason of a failure."""

    state: State
    why: str = ""

    def line(self) -> bytes:
        return msgspec.json.encode(self) + b"\n"


def told(line: bytes) -> Told:
    """Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(line, type=Told)
