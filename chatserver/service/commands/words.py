"""The text of a command: its name, and words behind it, which may stand in quotes.

Words are separated by blanks. A word in "double quotes", straight or curly as phones type them, may hold
blanks; `\\` in front of a sign within straight quotes takes that sign as it is.
"""

import re
from typing import NamedTuple

_HEAD = re.compile(r"/(\S+)\s*")
_WORD = re.compile(
    r'\s*(?:"(?P<straight>(?:[^"\\]|\\.)*)(?P<end>"?)|“(?P<curly>[^”]*)(?P<close>”?)|(?P<bare>\S+))',
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Call(NamedTuple):
    """A command's name, in lower case, and the text behind it, which begins at `start`."""

    name: str
    text: str
    start: int


class Word(NamedTuple):
    """A word without its quotes, and its place in the text. `is_open`: the end of its quotes is missing."""

    value: str
    start: int
    end: int
    is_open: bool


def called(text: str) -> Call | None:
    """The call in the text of a command; None for a text that is none."""
    head = _HEAD.match(text)
    if head is None:
        return None
    return Call(head[1].casefold(), text[head.end() :].rstrip(), head.end())


def word_at(text: str, place: int) -> Word | None:
    """The first word at or behind a place of the text; None if nothing is left."""
    found = _WORD.match(text, place)
    if found is None:
        return None
    if found["bare"] is not None:
        return Word(found["bare"], found.start("bare"), found.end(), False)
    if found["curly"] is not None:
        return Word(found["curly"], found.start("curly") - 1, found.end(), not found["close"])
    value = _ESCAPED.sub(r"\1", found["straight"])
    return Word(value, found.start("straight") - 1, found.end(), not found["end"])


def quoted(value: str) -> str:
    """The value as one word of a text."""
    if value and not re.search(r'\s|^["“]', value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
