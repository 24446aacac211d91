"""The inbox: what comes into it, who sees it, and what is unread, at every door."""

from typing import Any

import pytest

from chatserver import ChatError, MessagePosted, Room, RoomKind
from chatserver.service.notifying import concern
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat, Person, running
from chatserver_plugins.inbox import book, collecting
from tests.waiting import until

PATH = "/api/v1/inbox"
DAY = 86400.0


async def page(person: Person, **more: Any) -> Any:
    return await person.call("inbox.list", **more)


async def kinds(person: Person) -> list[tuple[str, str, bool]]:
    """Of each entry, the newest first: what happened, the text of its message, and whether it is unread."""
    return [
        (each["kind"], each["message"]["body"], each["unread"])
        for each in (await page(person))["entries"]
    ]


async def settled(person: Person, count: int) -> list[tuple[str, str, bool]]:
    """`kinds`, once there are so many."""

    async def are_there() -> bool:
        return len(await kinds(person)) == count

    await until(are_there)
    return await kinds(person)


async def answer(chat: Chat, by: Person, room: Room, body: str, to: MessagePosted) -> MessagePosted:
    event, _ = await chat.service.messages.post(by.user, room, f"{by.id}-{body}", body, to.id)
    return event


async def react(chat: Chat, by: Person, room: Room, to: MessagePosted, emoji: str = "👍") -> None:
    await chat.service.messages.react(by.user, room, to.id, emoji)


async def test_mentions_replies_and_reactions_come_to_whom_they_concern() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        own = await ada.post(room, "Who brings the cake?")
        await ben.post(room, "Somebody else speaks, and mentions nobody")
        await ben.post(room, "I ask @ada and @ben")
        both = await answer(chat, ben, room, "Me, @ada!", own)
        await answer(chat, ben, room, "Or not", own)
        await react(chat, ben, room, own)
        await react(chat, ada, room, own)
        await answer(chat, ada, room, "Ada answers herself", own)
        await react(chat, ada, room, both)
        assert await settled(ada, 4) == [
            ("reaction", "Who brings the cake?", True),
            ("reply", "Or not", True),
            ("mention", "Me, @ada!", True),
            ("mention", "I ask @ada and @ben", True),
        ]
        await settled(ben, 1)  # of the last event of all
        (entry,) = (await page(ben))["entries"]
        assert (entry["kind"], entry["emoji"], entry["message"]["id"]) == (
            "reaction",
            "👍",
            both.id,
        )
        assert entry["by"] == {"id": ada.id, "name": "ada", "username": "ada"}
        assert (await ada.call("inbox.count"))["unread"] == (await page(ada))["unread"] == 4


async def test_what_is_gone_or_may_not_be_read_any_more_is_left_out() -> None:
    async with running("inbox") as chat:
        await chat.user("olga")  # the owner of the server, whom nobody blocks
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[ben])
        own = await ben.post(room, "Mine")
        messages = chat.service.messages
        deleted = await ada.post(room, "Deleted: @ben")
        edited = await ada.post(room, "Edited: @ben")
        await react(chat, ada, room, own)
        await answer(chat, ada, room, "Stays", own)
        goes = await answer(chat, ada, room, "Goes", own)
        await settled(ben, 5)
        await messages.delete(ada.user, room, deleted.id)
        await messages.delete(ada.user, room, goes.id)
        await messages.edit(ada.user, room, edited.id, "Edited: nobody")
        await messages.unreact(ada.user, room, own.id, "👍")
        assert await kinds(ben) == [("reply", "Stays", True)]
        await chat.service.blocks.add(ben.user, ada.id)
        assert (await page(ben))["entries"] == [] == (await ben.http("GET", PATH)).json["entries"]
        await chat.service.blocks.remove(ben.user, ada.id)
        assert len(await kinds(ben)) == 1
        await chat.service.rooms.kick(ada.user, room, ben.id)
        assert (await page(ben)) == {"entries": [], "unread": 0}


async def test_nobody_gets_an_entry_of_a_room_that_they_are_not_in() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        own = await ben.post(room, "Mine")
        await chat.service.rooms.leave(ben.user, room)
        await ada.post(room, "For @ben, who has left")
        await react(chat, ada, room, own)
        await ben.join(room)
        await answer(chat, ada, room, "Welcome back", own)
        assert await settled(ben, 1) == [("reply", "Welcome back", True)]
        await chat.service.rooms.leave(ben.user, room)
        assert await kinds(ben) == []


