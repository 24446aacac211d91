"""Search gives the same answers on every store, whether a message is in the index already or not."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from chatserver import (
    AnyEvent,
    ChatError,
    MessageDeleted,
    MessageEdited,
    ReactionAdded,
    Room,
    RoomKind,
    ServerRole,
    User,
    UserRef,
)
from chatserver.service.service import Service
from chatserver.testing.samples import event, posted
from chatserver.testing.stores import MakeStore
from chatserver_plugins.memory import MemoryPlugin
from tests.core.nodes import add_user, config, make_service, running

pytestmark = pytest.mark.long

# Room, day of January 2026, author, text; the key is the client_id, by which answers are told.
SAID: dict[str, tuple[str, int, str, str]] = {
    "capital": ("lounge", 1, "ada", "東京都に住む"),
    "trip": ("lounge", 2, "bob", "京都に行く"),
    "weather": ("雑談", 2, "ada", "東京の天気"),
    "noodles": ("lounge", 3, "ada", "ラーメンを食べた"),
    "secret": ("secret", 3, "ada", "東京の秘密"),
    "greeting": ("lounge", 4, "bob", "Hello, hello World!"),
    "beginner": ("lounge", 5, "ada", "Python入門を読んだ"),
    "book": ("lounge", 6, "bob", "入門書は Python で"),
    "half": ("team", 7, "bob", "ﾗｰﾒﾝ屋 ＡＢＣ"),
    "fox": ("team", 8, "ada", "the quick brown fox"),
    "other fox": ("team", 9, "bob", "brown, the quick fox's tail; don’t"),
    "edited": ("lounge", 10, "ada", "the first text"),
    "deleted": ("lounge", 10, "ada", "deleted words of the tokyo office"),
    "party": ("team", 11, "bob", "🎉 at the Ｏｆｆｉｃｅ, 猫カフェ"),
    "strasse": ("team", 12, "ada", "Große Straße, 100% ΣΟΦΟΣ"),
    "again": ("lounge", 13, "bob", "was someone in 東京?"),
}
MEMBERS = {"lounge": ("ada", "bob"), "team": ("ada", "bob"), "secret": ("ada",), "雑談": ("ada",)}
PUBLIC = ("雑談",)

# User, query, and the answers in order.
ASKED: tuple[tuple[str, str, list[str]], ...] = (
    # Japanese: two characters, one, longer ones, kana and width
    ("ada", "東京", ["again", "secret", "weather", "capital"]),
    ("ada", "京都", ["trip", "capital"]),
    ("ada", "東京都", ["capital"]),
    ("ada", "猫", ["party"]),
    ("ada", "らーめん", ["half", "noodles"]),
    ("ada", "ﾗｰﾒﾝ", ["half", "noodles"]),
    ("ada", "京東", []),
    # mixed scripts, case and width
    ("ada", "Python入門", ["book", "beginner"]),
    ("ada", '"Python入門"', ["beginner"]),
    ("ada", "ＨＥＬＬＯ world", ["greeting"]),
    ("ada", "abc", ["half"]),
    ("ada", "STRASSE σοφος", ["strasse"]),
    ("ada", "office", ["party"]),
    ("ada", "ell", []),
    ("ada", "🎉", ["party"]),
    ("ada", "don't", ["other fox"]),
    ("ada", "%", ["strasse"]),
    ("ada", "!", ["greeting"]),
    ("ada", "%%", []),
    # several words, phrases, quotes that do not end
    ("ada", "fox brown", ["other fox", "fox"]),
    ("ada", '"quick brown"', ["fox"]),
    ("ada", '"the quick"', ["other fox", "fox"]),
    ("ada", '"quick bro', []),
    ("ada", "fox nowhere", []),
    # edited and deleted
    ("ada", "first", []),
    ("ada", "second", []),
    ("ada", "third 東京", ["edited"]),
    ("ada", "deleted", []),
    ("ada", "tokyo", []),
    # conditions
    ("ada", "from:bob 東京", ["again"]),
    ("ada", "from:bob from:ada 京都", ["trip", "capital"]),
    ("ada", "from:@ADA after:2026-01-09", ["strasse", "edited"]),
    ("ada", "from:nobody 東京", []),
    ("ada", "in:lounge 東京", ["again", "capital"]),
    ("ada", "in:Team in:ＳＥＣＲＥＴ the OR", []),
    ("ada", 'in:"team" in:secret 東京', ["secret"]),
    ("ada", "in:雑談 東京", ["weather"]),
    ("ada", "in:nowhere 東京", []),
    ("ada", "東京 before:2026-01-03", ["weather", "capital"]),
    ("ada", "東京 after:2026-01-02 before:2026-01-13", ["secret", "weather"]),
    ("ada", "before:2026-01-02", ["capital"]),
    ("ada", "in:team after:2026-01-11", ["strasse", "party"]),
    # only what the asker may see: rooms they are in; public ones if they are named
    ("bob", "東京", ["again", "capital"]),
    ("bob", "in:secret 東京", []),
    ("bob", "in:雑談 東京", ["weather"]),
    ("cid", "東京", []),
    ("cid", "in:雑談 東京", ["weather"]),
    ("cid", "in:lounge from:ada", []),
    ("guest", "in:雑談 東京", []),
)


def at(day: int) -> str:
    return f"2026-01-{day:02}T12:00:00.000Z"


class Talk:
    """Users, rooms, and old messages in them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.people: dict[str, User] = {}
        self.rooms: dict[str, Room] = {}
        self.labels: dict[str, str] = {}

    async def begin(self) -> None:
        for name in ("ada", "bob", "cid"):
            self.people[name] = await add_user(self.service, name)
        self.people["guest"] = await add_user(self.service, "guest", ServerRole.GUEST)
        for name, members in MEMBERS.items():
            owner, *others = (self.people[member] for member in members)
            kind = RoomKind.PUBLIC if name in PUBLIC else RoomKind.PRIVATE
            made = await self.service.rooms.create(
                owner, kind, name, members=[other.id for other in others]
            )
            self.rooms[name] = made
        for key, (room, day, author, text) in SAID.items():
            await self.say(key, room, at(day), author, text)

    async def say(self, key: str, room: str, at: str, author: str, text: str) -> None:
        there, user = self.rooms[room], self.people[author]
        seq = there.head + 1
        self.labels[f"{there.id}-{seq}"] = key
        await self.add(posted(there.id, seq, user.id, at=at, body=text, client_id=key))

    async def change(self, kind: Callable[..., AnyEvent], key: str, **fields: object) -> None:
        message = next(id for id, label in self.labels.items() if label == key)
        there = self.rooms[SAID[key][0]]
        author = self.people[SAID[key][2]]
        ref = UserRef(author.id, author.name)
        await self.add(event(kind, there.id, there.head + 1, message=message, author=ref, **fields))

    async def add(self, happened: AnyEvent) -> None:
        assert (await self.service.store.append([happened])).conflict is None
        await self.service.log.refresh([self.service.room_cache.known(happened.room)])  # type: ignore[list-item]

    async def answers(self) -> dict[tuple[str, str], list[str]]:
        """To all that is asked."""
        found = {}
        for who, text, _ in ASKED:
            answer = await self.service.search.find(self.people[who], text)
            assert answer.cursor is None and not answer.partial
            found[who, text] = [self.labels[message.id] for message in answer.messages]
        return found


