"""Destroying what a person wrote: their texts are gone everywhere, those of others stay, and nothing fails."""

import secrets
from typing import Any

import msgspec
import pytest

from chatserver import (
    AnyEvent,
    Ban,
    IndexPage,
    MemberLeft,
    MessageEdited,
    PluginEvent,
    StartupError,
    UserRef,
    cleared,
    index_places,
)
from chatserver.testing.running import running
from chatserver.testing.samples import described, event, joined, posted, user
from chatserver_plugins.vault import Servers as VaultServers
from chatserver_plugins.vault import keyring, scopes, sealing
from chatserver_plugins.vault.caretaking import Caretaker
from tests.vault.sealing import (
    MARKER,
    Hand,
    Servers,
    Shared,
    caretaker,
    opened,
    sealed,
)
from tests.vault.test_rotation import Dying, Killed

ADA, BEN = user("u1"), user("u2")
INDEXED = 40
DRAFTS, NOTES = "expiring/drafts", "plugin/reminders"


@pytest.fixture
def inner() -> Any:
    return Shared()


def log(room: str) -> list[AnyEvent]:
    """What two people wrote, in turns: odd seqs are Ada's from 3 on."""
    return [
        described(room, 1, name=f"{MARKER} 1"),
        joined(room, 2, "u2"),
        posted(room, 3, body=f"{MARKER} of Ada", author="u1"),
        posted(room, 4, body="of Ben", author="u2"),
        event(MessageEdited, room, 5, message=f"{room}-3", body=f"{MARKER}!", author=ADA),
        event(MessageEdited, room, 6, message=f"{room}-4", body="of Ben!", author=BEN),
        event(PluginEvent, room, 7, type="poll.closed", payload=MARKER, author=ADA),
        event(PluginEvent, room, 8, type="poll.closed", payload="of Ben", author=BEN),
        event(MemberLeft, room, 9, user=UserRef("u3", "C"), ban=Ban(reason=MARKER), author=ADA),
        posted(room, 10, body="", data={"poll": {"q": "of Ben"}}, data_text="q", author="u2"),
        posted(room, 11, body="", data={"poll": {"q": MARKER}}, data_text=MARKER, author="u1"),
    ]


def without_ada(events: list[AnyEvent]) -> list[AnyEvent]:
    return [cleared(each) if each.seq > 2 and each.author == ADA else each for each in events]


async def fill(chat: Any) -> None:
    for room in ("r", "q"):
        await chat.append([joined(room, 1, "u1"), *log(room)[1:]])
    await chat.append([described("r", 12, name=MARKER)])
    await chat.index("r", INDEXED, pages())
    for space in (DRAFTS, NOTES):
        for person in ("u1", "u2", "u10"):
            for number in range(3):
                await chat.put(space, f"{person}/{number}", f"of {person}".encode())
    for person in ("u1", "u2"):
        await chat.put("plugin/profiles", person, f"of {person}".encode())


def pages() -> list[IndexPage]:
    return [IndexPage(*place, repr(place).encode()) for place in index_places("r", INDEXED)]


async def check_gone(chat: Any) -> None:
    found = await chat.index_pages([*index_places("r", INDEXED)])
    assert found == [page.data for page in pages()], "the pages stay"
    for room in ("r", "q"):
        read = await chat.read(room, 1, 10)
        assert read == without_ada(log(room))[1:]
    assert [each.name for each in await chat.read("r", 11, 1)] == [MARKER], "the name is the room's"
    assert await chat.get("plugin/profiles", "u1") is None
    assert await chat.get("plugin/profiles", "u2") == b"of u2"
    for space in (DRAFTS, NOTES):
        rows = await chat.scan(space, "")
        assert [key for key, _ in rows] == [f"{u}/{n}" for u in ("u10", "u2") for n in range(3)]


async def test_what_a_person_wrote_is_gone_and_they_go_on(inner: Any) -> None:
    hand, nodes = Hand(), Servers()
    async with (
        opened(sealed(inner, clock=hand)) as chat,
        opened(sealed(inner, clock=hand)) as other,
    ):
        await fill(chat)
        care = caretaker(chat, hand, nodes)
        assert await care.seal(60)
        assert [*(await other.read("r", 0, 100))][1:11] == log("r")[1:], "has the keys in memory"
        found = await care.status()
        assert (found.people, found.shredded) == (3, 0)
        assert await care.shred_person("u1") == 1
        hand.now += 2
        for each in (chat, other):
            await check_gone(each)
        assert nodes.forgot == ["q", "r"]
        assert nodes.cleaned == {"q": [1, 3, 5, 7, 9, 11], "r": [1, 3, 5, 7, 9, 11]}
        found = await care.status()
        assert (found.people, found.shredded) == (3, 1)
        new = posted("r", 13, body="again", author="u1")
        await other.append([new])
        assert await chat.read("r", 12, 10) == [new]
        await other.put(DRAFTS, "u1/0", b"again")
        assert await chat.get(DRAFTS, "u1/0") == b"again"


