"""Writes a tree as a text with marks: what `parse` makes of the text is the tree again."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from chatserver.formatting.blocks import parse
from chatserver.formatting.plain import to_plain
from chatserver.formatting.tree import (
    Block,
    Code,
    CodeBlock,
    Em,
    Heading,
    Inline,
    Item,
    Link,
    List,
    Paragraph,
    Quote,
    Rule,
    Spoiler,
    Strike,
    Strong,
    Table,
    Text,
)

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_MARKS = re.compile(r"[\\`*~|\[]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_LINE_START = re.compile(
    r"^([ \t]*(?:[0-9]{1,9}(?=[.)][ \t])|(?=>|#{1,3}[ \t]|[+-][ \t]|---)))", re.MULTILINE
)
_SIGNS = {Em: "*", Strong: "**", Strike: "~~", Spoiler: "||"}
_EDGES = re.compile(r"([ \t\n\u00a0\u3000]*)(.*?)([ \t\n\u00a0\u3000]*)\Z", re.DOTALL)
_DELIMITER = {"start": ":--", "center": ":-:", "end": "--:", None: "---"}


def to_text(blocks: Sequence[Block]) -> str:
    """A text with this tree. Where marks cannot be written as they stand, as in `re*al*ly`, a block goes without."""
    lines: list[str] = []
    before: Block | None = None
    for block, is_second in _turns(blocks):
        written = _block_text(block, is_second=is_second)
        if isinstance(before, List):  # or it would belong to the last item
            written[0] = written[0].lstrip(" \t")
        lines += [*([""] if lines else []), *written]
        before = block
    return "\n".join(lines)


def _block_text(block: Block, *, is_second: bool) -> list[str]:
    """The lines of a block, with as few backslashes as it can be written with."""
    plain = _unmarked(block)
    for wanted, writer in (
        (block, _Writer(_escaped, bare_links=True)),
        (block, _Writer(_escaped, bare_links=False)),
        (block, _Writer(_all_escaped, bare_links=False)),
        (plain, _Writer(_all_escaped, bare_links=False)),
    ):
        lines = writer.block(wanted, is_second=is_second)
        if shape_of(parse("\n".join(lines))) == shape_of([wanted]):
            return lines
    return _all_escaped(to_plain([block])).split("\n")


class _Writer:
    """Writes blocks as lines. `escape` takes the meaning away from what is text alone.

    With `bare_links` an address stands as it is, else between brackets, so that what follows does not become part of it.
    """

    def __init__(self, escape: Callable[[str], str], *, bare_links: bool) -> None:
        self._escape, self._bare_links = escape, bare_links

    def block(self, node: Block, *, is_second: bool = False) -> list[str]:
        """`is_second`: a list of the same kind stands before it, which this is not to continue."""
        match node:
            case Heading():
                return [f"{'#' * node.level} {self._inline(node.children)}"]
            case CodeBlock():
                fence = _longer_than_any("`", node.text, 3)
                return [fence + node.language, *node.text.split("\n"), fence]
            case Rule():
                return ["---"]
            case Quote():
                return [f"> {line}" if line else ">" for line in self._blocks(node.children)]
            case List():
                return self._list(node, is_second)
            case Table():
                head, *rows = [self._row(row) for row in node.rows]
                delimiters = "|".join(_DELIMITER[align] for align in node.align)
                return [head, f"|{delimiters}|", *rows]
        text = self._inline(node.children)
        return _LINE_START.sub(r"\1\\", text).split("\n")

    def _blocks(self, nodes: Sequence[Block]) -> list[str]:
        lines: list[str] = []
        for node, is_second in _turns(nodes):
            lines += [*([""] if lines else []), *self.block(node, is_second=is_second)]
        return lines

    def _list(self, node: List, is_second: bool) -> list[str]:
        lines = []
        for place, item in enumerate(node.items):
            if node.start is None:
                sign = "* " if is_second else "- "
            else:
                sign = f"{node.start + place}{')' if is_second else '.'} "
            first, *rest = self._item(item) or [""]
            indent = " " * len(sign)
            lines += [sign + first, *(f"{indent}{line}" if line else "" for line in rest)]
        return lines

    def _item(self, item: Item) -> list[str]:
        lines = self._blocks(item.children) or [""]
        if item.checked is not None:
            lines[0] = f"[{'x' if item.checked else ' '}] {lines[0]}"
        return lines

    def _row(self, cells: Sequence[Sequence[Inline]]) -> str:
        return f"|{'|'.join(self._inline(cell).replace('|', chr(92) + '|') for cell in cells)}|"

    def _inline(self, nodes: Sequence[Inline]) -> str:
        return "".join(map(self._node, nodes))

    def _node(self, node: Inline) -> str:
        match node:
            case Text():
                return self._escape(node.text)
            case Code():
                return _code(node.text)
            case Link():
                if is_bare(node):
                    return node.href if self._bare_links else f"[{node.href}]({node.href})"
                return f"[{self._inline(node.children)}]({node.href})"
        sign = _SIGNS[type(node)]
        edges = _EDGES.match(self._inline(node.children))
        assert edges is not None  # any text matches
        before, text, after = edges.groups()
        return f"{before}{sign}{text}{sign}{after}" if text else before + after


def is_bare(node: Link) -> bool:
    """Whether a link is an address that stands as it is."""
    return list(node.children) == [Text(node.href)]


def _code(text: str) -> str:
    ticks = _longer_than_any("`", text, 1)
    padded = text.startswith((" ", "`")) or text.endswith((" ", "`"))
    return f"{ticks} {text} {ticks}" if padded and text.strip(" ") else f"{ticks}{text}{ticks}"


def _longer_than_any(mark: str, text: str, least: int) -> str:
    """A row of marks that is longer than each in the text."""
    longest = max(map(len, re.findall(f"{mark}+", text)), default=0)
    return mark * max(least, longest + 1)


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\g<0>", text)


def _all_escaped(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\g<0>", text)


def _turns(blocks: Sequence[Block]) -> Iterator[tuple[Block, bool]]:
    """Blocks, and whether each is a list that needs another sign than the one before it, of the same kind."""
    before: Block | None = None
    is_second = False
    for block in blocks:
        is_alike = (
            isinstance(before, List)
            and isinstance(block, List)
            and (before.start is None) == (block.start is None)
        )
        is_second = is_alike and not is_second
        yield block, is_second
        before = block


def _unmarked(block: Block) -> Block:
    """The block without emphasis; what is hidden stays so."""

    def plain(nodes: Sequence[Inline]) -> list[Inline]:
        found: list[Inline] = []
        for node in nodes:
            match node:
                case Em() | Strong() | Strike():
                    found += plain(node.children)
                case Spoiler() | Link():
                    found.append(msgspec.structs.replace(node, children=plain(node.children)))
                case _:
                    found.append(node)
        return found

    return with_lines(block, plain)


def with_lines(block: Block, change: Callable[[Sequence[Inline]], Sequence[Inline]]) -> Block:
    """The block with each run of inline nodes changed by a function, in the order in which they stand."""
    match block:
        case CodeBlock() | Rule():
            return block
        case Paragraph() | Heading():
            return msgspec.structs.replace(block, children=change(block.children))
        case Quote():
            return Quote([with_lines(child, change) for child in block.children])
        case List():
            items = [
                Item(item.checked, [with_lines(child, change) for child in item.children])
                for item in block.items
            ]
            return List(block.start, items)
    return Table(block.align, [[change(cell) for cell in row] for row in block.rows])


def shape_of(nodes: Sequence[Block]) -> Any:
    """What two trees have in common that are shown alike, but for where a link says that it leads elsewhere."""
    return _normal(msgspec.to_builtins(nodes))


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _normal(part) for name, part in value.items() if name != "elsewhere"}
    if not isinstance(value, list | tuple):
        return value
    found: list[Any] = []
    for part in map(_normal, value):
        is_text = isinstance(part, dict) and part.get("kind") == "text"
        if is_text and not part["text"]:
            continue
        if is_text and found and isinstance(found[-1], dict) and found[-1].get("kind") == "text":
            found[-1] = {"kind": "text", "text": found[-1]["text"] + part["text"]}
        else:
            found.append(part)
    return found
