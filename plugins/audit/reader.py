"""Reads the log back, newest entry first, page by page, the older files included. Calls block, but for `deeds`."""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

BLOCK = 65536
DEEDS = 200  # read at once
LOOKED_BYTES = 8 * 1024 * 1024  # in one page: where little matches, the next page goes on


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a line: its kind, and the users that it is about, by id."""

    kind: str
    user: str | None = None
    by: str | None = None
    author: str | None = None
    of: str | None = None

    def users(self) -> set[str]:
        return {id for id in (self.user, self.by, self.author, self.of) if id is not None}

    def doer(self) -> str | None:
        """Who did it."""
        return self.user if self.kind == "login" else self.by or self.author or self.user


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Lines as they are in the file, with the users that they name. `before` leads to the next page, None: to none."""

    lines: Sequence[bytes]
    users: Sequence[str]
    before: str | None


_decode = msgspec.json.Decoder(Kept).decode


class LogReader:
    """The log of one path: `NAME`, `NAME.1`, … as `RotatingFile` writes it."""

    def __init__(self, path: Path, keep: int) -> None:
        self._paths = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, keep + 1))]

    async def deeds(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """What a user (id) did, and when they signed in, newest first. Raises `OSError`."""
        before: str | None = ""
        while before is not None:
            page = await asyncio.to_thread(self.page, (), user, before or None, DEEDS)
            for line in page.lines:
                if _decode(line).doer() == user:
                    yield msgspec.json.decode(line)
            before = page.before

    def page(
        self, kinds: Sequence[str], user: str | None, before: str | None, limit: int
    ) -> LogPage:
        """At most `limit` entries. `kinds` are kinds or their first parts, such as `account`; none means all.

        `before` is that of the page before; if its file is gone by now, there is nothing left. Raises `ValueError`
        for another text, and `OSError`.
        """
        found: list[bytes] = []
        users: set[str] = set()
        looked = 0
        inode, end = _place(before)
        for path in self._paths:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                told = os.fstat(file.fileno())
                if inode is not None and told.st_ino != inode:
                    continue  # a newer file than that of the page before
                size = told.st_size if inode is None else min(end, told.st_size)
                inode = None
                for start, line in lines_before(file, size):
                    looked += len(line) + 1
                    kept = _kept(line)
                    if kept is not None and _matches(kept, kinds, user):
                        found.append(line)
                        users |= kept.users()
                    if len(found) == limit or looked >= LOOKED_BYTES:
                        place = f"{told.st_ino}-{start}"
                        return LogPage(lines=found, users=sorted(users), before=place)
        return LogPage(lines=found, users=sorted(users), before=None)


def lines_before(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """The lines in the first `end` bytes, the last one first, each with its offset and without its end."""
    rest = b""
    while end > 0:
        start = max(0, end - BLOCK)
        file.seek(start)
        block = file.read(end - start) + rest
        rest, *lines = block.split(b"\n")
        place = start + len(block)
        for line in reversed(lines):
            place -= len(line)
            if line:
                yield place, line
            place -= 1
        end = start
    if rest:
        yield 0, rest


def _place(before: str | None) -> tuple[int | None, int]:
    """The inode of a file, and an offset in it."""
    if before is None:
        return None, 0
    inode, _, offset = before.partition("-")
    if not (inode.isdecimal() and offset.isdecimal()):
        raise ValueError("before: expected that of the page before")
    return int(inode), int(offset)


def _kept(line: bytes) -> Kept | None:
    """None for a line that is not one of the log, such as one that a crash has cut off."""
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _matches(kept: Kept, kinds: Sequence[str], user: str | None) -> bool:
    is_kind = not kinds or any(
        kept.kind == kind or kept.kind.startswith(kind + ".") for kind in kinds
    )
    return is_kind and (user is None or user in kept.users())