EXPECTED = {(who, text): answers for who, text, answers in ASKED}


@asynccontextmanager
async def talk(make_store: MakeStore, **settings: object) -> AsyncIterator[Talk]:
    store = make_store()
    await store.open()
    try:
        async with running(make_service(store, config(**settings))) as service:
            service.indexer.pause()  # the test says when
            begun = Talk(service)
            await begun.begin()
            yield begun
    finally:
        await store.close()


async def indexed(service: Service) -> Mapping[str, int]:
    return await service.store.indexed(list(service.room_cache.heads()))


async def test_the_same_answers_everywhere(make_store: MakeStore) -> None:
    async with talk(make_store) as begun:
        service = begun.service
        await begun.change(MessageEdited, "edited", body="the second text")
        await service.indexer.catch_up()
        assert sum((await indexed(service)).values()) >= 16, "too little is in the index"
        await begun.change(MessageEdited, "edited", body="the third text, 東京")
        await begun.change(MessageDeleted, "deleted")
        expected = EXPECTED | {
            # found where the message was said, not where it was edited
            ("ada", "東京"): ["again", "edited", "secret", "weather", "capital"],
            ("ada", "in:lounge 東京"): ["again", "edited", "capital"],
            ("ada", "東京 after:2026-01-02 before:2026-01-13"): ["edited", "secret", "weather"],
            ("bob", "東京"): ["again", "edited", "capital"],
        }
        assert await begun.answers() == expected
        for number in range(120):  # so that all of the above is in larger segments, too
            await begun.change(ReactionAdded, ("trip", "fox")[number % 2], emoji="👍")
        assert await begun.answers() == expected
        await service.indexer.catch_up()
        assert max((await indexed(service)).values()) >= 64
        assert await begun.answers() == expected


