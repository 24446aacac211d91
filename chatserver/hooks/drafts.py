"""Messages as actions: plugins that ask for `MessageSend` and `MessageEdit` take their turn among the hooks for drafts.

So a plugin can have one check for everything that users do, and still each hook is called in the plugins' order.
"""

from collections.abc import Mapping, Sequence

from chatserver.hooks.actions import MessageEdit, MessageSend
from chatserver.hooks.chains import Chain, asked
from chatserver.hooks.guard import Call
from chatserver.hooks.policy import MESSAGE
from chatserver.hooks.types import Draft

MessageKind = type[MessageSend] | type[MessageEdit]


def chain_of_drafts(
    calls: Mapping[str, tuple[Call, ...]], verb: str, kind: MessageKind, order: Sequence[str]
) -> Chain:
    """Those who `change` or `check` a draft of this kind, in the order of the plugins."""
    drafts, actions = f"{verb}_message", f"{verb}_action"
    found = [asked(drafts, MESSAGE, call) for call in calls[drafts]]
    found += [
        asked(actions, kind.__name__, call, of_action=True)
        for call in calls[actions]
        if kind in call.actions
    ]
    places = {name: place for place, name in enumerate(order)}
    return tuple(sorted(found, key=lambda each: places.get(each.call.plugin, len(places))))


def kind_of(draft: Draft) -> MessageKind:
    return MessageSend if draft.message is None else MessageEdit


def action_of(draft: Draft) -> MessageSend | MessageEdit:
    """The draft as the action that it is."""
    if draft.message is None:
        return MessageSend(
            room=draft.room,
            body=draft.body,
            reply_to=draft.reply_to,
            thread=draft.thread,
            broadcast=draft.broadcast,
            client_id=draft.client_id,
            data=draft.data,
        )
    return MessageEdit(
        room=draft.room,
        message=draft.message,
        body=draft.body,
        reply_to=draft.reply_to,
        thread=draft.thread,
        broadcast=draft.broadcast,
        client_id=draft.client_id,
        data=draft.data,
    )
