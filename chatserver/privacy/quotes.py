"""Quotes of a person in messages that forward theirs: the text as a quote under its author's name, and then its link.

The page writes them so (`static/lib/forwarding.js`). Pure.
"""

import re
from typing import NamedTuple

GONE = "> **deleted**"  # in the place of the line with the author's name
_LINK = re.compile(r"\S*/m/([0-9a-z]+-[0-9]+)")


class Quote(NamedTuple):
    """A forwarded message: what comes before it, the lines of the quote, the link, and the id of the message."""

    before: str
    lines: list[str]
    link: str
    message: str


def quote_in(body: str) -> Quote | None:
    """The forwarded message in a text, which ends with its link; None if it forwards none."""
    quoted, _, link = body.rpartition("\n\n")
    found = _LINK.fullmatch(link.strip())
    if found is None:
        return None
    lines = quoted.split("\n")
    start = len(lines)
    while start and lines[start - 1].startswith(">"):
        start -= 1
    if start == len(lines):
        return None
    before = "".join(f"{line}\n" for line in lines[:start])
    return Quote(before, lines[start:], link, found[1])


def without_author(quote: Quote, *, keeps_text: bool) -> str:
    """The text without the name of who is quoted, and maybe without what they said."""
    kept = [GONE, *quote.lines[1:]] if keeps_text else [GONE]
    return quote.before + "\n".join(kept) + "\n\n" + quote.link
