"""What is said to a service and by it: JSON over HTTP, everything by name.

A request names a hook and has its arguments. The answer is tagged: silence, another shape or another status is a
failure, never a yes.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from chatserver import Action, Draft, User

PROTOCOL = 1
HELLO = "hello"
HOOKS = (
    *("change_message", "check_message", "change_action", "check_action"),
    *("filter_rooms", "filter_users", "filter_search", "on_event"),
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a hook. `deadline_ms` is the time for the answer."""

    protocol: int = PROTOCOL
    id: str
    hook: str
    deadline_ms: int
    arguments: Mapping[str, Any]


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `hello`: what the service speaks, and which hooks and actions it wants."""

    protocol: int
    hooks: tuple[str, ...]
    actions: tuple[str, ...] = ()
    event_kinds: tuple[str, ...] = ()


class Pass(msgspec.Struct, frozen=True, tag_field="answer", tag="pass"):
    """Nothing to say against it."""


class Refuse(msgspec.Struct, frozen=True, tag_field="answer", tag="refuse"):
    """The user gets the reason."""

    reason: str


class Replace(msgspec.Struct, frozen=True, tag_field="answer", tag="replace"):
    """These fields have other values: `body` of a message, those that may be changed of an action, `text` of a
    search; or `hidden`, the ids of rooms or users to leave out.
    """

    fields: dict[str, Any]


Answer = Pass | Refuse | Replace

_hello = msgspec.json.Decoder(Hello)
_answer: "msgspec.json.Decoder[Answer]" = msgspec.json.Decoder(Answer)


class WrongAnswer(Exception):
    """The service answered something else than the protocol has."""


def hello(body: bytes) -> Hello:
    """Raises `WrongAnswer`."""
    try:
        found = _hello.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongAnswer(f"answers hello with something else: {error}") from None
    if found.protocol != PROTOCOL:
        raise WrongAnswer(f"speaks protocol {found.protocol}, not {PROTOCOL}")
    if unknown := set(found.hooks) - set(HOOKS):
        raise WrongAnswer(f"wants hooks that there are not: {', '.join(sorted(unknown))}")
    return found


def answer(body: bytes) -> Answer:
    """Raises `WrongAnswer`."""
    try:
        return _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongAnswer(f"answers something else than pass, refuse or replace: {error}") from None


def shown_action(action: Action) -> dict[str, Any]:
    """An action's fields, and its name as `action`."""
    fields: dict[str, Any] = msgspec.to_builtins(action)
    return {"action": type(action).__name__, **fields}


def shown(given: Any) -> Any:
    """Any other argument, by the names of its fields."""
    return msgspec.to_builtins(given)


def shown_draft(draft: Draft) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(draft)
    return found


def shown_user(user: User | None) -> dict[str, Any] | None:
    """What services learn of a user."""
    if user is None:
        return None
    return {"id": user.id, "username": user.username, "name": user.name, "role": user.role.value}