async def test_a_copy_of_the_database_of_before_tells_nothing_by_the_keys_of_today(
    inner: Any,
) -> None:
    """As if its rows had come back: they read as cleared, and records as if they were not there."""
    hand = Hand()
    async with opened(sealed(inner, clock=hand)) as chat:
        await fill(chat)
        assert await caretaker(chat, hand).seal(60)
        events = {room: await inner.read(room, 0, 100) for room in ("r", "q")}
        records = await inner.scan(DRAFTS, "")
        index = dict(inner._index[scopes.index_room("r")])
        await caretaker(chat, hand).shred_person("u1")
        for each in index_places("r", INDEXED):
            assert await chat.index_pages([each]) != [None]
        now = dict(inner._index[scopes.index_room("r")])
        inner._index[scopes.index_room("r")] = index
        assert not any(await chat.index_pages([*index_places("r", INDEXED)])), "nor the index"
        inner._index[scopes.index_room("r")] = now
        for room, stored in events.items():
            inner._rooms[room][:] = stored
        for key, value in records:
            await inner.put(DRAFTS, key, value)
    async with opened(sealed(inner)) as chat:
        await check_gone(chat)
        first = [key for key, _ in records][:2]
        assert first == ["u1/0", "u1/1"]
        assert await chat.get_many(DRAFTS, [*first, "u2/0"]) == {"u2/0": b"of u2"}
        assert [key for key, _ in await chat.scan(DRAFTS, "", limit=2)] == ["u10/0", "u10/1"]
        assert await chat.scan(DRAFTS, "u1/") == []
        assert not await chat.swap(DRAFTS, "u1/0", b"of u1", b"new")
        assert not await chat.delete(DRAFTS, "u1/0", b"of u1")
        assert not await chat.delete(DRAFTS, "u1/0")
        assert await chat.add(DRAFTS, "u1/0", b"new")
        assert await chat.add(DRAFTS, "u1/1", b"new")
        assert not await chat.add(DRAFTS, "u1/1", b"newer")
        assert await chat.get(DRAFTS, "u1/1") == b"new"


async def as_before(monkeypatch: pytest.MonkeyPatch, inner: Any, hand: Hand) -> None:
    """A store whose seals have only the keys of rooms and spaces, as the first version made them."""
    with monkeypatch.context() as patch:
        patch.setattr(scopes, "person_scope", lambda user: "")
        patch.setattr(sealing, "FORMAT", sealing.PLACED)
        async with opened(sealed(inner, clock=hand)) as chat:
            await fill(chat)
            assert await caretaker(chat, hand).seal(60)
            assert await caretaker(chat, hand).seal(60)
    state = await inner.get(keyring.SPACE, keyring.STATE)
    assert b"form" not in state and b'"sealed":0' in state
    assert await inner.scan(keyring.SPACE, "key/person/") == []


