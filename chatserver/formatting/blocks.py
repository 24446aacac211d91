"""The text of a message as blocks: paragraphs, code, quotes, lists, headings, tables, lines.

The page's parser is static/lib/formatting.js; tests/formatting holds both to the same trees. Each line is read once for
each level that it is nested, of which there are few.
"""

import re
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from chatserver.formatting.inline import Left, inline
from chatserver.formatting.tree import (
    Align,
    Block,
    CodeBlock,
    Heading,
    Inline,
    Item,
    List,
    Paragraph,
    Quote,
    Rule,
    Table,
)

DEEPEST = 6  # quotes and lists inside each other
MOST_PARTS = 1000  # nodes but texts: what a page draws in a few hundredths of a second
MOST_COLUMNS = 20

_LINES = re.compile(r"\r\n?|\n")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})([^`]*)\Z")
_LANGUAGE = re.compile(r"[0-9A-Za-z+#_.-]{1,32}\Z")
_QUOTE = re.compile(r"[ \t]*>+[ \t]+[^ \t]")
_QUOTED = re.compile(r"[ \t]*>(?:[ \t]|(?=>)|\Z)")
_HEADING = re.compile(r"[ \t]*(#{1,3})[ \t]+([^ \t].*)", re.DOTALL)
_RULE = re.compile(r"[ \t]*-{3,}[ \t]*\Z")
_ITEM = re.compile(r"[ \t]*([-+*]|[0-9]{1,9}[.)])([ \t]+)(?=[^ \t])")
_TASK = re.compile(r"\[([ xX])\][ \t]+(?=[^ \t])")
_DELIMITERS = re.compile(r"[ \t|:-]+\Z")
_DELIMITER = re.compile(r":?-+:?\Z")
_BAR = re.compile(r"(?<!\\)\|")
_SPACES = " \t"


def parse(text: str) -> list[Block]:
    """The tree of a text. Nothing is refused: what is no mark is text."""
    return _Blocks().parse(_LINES.split(text), 0)


class _ItemHead(NamedTuple):
    """The first line of an item: columns of its own indentation and of that of its text, which follows."""

    marker: str
    number: int | None  # None for a bullet
    indent: int
    offset: int
    text: str


class _Blocks:
    def __init__(self) -> None:
        self._left = Left(MOST_PARTS)

    def parse(self, lines: Sequence[str], depth: int) -> list[Block]:
        found: list[Block] = []
        at = 0
        while at < len(lines):
            if _is_blank(lines[at]):
                at += 1
                continue
            self._left.parts -= 1
            node, at = (
                self._block(lines, at, depth)
                if self._left.parts > 0
                else self._paragraph(lines, at, len(lines))
            )
            found.append(node)
        return found

    def _block(self, lines: Sequence[str], at: int, depth: int) -> tuple[Block, int]:
        """The block that begins in a line, and where the next one does."""
        line = lines[at]
        if heading := _HEADING.match(line):
            return Heading(len(heading[1]), self._inline(heading[2].strip(_SPACES))), at + 1
        if _RULE.match(line):
            return Rule(), at + 1
        if fence := _fence_at(lines, at):
            return _fenced(lines, at, fence[1], fence[2])
        if depth < DEEPEST and _QUOTE.match(line):
            return self._quote(lines, at, depth)
        if depth < DEEPEST and (item := _item_at(lines, at)):
            return self._list(lines, at, depth, item)
        if head := _table_head(lines, at):
            return self._table(lines, at, *head)
        end = at + 1
        while end < len(lines) and not _is_blank(lines[end]) and not _interrupts(lines, end, depth):
            end += 1
        return self._paragraph(lines, at, end)

    def _inline(self, text: str) -> list[Inline]:
        return inline(text, self._left)

    def _paragraph(self, lines: Sequence[str], at: int, end: int) -> tuple[Block, int]:
        return Paragraph(self._inline("\n".join(lines[at:end]))), end

    def _quote(self, lines: Sequence[str], at: int, depth: int) -> tuple[Block, int]:
        inside = []
        end = at
        while end < len(lines) and (quoted := _QUOTED.match(lines[end])):
            inside.append(lines[end][quoted.end() :])
            end += 1
        return Quote(self.parse(inside, depth + 1)), end

    def _list(
        self, lines: Sequence[str], at: int, depth: int, first: _ItemHead
    ) -> tuple[Block, int]:
        items = []
        item: _ItemHead | None = first
        while item is not None and item.marker == first.marker and self._left.parts > 0:
            self._left.parts -= 1
            inside, at = _item_lines(lines, at, item)
            task = _TASK.match(inside[0])
            if task:
                inside[0] = inside[0][task.end() :]
            checked = task[1] != " " if task else None
            items.append(Item(checked, self.parse(inside, depth + 1)))
            after = _after_blank(lines, at)
            item = _item_at(lines, after)
            if item is not None and item.marker == first.marker:
                at = after
            else:
                item = None
        return List(first.number, items), at

    def _table(
        self, lines: Sequence[str], at: int, head: Sequence[str], align: Sequence[Align | None]
    ) -> tuple[Block, int]:
        cost = len(head) + 1
        self._left.parts -= cost
        rows = [[self._inline(cell) for cell in head]]
        end = at + 2
        while end < len(lines) and "|" in lines[end]:
            cells = _cells_of(lines[end])
            if len(cells) > len(head) or self._left.parts < cost:
                break
            self._left.parts -= cost
            cells += [""] * (len(head) - len(cells))
            rows.append([self._inline(cell) for cell in cells])
            end += 1
        return Table(align, rows), end


def _interrupts(lines: Sequence[str], at: int, depth: int) -> bool:
    """Whether a line ends the paragraph before it. A number does only if a list begins with it."""
    line = lines[at]
    if _HEADING.match(line) or _RULE.match(line) or _fence_at(lines, at) or _table_head(lines, at):
        return True
    if depth >= DEEPEST:
        return False
    item = _item_at(lines, at)
    return bool(_QUOTE.match(line)) or (item is not None and item.number in (None, 1))


def _fence_at(lines: Sequence[str], at: int) -> re.Match[str] | None:
    """A fence has a line below it."""
    return _FENCE.match(lines[at]) if at + 1 < len(lines) else None


def _fenced(lines: Sequence[str], at: int, fence: str, info: str) -> tuple[Block, int]:
    """Code between fences; without a second one, to the end."""
    language = re.split(r"[ \t]", info.strip(_SPACES), maxsplit=1)[0]
    indent = _indent_of(lines[at])
    code = []
    for end in count(at + 1):
        if end == len(lines):
            break
        line = lines[end].strip(_SPACES)
        if len(line) >= len(fence) and line == fence[0] * len(line):
            end += 1
            break
        code.append(_unindented(lines[end], indent))
    return CodeBlock(language if _LANGUAGE.match(language) else "", "\n".join(code)), end


def _item_at(lines: Sequence[str], at: int) -> _ItemHead | None:
    if at >= len(lines) or _RULE.match(lines[at]):
        return None
    match = _ITEM.match(lines[at])
    if match is None:
        return None
    sign, space = match[1], len(match[2])
    indent = _indent_of(lines[at])
    offset = indent + len(sign) + (1 if space > 4 else space)
    number = int(sign[:-1]) if len(sign) > 1 else None
    return _ItemHead(sign[-1], number, indent, offset, lines[at][match.end() :])


def _item_lines(lines: Sequence[str], at: int, item: _ItemHead) -> tuple[list[str], int]:
    """The lines of an item without what they are indented by; those after the first are indented by two more than it."""
    inside = [item.text]
    strip = None
    end = at + 1
    while end < len(lines):
        after = _after_blank(lines, end)
        if after == len(lines) or _indent_of(lines[after]) < item.indent + 2:
            break
        if strip is None:
            strip = min(item.offset, _indent_of(lines[after]))
        inside += [""] * (after - end)
        inside.append(_unindented(lines[after], strip))
        end = after + 1
    return inside, end


def _table_head(
    lines: Sequence[str], at: int
) -> tuple[Sequence[str], Sequence[Align | None]] | None:
    """The head of a table, and how its columns are aligned, if one begins here."""
    below = lines[at + 1] if at + 1 < len(lines) else ""
    if "|" not in lines[at] or "|" not in below or not _DELIMITERS.match(below):
        return None
    head, delimiters = _cells_of(lines[at]), _cells_of(below)
    if len(head) != len(delimiters) or len(head) > MOST_COLUMNS:
        return None
    if not all(_DELIMITER.match(each) for each in delimiters):
        return None
    return head, [_align_of(each) for each in delimiters]


def _align_of(delimiter: str) -> Align | None:
    first, last = delimiter.startswith(":"), delimiter.endswith(":")
    if first and last:
        return "center"
    if last:
        return "end"
    return "start" if first else None


def _cells_of(line: str) -> list[str]:
    r"""The cells of a row, in which `\|` stands for a bar that parts none."""
    cells = _BAR.split(line.strip(_SPACES))
    if cells[0] == "":
        del cells[0]
    if len(cells) > 1 and cells[-1] == "":
        del cells[-1]
    return [cell.replace("\\|", "|").strip(_SPACES) for cell in cells]


def _after_blank(lines: Sequence[str], at: int) -> int:
    """The place of the first line from here on that is not blank."""
    while at < len(lines) and _is_blank(lines[at]):
        at += 1
    return at


def _is_blank(line: str) -> bool:
    return not line.strip(_SPACES)


def _indent_of(line: str) -> int:
    """Columns before the text of a line: a tab goes to the next multiple of four."""
    return len(line[: len(line) - len(line.lstrip(_SPACES))].expandtabs(4))


def _unindented(line: str, most: int) -> str:
    """Without the first `most` columns, as far as they are empty."""
    columns = at = 0
    while columns < most and at < len(line) and line[at] in _SPACES:
        columns += 4 - columns % 4 if line[at] == "\t" else 1
        at += 1
    return " " * (columns - most) + line[at:]