async def test_entries_are_unread_until_their_message_is_read_or_the_list_was_seen() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        own = await ben.post(room, "Mine")
        first = await ada.post(room, "One, @ben")
        await ada.post(room, "Two, @ben")
        await react(chat, ada, room, own)
        await settled(ben, 3)
        await chat.service.rooms.mark_read(ben.user, room, first.seq)
        assert [unread for _, _, unread in await kinds(ben)] == [True, True, False]
        assert await ben.call("inbox.count") == {"unread": 2}
        assert await ben.call("inbox.seen") == {}
        assert await ben.call("inbox.count") == {"unread": 0}
        assert [unread for _, _, unread in await kinds(ben)] == [False, False, False]
        await ada.post(room, "Three, @ben")
        await settled(ben, 4)
        assert await ben.call("inbox.count") == {"unread": 1}
        assert (await ben.http("POST", f"{PATH}/seen")).status == 204
        assert await ben.call("inbox.count") == {"unread": 0}


async def test_pages_go_on_where_the_one_before_ended() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        for number in range(5):
            await ada.post(room, f"{number} @ben")
        await settled(ben, 5)
        bodies, after = [], ""
        for size in (2, 2, 1):
            found = (await ben.http("GET", f"{PATH}?limit=2&after={after}")).json
            assert len(found["entries"]) == size
            bodies += [each["message"]["body"] for each in found["entries"]]
            after = found.get("next", "")
        assert after == "" and bodies == [f"{number} @ben" for number in (4, 3, 2, 1, 0)]


async def test_the_oldest_entries_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST", 3)
    monkeypatch.setattr(book, "SPARE", 2)
    clock = FakeClock()
    async with running("inbox", clock=clock, settings={"plugin.inbox.keep_days": 30}) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        for number in range(6):
            await ada.post(room, f"{number} @ben")
            await until(lambda number=number: chat.service and _newest(ben, f"{number} @ben"))
        assert [body for _, body, _ in await kinds(ben)] == ["5 @ben", "4 @ben", "3 @ben"]
        await clock.advance(31 * DAY)
        assert (await page(ben))["entries"] == []


async def _newest(person: Person, body: str) -> bool:
    found = await kinds(person)
    return bool(found) and found[0][1] == body


async def test_a_deleted_account_leaves_nothing() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        await ada.post(room, "For @ben")
        await settled(ben, 1)
        await ben.call("inbox.seen")
        await chat.service.removal.delete("ben")
        store = chat.service.store

        async def is_empty() -> bool:
            spaces = ("plugin/inbox", "expiring/inbox")
            return not any([await store.scan(space, "") for space in spaces])

        await until(is_empty)


async def test_the_same_over_graphql() -> None:
    query = "{ inbox { unread next entries { id kind at unread emoji roomId messageId text by { id name username } } } }"
    async with running("inbox", "graphql") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        own = await ben.post(room, "Mine")
        await react(chat, ada, room, own)
        await settled(ben, 1)
        data = (await ben.http("POST", "/graphql", {"query": query})).json["data"]["inbox"]
        (entry,) = data["entries"]
        assert (data["unread"], data["next"], entry["kind"]) == (1, None, "REACTION")
        assert (entry["messageId"], entry["roomId"], entry["text"]) == (own.id, room.id, "Mine")
        assert (entry["unread"], entry["emoji"], entry["by"]["username"]) == (True, "👍", "ada")
        seen = {"query": "mutation { seeInbox { unread } }"}
        answered = (await ben.http("POST", "/graphql", seen)).json
        assert answered["data"]["seeInbox"] == {"unread": 0}
        wrong = {"query": "{ inbox(first: 101) { unread } }"}
        errors = (await ben.http("POST", "/graphql", wrong)).json["errors"]
        assert errors[0]["extensions"]["code"] == "request.invalid"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=²", f"after={'a' * 300}"]
)
async def test_bad_input_is_refused(query: str) -> None:
    async with running("inbox") as chat:
        ada = await chat.user("ada")
        answered = await ada.http("GET", f"{PATH}?{query}")
        assert (answered.status, answered.json["error"]["code"]) == (400, "request.invalid")
        assert (await chat.http("GET", PATH)).status == 401
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await ada.call("inbox.seen", more=1)


async def test_a_message_that_mentions_very_many_tells_the_first_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concern, "MOST_MENTIONED", 1)
    async with running("inbox") as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]
        room = await ada.create_room("Lounge", members=[ben, cat])
        own = await cat.post(room, "Mine")
        await ada.post(room, "@ben @cat")
        await answer(chat, ada, room, "Last", own)
        assert await settled(cat, 1) == [("reply", "Last", True)]
        assert len(await kinds(ben)) == 1


async def test_a_mention_of_everybody_comes_to_all_but_in_a_very_large_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concern, "MOST_MENTIONED", 1)
    monkeypatch.setattr(concern, "MOST_OF_EVERYBODY", 2)
    async with running("inbox") as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]
        small = await ada.create_room("Small", members=[ben])
        large = await ada.create_room("Large", members=[ben, cat])
        await ada.post(large, "@room, all of you")
        await ada.post(small, "@room, both of us")
        assert await settled(ben, 1) == [("mention", "@room, both of us", True)]
        assert await kinds(ada) == await kinds(cat) == []


