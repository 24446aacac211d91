"""Reads and checks the query string of a page's address."""

from collections.abc import Mapping

from chatserver import ChatError

MOST_CHARACTERS = 256  # of an id or a name; longer ones do not exist
MOST = 2**53


def word(query: Mapping[str, str], name: str) -> str:
    """An id or a name; empty if it is missing. Raises `ChatError` request.invalid."""
    value = query.get(name, "")
    if len(value) > MOST_CHARACTERS:
        raise ChatError("request.invalid", f"{name} has at most {MOST_CHARACTERS} characters.")
    return value


def number(query: Mapping[str, str], name: str) -> int | None:
    """A number of at least 0; None if it is missing. Raises `ChatError` request.invalid."""
    value = query.get(name, "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or int(value[:17]) > MOST or len(value) > 17:
        raise ChatError("request.invalid", f"{name}: expected a whole number of at least 0.")
    return int(value)
