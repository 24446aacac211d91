"""What several mutations answer with."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chatserver import AccountPreferencesChanged, Message, RoomView, User
from chatserver_plugins.graphql.asking import Asking, MessageKey


class UserPayload(NamedTuple):
    user: User
    redirect: str | None = None


class PreferenceView(NamedTuple):
    key: str
    value: str | None


class ChangePayload(NamedTuple):
    seq: int
    room: RoomView
    message_id: str | None = None  # of the changed message, if there is one


async def changed_message(parent: ChangePayload, info: Any) -> Message | None:
    """The message as it stands after the change."""
    if parent.message_id is None:
        return None
    asking: Asking = info.context
    return await asking.standing.load(MessageKey(parent.room.id, parent.message_id))


def changed_preferences(parent: AccountPreferencesChanged, info: Any) -> list[PreferenceView]:
    return preference_views(parent.values)


def preference_views(values: Mapping[str, str | None]) -> list[PreferenceView]:
    return [PreferenceView(key, value) for key, value in values.items()]