async def test_what_was_sealed_without_the_keys_of_people_is_read_and_sealed_anew(
    inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand()
    await as_before(monkeypatch, inner, hand)
    async with opened(sealed(inner, clock=hand)) as chat:
        care = caretaker(chat, hand)
        assert (await chat.read("r", 1, 10)) == log("r")[1:]
        assert await chat.get(DRAFTS, "u1/0") == b"of u1"
        assert not (await care.status()).sealed
        with pytest.raises(StartupError, match="not everything is sealed with the keys of its"):
            await care.shred_person("u1")
        assert await chat.get(DRAFTS, "u1/0") == b"of u1"
        assert await care.seal(60)
        assert (await care.status()).sealed
        assert (await chat.read("r", 1, 10)) == log("r")[1:]
        await care.shred_person("u1")
        await check_gone(chat)


async def test_a_shredding_killed_anywhere_is_repeated(inner: Any) -> None:
    async with opened(sealed(inner, clock=Hand())) as chat:
        await fill(chat)
        await caretaker(chat, Hand()).seal(60)
    writes = 0
    while True:
        hand = Hand()
        dying = Dying(inner, writes)
        try:
            async with opened(sealed(dying, clock=hand)) as chat:  # type: ignore[arg-type]
                await caretaker(chat, hand).shred_person("u1")
            break
        except Killed:
            writes += 1
        async with opened(sealed(inner)) as chat:
            read = await chat.read("q", 1, 10)
            assert read in (log("q")[1:], without_ada(log("q"))[1:]), "as a whole or not at all"
    assert writes > 5
    async with opened(sealed(inner)) as chat:
        await check_gone(chat)


async def test_no_message_is_lost_by_a_node_that_does_not_know_of_it_yet(inner: Any) -> None:
    hand = Hand()
    async with (
        opened(sealed(inner, clock=hand)) as chat,
        opened(sealed(inner, clock=hand)) as other,
    ):
        await fill(chat)
        await caretaker(chat, hand).seal(60)
        await other.append([posted("q", 12, body="before", author="u1")])

        async def sleep(seconds: float) -> None:
            hand.now += seconds
            await other.append([posted("q", 13, body="meanwhile", author="u1")])

        await Caretaker(chat, Servers(), sleep, hand).shred_person("u1")
        before, meanwhile = await chat.read("q", 11, 10)
        assert before == cleared(posted("q", 12, author="u1"))
        assert meanwhile == posted("q", 13, body="meanwhile", author="u1")


async def test_either_key_is_needed(inner: Any) -> None:
    """Nobody reads a text of a person with the key of the room alone, nor with that of the person alone."""
    async with opened(sealed(inner)) as chat:
        await chat.append([posted("r", 1, body="of Ada", author="u1")])
        ring, stored = chat.ring, (await inner.read("r", 0, 1))[0]
        scopes = await ring.scopes(["room/r", "person/u1"])
        seal = sealing.seal_in(stored) or b""
        assert seal[0] == sealing.PERSONAL

        def opened_by(cipher: sealing.Cipher) -> sealing.MessagePosted:
            return sealing.opened_message(stored, {"u1": (seal[:5], cipher)}, lambda *_: cipher)

        for secret in (scopes["room/r"].secret(1), scopes["person/u1"].secret(1)):
            with pytest.raises(ValueError):
                opened_by(sealing.cipher_of(secret))
        both = [scopes[name].secret(1) for name in ("room/r", "person/u1")]
        found = opened_by(sealing.cipher_of(*both))
        assert found.body == "of Ada"


async def test_a_seal_with_the_head_of_another_format_is_refused(inner: Any) -> None:
    async with opened(sealed(inner)) as chat:
        await chat.append([described("r", 1, name="Lounge"), posted("r", 2, body="hello")])
        log = inner._rooms["r"]
        seal = sealing.seal_in(log[1]) or b""
        for head in (b"", b"\x01", b"\x00\x00\x01\x00\x01", b"\x03\x00\x01\x00\x01", seal[:5] * 2):
            text = sealing.b2a_base64(head + seal[5:], newline=False).decode()
            log[1] = msgspec.structs.replace(log[1], data_text=text)
            with pytest.raises(sealing.StoreUnavailable):
                await chat.read("r", 1, 1)
        assert (await chat.read("r", 0, 1))[0] == described("r", 1, name="Lounge")


async def test_ciphers_in_memory_are_bounded(inner: Any) -> None:
    async with opened(sealed(inner, bound=3)) as chat:
        events = [
            posted(f"r{number % 5}", number // 5 + 1, author=f"u{number}") for number in range(40)
        ]
        for each in events:
            await chat.append([each])
        for each in events:
            assert await chat.read(each.room, each.seq - 1, 1) == [each]
        assert chat.ring._cipher.cache_info().currsize <= 3 and len(chat.ring.known) <= 3


async def test_readers_see_redacted_messages() -> None:
    """On a server that runs, also in what it had in memory, and in its search."""
    key = {"plugin.vault.key": secrets.token_hex(32)}
    async with running("vault", "drafts", settings=key) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        room = await ada.create_room("Lounge")
        await ben.join(room)
        for number in range(20):
            await ada.post(room, f"zugvogel {number}")
            await ben.post(room, f"hausvogel {number}")
        while not await chat.service.store.indexed([room.id]):
            await chat.service.indexer.look()
        texts = {each["body"] for each in await page(ben, room)}
        assert {"zugvogel 19", "hausvogel 19"} <= texts
        hand = Hand()
        sealed_store: Any = chat.service.store
        care = Caretaker(sealed_store, VaultServers(chat.service), hand.sleep, hand)
        assert await care.seal(60)
        assert await care.shred_person(await care.person(" Ada ")) == 1
        await chat.service.changes.look()
        shown = await page(ben, room)
        assert [each["body"] for each in shown if each["author"]["name"] == "ben"] == [
            f"hausvogel {number}" for number in range(20)
        ]
        of_ada = [each for each in shown if each["author"]["name"] == "ada"]
        assert len(of_ada) == 20 and not any(each["body"] for each in of_ada), of_ada[0]
        assert not await chat.service.cleanings.clean(room.id, range(1, 50)), "its words are gone"
        found = await ben.call("search", text="zugvogel")
        assert found["messages"] == []
        found = await ben.call("search", text="hausvogel")
        assert found["messages"]


async def page(person: Any, room: Any) -> list[dict[str, Any]]:
    answer = await person.http("GET", f"/api/v1/rooms/{room.id}/messages?limit=40")
    assert answer.status == 200, answer
    messages: list[dict[str, Any]] = answer.json["messages"]
    return messages
