"""Messages as actions: plugins that ask for `MessageSend` and `MessageEdit` take their turn among the hooks for drafts.

So a plugin can have one check for everything that users do, and still each hook is called in the plugins' order.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver.hooks.actions import MessageEdit, MessageSend
from chatserver.hooks.guard import Call
from chatserver.hooks.policy import MESSAGE
from chatserver.hooks.types import Draft

MessageKind = type[MessageSend] | type[MessageEdit]


class Asked(NamedTuple):
    """One plugin that is asked about drafts: by which hook, and under which name its policy knows them."""

    hook: str
    name: str
    call: Call


def asked(
    calls: Mapping[str, tuple[Call, ...]], verb: str, kind: MessageKind, order: Sequence[str]
) -> tuple[Asked, ...]:
    """Those who `change` or `check` a draft of this kind, in the order of the plugins."""
    drafts, actions = f"{verb}_message", f"{verb}_action"
    found = [Asked(drafts, MESSAGE, call) for call in calls[drafts]]
    found += [
        Asked(actions, kind.__name__, _of_draft(call))
        for call in calls[actions]
        if kind in call.actions
    ]
    places = {name: place for place, name in enumerate(order)}
    return tuple(sorted(found, key=lambda each: places.get(each.call.plugin, len(places))))


class _Wrong(NamedTuple):
    """A draft where an action was asked for: nobody takes it for an answer."""

    answer: object


def kind_of(draft: Draft) -> MessageKind:
    return MessageSend if draft.message is None else MessageEdit


def _of_draft(call: Call) -> Call:
    """A call for an action, as one for the draft."""

    async def ask(draft: Draft, user: object, via: str) -> Any:
        action = _action(draft)
        answer = await call(action=action, user=user, via=via)
        if isinstance(answer, type(action)):
            return msgspec.structs.replace(draft, body=answer.body, data=answer.data)
        return _Wrong(answer) if isinstance(answer, Draft) else answer

    return call._replace(function=ask, arguments=("draft", "user", "via"))


def _action(draft: Draft) -> MessageSend | MessageEdit:
    if draft.message is None:
        return MessageSend(
            room=draft.room,
            body=draft.body,
            reply_to=draft.reply_to,
            client_id=draft.client_id,
            data=draft.data,
        )
    return MessageEdit(
        room=draft.room,
        message=draft.message,
        body=draft.body,
        reply_to=draft.reply_to,
        client_id=draft.client_id,
        data=draft.data,
    )
