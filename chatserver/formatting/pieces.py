"""A text in pieces that a program may translate: what is no prose is kept back, and marks stay around their words."""

import re
from collections.abc import Iterator, Sequence
from html import unescape

import msgspec

from chatserver.formatting.blocks import parse
from chatserver.formatting.tree import Block, Code, Em, Inline, Link, Spoiler, Strike, Strong, Text
from chatserver.formatting.writing import is_bare, to_text, with_lines

_SIGNS = (
    "[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
    "[\ufe0f\u200d\u2600-\u27bf\U0001f000-\U0001faff\U000e0020-\U000e007f]*"
)
# Names of people and emoji, emoji, and what markup is made of.
_KEPT = re.compile(rf"(@[\w.-]*\w|:[a-z0-9_+-]+:|{_SIGNS}|[<>&]+)")
_TAG = re.compile(r"""<(/?)(span|code)\b(?:[^<>]*?\bid\s*=\s*["']?([0-9]{1,4})\b)?[^<>]*>""")
_LETTER = re.compile(r"[^\W\d_]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class _Unclear(Exception):
    """Markup came back with an element missing, twice, or not closed."""


class BodyPieces:
    """The lines of a message's body that have words, as HTML, to be translated one by one.

    `texts` have the elements `<span id="…">` for marks and links, and `<code id="…" translate="no">` in place of code,
    addresses, names behind `@` and emoji, whose own text is not among them. Without `is_markup` there is no element
    in any of them, so they are plain text.
    """

    def __init__(self, body: str) -> None:
        self._blocks = parse(body)
        self._lines: list[_Line] = []
        for block in self._blocks:
            with_lines(block, self._collect)
        self._asked = [line for line in self._lines if line.has_words]
        self.texts: Sequence[str] = [line.markup for line in self._asked]
        self.is_markup = any("<" in text for text in self.texts)

    def filled(self, texts: Sequence[str]) -> str:
        """The body with these in place of `texts`, in the same order, formatted as it was.

        A line whose elements did not all come back, each once, stays as it was. Whatever the texts say, they make no
        other marks, links or blocks. Raises `ValueError` for another number of texts.
        """
        if len(texts) != len(self._asked):
            raise ValueError(f"expected {len(self._asked)} texts, not {len(texts)}")
        for line, text in zip(self._asked, texts, strict=True):
            line.translate(text)
        lines = iter(self._lines)
        return to_text([self._with(block, lines) for block in self._blocks])

    def _collect(self, nodes: Sequence[Inline]) -> Sequence[Inline]:
        self._lines += [_Line(part) for part in _split(nodes)]
        return nodes

    @staticmethod
    def _with(block: Block, lines: Iterator["_Line"]) -> Block:
        def change(nodes: Sequence[Inline]) -> Sequence[Inline]:
            found: list[Inline] = []
            for number, _ in enumerate(_split(nodes)):
                found += [*([Text("\n")] if number else []), *next(lines).nodes]
            return found

        return with_lines(block, change)


class _Line:
    """One line as markup. `nodes` are those that it has now."""

    def __init__(self, nodes: Sequence[Inline]) -> None:
        self.nodes = list(nodes)
        self._elements: list[Inline] = []
        self.has_words = False
        markup = self._markup(nodes)
        self.markup = markup.strip()
        self._before, self._after = markup.split(self.markup, 1) if self.markup else (markup, "")

    def translate(self, markup: str) -> None:
        """Take this in place of the markup, unless elements are missing."""
        try:
            nodes = self._read(markup)
        except _Unclear:
            return
        self.nodes = [Text(self._before), *nodes, Text(self._after)]

    def _markup(self, nodes: Sequence[Inline]) -> str:
        return "".join(map(self._node, nodes))

    def _node(self, node: Inline) -> str:
        match node:
            case Text():
                return self._text(node.text)
            case Code():
                return self._kept(node)
            case Link() if is_bare(node):
                return self._kept(node)
        number = self._number(node)
        return f'<span id="{number}">{self._markup(node.children)}</span>'

    def _text(self, text: str) -> str:
        parts = _KEPT.split(text)
        self.has_words = self.has_words or any(map(_LETTER.search, parts[::2]))
        return "".join(
            self._kept(Text(part)) if place % 2 else part for place, part in enumerate(parts)
        )

    def _kept(self, node: Inline) -> str:
        number = self._number(node)
        return f'<code id="{number}" translate="no">{number}</code>'

    def _number(self, node: Inline) -> int:
        self._elements.append(node)
        return len(self._elements) - 1

    def _read(self, markup: str) -> list[Inline]:
        """The nodes of markup that came back. Raises `_Unclear`."""
        left = dict(enumerate(self._elements))
        inside: list[list[Inline]] = [[]]  # of the line, and of each open element
        opened: list[tuple[str, Inline]] = []
        at = 0
        for tag in _TAG.finditer(markup):
            closes, name, number = tag.groups()
            inside[-1].append(_text_of(markup[at : tag.start()]))
            at = tag.end()
            if not closes:
                element = left.pop(int(number), None) if number else None
                if element is None:
                    raise _Unclear
                opened.append((name, element))
                inside.append([])
            elif opened and opened[-1][0] == name:
                children = inside.pop()
                inside[-1] += _closed(*opened.pop(), children)
            else:
                raise _Unclear
        if left or opened:
            raise _Unclear
        inside[-1].append(_text_of(markup[at:]))
        return inside[-1]


def _closed(name: str, element: Inline, children: Sequence[Inline]) -> Sequence[Inline]:
    """An element as a node, with the blanks at the edges of its text around it.

    Raises `_Unclear` if it came back as one of another kind, or without a text.
    """
    if name == "code":
        return [element]
    if not isinstance(element, Em | Strong | Strike | Spoiler | Link):
        raise _Unclear
    inside = list(children)
    first = inside[0]
    assert isinstance(first, Text)  # as is the last: elements stand between texts
    inside[0] = head = Text(first.text.lstrip())
    last = inside[-1]
    assert isinstance(last, Text)
    inside[-1] = tail = Text(last.text.rstrip())
    if len(inside) == 1 and not tail.text:
        raise _Unclear
    before = Text(first.text[: len(first.text) - len(head.text)])
    after = Text(last.text[len(tail.text) :])
    return [before, msgspec.structs.replace(element, children=inside), after]


def _text_of(markup: str) -> Text:
    """A text without elements, on one line."""
    return Text(_CONTROL.sub(" ", unescape(markup)))


def _split(nodes: Sequence[Inline]) -> list[list[Inline]]:
    """The lines of nodes, parted where a text breaks outside of any mark."""
    lines: list[list[Inline]] = [[]]
    for node in nodes:
        if not isinstance(node, Text):
            lines[-1].append(node)
            continue
        first, *others = node.text.split("\n")
        lines[-1].append(Text(first))
        lines += [[Text(text)] for text in others]
    return lines
