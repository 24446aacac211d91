"""Polls: made in rooms, voted in at every door and on every node, by those who may react there, until they end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import pytest

from chatserver import (
    ChatError,
    PollEnd,
    PollVote,
    Posting,
    Room,
    RoomKind,
    StoreUnavailable,
    time_text,
)
from chatserver.hooks.records import Space, space_of
from chatserver.testing.clock import FakeClock
from chatserver.testing.commands import CommandContract
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.polls.book import Book
from chatserver_plugins.polls.desk import BURST
from chatserver_plugins.polls.tallies import Tallies
from tests.graphql.speaker import Speaker
from tests.plugins.nodes import two_nodes
from tests.plugins.test_bots import acting, made
from tests.waiting import until

PATH = "/api/v1/polls"
OPTIONS = ["Tea", "Coffee", "Water"]
TEXT = "What to drink?\n1. Tea\n2. Coffee\n3. Water"


class TestCommand(CommandContract):
    plugin = "polls"
    samples = {"poll": "/poll What to drink? | Tea | Coffee"}


class Scene:
    """Ada owns a room that Ben is in; Eve is in none of hers."""

    def __init__(self, chat: Chat, people: list[Person], room: Room) -> None:
        self.chat, self.room = chat, room
        self.ada, self.ben, self.eve = people

    async def ask(self, by: Person, **fields: object) -> Any:
        """The poll that this person makes in the room."""
        asked = {"question": "What to drink?", "options": OPTIONS, **fields}
        answer = await by.http("POST", PATH, {"room": self.room.id, **asked})
        assert answer.status == 201, answer.body
        return answer.json["poll"]

    def records(self) -> Space:
        return Space(self.chat.service.store, space_of("polls"))

    async def keys(self) -> list[str]:
        return [key for key, _ in await self.records().scan("")]


@asynccontextmanager
async def built(
    *plugins: str, kind: RoomKind = RoomKind.PRIVATE, clock: FakeClock | None = None
) -> AsyncIterator[Scene]:
    async with running("polls", *plugins, clock=clock) as chat:
        people = [await chat.user(name) for name in ("ada", "ben", "eve")]
        room = await people[0].create_room("Lounge", kind=kind, members=[people[1]])
        yield Scene(chat, people, room)


async def vote(by: Person, poll: Any, *choices: int) -> Answer:
    return await by.http("PUT", f"{PATH}/{poll['message']}/vote", {"choices": choices})


async def look(by: Person, poll: Any) -> Any:
    answer = await by.http("GET", f"{PATH}/{poll['message']}")
    return answer.json["poll"]


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def wrong(answer: Answer) -> tuple[str, str]:
    assert error(answer) == (400, "request.invalid"), answer.body
    detail = answer.json["error"]["detail"]
    return detail["field"], detail["reason"]


async def refused(call: Any) -> str:
    with pytest.raises(ChatError) as caught:
        await call
    return caught.value.code


async def test_a_poll_is_a_message_that_says_it_in_words_too() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ada, question="  What to   drink? ")
        assert poll == {
            "message": f"{scene.room.id}-{scene.room.head}",
            "question": "What to drink?",
            "options": OPTIONS,
            "several": False,
            "anonymous": False,
            "ends_at": None,
            "ended_at": None,
            "counts": [0, 0, 0],
            "voters": 0,
            "mine": [],
            "may_vote": True,
            "may_end": True,
            "at": poll["at"],
        }
        message = await scene.chat.service.messages.by_id(scene.ben.user, poll["message"])
        assert (message.author.id, message.body, message.data_text) == (scene.ada.id, TEXT, TEXT)
        assert message.data["polls"] == {"question": "What to drink?", "options": OPTIONS}
        found = await scene.chat.service.search.find(scene.ben.user, "coffee")
        assert [each.id for each in found.messages] == [poll["message"]]


async def test_a_subscription_tells_how_the_polls_of_a_room_stand() -> None:
    text = "subscription ($room: ID!) { roomNotices(roomId: $room) { ... on PluginNotice { plugin name payload } } }"
    async with built("graphql") as scene, Speaker(scene.chat.port) as speaker:
        poll = await scene.ask(scene.ada)
        await speaker.init(scene.ben.token)
        speaker.subscribe("1", text, room=scene.room.id)
        await speaker.run("{ __typename }")
        await vote(scene.ada, poll, 1)
        told = (await speaker.data("1"))["roomNotices"]
        assert (told["plugin"], told["name"]) == ("polls", "counted")
        assert (told["payload"]["message"], told["payload"]["voters"]) == (poll["message"], 1)
        assert told["payload"]["counts"] == [0, 1, 0]


async def test_one_vote_counts_once_and_is_changed_and_withdrawn_at_every_door() -> None:
    async with built("graphql") as scene:
        poll = await scene.ask(scene.ada)
        by_http = (await vote(scene.ben, poll, 0)).json["poll"]
        assert (by_http["counts"], by_http["voters"], by_http["mine"]) == ([1, 0, 0], 1, [0])
        assert not by_http["may_end"]
        assert (await vote(scene.ben, poll, 0)).json["poll"]["counts"] == [1, 0, 0]
        told = await scene.ben.call("polls.vote", message=poll["message"], choices=[1])
        assert (told["poll"]["counts"], told["poll"]["mine"]) == ([0, 1, 0], [1])
        query = (
            "mutation($input: VotePollInput!) { votePoll(input: $input) { poll { "
            "messageId voters mayEnd endedAt options { text votes mine } } } }"
        )
        given = {"input": {"messageId": poll["message"], "choices": [2]}}
        asked = {"query": query, "variables": given}
        data = (await scene.ada.http("POST", "/graphql", asked)).json["data"]
        assert data["votePoll"]["poll"] == {
            "messageId": poll["message"],
            "voters": 2,
            "mayEnd": True,
            "endedAt": None,
            "options": [
                {"text": "Tea", "votes": 0, "mine": False},
                {"text": "Coffee", "votes": 1, "mine": False},
                {"text": "Water", "votes": 1, "mine": True},
            ],
        }
        withdrawn = (await vote(scene.ben, poll)).json["poll"]
        assert (withdrawn["counts"], withdrawn["voters"], withdrawn["mine"]) == ([0, 0, 1], 1, [])
        shown = (await scene.ben.call("polls.get", message=poll["message"]))["poll"]
        assert {**shown, "at": 0} == {**withdrawn, "at": 0}


async def test_a_poll_is_made_and_read_at_every_door() -> None:
    async with built("graphql") as scene:
        fields = {"room": scene.room.id, "question": "Where?", "options": ["Here", "There"]}
        made = (await scene.ben.call("polls.create", **fields, several=True))["poll"]
        assert (made["several"], made["may_end"]) == (True, True)
        query = (
            "mutation($input: CreatePollInput!) { createPoll(input: $input) { poll { "
            "messageId question several anonymous endsAt voters } } }"
        )
        given = {
            "roomId": scene.room.id,
            "question": "When?",
            "options": ["Now", "Then"],
            "anonymous": True,
            "clientId": "c-1",
        }
        asked = {"query": query, "variables": {"input": given}}
        first, again = [
            (await scene.ben.http("POST", "/graphql", asked)).json["data"] for _ in range(2)
        ]
        assert first == again  # by its client's id it is made once
        by_graphql = first["createPoll"]["poll"]
        assert (by_graphql["question"], by_graphql["anonymous"]) == ("When?", True)
        await vote(scene.ada, made, 0, 1)
        query = (
            "query($id: ID!) { poll(messageId: $id) { voters } "
            "pollVotes(messageId: $id, first: 1) { after votes { userId name choices } } }"
        )
        asked = {"query": query, "variables": {"id": made["message"]}}
        answer = (await scene.ben.http("POST", "/graphql", asked)).json["data"]
        assert answer == {
            "poll": {"voters": 1},
            "pollVotes": {
                "after": scene.ada.id,
                "votes": [{"userId": scene.ada.id, "name": "ada", "choices": [0, 1]}],
            },
        }


async def test_the_command_makes_a_poll() -> None:
    async with built() as scene:
        await scene.ben.command(scene.room, "/poll What to drink?｜ Tea | Coffee|Water")
        message = await scene.chat.service.messages.by_id(
            scene.ada.user, f"{scene.room.id}-{scene.room.head}"
        )
        assert (message.author.id, message.body) == (scene.ben.id, TEXT)
        for text in ("/poll What to drink?", "/poll What to drink? | Tea"):
            assert await refused(scene.ben.command(scene.room, text)) == "request.invalid"


async def test_a_poll_is_made_in_a_thread_and_once_for_a_client_id() -> None:
    async with built() as scene:
        root = await scene.ada.post(scene.room, "Drinks")
        poll = await scene.ask(scene.ben, thread=root.id, client_id="p-1")
        assert (await scene.ask(scene.ben, client_id="p-1"))["message"] == poll["message"]
        message = await scene.chat.service.messages.by_id(scene.ada.user, poll["message"])
        assert message.thread == root.id
        await scene.chat.service.messages.post(scene.ben.user, scene.room, "m-1", "no poll")
        asked = {"question": "?", "options": OPTIONS, "client_id": "m-1"}
        answer = await scene.ben.http("POST", PATH, {"room": scene.room.id, **asked})
        assert error(answer)[1] == "message.client_id_reused"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"question": "   "}, ("question", "empty")),
        ({"question": "x" * 301}, ("question", "length")),
        ({"question": "a\x07b"}, ("question", "length")),
        ({"options": ["one"]}, ("options", "count")),
        ({"options": [str(each) for each in range(11)]}, ("options", "count")),
        ({"options": ["one", "  "]}, ("options", "empty")),
        ({"options": ["one", "x" * 101]}, ("options", "length")),
        ({"options": ["one", " ONE "]}, ("options", "same")),
        ({"ends_at": "tomorrow"}, ("ends_at", "form")),
        ({"ends_at": "2100-01-01T00:00:00"}, ("ends_at", "form")),
        ({"ends_at": "0001-01-01T00:00:00+14:00"}, ("ends_at", "time")),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, ("ends_at", "time")),
        ({"ends_at": "2000-01-01T00:00:00Z"}, ("ends_at", "time")),
        ({"ends_at": "2900-01-01T00:00:00Z"}, ("ends_at", "time")),
    ],
)
async def test_what_is_no_poll_is_refused_with_its_field(
    fields: dict[str, object], expected: tuple[str, str]
) -> None:
    async with built() as scene:
        head = scene.room.head
        asked = {"room": scene.room.id, "question": "?", "options": OPTIONS, **fields}
        assert wrong(await scene.ada.http("POST", PATH, asked)) == expected
        assert scene.room.head == head


async def test_choices_are_those_of_the_poll() -> None:
    async with built() as scene:
        one, many = await scene.ask(scene.ada), await scene.ask(scene.ada, several=True)
        for choices in ((3,), (-1,), (0, 99)):
            assert wrong(await vote(scene.ben, many, *choices)) == ("choices", "range")
        assert wrong(await vote(scene.ben, one, 0, 1)) == ("choices", "count")
        assert (await vote(scene.ben, one, 1, 1)).json["poll"]["mine"] == [1]
        assert (await vote(scene.ben, many, 2, 0)).json["poll"]["mine"] == [0, 2]
        path = f"{PATH}/{one['message']}"
        for body in (None, {}, {"choices": "0"}, {"choices": ["0"]}, {"choices": [0] * 101}):
            answer = await scene.ben.http("PUT", f"{path}/vote", body)
            assert error(answer) == (400, "request.invalid"), body
        assert error(await scene.ben.http("PUT", f"{PATH}/{'x' * 101}/vote", {"choices": [0]})) == (
            400,
            "request.invalid",
        )
        for query in ("limit=0", "limit=101", "limit=x", f"after={'x' * 101}"):
            answer = await scene.ben.http("GET", f"{path}/votes?{query}")
            assert error(answer) == (400, "request.invalid"), query


async def test_who_may_not_react_in_the_room_may_not_vote() -> None:
    async with built(kind=RoomKind.PUBLIC) as scene:
        service, room = scene.chat.service, scene.room
        poll = await scene.ask(scene.ada)
        assert (await look(scene.eve, poll))["counts"] == [0, 0, 0]  # reads it from outside
        assert error(await vote(scene.eve, poll, 0)) == (403, "room.forbidden")
        await scene.eve.join(room)
        assert (await vote(scene.eve, poll, 0)).status == 200
        await service.rooms.leave(scene.eve.user, room)
        assert error(await vote(scene.eve, poll, 1)) == (403, "room.forbidden")
        await service.rooms.bans.add(scene.ada.user, room, scene.ben.id)
        assert error(await vote(scene.ben, poll, 0)) == (404, "message.not_found")
        assert error(await scene.ben.http("GET", f"{PATH}/{poll['message']}")) == (
            404,
            "message.not_found",
        )
        asked = {"room": room.id, "question": "?", "options": OPTIONS}
        assert error(await scene.eve.http("POST", PATH, asked)) == (403, "room.forbidden")
        await service.rooms.archive(scene.ada.user, room, True)
        assert error(await vote(scene.ada, poll, 0)) == (409, "room.archived")
        assert error(await scene.ada.http("POST", PATH, asked)) == (409, "room.archived")
        assert (await look(scene.ada, poll))["counts"] == [1, 0, 0]


async def test_a_private_room_keeps_its_polls_from_others() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ada)
        path = f"{PATH}/{poll['message']}"
        plain = await scene.ada.post(scene.room, "no poll")
        for answer in (
            await scene.eve.http("GET", path),
            await vote(scene.eve, poll, 0),
            await scene.eve.http("POST", f"{path}/end"),
            await scene.eve.http("GET", f"{path}/votes"),
            await scene.ada.http("GET", f"{PATH}/{plain.id}"),
            await scene.ada.http("GET", f"{PATH}/nothing"),
        ):
            assert error(answer) == (404, "message.not_found")
        asked = {"room": scene.room.id, "question": "?", "options": OPTIONS}
        assert error(await scene.eve.http("POST", PATH, asked)) == (404, "room.not_found")
        assert (await scene.chat.http("GET", path)).status == 401
        await scene.chat.service.rooms.change(
            scene.ada.user, scene.room, None, None, posting=Posting.MODERATORS
        )
        assert (
            await vote(scene.ben, poll, 0)
        ).status == 200  # who reads news may say what they think
        assert error(await scene.ben.http("POST", PATH, asked)) == (403, "room.moderators_only")


async def test_a_blocked_user_does_not_vote_in_the_direct_room() -> None:
    async with built() as scene:
        service = scene.chat.service
        members = [scene.ben.id]
        scene.room = await service.rooms.create(
            scene.ada.user, RoomKind.DIRECT, None, members=members
        )
        poll = await scene.ask(scene.ada)
        await service.blocks.add(scene.ada.user, scene.ben.id)
        assert error(await vote(scene.ben, poll, 0)) == (403, "user.unreachable")
        assert error(await vote(scene.ada, poll, 0)) == (409, "user.blocked")


async def test_a_bot_does_what_its_token_is_for() -> None:
    async with built("bots", "graphql") as scene:
        poll = await scene.ask(scene.ada)
        bot = await made(scene.ada)
        await scene.chat.service.rooms.invite(scene.ada.user, scene.room, bot["id"])
        reader = await acting(scene.chat, scene.ada, bot, ["read"])
        assert (await look(reader, poll))["may_vote"] is False
        asked = {"room": scene.room.id, "question": "?", "options": OPTIONS}
        for answer in (
            await vote(reader, poll, 0),
            await reader.http("POST", PATH, asked),
            await reader.http("POST", f"{PATH}/{poll['message']}/end"),
        ):
            assert error(answer) == (403, "auth.scope")
        op = {"message": poll["message"], "choices": [0]}
        assert await refused(reader.call("polls.vote", **op)) == "auth.scope"
        mutation = (
            f'mutation {{ endPoll(input: {{messageId: "{poll["message"]}"}}) {{ __typename }} }}'
        )
        answer = await reader.http("POST", "/graphql", {"query": mutation})
        assert answer.json["errors"][0]["extensions"]["code"] == "auth.scope"
        writer = await acting(scene.chat, scene.ada, bot, ["read", "write"])
        assert (await writer.call("polls.vote", **op))["poll"]["mine"] == [0]
        assert (await vote(writer, poll, 1)).json["poll"]["counts"] == [0, 1, 0]
        own = (await writer.call("polls.create", **asked))["poll"]
        assert (await writer.http("POST", f"{PATH}/{own['message']}/end")).status == 200


async def test_its_author_or_a_moderator_ends_it() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ben)
        path = f"{PATH}/{poll['message']}/end"
        await scene.chat.service.rooms.invite(scene.ada.user, scene.room, scene.eve.id)
        assert error(await scene.eve.http("POST", path)) == (403, "room.forbidden")
        await vote(scene.eve, poll, 2)
        ended = (await scene.ben.http("POST", path)).json["poll"]
        assert ended["ended_at"] and not ended["may_end"]
        assert (ended["counts"], ended["mine"]) == ([0, 0, 1], [])
        for choices in ((), (1,)):
            assert error(await vote(scene.eve, poll, *choices)) == (409, "polls.ended")
        again = (await scene.ben.call("polls.end", message=poll["message"]))["poll"]
        assert again["ended_at"] == ended["ended_at"]
        assert (await look(scene.eve, poll))["counts"] == [0, 0, 1]
        other = await scene.ask(scene.ben)
        assert (await scene.ada.http("POST", f"{PATH}/{other['message']}/end")).json["poll"][
            "ended_at"
        ]


async def test_in_an_archived_room_only_a_moderator_may_end_what_others_asked() -> None:
    async with built() as scene:
        (theirs, own) = (await scene.ask(scene.ben), await scene.ask(scene.ada))
        assert (await look(scene.ada, own))["may_end"]
        await scene.chat.service.rooms.archive(scene.ada.user, scene.room, archived=True)
        for person, poll, may_end in (
            (scene.ben, theirs, False),
            (scene.ada, own, False),
            (scene.ben, own, False),
            (scene.ada, theirs, True),
        ):
            found = await look(person, poll)
            assert (found["may_vote"], found["may_end"]) == (False, may_end)
            answer = await person.http("POST", f"{PATH}/{poll['message']}/end")
            assert (answer.status == 200) == may_end


async def test_a_poll_ends_at_its_time() -> None:
    clock = FakeClock()
    async with built(clock=clock) as scene:
        end = time_text(clock.now() + 60)
        poll = await scene.ask(scene.ada, ends_at=end)
        assert (poll["ends_at"], poll["ended_at"], poll["may_end"]) == (end, None, True)
        assert (await vote(scene.ben, poll, 0)).status == 200
        await clock.advance(60)
        assert error(await vote(scene.ben, poll, 1)) == (409, "polls.ended")
        answer = await scene.ada.http("POST", f"{PATH}/{poll['message']}/end")
        assert (answer.json["poll"]["ended_at"], answer.json["poll"]["may_end"]) == (end, False)


async def test_an_anonymous_poll_names_nobody() -> None:
    async with built() as scene:
        secret, open_ = await scene.ask(scene.ada, anonymous=True), await scene.ask(scene.ada)
        for poll in (secret, open_):
            await vote(scene.ben, poll, 1)
            await vote(scene.ada, poll, 2)
            await vote(scene.ada, poll)
        assert error(await scene.ada.http("GET", f"{PATH}/{secret['message']}/votes")) == (
            403,
            "polls.anonymous",
        )
        assert await refused(scene.ada.call("polls.votes", message=secret["message"])) == (
            "polls.anonymous"
        )
        page = (await scene.ada.http("GET", f"{PATH}/{open_['message']}/votes")).json
        (shown,) = page["votes"]
        assert (shown["user"]["id"], shown["choices"], page["after"]) == (scene.ben.id, [1], None)


async def test_votes_come_in_pages() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ada)
        for person in (scene.ada, scene.ben):
            await vote(person, poll, 0)
        voters, after = [], ""
        while after is not None:
            page = await scene.ben.call(
                "polls.votes", message=poll["message"], after=after, limit=1
            )
            voters += [each["user"]["id"] for each in page["votes"]]
            after = page["after"]
        assert voters == sorted([scene.ada.id, scene.ben.id])


async def test_plugins_may_refuse_votes_and_ends() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ada)
        asked: list[object] = []

        async def refuse(action: object, user: object) -> None:
            asked.append(action)
            raise ChatError("action.refused")

        with mock.patch.object(scene.chat.service.hooks, "allow", refuse):
            assert error(await vote(scene.ben, poll, 1))[1] == "action.refused"
            answer = await scene.ada.http("POST", f"{PATH}/{poll['message']}/end")
            assert error(answer)[1] == "action.refused"
        room, message = scene.room.id, poll["message"]
        assert asked == [
            PollVote(room=room, message=message, choices=(1,)),
            PollEnd(room=room, message=message, author=scene.ada.id),
        ]
        shown = await look(scene.ada, poll)
        assert (shown["counts"], shown["ended_at"]) == ([0, 0, 0], None)


async def test_one_user_makes_few_polls_at_once() -> None:
    async with built() as scene:
        for _ in range(int(BURST)):
            await scene.ask(scene.ada)
        asked = {"room": scene.room.id, "question": "?", "options": OPTIONS}
        assert error(await scene.ada.http("POST", PATH, asked)) == (429, "limit.rate")
        await scene.ask(scene.ben)


async def test_with_a_message_its_votes_go_and_with_a_room_all() -> None:
    async with built() as scene:
        one, two = await scene.ask(scene.ada), await scene.ask(scene.ada)
        for poll in (one, two):
            await vote(scene.ben, poll, 0)
            await scene.ada.http("POST", f"{PATH}/{poll['message']}/end")
        await scene.chat.service.messages.delete(scene.ada.user, scene.room, one["message"])
        assert error(await vote(scene.ben, one, 0)) == (404, "message.not_found")

        async def is_gone(text: str) -> bool:
            return not any(text in key for key in await scene.keys())

        await until(lambda: is_gone(one["message"]))
        assert {key.partition("/")[0] for key in await scene.keys()} == {"vote", "end", "by"}
        await scene.chat.service.rooms.delete(scene.ada.user, scene.room)
        await until(lambda: is_gone(two["message"]))
        assert await scene.keys() == []


async def test_the_text_of_a_poll_stays_and_other_messages_are_edited() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ada)
        messages = f"/api/v1/rooms/{scene.room.id}/messages"
        refusal = await scene.ada.http("PATCH", f"{messages}/{poll['message']}", {"body": "Else?"})
        assert (refusal.status, refusal.json["error"]["code"]) == (422, "message.refused")
        assert "poll" in refusal.json["error"]["message"]
        shown = await scene.chat.service.messages.by_id(scene.ben.user, poll["message"])
        assert (shown.body, shown.edited_at) == (TEXT, None)
        other = await scene.ada.http("POST", messages, {"client_id": "other", "body": "Tea?"})
        other_id = other.json["id"]
        changed = await scene.ada.http("PATCH", f"{messages}/{other_id}", {"body": "Coffee?"})
        assert changed.status == 200, changed.body


async def test_a_vote_for_a_message_that_is_deleted_meanwhile_leaves_nothing() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ada)
        await vote(scene.ada, poll, 0)
        write = Book.vote

        async def is_clean() -> bool:
            return await scene.keys() == []

        async def late(book: Book, *given: Any) -> None:
            await scene.chat.service.messages.delete(scene.ada.user, scene.room, poll["message"])
            await until(is_clean)
            await write(book, *given)

        with mock.patch.object(Book, "vote", late):
            assert error(await vote(scene.ben, poll, 0)) == (404, "message.not_found")
        assert await scene.keys() == []


async def test_with_an_account_its_votes_go() -> None:
    async with built() as scene:
        polls = [await scene.ask(scene.ada) for _ in range(2)]
        for poll in polls:
            await vote(scene.ben, poll, 0)
            await vote(scene.ada, poll, 1)
        await scene.chat.service.removal.delete("ben")

        async def is_gone() -> bool:
            return not any(scene.ben.id in key for key in await scene.keys())

        await until(is_gone)
        for poll in polls:
            await until(lambda poll=poll: has_one_vote(scene, poll))


async def has_one_vote(scene: Scene, poll: Any) -> bool:
    shown = await look(scene.ada, poll)
    return bool((shown["counts"], shown["voters"], shown["mine"]) == ([0, 1, 0], 1, [1]))


# -- several nodes -----------------------------------------------------------------------------------


async def test_votes_on_two_nodes_at_once_are_all_counted_on_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_nodes(monkeypatch, "polls") as nodes:
        people = [await nodes[0].user(f"person{number}") for number in range(6)]
        room = await people[0].create_room("Lounge", members=people[1:])
        asked = {"room": room.id, "question": "?", "options": OPTIONS}
        poll = (await people[0].http("POST", PATH, asked)).json["poll"]
        path = f"{PATH}/{poll['message']}"

        async def on(node: Chat, person: Person, choice: int) -> Answer:
            return await node.http("PUT", f"{path}/vote", {"choices": [choice]}, person.token)

        for answer in await asyncio.gather(
            *(on(nodes[place % 2], person, place % 3) for place, person in enumerate(people))
        ):
            assert answer.status == 200, answer.body
        both = await asyncio.gather(*(on(node, people[0], 2) for node in nodes))
        assert [answer.status for answer in both] == [200, 200]
        for node in nodes:

            async def agrees(node: Chat = node) -> bool:
                shown = (await node.http("GET", path, token=people[1].token)).json["poll"]
                return (shown["counts"], shown["voters"]) == ([1, 2, 3], 6)

            await until(agrees)


# -- counting and telling ----------------------------------------------------------------------------


def heard(scene: Scene) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """What rooms and users are told of polls from now on."""
    rooms: list[tuple[str, Any]] = []
    users: list[tuple[str, Any]] = []
    hub: Any = scene.chat.service.hub

    def note(told: list[tuple[str, Any]], name: str) -> Callable[..., None]:
        def tell(whom: Any, news: Any, **_: Any) -> None:
            if getattr(news, "name", None) == name:
                told.append((getattr(whom, "id", whom), news.payload))

        return tell

    hub.tell_room, hub.tell_user = note(rooms, "counted"), note(users, "voted")
    return rooms, users


async def test_many_votes_are_told_to_the_room_together() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ada)
        rooms, users = heard(scene)
        message = poll["message"]
        for choice in (0, 1, 2):
            await vote(scene.ben, poll, choice)
        await vote(scene.ada, poll, 2)
        await until(
            lambda: rooms and rooms[-1][1]["voters"] == 2 and rooms[-1][1]["counts"][2] == 2
        )
        assert len(rooms) <= 4
        room, told = rooms[-1]
        assert room == scene.room.id
        assert told == {
            "message": message,
            "counts": [0, 0, 2],
            "voters": 2,
            "ended_at": None,
            "at": told["at"],
        }
        assert users == [
            (scene.ben.id, {"message": message, "mine": (choice,)}) for choice in (0, 1, 2)
        ] + [(scene.ada.id, {"message": message, "mine": (2,)})]
        ended = await scene.ada.http("POST", f"{PATH}/{message}/end")
        assert ended.status == 200
        await until(lambda: rooms[-1][1]["ended_at"] == ended.json["poll"]["ended_at"])


async def test_a_store_that_is_away_tells_nothing_and_the_next_vote_is_told() -> None:
    async with built() as scene:
        poll = await scene.ask(scene.ada)
        rooms, _ = heard(scene)
        asked = asyncio.Event()

        async def away(self: object, message: str) -> None:
            asked.set()
            raise StoreUnavailable

        with mock.patch.object(Tallies, "count", away), mock.patch.object(Tallies, "of", count_of):
            await vote(scene.ben, poll, 0)
            async with asyncio.timeout(60):
                await asked.wait()
        await vote(scene.ben, poll, 1)
        await until(lambda: rooms)
        assert [told["counts"] for _, told in rooms] == [[0, 1, 0]]


async def count_of(self: Tallies, message: str) -> Any:
    return await self._count(message)