@pytest.mark.parametrize("where", ["everywhere", "team"])
@pytest.mark.parametrize("upto", ["log", "index"])
async def test_pages_stay_while_messages_come(make_store: MakeStore, upto: str, where: str) -> None:
    async with talk(make_store) as begun:
        names = ("lounge", "team", "secret")
        for number in range(90):
            room, day = names[number * 7 % 3], 1 + number // 4  # four at the same time
            await begun.say(f"{number} {room}", room, at(day), "ada", f"word{number % 2}")
        if upto == "index":
            await begun.service.indexer.catch_up()
        ada, room_asked = begun.people["ada"], begun.rooms.get(where)
        seen: list[str] = []
        cursor = None
        while not seen or cursor:
            page = await begun.service.search.find(ada, "word1", room_asked, cursor, 4)
            seen += [begun.labels[message.id] for message in page.messages]
            cursor = page.cursor
            assert len(page.messages) == 4 or cursor is None
            await begun.say(f"new {len(seen)}", "team", at(30), "ada", "word1")
        numbers = [int(key.partition(" ")[0]) for key in seen]
        asked = range(1, 90, 2) if room_asked is None else range(1, 90, 6)
        assert sorted(numbers) == list(asked)
        days = [number // 4 for number in numbers]
        assert days == sorted(days, reverse=True)


async def test_a_search_in_vain_goes_on_in_the_next_page(make_store: MakeStore) -> None:
    """The words are in every text, the phrase only in the oldest: no page compares all texts."""
    async with talk(make_store) as begun:
        room, ada = begun.rooms["team"], begun.people["ada"]
        texts = ["say yes", *["yes say"] * 1300]
        events = [
            posted(room.id, room.head + n, ada.id, body=text, at=at(20), client_id=f"c{n}")
            for n, text in enumerate(texts, 1)
        ]
        await begun.service.store.append(events)
        await begun.service.log.refresh([room])
        for index in (False, True):
            if index:
                await begun.service.indexer.catch_up()
            for where in (None, room):
                seen: list[str] = []
                cursor, pages = None, 0
                while pages == 0 or cursor:
                    page = await begun.service.search.find(ada, '"say yes"', where, cursor)
                    seen += [message.client_id for message in page.messages]
                    cursor, pages = page.cursor, pages + 1
                assert seen == ["c1"]
                assert pages > 1 or not index  # what is read anyway is looked at first


async def test_a_search_without_an_index_is_marked_partial(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.search.finder.TAIL_EVENTS", 20)
    async with talk(make_store) as begun:
        ada = begun.people["ada"]
        for number in range(30):
            await begun.say(f"n{number}", "secret", at(20), "ada", f"number {number}")
        found = await begun.service.search.find(ada, "number")
        assert found.partial
        assert [message.client_id for message in found.messages] == [
            f"n{number}" for number in range(29, 9, -1)
        ]
        await begun.service.indexer.catch_up()
        found = await begun.service.search.find(ada, "number")
        assert not found.partial
        assert len(found.messages) == 30


@pytest.mark.parametrize("before", ["x", "2026-01-01/x/y", "now/1/r", "9" * 30 + "x", "2026-13-01"])
async def test_an_invalid_cursor_of_a_search_is_refused(before: str) -> None:
    async with talk(MemoryPlugin(MemoryPlugin.Config()).provide_store) as begun:
        for room in (None, begun.rooms["team"]):
            with pytest.raises(ChatError) as refused:
                await begun.service.search.find(begun.people["ada"], "x", room, before)
            assert refused.value.code == "request.invalid"


@pytest.mark.parametrize("index", [False, True])
async def test_messages_of_a_room_are_found_only_by_its_present_members(index: bool) -> None:
    async with talk(MemoryPlugin(MemoryPlugin.Config()).provide_store) as begun:
        service, bob = begun.service, begun.people["bob"]
        if index:
            await service.indexer.catch_up()
        page = await service.search.find(bob, "fox", limit=1)
        assert [begun.labels[message.id] for message in page.messages] == ["other fox"]
        await service.rooms.leave(bob, begun.rooms["team"])
        assert (await service.search.find(bob, "fox", None, page.cursor)).messages == []
        assert (await service.search.find(bob, "in:team fox")).messages == []
        with pytest.raises(ChatError) as refused:
            await service.search.find(bob, "fox", begun.rooms["team"])
        assert refused.value.code == "room.not_found"
        ada, cid = begun.people["ada"], begun.people["cid"]
        await service.rooms.invite(ada, begun.rooms["team"], cid.id)
        found = await service.search.find(cid, "fox")
        assert len(found.messages) == 2


async def test_a_public_room_is_found_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are more rooms than one list has; the room is found by name or id."""
    monkeypatch.setattr("chatserver.service.public.PUBLIC_ROOMS", 2)
    async with talk(MemoryPlugin(MemoryPlugin.Config()).provide_store) as begun:
        service, ada, cid = begun.service, begun.people["ada"], begun.people["cid"]
        for number in range(7):
            made = await service.rooms.create(ada, RoomKind.PUBLIC, f"Room {number}")
            begun.rooms[f"Room {number}"] = made
            await begun.say(f"in {number}", f"Room {number}", at(20), "ada", "東京")
        for number in range(7):
            for named in (f"Room {number}", begun.rooms[f"Room {number}"].id):
                found = await service.search.find(cid, f'東京 in:"{named}"')
                assert [begun.labels[message.id] for message in found.messages] == [f"in {number}"]
        private = begun.rooms["secret"].id
        assert (await service.search.find(cid, f"東京 in:{private}")).messages == []
