"""The fold of a log into messages."""

from hypothesis import given
from hypothesis import strategies as st

from chatserver.model import (
    MessageDeleted,
    MessageEdited,
    PinAdded,
    ReactionAdded,
    ReactionRemoved,
)
from chatserver.roomlog import fold
from chatserver.testing.samples import event, posted
from tests.core.logs import STEPS, by, changes, message_log, posts


def test_a_deleted_message_keeps_its_place_and_nothing_else() -> None:
    log = [
        event(ReactionAdded, "r", 2, message="r-1", emoji="👍"),
        event(PinAdded, "r", 3, message="r-1"),
        event(MessageDeleted, "r", 4, message="r-1"),
        event(MessageEdited, "r", 5, message="r-1", body="back again"),
        event(ReactionAdded, "r", 6, message="r-1", emoji="👍"),
    ]
    (message,) = fold.fold([posted("r", 1, mentions=("u2",))], log)
    assert (message.deleted, message.body, message.mentions) == (True, "", ())
    assert (message.reactions, message.pinned, message.seq) == ({}, False, 1)


def test_reactions_keep_their_order_and_the_last_one_takes_the_emoji_along() -> None:
    added = event(ReactionAdded, "r", 2, message="r-1", emoji="👍")
    removed = event(ReactionRemoved, "r", 9, message="r-1", emoji="👍")
    (message,) = fold.fold([posted("r", 1)], [by(added, 2), by(added, 0), by(added, 2)])
    assert message.reactions == {"👍": ["u2", "u0"]}
    fold.change(message, by(removed, 1))
    fold.change(message, by(removed, 2))
    assert message.reactions == {"👍": ["u0"]}
    fold.change(message, by(removed, 0))
    assert message.reactions == {}


def test_changes_of_unknown_messages_change_nothing() -> None:
    (message,) = fold.fold([posted("r", 1)], [event(MessageDeleted, "r", 2, message="r-9")])
    assert not message.deleted


@given(steps=STEPS, start=st.integers(0, 40))
def test_an_event_applied_twice_changes_nothing(
    steps: list[tuple[str, int, int]], start: int
) -> None:
    log = message_log(steps)
    once, again = (fold.fold(posts(log), changes(log)) for _ in range(2))
    for message in again:
        for change in changes(log[start:]):
            if change.message == message.id:
                fold.change(message, change)
    assert again == once
