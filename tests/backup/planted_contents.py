"""Faulty backups by a program that has the key: all their checksums fit."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from chatserver import MessagePosted
from chatserver.copies.archive.lines import Line, Record, RoomEnd, decode, encode
from chatserver.copies.backup.manifest import peek
from chatserver.copies.backup.parts import PartsWriter, read_parts
from chatserver.copies.backup.seal import seal_for
from chatserver.model import UserRef
from tests.backup.planting import Three, Way, changed, parts, rewritten

Lines = list[Line]


def rewritten_stream(stream: str, change: Callable[[Lines], Sequence[Line]]) -> Way:
    """A faulty backup by a program that has the key."""

    def way(of: Three) -> None:
        manifest = peek(of.this)
        seal = seal_for(of.key, bytes.fromhex(manifest.salt), stream)
        pieces = read_parts(of.this, manifest.streams[stream], seal)
        lines = [line for some in decode(pieces) for line in some]
        for part in parts(of.this, stream):
            part.unlink()
        writer = PartsWriter(of.this, stream, seal, 1 << 20)
        writer.write(encode(change(lines)))
        rewritten(of.this, of.key, streams=manifest.streams | {stream: writer.close()})

    return way


def in_room(lines: Lines, number: int, **changes: Any) -> Lines:
    """One event of a room is changed."""
    ours = [line for line in lines if getattr(line, "room", "") == "room1"]
    return [changed(line, **changes) if line is ours[number] else line for line in lines]


def no_description(lines: Lines) -> Lines:
    """A room whose first event is a member who joins."""
    [first, second, *_] = [line for line in lines if getattr(line, "room", "") == "room1"]
    return [changed(second, seq=1) if line is first else line for line in lines]


def with_ends(change: Callable[[Lines], Sequence[Line]]) -> Way:
    """Hashes and all."""

    def way(of: Three) -> None:
        found: dict[str, Lines] = {}

        def events(lines: Lines) -> Sequence[Line]:
            after = change(lines)
            for line in after:
                found.setdefault(getattr(line, "room", ""), []).append(line)
            return after

        def ends(lines: Lines) -> Sequence[Line]:
            return [
                RoomEnd(room, len(log), hashlib.sha256(encode(log)).hexdigest())
                for room, log in found.items()
            ]

        rewritten_stream("events", events)(of)
        rewritten_stream("ends", ends)(of)
        before = peek(of.this).counts
        total = sum(map(len, found.values()))
        rewritten(of.this, of.key, counts=changed(before, events=total, rooms=len(found)))

    return way


def said_twice(lines: Lines) -> Lines:
    """Two messages with one `client_id`."""
    one, other, *_ = [it for it in lines if isinstance(it, MessagePosted) and it.room == "room1"]
    return [changed(it, client_id=one.client_id) if it is other else it for it in lines]


CONTENTS: dict[str, Way] = {
    "an event less": rewritten_stream("events", lambda it: it[:-1]),
    "an event twice": rewritten_stream("events", lambda it: [*it, it[-1]]),
    "events swapped": rewritten_stream("events", lambda it: [it[1], it[0], *it[2:]]),
    "a record among events": rewritten_stream("events", lambda it: [*it, Record("a", "b", b"")]),
    "another time": rewritten_stream("events", lambda it: in_room(it, 2, at="2001-01-01T00:00Z")),
    "another author": rewritten_stream(
        "events", lambda it: in_room(it, 2, author=UserRef(id="u9", name="Eve"))
    ),
    "a room without a description": with_ends(no_description),
    "a message said twice": with_ends(said_twice),
    "a hole": with_ends(lambda it: [line for line in it if getattr(line, "seq", 0) != 3]),
    "a room less": with_ends(
        lambda it: [line for line in it if getattr(line, "room", "") != "room1"]
    ),
    "a record less": rewritten_stream("records", lambda it: it[1:]),
    "an end less": rewritten_stream("ends", lambda it: it[1:]),
    "another end": rewritten_stream("ends", lambda it: [changed(it[0], sha256="0" * 64), *it[1:]]),
    "a marker that is no number": rewritten_stream(
        "records", lambda it: [*it[1:], Record("read", "u1/room1", b"many")]
    ),
    "a marker that is too large": rewritten_stream(
        "records", lambda it: [*it[1:], Record("read", "u1/room1", b"9" * 5000)]
    ),
}
