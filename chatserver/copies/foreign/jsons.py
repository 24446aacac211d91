"""Reads the JSON of exports: what is broken is named with its file and line, what is only odd is read all the same."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn, TypeVar

import msgspec

from chatserver.copies.foreign.packs import (
    PART_BYTES,
    READ_ERRORS,
    Pack,
    broken,
    document,
    opened_text,
)
from chatserver.copies.foreign.report import Report

T = TypeVar("T")
_BLANK, _BETWEEN = re.compile(r"\s*"), re.compile(r"[\s,]*")
ITEM_CHARS = 64 << 20  # of one item of a list that is read piece by piece


def read(pack: Pack, name: str) -> Any:
    """The content of a JSON file. Raises `ArchiveError`."""
    return decoded(document(pack, name), pack, name)


def read_list(pack: Pack, name: str) -> list[Any]:
    """The content of a JSON file that is a list. Raises `ArchiveError`."""
    found = read(pack, name)
    if not isinstance(found, list):
        broken(pack, name, "expected a list")
    return found


def decoded(raw: bytes, pack: Pack, name: str, line: int = 1) -> Any:
    """What a piece of JSON stands for, which begins in this line of a file. Raises `ArchiveError`."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        """It may have half a surrogate pair, which is an odd text. Else the other parser says in which line it is broken."""
    try:
        return _whole(json.loads(raw.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        at = line + raw.count(b"\n", 0, error.start)
        broken(pack, name, f"line {at}: the file is not in UTF-8")
    except json.JSONDecodeError as error:
        broken(pack, name, f"line {line + error.lineno - 1}: broken JSON: {error.msg}")
    except RecursionError:
        broken(pack, name, f"line {line}: broken JSON: it is nested too deeply")
    except ValueError as error:  # more digits than Python reads
        broken(pack, name, f"line {line}: broken JSON: {error}")


def shaped(found: Any, kind: type[T], report: Report, what: str, where: str) -> T | None:
    """An object as a struct; None, and a line in the report, for one of another shape. `what` is a plural."""
    try:
        return msgspec.convert(found, kind, strict=False)
    except (msgspec.ValidationError, OverflowError) as error:
        report.leave_out(f"{what} that cannot be read", f"{where}: {error}")
        return None


def head(pack: Pack, name: str, field: str) -> Any:
    """The fields of an object before its list `field`. Reads no further. Raises `ArchiveError`."""
    with opened_text(pack, name) as file:
        text = _Text(file, pack, name)
        begins = text.find_list(field)
        before = text.buffer[:begins].rstrip().rstrip(",")
        return decoded(f"{before}}}".encode("utf-8", "surrogatepass"), pack, name)


def items(pack: Pack, name: str, field: str) -> Iterator[Any]:
    """The items of the list `field` of an object, one at a time, as the file may be larger than memory.

    Raises `ArchiveError`.
    """
    with opened_text(pack, name) as file:
        text = _Text(file, pack, name)
        text.find_list(field)
        yield from text.items()


def listed(pack: Pack, name: str) -> Iterator[Any]:
    """The items of a file that is a list, one at a time, as the file may be larger than memory.

    Raises `ArchiveError`.
    """
    with opened_text(pack, name) as file:
        text = _Text(file, pack, name)
        text.begin_list()
        yield from text.items()


class _Text:
    """The text of a file: the buffer has a piece of it, of which all before `at` is done."""

    def __init__(self, file: BinaryIO, pack: Pack, name: str) -> None:
        self.buffer, self.at = "", 0
        self._file, self._pack, self._name = file, pack, name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self._lines = 0  # before the buffer

    def find_list(self, field: str) -> int:
        """Go on behind the beginning of a list; returns where its field begins in the buffer."""
        marker = re.compile(rf"{json.dumps(field)}\s*:\s*\[")
        while (found := marker.search(self.buffer)) is None:
            if not self.more():
                self.fail(f"there is no list {field}")
        self.at = found.end()
        return found.start()

    def begin_list(self) -> None:
        """Go on behind the bracket with which the file begins."""
        if self.next_but(_BLANK) != "[":
            self.fail("expected a list")
        self.at += 1

    def items(self) -> Iterator[Any]:
        """The items of the list that has begun."""
        while self.next_but(_BETWEEN) != "]":
            yield _whole(self.item())

    def more(self) -> bool:
        """Read on; False at the end."""
        try:
            part = self._file.read(PART_BYTES)
        except READ_ERRORS as error:
            self.fail(str(error))
        self._lines += self.buffer.count("\n", 0, self.at)
        try:
            decoded = self._decoder.decode(part, final=not part)
        except UnicodeDecodeError:
            self.fail("the file is not in UTF-8")
        self.buffer, self.at = self.buffer[self.at :] + decoded, 0
        if len(self.buffer) > ITEM_CHARS:
            self.fail(f"an item has more than {ITEM_CHARS:,} characters")
        return bool(part)

    def next_but(self, between: re.Pattern[str]) -> str:
        """Pass over such characters; returns the next other one."""
        while True:
            found = between.match(self.buffer, self.at)
            assert found is not None
            self.at = found.end()
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                self.fail("broken JSON: the list has no end")

    def item(self) -> Any:
        """The next item. One that is not whole is parsed again when the buffer has doubled, so that it costs little."""
        while True:
            try:
                found, self.at = self._json.raw_decode(self.buffer, self.at)
            except json.JSONDecodeError as error:
                inside = self.buffer.count("\n", self.at, error.pos)
                length = len(self.buffer) - self.at
                while self.more() and len(self.buffer) < 2 * length:
                    """Read until so much is there."""
                if len(self.buffer) == length:
                    self._lines += inside
                    self.fail(f"broken JSON: {error.msg}")
            except RecursionError:
                self.fail("broken JSON: it is nested too deeply")
            except ValueError as error:  # more digits than Python reads
                self.fail(f"broken JSON: {error}")
            else:
                return found

    def fail(self, reason: str) -> NoReturn:
        line = 1 + self._lines + self.buffer.count("\n", 0, self.at)
        broken(self._pack, self._name, f"line {line}: {reason}")


def _whole(found: Any) -> Any:
    """The same without halves of surrogate pairs, which no store can keep."""
    if isinstance(found, str):
        return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(found, list):
        return [_whole(each) for each in found]
    if isinstance(found, dict):
        return {_whole(key): _whole(value) for key, value in found.items()}
    return found
