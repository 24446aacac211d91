"""A plugin that leaves out rooms with "secret" in their name and users whose names begin with "ghost", and takes the word "hush" from searches."""

import json
from collections.abc import Collection, Sequence

import msgspec

import chatserver


class Look(msgspec.Struct, frozen=True):
    room: chatserver.Room


class Meet(msgspec.Struct, frozen=True):
    who: chatserver.User


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.calls: list[list[object]] = []

    @chatserver.hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        return [chatserver.Route(path="/curtain", get=self._tell)]

    @chatserver.hookimpl
    def register_commands(self) -> list[chatserver.Command]:
        return [
            chatserver.Command(name="look", about="Look there.", arguments=Look, run=self._look),
            chatserver.Command(name="meet", about="Meet them.", arguments=Meet, run=self._meet),
        ]

    async def _look(self, invocation: chatserver.Invocation[Look]) -> None:
        return None

    async def _meet(self, invocation: chatserver.Invocation[Meet]) -> None:
        return None

    async def _tell(self, request: chatserver.Request) -> chatserver.Reply:
        calls, self.calls = self.calls, []
        return chatserver.Reply(body=json.dumps(calls).encode())

    @chatserver.hookimpl
    async def filter_rooms(
        self, rooms: Sequence[chatserver.FoundRoom], user: chatserver.User, via: str
    ) -> Collection[str] | None:
        self.calls.append(["rooms", user.username, via])
        return [room.id for room in rooms if "secret" in (room.name or "")]

    @chatserver.hookimpl
    def filter_users(
        self, users: Sequence[chatserver.FoundUser], user: chatserver.User, via: str
    ) -> Collection[str] | None:
        self.calls.append(["users", user.username, via])
        return [each.id for each in users if each.name.startswith("ghost")]

    @chatserver.hookimpl
    async def filter_search(
        self, query: chatserver.SearchQuery, user: chatserver.User, via: str
    ) -> chatserver.SearchQuery | chatserver.Refusal | None:
        self.calls.append(["search", user.username, via])
        if query.text == "forbidden":
            return chatserver.Refusal("Nobody looks for that.")
        return msgspec.structs.replace(query, text=query.text.replace("hush", "tea"))
