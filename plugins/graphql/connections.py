"""Pages of long lists, as in the Relay specification (https://relay.dev/graphql/connections.htm)."""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chatserver import ChatError

CURSOR_CHARS = 400  # our cursors are shorter; longer ones are not decoded


class Edge(NamedTuple):
    cursor: str
    node: Any


class PageInfo(NamedTuple):
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class Connection(NamedTuple):
    nodes: Sequence[Any]
    key: Callable[[Any], str]  # the place of a node, which its cursor encodes
    page_info: PageInfo
    partial: bool = False  # in a search, if the index is still being built

    @property
    def edges(self) -> list[Edge]:
        """Made when they are asked for: most clients want the nodes alone."""
        return [Edge(cursor(self.key(node)), node) for node in self.nodes]


def page(
    items: Sequence[Any], first: int, key: Callable[[Any], str], *, after: str | None
) -> Connection:
    """A page of `first` items. `items` are those after the cursor, plus one if there are more.

    `key` returns an item's place, which its cursor encodes.
    """
    shown = items[:first]
    info = PageInfo(len(items) > first, after is not None, *ends(shown, key))
    return Connection(shown, key, info)


def ends(shown: Sequence[Any], key: Callable[[Any], str]) -> tuple[str | None, str | None]:
    """The cursors of the first and the last item."""
    if not shown:
        return None, None
    return cursor(key(shown[0])), cursor(key(shown[-1]))


def page_until(
    shown: Sequence[Any], end: str | None, key: Callable[[Any], str], *, after: str | None
) -> Connection:
    """A page of these items; `end` is the place behind which the next page begins, if there may be more.

    `end` may be behind the last item, if the items in between did not match.
    """
    whole = page(shown, len(shown), key, after=after)
    if end is None:
        return whole
    return whole._replace(
        page_info=whole.page_info._replace(has_next_page=True, end_cursor=cursor(end))
    )


def page_back_until(
    shown: Sequence[Any], start: str | None, key: Callable[[Any], str], *, before: str | None
) -> Connection:
    """A page of these items, the last ones before a cursor; `start` is the place before which the page before ends,
    if there may be one.
    """
    whole = page(shown, len(shown), key, after=None)
    info = whole.page_info._replace(has_next_page=before is not None)
    if start is not None:
        info = info._replace(has_previous_page=True, start_cursor=cursor(start))
    return whole._replace(page_info=info)


def cursor(place: str) -> str:
    """An opaque text that encodes a place."""
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place(given: str | None, name: str = "after") -> str | None:
    """The position that a cursor, the argument `name`, encodes. Raises `ChatError` request.invalid."""
    if given is None:
        return None
    try:
        if len(given) > CURSOR_CHARS:
            raise ValueError
        padded = given.encode("ascii") + b"=" * (-len(given) % 4)
        found = b64decode(padded, altchars=b"-_", validate=True).decode()
        if not found or cursor(found) != given:
            raise ValueError
    except (Error, ValueError) as error:
        raise no_cursor(name) from error
    return found


def id_place(given: str | None, name: str = "after") -> str | None:
    """The id that a cursor encodes, for lists ordered by id. Raises `ChatError` request.invalid."""
    found = place(given, name)
    if found is not None and not (found.isascii() and found.isalnum()):
        raise no_cursor(name)
    return found


def no_cursor(name: str) -> ChatError:
    return ChatError("request.invalid", f"{name}: this is not a cursor of such a list.")
