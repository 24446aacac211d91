"""The actions and observations of clients: one JSON line for each operation.

    {"proc": "c7", "type": "invoke", "op": "send", "room": "R", "client_id": "c7-12", "seq": null, "t": 3.21}

`type` is invoke, then ok (with the seq), fail (surely not stored) or info (not known: a time-out, a
cut connection, a store that did not answer). A received event is `op` recv with type ok; `resume`
notes the seq from which a client follows a room (again), `gap` that it was told to load the room anew
and goes on from this seq.
"""

import time
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Literal

import msgspec


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    proc: str
    type: Literal["invoke", "ok", "fail", "info"]
    op: Literal["send", "recv", "resume", "gap"]
    room: str
    client_id: str | None = None
    seq: int | None = None
    t: float = 0.0


class History:
    """Lines in the order in which things happened; the time is in seconds from the beginning."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._began = time.monotonic()

    def add(
        self,
        proc: str,
        kind: Literal["invoke", "ok", "fail", "info"],
        op: Literal["send", "recv", "resume", "gap"],
        room: str,
        client_id: str | None = None,
        seq: int | None = None,
    ) -> None:
        self.operations.append(
            Operation(
                proc=proc,
                type=kind,
                op=op,
                room=room,
                client_id=client_id,
                seq=seq,
                t=self.now(),
            )
        )

    def now(self) -> float:
        return round(time.monotonic() - self._began, 6)

    def acknowledged(self) -> list[Operation]:
        return [entry for entry in self.operations if entry.op == "send" and entry.type == "ok"]

    def waits(self) -> list[float]:
        """Seconds from the first try of each acknowledged send to its answer."""
        asked: dict[str | None, float] = {}
        for entry in self.operations:
            if entry.op == "send" and entry.type == "invoke":
                asked.setdefault(entry.client_id, entry.t)
        return [entry.t - asked[entry.client_id] for entry in self.acknowledged()]

    def pause(self, since: float, until: float = inf) -> float:
        """The longest time without an acknowledgement, in seconds, that ended between these."""
        times = [entry.t for entry in self.acknowledged()]
        return max(
            (later - earlier for earlier, later in pairwise(times) if since < later <= until),
            default=inf,
        )

    def write(self, path: Path) -> None:
        encoder = msgspec.json.Encoder()
        path.write_bytes(encoder.encode_lines(self.operations))


def read(path: Path) -> list[Operation]:
    """The operations of a file that `History.write` made."""
    return msgspec.json.Decoder(Operation).decode_lines(path.read_bytes())