async def test_events_that_come_again_change_nothing() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        await ada.post(room, "For @ben")
        await settled(ben, 1)
        events = (await chat.service.history.events(ada.user, room, 0)).events
        loaded = chat._server._plugins.all
        plugin = next(each.instance for each in loaded if each.name == "inbox")
        again = collecting.Collecting(plugin._desk._context, plugin._book, plugin._following)
        await again.handle([*events, *events])
        assert len(await kinds(ben)) == 1
        root = await ada.post(room, "Root")
        await reply(chat, ben, room, "Ben follows", root)
        await settled(ada, 1)
        await ben.call("inbox.follow", message=root.id, following=False)
        await again.handle((await chat.service.history.events(ada.user, room, 0)).events)
        assert (await ben.call("inbox.follow", message=root.id))["following"] is False


async def test_a_page_of_long_messages_fits_into_a_connection() -> None:
    small = {"limits.buffer_soft_bytes": 20_000, "limits.buffer_hard_bytes": 40_000}
    async with running("inbox", settings=small) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        for number in range(7):
            await ada.post(room, f"{number} @ben " + "x" * 7_900)
        await until(lambda: _newest(ben, "6 @ben " + "x" * 7_900))
        found, after = "", ""
        while after is not None:
            given = await page(ben, after=after)
            assert len(given["entries"]) <= 2
            found += "".join(each["message"]["body"][0] for each in given["entries"])
            after = given.get("next")
        assert found == "6543210"


async def reply(
    chat: Chat, by: Person, room: Room, body: str, root: MessagePosted, **more: Any
) -> MessagePosted:
    sent = chat.service.messages.post(
        by.user, room, f"{by.id}-{body}", body, thread=root.id, **more
    )
    return (await sent)[0]


async def test_those_who_follow_a_thread_are_told_of_its_newest_reply() -> None:
    async with running("inbox") as chat:
        ada, ben, cat, dan = [await chat.user(name) for name in ("ada", "ben", "cat", "dan")]
        room = await ada.create_room("Lounge", members=[ben, cat, dan])
        root = await ada.post(room, "Who brings the cake?")
        await reply(chat, ben, room, "Me", root)
        await reply(chat, ben, room, "And @cat", root)
        await reply(chat, cat, room, "Yes", root)
        assert await settled(ben, 1) == [("thread", "Yes", True)]
        assert await kinds(cat) == [("mention", "And @cat", True)]
        # Ada began it; of the three replies, the list has the newest.
        assert await kinds(ada) == [("thread", "Yes", True)]
        assert (await ada.call("inbox.count"))["unread"] == 1
        assert await kinds(dan) == []
        assert await dan.call("inbox.follow", message=root.id) == {
            "thread": root.id,
            "following": False,
        }


async def test_replies_are_read_with_their_thread_and_not_with_the_room() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        root = await ada.post(room, "Root")
        first = await reply(chat, ben, room, "First", root)
        await settled(ada, 1)
        last = await reply(chat, ben, room, "Look, @ada", root)
        await settled(ada, 2)
        await chat.service.rooms.mark_read(ada.user, room, room.head)
        assert [unread for _, _, unread in await kinds(ada)] == [True, True]
        assert await ada.call("inbox.read", thread=root.id, seq=first.seq) == {}
        assert [unread for _, _, unread in await kinds(ada)] == [True, False]
        path = f"{PATH}/threads/{root.id}/read"
        assert (await ada.http("POST", path, {"seq": last.seq})).status == 204
        assert [unread for _, _, unread in await kinds(ada)] == [False, False]
        await ada.call("inbox.read", thread=root.id, seq=first.seq)  # an older device
        assert (await ada.call("inbox.count"))["unread"] == 0
        await reply(chat, ben, room, "In the room, too", root, broadcast=True)
        # It takes the place of the thread's other entry, so their number says nothing.
        await until(lambda: _newest(ada, "In the room, too"))
        await chat.service.rooms.mark_read(ada.user, room, room.head)
        assert (await kinds(ada))[0] == ("thread", "In the room, too", False)


async def test_a_reply_that_is_read_in_the_room_leaves_the_others_of_its_thread_unread() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        root = await ada.post(room, "Root")
        await reply(chat, ben, room, "In the thread alone", root)
        last = await reply(chat, ben, room, "In the room, too", root, broadcast=True)
        await until(lambda: _newest(ada, "In the room, too"))
        await chat.service.rooms.mark_read(ada.user, room, room.head)
        assert await kinds(ada) == [("thread", "In the room, too", True)]
        assert (await ada.call("inbox.count"))["unread"] == 1
        await ada.call("inbox.read", thread=root.id, seq=last.seq)
        assert await kinds(ada) == [("thread", "In the room, too", False)]
        assert (await ada.call("inbox.count"))["unread"] == 0


