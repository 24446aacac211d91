"""Markup that is made of texts which may hold anything: whatever is not `Markup` yet is escaped."""

import unicodedata
from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode

_JOINER = "\u200d"  # holds the parts of an emoji together
_UNSEEN = frozenset(("Cc", "Cf", "Co", "Cn", "Zl", "Zp"))


class Markup(str):
    """Text that goes into a page as it stands."""

    __slots__ = ()


def element(tag: str, /, *content: str, **attributes: str) -> Markup:
    """An element. In attributes' names an underscore is a hyphen, and none at the end (`class_`)."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{tag}{given}>{join(content)}</{tag}>")


def void(tag: str, /, **attributes: str) -> Markup:
    """An element that has no content and no end."""
    return Markup(element(tag, **attributes).removesuffix(f"</{tag}>"))


def join(parts: Iterable[str]) -> Markup:
    """The parts one behind the other; what is no markup is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))


def text(value: str) -> Markup:
    """A text as a page shows it, whatever is in it."""
    return Markup(escape(visible(value)))


def theirs(value: str, most: int = 200) -> Markup:
    """A text of a user, cut off where it is long; its direction turns nothing around it."""
    return element("bdi", value if len(value) <= most else f"{value[:most]}…")


def time(at: str) -> Markup:
    """A time as events have it."""
    return element("time", at)


def link(shown: str, address: str, **query: str) -> Markup:
    """A link; `query` is its query string."""
    return element("a", shown, href=f"{address}?{urlencode(query)}" if query else address)


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Markup:
    """A table with a line of headings."""
    head = element("tr", *(element("th", heading) for heading in headings))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element("table", element("thead", head), element("tbody", *body))


def visible(value: str) -> str:
    """The text with what nobody would see, or what turns the direction of the rest, spelled out."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(_shown(char) for char in value)


def _shown(char: str) -> str:
    if char in ("\n", _JOINER) or unicodedata.category(char) not in _UNSEEN:
        return char
    return ascii(char)[1:-1]
