"""Compares the clients' histories with the store's contents. Pure: no I/O, no clock.

A finding is one line of text; none means that every promise held.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.faults.history import Operation

Logs = Mapping[str, Sequence[Mapping[str, Any]]]  # room -> its events, as GET …/events gives them
Rooms = Mapping[str, frozenset[str]]  # client -> the rooms that it may hear

GAP = "told to load it anew, at"  # only right where a store was restored


def check(history: Iterable[Operation], logs: Logs, rooms: Rooms) -> list[str]:
    """All findings. `history` must be complete: every client has settled its sends and caught up."""
    operations = list(history)
    sends = [entry for entry in operations if entry.op == "send"]
    stored = {room: _positions(events) for room, events in logs.items()}
    return [
        *_numbering(logs),
        *_repeats(logs),
        *_acknowledged(sends, stored),
        *_refused(sends, stored),
        *_unsettled(sends),
        *_invented(sends, logs),
        *_received(operations, logs, rooms),
    ]


def _positions(events: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for event in events:
        if event["ev"] == "message.posted":
            found[event["client_id"]].append(event["seq"])
    return found


def _numbering(logs: Logs) -> Iterable[str]:
    for room, events in logs.items():
        seqs = [event["seq"] for event in events]
        if seqs != list(range(1, len(seqs) + 1)):
            yield f"{room}: the log is not 1, 2, 3, …: {_first_break(seqs)}"


def _first_break(seqs: Sequence[int]) -> str:
    place, seq = next((i, seq) for i, seq in enumerate(seqs) if seq != i + 1)
    return f"{seq} stands where {place + 1} should"


def _repeats(logs: Logs) -> Iterable[str]:
    for field in ("client_id", "body"):
        counted = Counter(
            (event["author"]["id"], event[field])
            for events in logs.values()
            for event in events
            if event["ev"] == "message.posted"
        )
        for (_, value), count in counted.items():
            if count > 1:
                yield f"stored {count} times: the message with {field} {value}"


def _acknowledged(sends: Iterable[Operation], stored: Mapping[str, Any]) -> Iterable[str]:
    for entry in sends:
        if entry.type != "ok":
            continue
        seqs = stored.get(entry.room, {}).get(entry.client_id, [])
        if not seqs:
            yield f"{entry.room}: acknowledged and lost: {entry.client_id} (seq {entry.seq})"
        elif entry.seq not in seqs:
            yield f"{entry.room}: {entry.client_id} acknowledged as {entry.seq}, stored as {seqs}"


def _refused(sends: Iterable[Operation], stored: Mapping[str, Any]) -> Iterable[str]:
    for entry in sends:
        if entry.type == "fail" and stored.get(entry.room, {}).get(entry.client_id):
            yield f"{entry.room}: refused for good, but stored: {entry.client_id}"


def _unsettled(sends: Sequence[Operation]) -> Iterable[str]:
    settled = {entry.client_id for entry in sends if entry.type in ("ok", "fail")}
    for client_id in sorted({entry.client_id or "" for entry in sends} - settled):
        yield f"never answered, however often it was sent: {client_id}"


def _invented(sends: Iterable[Operation], logs: Logs) -> Iterable[str]:
    asked = {(entry.room, entry.client_id) for entry in sends if entry.type == "invoke"}
    for room, events in logs.items():
        for event in events:
            if event["ev"] == "message.posted" and (room, event["client_id"]) not in asked:
                yield f"{room}: nobody sent {event['client_id']} (seq {event['seq']})"


def _received(operations: Iterable[Operation], logs: Logs, rooms: Rooms) -> Iterable[str]:
    """Each client: from where it began, every event once, in order, as the store has it."""
    position: dict[tuple[str, str], int] = {}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in operations:
        place = (entry.proc, entry.room)
        if entry.op == "send":
            continue
        if entry.room not in rooms.get(entry.proc, frozenset()):
            yield f"{entry.proc}: heard of room {entry.room}, which it is not in"
        elif entry.op == "gap":
            # The client drops its events, and knows that it does.
            found[place] = [f"{entry.proc}: {entry.room}: {GAP} {entry.seq}"]
            position[place] = entry.seq or 0
        elif entry.op == "resume":
            before = position.setdefault(place, entry.seq or 0)
            if before != entry.seq:
                found[place].append(
                    f"{entry.proc}: resumed {entry.room} at {entry.seq}, had seen {before}"
                )
        else:
            expected = position.get(place, 0) + 1
            if entry.seq != expected:
                found[place].append(
                    f"{entry.proc}: {entry.room}: received {entry.seq}, expected {expected}"
                )
            position[place] = entry.seq or 0
            found[place] += _as_stored(entry, logs.get(entry.room, ()))
    for (proc, room), seq in position.items():
        head = len(logs.get(room, ()))
        if seq != head:
            found[proc, room].append(f"{proc}: {room}: ended at {seq}, the log at {head}")
    for lines in found.values():
        yield from lines


def _as_stored(entry: Operation, events: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    seq = entry.seq or 0
    if not 1 <= seq <= len(events):
        yield f"{entry.proc}: {entry.room}: received {seq}, which is not in the log"
    elif events[seq - 1].get("client_id") != entry.client_id:
        yield f"{entry.proc}: {entry.room}: {seq} was received as {entry.client_id}, stored otherwise"
