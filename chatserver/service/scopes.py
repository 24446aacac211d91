"""What a bot's token must be for, for each operation and address of the server itself: the only place that says so.

Plugins say it with what they register (`Operation.scope`, `Route.scopes`, `GraphQLPart.scopes`). What is not named is
for people alone. `rights.py` decides with it, and once more by the right that an operation needs in a room.
"""

from collections.abc import Mapping

from chatserver.model import Scope

OPERATIONS: Mapping[str, Scope] = {
    **dict.fromkeys(("rooms", "room", "sub", "unsub", "history", "events"), Scope.READ),
    **dict.fromkeys(
        ("pins", "thread", "threads", "edits", "members", "search", "read"), Scope.READ
    ),
    **dict.fromkeys(("presence", "statuses", "commands", "complete"), Scope.READ),
    **dict.fromkeys(("send", "edit", "delete", "react", "unreact", "typing"), Scope.WRITE),
    **dict.fromkeys(("interact", "command", "status"), Scope.WRITE),
    **dict.fromkeys(("create", "change", "archive", "delete_room"), Scope.ROOMS),
    **dict.fromkeys(("join", "leave", "invite"), Scope.ROOMS),
    **dict.fromkeys(("pin", "unpin", "kick", "ban", "unban", "bans", "role"), Scope.MODERATE),
}
PEOPLE_ALONE = frozenset(
    ("auth", "ping", "preferences", "prefer", "prefer_account", "block", "unblock", "blocks")
)

_ROOM = "/api/v1/rooms/ID"
_MESSAGE = f"{_ROOM}/messages/ID"
# By the name of the address in `web/`, then by method.
ROUTES: Mapping[str, Mapping[str, Scope]] = {
    "/api/v1/me": {"get": Scope.READ},
    "/api/v1/me/status": {"put": Scope.WRITE, "delete": Scope.WRITE},
    "/api/v1/users/NAME": {"get": Scope.READ},
    "/api/v1/messages/ID": {"get": Scope.READ},
    "/api/v1/search": {"get": Scope.READ},
    "/api/v1/rooms": {"get": Scope.READ, "post": Scope.ROOMS},
    _ROOM: {"get": Scope.READ, "patch": Scope.ROOMS, "delete": Scope.ROOMS},
    f"{_ROOM}/archived": {"put": Scope.ROOMS},
    f"{_ROOM}/join": {"post": Scope.ROOMS},
    f"{_ROOM}/leave": {"post": Scope.ROOMS},
    f"{_ROOM}/members": {"get": Scope.READ, "post": Scope.ROOMS},
    f"{_ROOM}/members/ID": {"put": Scope.MODERATE, "delete": Scope.MODERATE},
    f"{_ROOM}/bans": {"get": Scope.MODERATE},
    f"{_ROOM}/bans/ID": {"put": Scope.MODERATE, "delete": Scope.MODERATE},
    f"{_ROOM}/pins": {"get": Scope.READ},
    f"{_ROOM}/read": {"put": Scope.READ},
    f"{_ROOM}/commands": {"get": Scope.READ, "post": Scope.WRITE},
    f"{_ROOM}/commands/suggestions": {"post": Scope.READ},
    f"{_ROOM}/events": {"get": Scope.READ},
    f"{_ROOM}/messages": {"get": Scope.READ, "post": Scope.WRITE},
    _MESSAGE: {"patch": Scope.WRITE, "delete": Scope.WRITE},
    f"{_MESSAGE}/reactions": {"post": Scope.WRITE, "delete": Scope.WRITE},
    f"{_MESSAGE}/interactions": {"post": Scope.WRITE},
    f"{_MESSAGE}/thread": {"get": Scope.READ},
    f"{_MESSAGE}/edits": {"get": Scope.READ},
    f"{_MESSAGE}/pin": {"put": Scope.MODERATE, "delete": Scope.MODERATE},
}
