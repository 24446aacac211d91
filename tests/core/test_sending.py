"""Messages are submitted at once where nothing has to be awaited, and otherwise after the store was asked."""

import asyncio
import dataclasses
import re
from unittest import mock

import pytest

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.types import Draft
from chatserver.roomlog.entries import Outcome
from tests.core.nodes import add_user
from tests.core.scene import scene

pytestmark = pytest.mark.virtual_time


async def test_a_message_is_submitted_without_waiting() -> None:
    async with scene() as built:
        outcome: asyncio.Future[Outcome | ChatError] = asyncio.Future()
        draft = Draft(room=built.room.id, body="hello")
        assert built.first.messages.send_now(built.owner, "one", draft, outcome.set_result)
        answer = await outcome
        assert isinstance(answer, Outcome) and answer.event.seq == built.room.head


async def test_a_mention_or_an_unknown_room_has_to_be_awaited() -> None:
    async with scene() as built:
        messages = built.first.messages
        for draft in (Draft(room=built.room.id, body="@owner"), Draft(room="r", body="hello")):
            assert not messages.send_now(built.owner, "one", draft, lambda outcome: None)


async def test_a_text_that_a_plugin_wants_to_see_has_to_be_awaited() -> None:
    async with scene() as built:
        messages, hooks = built.first.messages, built.first.hooks
        active = dataclasses.replace(hooks.active, checked_texts=(re.compile(":[a-z]+:"),))
        with mock.patch.object(hooks, "active", active):
            for number, (body, is_short) in enumerate([("ha :smile:", False), ("ha: smile", True)]):
                draft = Draft(room=built.room.id, body=body)
                sent = messages.send_now(built.owner, str(number), draft, lambda outcome: None)
                assert sent == is_short


async def test_a_refusal_by_a_room_that_is_up_to_date_is_the_outcome() -> None:
    async with scene() as built:
        outcomes: list[Outcome | ChatError] = []
        draft = Draft(room=built.room.id, body=" ")
        assert built.first.messages.send_now(built.owner, "one", draft, outcomes.append)
        (refusal,) = outcomes
        assert isinstance(refusal, ChatError)


async def test_the_store_is_asked_before_somebody_unknown_is_refused() -> None:
    """Another node may have let them in, so the room in memory does not decide."""
    async with scene() as built:
        user = await add_user(built.second, "member")
        there = await built.second.rooms.get(built.room.id)
        await built.second.rooms.invite(built.owner, there, user.id)
        outcomes: list[Outcome | ChatError] = []
        draft = Draft(room=built.room.id, body="hello")
        messages = built.first.messages
        assert not messages.send_now(user, "one", draft, outcomes.append) and not outcomes
        await messages.send(user, "one", draft, outcomes.append)
        await built.first.log.drain()
        assert [type(outcome) for outcome in outcomes] == [Outcome]


async def test_a_lane_that_is_full_refuses_at_once() -> None:
    async with scene() as built:
        outcomes: list[Outcome | ChatError] = []
        draft = Draft(room=built.room.id, body="hello")
        with mock.patch.object(built.first.log, "submit", side_effect=StoreUnavailable("full")):
            assert built.first.messages.send_now(built.owner, "one", draft, outcomes.append)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable]
