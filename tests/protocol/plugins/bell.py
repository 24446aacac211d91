"""Tells clients what its operation says."""

import msgspec

import chatserver


class Ring(msgspec.Struct, frozen=True):
    name: str = "rung"
    letters: int = 1
    user: str | None = None
    companions: bool = False
    room: str | None = None
    roles: list[chatserver.ServerRole] = msgspec.field(default_factory=list)


class Plugin:
    powers = chatserver.Powers(
        service=(
            *("hub.tell_companions", "hub.tell_everybody", "hub.tell_room", "hub.tell_user"),
            "rooms.get",
        )
    )

    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_operations(self, context: chatserver.Context) -> list[chatserver.Operation]:
        async def ring(user: chatserver.User, ring: Ring) -> object:
            room = await context.service.rooms.get(ring.room) if ring.room else None
            try:
                context.tell(
                    ring.name,
                    "x" * ring.letters,
                    user=ring.user,
                    companions=ring.companions,
                    room=room,
                    roles=ring.roles,
                )
            except ValueError as error:
                return {"refused": str(error)}
            return {}

        return [chatserver.Operation(name="bell.ring", arguments=Ring, run=ring)]
