"""Searches of a talk that goes on, on every store, compared with what comparing every text finds.

The talk is made up by chance, in many scripts, with edits, deletions, and clocks that differ; the index
follows at its own pace, and pages are read while more is said.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from chatserver import (
    AnyEvent,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    Room,
    RoomKind,
    User,
    UserRef,
)
from chatserver.service.service import Service
from chatserver.testing.samples import event, posted
from chatserver.testing.stores import MakeStore
from tests.core.nodes import add_user, config, make_service, running
from tests.search.bruteforce import Phrase, Run, Words

pytestmark = pytest.mark.long

RUNS = (
    "東京",
    "京都",
    "都",
    "ラーメン",
    "らーめん",
    "ﾗｰﾒﾝ",
    "ガ",
    "中文",
    "국어",
    "한국어",
    "ภาษา",
    "葛\U000e0100城",
)
WORDS = ("hello", "WORLD", "Straße", "STRASSE", "x", "e\u0301", "É", "Ｂ１", "b1", "क्त", "w" * 70)
EMOJI = ("👍", "🇯🇵", "👨\u200d👩\u200d👧", "❤\ufe0f", "❤")
OTHERS = (
    "https://example.com/?q=東京",
    "def f(x): return 1",
    "don't",
    "!?",
    "\0",
    "…",
    "so\u00adft",
)
TURNS = 6  # of saying something and asking for something
# So small that searches take many steps, and pages end early.
SMALL = {
    "merge.REJECTED": 15,
    "merge.AT_ONCE": 4,
    "merge.OF_ONE": 1,
    "merge.READ_CHARS": 60,
    "finder.READ_EVENTS": 3,
    "lookup.FIRST_SEGMENTS": 1,
    "lookup.PAGES": 4,
    "lookup.MOST_SEGMENTS": 3,
    "finder.LOOKED_UP": 1,
    "finder.FEW_ROOMS": 1,
    "page_cache.KEEP_BYTES": 5000,
    "indexer.READ_EVENTS": 7,
}
CLOCKS = (timedelta(), timedelta(milliseconds=700))  # of two servers

Term = Run | Words | Phrase


class Asked(NamedTuple):
    """A search by a user, in one room or in all their rooms."""

    user: User
    room: Room | None
    terms: Sequence[Term]
    author: User | None = None
    day: str | None = None

    @property
    def typed(self) -> str:
        conditions = [f"from:{self.author.username}"] if self.author else []
        conditions += [f"after:{self.day}"] if self.day else []
        return " ".join([*conditions, *(term.typed for term in self.terms)])


class Talk:
    def __init__(self, service: Service, seed: int) -> None:
        self.service, self.chance = service, random.Random(seed)
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.people: list[User] = []
        self.rooms: list[Room] = []
        self.said: dict[str, MessagePosted] = {}
        self.text: dict[str, str] = {}  # what messages say now; deleted ones are left out

    async def begin(self) -> None:
        names = ("ada", "bob", "cid")
        self.people = [await add_user(self.service, name) for name in names]
        ada, bob, cid = self.people
        for number, members in enumerate(([bob, cid], [bob], [cid])):
            ids = [member.id for member in members]
            name = f"room {number}"
            self.rooms.append(
                await self.service.rooms.create(ada, RoomKind.PRIVATE, name, members=ids)
            )

    async def go_on(self, events: int) -> None:
        heads = {room: room.head for room in self.rooms}
        happened: list[AnyEvent] = []
        for _ in range(events):
            room = self.chance.choice(self.rooms)
            heads[room] += 1
            happened.append(self._happens(room, heads[room]))
        if happened:
            assert (await self.service.store.append(happened)).conflict is None
            await self.service.log.refresh(self.rooms)

    def _happens(self, room: Room, seq: int) -> AnyEvent:
        chance = self.chance
        self.now += timedelta(milliseconds=chance.choice([0, 1, 400, 60_000, 1_800_000]))
        moment = self.now + chance.choice(CLOCKS)
        at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = [id for id in self.text if self.said[id].room == room.id]
        kind = chance.choices(["post", "edit", "delete", "react"], [20, 4, 1, 1])[0]
        if kind == "post" or not known:
            author = chance.choice(self.people)
            message = posted(room.id, seq, author.id, at=at, body=self._body())
            self.said[message.id], self.text[message.id] = message, message.body
            return message
        id = chance.choice(known)
        author = UserRef(self.said[id].author.id, "name")
        if kind == "edit":
            self.text[id] = self._body()
            return event(
                MessageEdited, room.id, seq, message=id, body=self.text[id], at=at, author=author
            )
        if kind == "delete":
            del self.text[id]
            return event(MessageDeleted, room.id, seq, message=id, at=at)
        return event(ReactionAdded, room.id, seq, message=id, at=at, emoji="👍")

    def _body(self) -> str:
        chance = self.chance
        some = [chance.choice(chance.choice((RUNS, WORDS, EMOJI, OTHERS))) for _ in range(4)]
        return "".join(each + chance.choice(["", " ", "\n", "\u3000"]) for each in some)

    def ask(self) -> Asked:
        chance = self.chance
        terms = [self._term() for _ in range(chance.choice([0, 1, 1, 2]))]
        author = chance.choice(self.people) if chance.random() < 0.3 or not terms else None
        day = f"{self.now - timedelta(hours=30):%Y-%m-%d}" if chance.random() < 0.3 else None
        room = chance.choice(self.rooms) if chance.random() < 0.3 else None
        return Asked(self.people[0 if room else chance.randrange(3)], room, terms, author, day)

    def _term(self) -> Term:
        words = self.chance.sample(WORDS, 2)
        return self.chance.choice(
            [
                Run(self.chance.choice((*RUNS, *EMOJI))),
                Words(words[:1]),
                Words(("don", "t"), self.chance.choice("'-_./")),
                Phrase(words),
            ]
        )

    def answers(self, asked: Asked) -> set[str]:
        """Messages that are answers now."""
        rooms = [asked.room] if asked.room else self.rooms
        seen = {room.id for room in rooms if asked.user.id in room.members}
        return {
            id
            for id, text in self.text.items()
            if self.said[id].room in seen
            and (asked.author is None or self.said[id].author.id == asked.author.id)
            and (asked.day is None or self.said[id].at >= asked.day)
            and all(term.is_in(text) for term in asked.terms)
        }


async def check(talk: Talk, asked: Asked) -> None:
    """All pages together have each answer once, and no text that never was an answer."""
    always = sometimes = talk.answers(asked)
    found: list[str] = []
    cursor = None
    limit = talk.chance.choice([2, 7, 50])
    while True:
        page = await talk.service.search.find(asked.user, asked.typed, asked.room, cursor, limit)
        assert not page.partial
        assert len(page.messages) <= limit
        found += [message.id for message in page.messages]
        cursor = page.cursor
        if cursor is None:
            break
        await talk.go_on(talk.chance.choice([0, 0, 0, 1, 6]) if len(found) < 30 else 0)
        now = talk.answers(asked)
        always, sometimes = always & now, sometimes | now
    assert len(set(found)) == len(found), f"{asked.typed!r} gave some twice"
    assert always <= set(found) <= sometimes, f"{asked.typed!r}"
    if asked.room is not None:
        seqs = [talk.said[id].seq for id in found]
        assert seqs == sorted(seqs, reverse=True)


@pytest.mark.parametrize("seed", [0, 6, 24])
async def test_a_search_equals_a_comparison_of_every_text(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    for name, value in SMALL.items() if seed else ():
        monkeypatch.setattr(f"chatserver.search.{name}", value)
    store = make_store()
    await store.open()
    try:
        async with running(make_service(store, config())) as service:
            service.indexer.pause()
            talk = Talk(service, seed)
            await talk.begin()
            for _ in range(TURNS):
                await talk.go_on(talk.chance.choice([1, 10, 60]))
                indexing = asyncio.create_task(service.indexer.catch_up())
                await check(talk, talk.ask())
                await indexing
                await check(talk, talk.ask())
    finally:
        await store.close()
