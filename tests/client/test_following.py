"""Rooms are taken up again whatever the server answers in between: nothing is lost silently, and no room is given up."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chatserver.client import Client, Disconnected, Gap, Refused
from tests.client.test_feed import said
from tests.waiting import until

USER = {"user": {"id": "u1", "username": "ada", "name": "Ada", "role": "member", "at": ""}}
HELLO = {"sys": "hello", "epoch": "new"}
Frame = dict[str, Any]


class Answers:
    """In place of a link: answers `sub` as it is told, and notes what was asked."""

    def __init__(self, sub: Callable[[Mapping[str, int], str], Frame]) -> None:
        self.rooms: list[Frame] = []
        self.subs: list[tuple[dict[str, int], str]] = []
        self.end: BaseException | None = None
        self._sub = sub

    async def ready(self) -> None:
        pass

    async def ask(self, op: str, fields: Frame) -> Any:
        if op == "auth":
            return USER
        if op == "rooms":
            return {"rooms": self.rooms, "more": False}
        assert op == "sub"
        self.subs.append((fields["rooms"], fields["epoch"]))
        return {"rooms": self._sub(fields["rooms"], fields["epoch"])}


def client(answers: Answers, epoch: str = "", **positions: int) -> Client:
    answers.rooms = [{"id": room, "head": seq} for room, seq in positions.items()]
    made = Client(
        "http://127.0.0.1:1", "token", positions=positions if epoch else None, epoch=epoch
    )
    made._link = answers  # type: ignore[assignment]
    return made


def live(rooms: Mapping[str, int], epoch: str) -> Frame:
    return {room: {"state": "live", "head": seq} for room, seq in rooms.items()}


def later(room: str) -> Frame:
    error = {"code": "store.unavailable", "message": "", "retry": "later", "after_ms": 1}
    return {room: {"state": "error", "head": 0, "error": error}}


async def test_positions_of_other_data_are_not_taken_for_those_of_the_server() -> None:
    """A server came back with a backup, and the connection ended before its rooms were followed."""
    breaks = True

    def sub(rooms: Mapping[str, int], epoch: str) -> Frame:
        if breaks:
            raise Disconnected("the connection ended before the answer")
        if epoch == "old":
            return {room: {"state": "gap", "head": 3} for room in rooms}
        return live(rooms, epoch)

    answers = Answers(sub)
    made = client(answers, "old", r=900)
    with pytest.raises(Disconnected):
        await made._begin(HELLO)
    assert (made.epoch, made.positions) == ("old", {"r": 900})
    breaks = False
    await made._begin(HELLO)
    assert answers.subs[-2:] == [({"r": 900}, "old"), ({"r": 3}, "new")]
    # Who keeps both before the gap was read has them fit each other.
    assert (made.epoch, made.positions) == ("old", {"r": 900})
    events = made.events()
    assert await anext(events) == Gap("r", 3)
    made._hear(said("r", 4))
    assert (await anext(events)).room == "r"
    assert (made.epoch, made.positions) == ("new", {"r": 4})


async def test_a_room_that_is_not_to_be_had_now_is_followed_later_and_the_others_at_once() -> None:
    asked = 0

    def sub(rooms: Mapping[str, int], epoch: str) -> Frame:
        nonlocal asked
        asked += 1
        return live(rooms, epoch) | (later("r") if asked < 4 else {})

    answers = Answers(sub)
    made = client(answers, r=1, s=2)
    await made._begin(HELLO)
    assert len(answers.subs) == 1
    await until(lambda: len(answers.subs) == 4)
    assert answers.subs[-1] == ({"r": 1, "s": 2}, "new")
    await until(lambda: not made._is_following)
    assert made._feed.received == {"r": 1, "s": 2} and made._feed.is_empty


async def test_with_positions_of_other_data_the_whole_beginning_is_tried_again() -> None:
    answers = Answers(lambda rooms, epoch: later("r"))
    made = client(answers, "old", r=1)
    with pytest.raises(Refused, match=r"store\.unavailable"):
        await made._begin(HELLO)
    assert (made.epoch, made._feed.received_epoch) == ("old", "old")


async def test_rooms_that_are_refused_together_are_asked_for_one_by_one() -> None:
    def sub(rooms: Mapping[str, int], epoch: str) -> Frame:
        if "gone" in rooms:
            raise Refused("room.not_found", "There is no such room.")
        return live(rooms, epoch)

    answers = Answers(sub)
    made = client(answers, gone=5, r=7)
    await made._begin(HELLO)
    assert [rooms for rooms, _ in answers.subs] == [{"gone": 5, "r": 7}, {"gone": 5}, {"r": 7}]
    assert made._feed.received == {"r": 7}
    answers.rooms = [{"id": "gone", "head": 5}]
    await made._begin(HELLO)
    assert made._feed.received == {}


async def test_another_refusal_of_all_is_one_of_the_client() -> None:
    def sub(rooms: Mapping[str, int], epoch: str) -> Frame:
        raise Refused("auth.scope", "")

    with pytest.raises(Refused, match=r"auth\.scope"):
        await client(Answers(sub), r=1)._begin(HELLO)


async def test_a_room_that_comes_while_the_list_is_read_is_kept() -> None:
    answers = Answers(live)
    made = client(answers, r=1)
    listed = answers.ask

    async def ask(op: str, fields: Frame) -> Any:
        answer = await listed(op, fields)
        if op == "rooms":  # it was read before the room was made
            made._hear({"ev": "room.added", "room": "late", "head": 4})
            await until(lambda: "late" in made._feed.received)
        return answer

    answers.ask = ask  # type: ignore[method-assign]
    await made._begin(HELLO)
    assert made._feed.received == {"r": 1, "late": 4}
    answers.ask = listed  # type: ignore[method-assign]
    await made._begin(HELLO)  # the user was taken out of it while there was no connection
    assert made._feed.received == {"r": 1}


async def test_a_room_that_one_comes_into_is_followed_once_it_is_to_be_had() -> None:
    answers = Answers(live)
    made = client(answers, r=1)
    await made._begin(HELLO)
    tries = 0

    def sub(rooms: Mapping[str, int], epoch: str) -> Frame:
        nonlocal tries
        tries += 1
        return live(rooms, epoch) | (later("new") if tries < 3 else {})

    answers._sub = sub
    made._hear({"ev": "room.added", "room": "new", "head": 2})
    await until(lambda: tries == 3)
    await until(lambda: not made._is_following)
    assert made._feed.received == {"r": 1, "new": 2}
