"""The marks within a line of a formatted text: code, emphasis, spoilers, links.

The page's parser is static/lib/inline.js; tests/formatting holds both to the same trees. The time is linear in the length
of the text: each character is looked at a bounded number of times.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatserver.formatting.addresses import SPACES, address_at, host_of
from chatserver.formatting.tree import Code, Em, Inline, Link, Spoiler, Strike, Strong, Text

_MARK = re.compile(r"[\\`*_~|\[]|https?://", re.ASCII | re.IGNORECASE)
_BRACKET = re.compile(rf'[\\`\[\]()]|[{SPACES}<>"]')
_TICKS = re.compile("`+")
_ESCAPABLE = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_SPACE = " \t\n\u00a0\u3000"
_ALNUM = re.compile("[0-9A-Za-z]")
# Of words, as far as `_` and the names of hosts are concerned.
_WORDS = (
    "0-9A-Za-z\u00aa\u00b5\u00ba\u00c0-\u1fff\u2c00-\u2dff\u3041-\ufefe\uff10-\uff19\uff21-\uff3a"
    "\uff41-\uff5a\uff66-\uffdc\U00010000-\U0010ffff"
)
_WORD = re.compile(f"[{_WORDS}]")
_NO_HOST = re.compile(f"[^{_WORDS}.．-]+")
_IN_HOST = re.compile(r"[^.．][.．][^0-9.．][^.．]+\Z")
_SHRUG = r"¯\_(ツ)_/¯"  # as it is known, whatever its backslash would mean
_KINDS: dict[str, type[Em | Strong | Strike | Spoiler]] = {
    "*": Em,
    "_": Em,
    "**": Strong,
    "~~": Strike,
    "||": Spoiler,
}


class Left:
    """How many nodes but texts may still be made of a body; when none is left, the rest is text."""

    __slots__ = ("parts",)

    def __init__(self, parts: int) -> None:
        self.parts = parts


class _Open(NamedTuple):
    mark: str
    at: int  # the place of its text among the nodes


class _LinkEnd(NamedTuple):
    middle: int  # the place of `](`
    end: int  # of the last parenthesis


def inline(text: str, left: Left, in_link: bool = False) -> list[Inline]:
    return _Line(text, left, in_link).parse()


class _Line:
    def __init__(self, text: str, left: Left, in_link: bool) -> None:
        self._text, self._left, self._in_link = text, left, in_link
        self._code_end = _code_ends(text)
        self._links = {} if in_link or "](" not in text else _link_ends(text)
        self._nodes: list[Inline] = []
        self._open: list[_Open] = []  # marks that may be closed, at most one of each kind
        self._at = 0
        self._said = 0  # up to here, all is in the nodes

    def parse(self) -> list[Inline]:
        while self._left.parts > 0:
            found = _MARK.search(self._text, self._at)
            if found is None:
                break
            self._at = found.start()
            self._read(self._text[self._at])
        self._say(len(self._text))
        return _merged(self._nodes)

    def _read(self, mark: str) -> None:
        if mark == "\\":
            self._escape()
        elif mark == "`":
            self._code()
        elif mark == "[":
            self._link()
        elif mark in "*_~|":
            self._marks(mark, _run_at(self._text, self._at))
        else:
            self._address()

    def _say(self, end: int) -> None:
        """Text up to here, which the next node follows."""
        if end > self._said:
            self._nodes.append(Text(self._text[self._said : end]))
        self._said = end

    def _put(self, node: Inline, end: int) -> None:
        """A node that takes the place of the text from here to `end`."""
        self._say(self._at)
        self._nodes.append(node)
        self._at = self._said = end

    def _escape(self) -> None:
        if self._at and self._text.startswith(_SHRUG, self._at - 1):
            self._at += len(_SHRUG) - 2
        elif self._text[self._at + 1 : self._at + 2] in _ESCAPABLE:
            self._say(self._at)
            self._said += 1
            self._at += 1
        self._at += 1

    def _code(self) -> None:
        size = _run_at(self._text, self._at)
        start = self._at + size
        end = self._code_end(start, size)
        if end < 0:
            self._at = start
            return
        self._left.parts -= 1
        self._put(Code(_unpadded(self._text[start:end])), end + size)

    def _link(self) -> None:
        link = self._links.get(self._at)
        href = self._text[link.middle + 2 : link.end] if link else ""
        host = host_of(href)
        said = self._text[self._at + 1 : link.middle] if link else ""
        if link is None or host is None or not said.strip(_SPACE):
            self._at += 1
            return
        self._left.parts -= 1
        children = inline(said, self._left, True)
        shown = text_of(children)
        elsewhere = shown != href and _looks_elsewhere(shown, host)
        self._put(Link(href, children, elsewhere), link.end + 1)

    def _address(self) -> None:
        end, address = address_at(self._text, self._at)
        if not address or self._in_link:
            self._at = end
            return
        self._left.parts -= 1
        self._put(Link(address, [Text(address)], False), self._at + len(address))

    def _marks(self, mark: str, size: int) -> None:
        """`size` marks in a row close what they can, and open what is left of them."""
        start, end = self._at, self._at + size
        self._at = end
        if not (mark == "*" and size == 3) and mark * size not in _KINDS:
            return
        before, after = self._text[start - 1 : start] or " ", self._text[end : end + 1] or " "
        self._say(start)
        closes = before not in _SPACE and not (mark == "_" and _WORD.match(after))
        rest = self._close(mark, size) if closes else size
        self._said = end - rest
        if mark == "_":
            in_word = _WORD.match(before) is not None
        else:
            in_word = mark * size == "*" and bool(_ALNUM.match(before) and _ALNUM.match(after))
        if rest == 0 or in_word or after in _SPACE:
            return
        for part in ("*", "**") if rest == 3 else (mark * rest,):
            self._open = [each for each in self._open if each.mark != part]
            self._open.append(_Open(part, len(self._nodes)))
            self._say(self._said + len(part))

    def _close(self, mark: str, size: int) -> int:
        """How many of the marks are left when as many as possible have closed something."""
        rest = size
        while self._left.parts > 0:
            fitting = (
                place
                for place in reversed(range(len(self._open)))
                if self._open[place].mark[0] == mark and len(self._open[place].mark) <= rest
            )
            place = next(fitting, None)
            if place is None:
                break
            closed, at = self._open[place]
            del self._open[place:]
            self._left.parts -= 1
            inside = self._nodes[at + 1 :]
            del self._nodes[at:]
            self._nodes.append(_KINDS[closed](_merged(inside)))
            rest -= len(closed)
        return rest


def _run_at(text: str, start: int) -> int:
    """How many of the same character stand in a row."""
    end = start + 1
    while end < len(text) and text[end] == text[start]:
        end += 1
    return end - start


def _code_ends(text: str) -> Callable[[int, int], int]:
    """A function that finds the next run of `size` backticks from a place on, -1 if there is none. Places may only grow."""
    runs: dict[int, list[int]] = {}
    for match in _TICKS.finditer(text):
        runs.setdefault(len(match[0]), []).append(match.start())
    for places in runs.values():
        places.reverse()

    def code_end(start: int, size: int) -> int:
        places = runs.get(size, [])
        while places and places[-1] < start:
            places.pop()
        return places[-1] if places else -1

    return code_end


def _link_ends(text: str) -> dict[int, _LinkEnd]:
    """Where `[…](…)` may be, by the place of its first bracket."""
    code_end = _code_ends(text)
    found: dict[int, _LinkEnd] = {}
    brackets: list[int] = []
    # Places, and of what may be a link the place where it begins, else -1.
    parentheses: list[tuple[int, int]] = []
    closed = first = -1  # the places of the last `]` and of its `[`
    barred = -1  # the last place of what no address has
    start = 0
    while (match := _BRACKET.search(text, start)) is not None:
        at, mark = match.start(), match[0]
        start = at + 1
        if mark == "[":
            brackets.append(at)
        elif mark == "]":
            closed, first = at, brackets.pop() if brackets else -1
        elif mark == "(":
            is_link = closed == at - 1 and first < closed - 1
            parentheses.append((at, first if is_link else -1))
        elif mark == ")":
            opened, link = parentheses.pop() if parentheses else (-1, -1)
            if link >= 0 and barred < opened:
                found[link] = _LinkEnd(opened - 1, at)
        else:
            barred = at
            if mark == "\\":
                start += 1
            elif mark == "`":
                start = _after_code(text, at, code_end)
    return found


def _after_code(text: str, at: int, code_end: Callable[[int, int], int]) -> int:
    """Where a span of code that begins at a place ends; without an end, only its first marks are left behind."""
    size = _run_at(text, at)
    end = code_end(at + size, size)
    return (at if end < 0 else end) + size


def _unpadded(code: str) -> str:
    """As CommonMark has it: code that has a space at both ends loses these."""
    padded = code.startswith(" ") and code.endswith(" ") and code.strip(" ") != ""
    return code[1:-1] if padded else code


def _looks_elsewhere(text: str, host: str) -> bool:
    """Whether a text names a host that is not this one."""
    known = {host, f"www.{host}"}
    return any(
        _IN_HOST.search(part) and part not in known and f"www.{part}" != host
        for part in _NO_HOST.split(text)
    )


def text_of(nodes: Sequence[Inline]) -> str:
    """The text of nodes, as if they had no marks."""
    return "".join(
        node.text if isinstance(node, Text | Code) else text_of(node.children) for node in nodes
    )


def _merged(nodes: Sequence[Inline]) -> list[Inline]:
    """Texts that stand side by side are one."""
    found: list[Inline] = []
    texts: list[str] = []  # not in `found` yet
    for node in nodes:
        if isinstance(node, Text):
            texts.append(node.text)
            continue
        if texts:
            found.append(Text("".join(texts)))
            texts = []
        found.append(node)
    if texts:
        found.append(Text("".join(texts)))
    return found
