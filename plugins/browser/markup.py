"""Markup made of untrusted texts: every text that is not `Markup` is escaped."""

import unicodedata
from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode

_JOINER = "\u200d"  # joins the parts of an emoji
_UNSEEN = frozenset(("Cc", "Cf", "Co", "Cn", "Zl", "Zp"))


class Markup(str):
    """Text that goes into a page unescaped."""

    __slots__ = ()


def element(tag: str, /, *content: str, **attributes: str) -> Markup:
    """An element. In attributes' names an underscore becomes a hyphen; a final one is dropped (`class_`)."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{tag}{given}>{join(content)}</{tag}>")


def void(tag: str, /, **attributes: str) -> Markup:
    """An element without content or end tag."""
    return Markup(element(tag, **attributes).removesuffix(f"</{tag}>"))


def join(parts: Iterable[str]) -> Markup:
    """The parts, concatenated; texts that are not markup are escaped."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))


def text(value: str) -> Markup:
    """Any text, in a form that a page can show."""
    return Markup(escape(visible(value)))


def theirs(value: str, most: int = 200) -> Markup:
    """A user's text, truncated to `most` characters; its direction does not affect text around it."""
    return element("bdi", value if len(value) <= most else f"{value[:most]}…")


def time(at: str) -> Markup:
    """A time in the format of events."""
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
    """The text, with invisible characters and direction marks replaced by their names."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(_shown(char) for char in value)


def _shown(char: str) -> str:
    if char in ("\n", _JOINER) or unicodedata.category(char) not in _UNSEEN:
        return char
    return ascii(char)[1:-1]