async def test_whoever_leaves_a_thread_hears_no_more_of_it_until_they_write_there() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        root = await ada.post(room, "Root")
        path = f"{PATH}/threads/{root.id}"
        assert (await ada.http("PUT", path, {"following": False})).json["following"] is False
        one = await reply(chat, ben, room, "One", root)
        await ada.post(room, "@ben knows when One is handled")
        await settled(ben, 1)
        assert await kinds(ada) == []
        assert (await ada.http("GET", path)).json == {"thread": root.id, "following": False}
        # By the id of a reply, as well.
        followed = await ada.call("inbox.follow", message=one.id, following=True)
        assert followed == {"thread": root.id, "following": True}
        await reply(chat, ben, room, "Two", root)
        assert await settled(ada, 1) == [("thread", "Two", True)]
        await ada.call("inbox.follow", message=root.id, following=False)
        await reply(chat, ben, room, "Unheard", root)
        await ada.post(room, "@ben knows when that is handled")
        await settled(ben, 2)
        assert await kinds(ada) == [("thread", "Two", True)]
        await reply(chat, ada, room, "I come back", root)
        await reply(chat, ben, room, "Three", root)
        await until(lambda: _newest(ada, "Three"))


async def test_who_follows_a_thread_from_a_reply_on_is_told_once_it_is_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        root = await ada.post(room, "Root")
        told: list[str] = []
        monkeypatch.setattr(chat.service.hub, "tell_user", lambda user, notice: told.append(user))
        await reply(chat, ben, room, "Ben follows", root)
        await until(lambda: ben.id in told)
        assert (await ben.call("inbox.follow", message=root.id))["following"] is True
        await reply(chat, ben, room, "Ben goes on", root)
        await until(lambda: _newest(ada, "Ben goes on"))
        await until(lambda: told.count(ada.id) == 2)
        assert told.count(ben.id) == 1


async def test_whoever_is_mentioned_without_being_there_does_not_follow() -> None:
    async with running("inbox") as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]
        room = await ada.create_room("Lounge", members=[ben])
        root = await ada.post(room, "Root")
        await reply(chat, ada, room, "Not here: @cat, but @ben", root)
        await settled(ben, 1)
        await cat.join(room)
        await reply(chat, ada, room, "One", root)
        await until(lambda: _newest(ben, "One"))
        assert await kinds(cat) == []


async def test_a_thread_that_may_not_be_read_is_not_followed() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[ben])
        root = await ben.post(room, "Root")
        await reply(chat, ada, room, "One", root)
        await settled(ben, 1)
        await chat.service.rooms.kick(ada.user, room, ben.id)
        assert await kinds(ben) == []
        await reply(chat, ada, room, "Two", root)
        await reply(chat, ada, room, "Three", root)
        await ben.call("inbox.read", thread=root.id, seq=9)
        with pytest.raises(ChatError, match=r"message\.not_found"):
            await ben.call("inbox.follow", message=root.id, following=True)
        answered = await ben.http("GET", f"{PATH}/threads/{root.id}")
        assert (answered.status, answered.json["error"]["code"]) == (404, "message.not_found")
        for body in ({}, {"following": "x"}, []):
            answered = await ada.http("PUT", f"{PATH}/threads/{root.id}", body)
            assert (answered.status, answered.json["error"]["code"]) == (400, "request.invalid")


async def test_a_thread_is_followed_and_read_over_graphql() -> None:
    async with running("inbox", "graphql") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        root = await ben.post(room, "Root")
        text = """mutation ($message: ID!) {
          followThread(message: $message, following: true) { thread following } }"""
        asked = {"query": text, "variables": {"message": root.id}}
        data = (await ada.http("POST", "/graphql", asked)).json["data"]
        assert data["followThread"] == {"thread": root.id, "following": True}
        last = await reply(chat, ben, room, "One", root)
        await settled(ada, 1)
        listed = (
            await ada.http("POST", "/graphql", {"query": "{ inbox { entries { kind } } }"})
        ).json
        assert listed["data"]["inbox"]["entries"] == [{"kind": "THREAD"}]
        read = f'mutation {{ readThread(thread: "{root.id}", seq: {last.seq}) {{ unread }} }}'
        data = (await ada.http("POST", "/graphql", {"query": read})).json["data"]
        assert data["readThread"] == {"unread": 0}


async def test_a_deleted_account_follows_nothing_any_more() -> None:
    async with running("inbox") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge", members=[ben])
        root = await ada.post(room, "Root")
        await ben.call("inbox.follow", message=root.id, following=True)
        await chat.service.removal.delete("ben")
        store = chat.service.store

        async def is_empty() -> bool:
            return not await store.scan("expiring/inbox", "")

        await until(is_empty)
