"""Folds a log into state: messages with the changes to them. Pure; applying a change twice is harmless."""

from collections.abc import Iterable

from chatserver.model import (
    NO_DATA,
    Message,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PinRemoved,
    ReactionAdded,
    ReactionRemoved,
)


def message_from(event: MessagePosted) -> Message:
    """The message as it was posted, before any change."""
    return Message(
        id=event.id,
        room=event.room,
        seq=event.seq,
        author=event.author,
        at=event.at,
        body=event.body,
        client_id=event.client_id,
        reply_to=event.reply_to,
        thread=event.thread,
        broadcast=event.broadcast,
        mentions=event.mentions,
        reactions={},
        data=event.data,
        data_text=event.data_text,
    )


def change(message: Message, event: MessageChange) -> None:
    """Apply one later event of the log to the message. A deleted message stays deleted."""
    if message.deleted:
        return
    match event:
        case MessageEdited():
            message.body, message.mentions = event.body, event.mentions
            message.data, message.data_text = event.data, event.data_text
            message.edited_at = event.at if event.edited_at is None else event.edited_at or None
        case MessageDeleted():
            delete(message)
        case ReactionAdded():
            users = message.reactions.setdefault(event.emoji, [])
            if event.author.id not in users:
                users.append(event.author.id)
        case ReactionRemoved():
            users = message.reactions.get(event.emoji, [])
            if event.author.id in users:
                users.remove(event.author.id)
            if not users:
                message.reactions.pop(event.emoji, None)
        case PinAdded():
            message.pinned = True
        case PinRemoved():
            message.pinned = False


def delete(message: Message) -> None:
    """Leave the message's place, not its contents."""
    message.deleted = True
    message.body, message.mentions, message.reactions = "", (), {}
    message.data, message.data_text = NO_DATA, ""
    message.pinned = False


def fold(posted: Iterable[MessagePosted], changes: Iterable[MessageChange]) -> list[Message]:
    """The messages as they stand; `changes` ascending by seq. One whose text was removed is as if it were deleted."""
    messages, removed = {}, set()
    for event in posted:
        messages[event.id] = message_from(event)
        if event.redacted:
            removed.add(event.id)
    for each in changes:
        if each.message in messages:
            change(messages[each.message], each)
            if isinstance(each, MessageEdited):
                (removed.add if each.redacted else removed.discard)(each.message)
    for id in removed:
        delete(messages[id])
    return list(messages.values())
