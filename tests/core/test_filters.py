"""Filters of lists and searches: what plugins leave out together, and what their failures mean."""

from typing import Any

import pytest

from chatserver import ChatError, FoundRoom, FoundUser, Refusal, RoomKind, SearchQuery
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import Call
from chatserver.hooks.policy import Policy
from chatserver.runtime.measure import Measures
from tests.core.hooking import USER, errors
from tests.core.nodes import config, hook_calls

ROOMS = [
    FoundRoom(id=name, name=name, kind=RoomKind.PUBLIC, topic="", joined=True) for name in "abc"
]
USERS = [FoundUser(id=name, name=name, bot=False) for name in ("a", "b", USER.id)]
QUERY = SearchQuery(text="tea", room=None)


def filtering(hook: str, *answers: Any, passes: bool = False) -> tuple[HookCalls, list[Any]]:
    """Dispatch of plugins that answer this, and what they were asked."""
    asked: list[Any] = []

    def call(number: int, answer: Any) -> Call:
        async def answered(given: Any) -> Any:
            asked.append(given)
            if isinstance(answer, Exception):
                raise answer
            return answer

        argument = {"filter_rooms": "rooms", "filter_users": "users"}.get(hook, "query")

        async def named(**given: Any) -> Any:
            return await answered(given[argument])

        return Call(
            f"p{number}", lambda value: named(**{argument: value}), [argument], Policy(passes)
        )

    calls = [call(number, answer) for number, answer in enumerate(answers)]
    return hook_calls(config(), Measures(), {hook: calls}), asked


async def test_what_any_plugin_leaves_out_is_left_out() -> None:
    hooks, asked = filtering("filter_rooms", ["a"], None, {"b", "x"})
    assert hooks.active.rooms_are_filtered
    assert set(await hooks.filter_rooms(ROOMS, USER)) == {"a", "b", "x"}
    assert asked == [ROOMS] * 3


@pytest.mark.parametrize("answer", ["a", True, [5], {"a": 1}, RuntimeError("on purpose")])
async def test_a_filter_that_fails_shows_nothing_unless_it_may_pass(answer: Any) -> None:
    hooks, _ = filtering("filter_rooms", answer)
    with pytest.raises(ChatError, match=r"plugin\.failed"):
        await hooks.filter_rooms(ROOMS, USER)
    assert {key[:2] for key in errors(hooks)} == {("p0", "filter_rooms")}
    hooks, _ = filtering("filter_rooms", answer, ["b"], passes=True)
    assert set(await hooks.filter_rooms(ROOMS, USER)) == {"b"}


async def test_queries_are_changed_in_turn_but_keep_their_room() -> None:
    hooks, asked = filtering(
        "filter_search", SearchQuery(text="coffee", room="another"), None, Refusal("no")
    )
    with pytest.raises(ChatError) as caught:
        await hooks.filter_search(QUERY, USER)
    assert (caught.value.code, caught.value.detail) == ("action.refused", {"plugin": "p2"})
    assert asked == [QUERY, *[SearchQuery(text="coffee", room=None)] * 2]


@pytest.mark.parametrize(
    "answer",
    ["tea", True, SearchQuery(text="", room=None), SearchQuery(text="x" * 5000, room=None)],
)
async def test_a_query_that_cannot_be_read_is_the_plugin_s_failure(answer: Any) -> None:
    hooks, _ = filtering("filter_search", answer)
    with pytest.raises(ChatError, match=r"plugin\.failed"):
        await hooks.filter_search(QUERY, USER)
    assert errors(hooks) == {("p0", "filter_search", "garbage"): 1}


async def test_users_are_left_out_like_rooms_but_never_the_own_one() -> None:
    hooks, asked = filtering("filter_users", ["a"], None, {USER.id, "x"})
    assert hooks.active.users_are_filtered and not hooks.active.rooms_are_filtered
    assert set(await hooks.filter_users(USERS, USER)) == {"a", "x"}
    assert asked == [USERS] * 3


@pytest.mark.parametrize("answer", ["a", True, [5], {"a": 1}, RuntimeError("on purpose")])
async def test_a_filter_of_users_that_fails_shows_nobody_unless_it_may_pass(answer: Any) -> None:
    hooks, _ = filtering("filter_users", answer)
    with pytest.raises(ChatError, match=r"plugin\.failed"):
        await hooks.filter_users(USERS, USER)
    assert {key[:2] for key in errors(hooks)} == {("p0", "filter_users")}
    hooks, _ = filtering("filter_users", answer, ["b"], passes=True)
    assert set(await hooks.filter_users(USERS, USER)) == {"b"}
