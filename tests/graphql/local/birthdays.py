"""A plugin that adds to the GraphQL schema: when whose birthday is."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

import chatserver


class Season(Enum):
    WARM = "warm"
    COLD = "cold"


class Day(NamedTuple):
    month: int
    day_of_month: int


class Holiday(NamedTuple):
    name: str


SDL = """
extend type Query {
  "Days that are special."
  days(first: Int = 2): [Special!]!
  "A day that cannot be had."
  lostDay: Birthday
  "A day that the plugin has an accident with."
  brokenDay: Birthday
}

extend type User {
  "The user's birthday."
  birthday: Birthday!
}

"A day of which there is something to say."
union Special = Birthday | Holiday

"A day in the year."
type Birthday {
  "1 to 12."
  month: Int!
  "1 to 31."
  dayOfMonth: Int!
  "How it is then."
  season: Season!
}

"A day off."
type Holiday {
  "Why."
  name: String!
}

"How it is outside."
enum Season {
  "Warm."
  WARM
  "Cold."
  COLD
}
"""


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_graphql(self) -> Sequence[chatserver.GraphQLPart]:
        return [
            chatserver.GraphQLPart(
                name="birthdays",
                sdl=SDL,
                resolvers={
                    "Query.days": lambda parent, info, first: [Day(2, 3), Holiday("May day")][
                        :first
                    ],
                    "Query.lostDay": lost,
                    "Query.brokenDay": broken,
                    "User.birthday": birthday,
                    "Birthday.season": lambda parent, info: Season.COLD,
                },
                kinds={"Season": Season, "Birthday": Day, "Holiday": Holiday},
                costs={"Query.days": 200},
            )
        ]


async def birthday(parent: Any, info: Any) -> Day:
    user = info.context.user  # only for who is signed in
    return Day(12 if user.id == parent.id else 1, 24)


def lost(parent: Any, info: Any) -> Day:
    raise chatserver.ChatError(
        "birthdays.lost",
        "The day is lost.",
        after_ms=50,
        detail={"where": "calendar"},
        meaning=chatserver.Meaning(404, "later", "It is lost."),
    )


def broken(parent: Any, info: Any) -> Day:
    raise RuntimeError("a secret of the plugin")
