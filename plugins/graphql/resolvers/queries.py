"""The fields of `Query`."""

from typing import Any, NamedTuple

from chatserver import (
    BlockedUser,
    ChatError,
    CommandView,
    LinkedIdentity,
    Message,
    OwnEmail,
    OwnSession,
    RoomView,
    ServerRole,
    Suggested,
    User,
    cursor_of,
    in_language,
)
from chatserver_plugins.graphql import connections
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.connections import Connection
from chatserver_plugins.graphql.inputs import bounded, looked_for
from chatserver_plugins.graphql.resolvers.payloads import PreferenceView, preference_views

PAGE, PAGE_MOST = 50, 100
JOINED, PUBLIC = "joined", "public"  # parts of the list, by the service's names
JOINED_MARK, PUBLIC_MARK = "0", "1"  # in cursors: the user's rooms come first


class OwnIdentities(NamedTuple):
    identities: list[LinkedIdentity]
    has_password: bool


def me(parent: object, info: Any) -> User | None:
    asking: Asking = info.context
    return None if asking.is_anonymous else asking.user


async def my_email(parent: object, info: Any) -> OwnEmail:
    asking: Asking = info.context
    return await asking.service.own_emails.get(asking.user)


async def my_preferences(parent: object, info: Any) -> list[PreferenceView]:
    asking: Asking = info.context
    return preference_views(await asking.service.preferences.account.of(asking.user))


async def user_email(parent: object, info: Any, username: str) -> OwnEmail:
    asking: Asking = info.context
    return await asking.service.staff.email(asking.user, username, asking.address)


async def my_blocks(parent: object, info: Any) -> list[BlockedUser]:
    asking: Asking = info.context
    return (await asking.service.blocks.list(asking.user)).users


async def my_sessions(parent: object, info: Any) -> list[OwnSession]:
    asking: Asking = info.context
    return await asking.service.accounts.own_sessions(asking.user, asking.token or "")


async def my_identities(parent: object, info: Any) -> OwnIdentities:
    asking: Asking = info.context
    user, identities = asking.user, asking.service.accounts.identities
    return OwnIdentities(await identities.of(user.id), await identities.has_password(user.id))


async def user(parent: object, info: Any, id: str) -> User | None:
    asking: Asking = info.context
    if id != asking.user.id:
        _demand_no_guest(asking.user)
    return (await asking.service.accounts.get_many([id])).get(id)


async def user_by_name(parent: object, info: Any, username: str) -> User | None:
    asking: Asking = info.context
    _demand_no_guest(asking.user)
    return await asking.service.accounts.found(asking.user, username)


async def rooms(
    parent: object,
    info: Any,
    first: int | None = None,
    after: str | None = None,
    text: str | None = None,
    archived: bool | None = None,
) -> Connection:
    asking: Asking = info.context
    count = bounded("first", first, PAGE, PAGE_MOST)
    place = connections.id_place(after)
    if place is not None and place[:1] not in (JOINED_MARK, PUBLIC_MARK):
        raise connections.no_cursor("after")
    part = PUBLIC if place is not None and place.startswith(PUBLIC_MARK) else JOINED
    start = "" if place is None else f"{part}:{place[1:]}"
    listed = await asking.service.rooms.visible(
        asking.user, start, count, looked_for(text), archived=bool(archived)
    )
    end = None
    if listed.more:
        of, _, last = (listed.after or "").partition(":")
        end = f"{JOINED_MARK if of == JOINED else PUBLIC_MARK}{last}"
    return connections.page_until(listed.rooms, end, _place_of_room, after=after)


async def room(parent: object, info: Any, id: str) -> RoomView | None:
    asking: Asking = info.context
    user = asking.user
    try:
        return asking.service.rooms.describe(user, await asking.service.rooms.get(id, user))
    except ChatError as error:
        if error.code == "room.not_found":
            return None
        raise


async def commands(parent: object, info: Any, room: str) -> list[CommandView]:
    asking: Asking = info.context
    user = asking.user
    return asking.service.commands.available(user, await asking.service.rooms.get(room, user))


async def command_suggestions(parent: object, info: Any, room: str, text: str) -> list[Suggested]:
    asking: Asking = info.context
    user = asking.user
    found = await asking.service.rooms.get(room, user)
    return await asking.service.commands.complete(user, found, text)


def about(parent: CommandView | Suggested, info: Any, language: str = "en") -> str:
    return in_language(parent.about, language)


async def search(
    parent: object,
    info: Any,
    text: str,
    room: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Connection:
    asking: Asking = info.context
    service, user = asking.service, asking.user
    count = bounded("first", first, PAGE, PAGE_MOST)
    within = None if room is None else await service.rooms.get(room, user)
    place = connections.place(after)
    if within is not None and place is not None and not place.isdigit():
        raise connections.no_cursor("after")
    try:
        found = await service.search.find(user, text, within, place, count)
    except ChatError as error:
        if place is not None and error.text.startswith("before:"):
            raise connections.no_cursor("after") from error
        raise

    def place_of(message: Message) -> str:
        return cursor_of(message, in_room=room is not None)

    page = connections.page_until(found.messages, found.cursor, place_of, after=after)
    return page._replace(partial=found.partial)


def epoch(parent: object, info: Any) -> str:
    asking: Asking = info.context
    return asking.service.epoch


def _place_of_room(view: RoomView) -> str:
    return f"{JOINED_MARK if view.joined else PUBLIC_MARK}{view.id}"


def _demand_no_guest(user: User) -> None:
    if user.role is ServerRole.GUEST:
        raise ChatError("user.forbidden")
