"""The directory in the GraphQL schema."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, GraphQLPart, Scope, User
from chatserver_plugins.directory.desk import PAGE, Asked, Desk, ListPage

SDL = '''
extend type Query {
  """
  The people of the server by name: first those whose name begins with the text, then those of whom another word does.
  A page may have nobody, and yet `hasNextPage`. By default not for guests.
  """
  directory(
    "Only people with a word in their names that begins with each word of this; at most 100 characters."
    text: String = ""
    "Number of items, at most 50."
    first: Int = 50
    "The cursor after which the page begins."
    after: String
  ): PersonConnection
}

"A page of people."
type PersonConnection {
  "The people with their cursors."
  edges: [PersonEdge!]!
  "The people alone."
  nodes: [User!]!
  "The place of the page in the list."
  pageInfo: PageInfo!
}

"A person in a list."
type PersonEdge {
  "Their place."
  cursor: String!
  "The person."
  node: User!
}
'''


class Edge(NamedTuple):
    """A `PersonEdge`."""

    cursor: str
    node: User


class Place(NamedTuple):
    """A `PageInfo`."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class Connection(NamedTuple):
    """A `PersonConnection`."""

    edges: list[Edge]
    nodes: list[User]
    page_info: Place


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def directory(
        parent: object,
        info: Any,
        text: str | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Connection:
        given = {"text": text, "limit": first, "after": after}
        try:
            asked = msgspec.convert({k: v for k, v in given.items() if v is not None}, Asked)
        except msgspec.ValidationError as error:
            raise ChatError("request.invalid", str(error).replace("$.limit", "$.first")) from error
        return _connection(await desk().page(info.context.user, asked), after)

    return GraphQLPart(
        name="directory",
        sdl=SDL,
        resolvers={"Query.directory": directory},
        costs={"Query.directory": 20},
        lengths={"Query.directory": PAGE},
        scopes={"Query.directory": Scope.READ},
    )


def _connection(page: ListPage, after: str | None) -> Connection:
    edges = [Edge(each.place, each.user) for each in page.found]
    last = edges[-1].cursor if edges else None
    place = Place(
        has_next_page=page.after is not None,
        has_previous_page=bool(after),
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=page.after or last,
    )
    return Connection(edges, [each.user for each in page.found], place)
