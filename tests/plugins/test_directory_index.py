"""The index of the directory: each person once on all pages, whatever crashes and whoever changes it meanwhile."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver import AccountChange, Actor, ServerRole, StoreUnavailable, User, comparable_name
from chatserver.hooks.records import Space
from chatserver_plugins.directory import desk, keeping
from chatserver_plugins.directory.desk import Asked, Desk, Wanted
from chatserver_plugins.directory.index import KEY_CHARS, MOST_KEYS, Index, entry_of
from chatserver_plugins.memory.store import MemoryStore


def user(id: str, name: str, username: str = "", **more: Any) -> User:
    return User(
        id=id,
        username=username or f"user{id}",
        name=name,
        role=ServerRole.MEMBER,
        at="2026-01-01T00:00:00.000Z",
        **more,
    )


class Server:
    """Accounts, and an index of them."""

    def __init__(self, *users: User) -> None:
        self.users = {each.id: each for each in users}
        self.store = MemoryStore()
        accounts = SimpleNamespace(get=self._get)
        people = SimpleNamespace(known_to=self._known_to)
        service = SimpleNamespace(accounts=accounts, people=people)
        self.records = Space(self.store, "plugin/directory")
        self.context: Any = SimpleNamespace(records=self.records, service=service)
        self.index = Index(self.context)

    async def _get(self, user: str) -> User:
        return self.users[user]

    async def _known_to(self, reader: User, others: Sequence[str]) -> list[User]:
        return [self.users[other] for other in others]

    async def refresh(self) -> None:
        await self.index.refresh(list(self.users))

    async def pages(self, text: str, limit: int) -> list[list[str]]:
        """The ids on all pages."""
        shown = Desk(self.context, self.index, "everyone")
        found, after = [], ""
        while True:
            reader = user("reader", "Reader")
            page = await shown.page(reader, Asked(text=text, after=after, limit=limit))
            found.append([each.user.id for each in page.found])
            if page.after is None:
                return found
            after = page.after

    async def keys(self) -> list[str]:
        return [key for key, _ in await self.records.scan("", limit=1000) if key[:3] != "of/"]


NAMES = st.text("abあい花 .Ö-", min_size=1, max_size=8).filter(lambda name: name.strip(" .-"))


@given(
    people=st.lists(st.tuples(NAMES, NAMES), max_size=8),
    text=st.text("abあ花 Ö", max_size=4),
    limit=st.integers(1, 4),
    looked_at=st.integers(1, 5),
)
def test_each_person_is_on_one_page(
    people: list[tuple[str, str]], text: str, limit: int, looked_at: int
) -> None:
    server = Server(*(user(f"{at}", name, username) for at, (name, username) in enumerate(people)))
    wanted = comparable_name(text).split()

    def has(person: User) -> bool:
        entry = entry_of(person)
        assert entry is not None
        return all(any(key.startswith(word) for key in entry.keys) for word in wanted)

    async def found() -> list[str]:
        await server.refresh()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(desk, "LOOKED_AT", looked_at)
            return [each for page in await server.pages(text, limit) for each in page]

    shown = asyncio.run(found())
    assert sorted(shown) == sorted(each.id for each in server.users.values() if has(each))
    if not wanted:
        by_name = [entry_of(server.users[each]).keys[0] for each in shown]  # type: ignore[union-attr]
        assert by_name == sorted(by_name)


async def test_a_page_looks_at_a_bounded_number_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "LOOKED_AT", 10)
    server = Server(*(user(f"{at:02}", f"Anna {at:02}") for at in range(25)), user("z", "Anna Z"))
    await server.refresh()
    asked: list[int] = []
    scan = server.records.scan

    async def counted(prefix: str, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        found = await scan(prefix, after, limit)
        asked.append(len(found))
        return found

    monkeypatch.setattr(server.records, "scan", counted)
    assert await server.pages("anna z", 5) == [[], [], ["z"]]
    assert max(asked) == 10


async def test_long_names_have_a_bounded_number_of_short_keys() -> None:
    long = entry_of(user("1", "花" * 200, "x" * 32))
    assert long is not None
    assert len(long.keys) <= MOST_KEYS
    words = entry_of(user("1", " ".join(f"w{at}" for at in range(60))))
    assert words is not None
    assert len(words.keys) == MOST_KEYS
    assert max(map(len, words.keys)) == KEY_CHARS
    assert Wanted("w" * 100).beginning == "w" * KEY_CHARS


async def test_what_a_key_says_already_has_none() -> None:
    entry = entry_of(user("1", "Anna Schmidt", "anna"))
    assert entry is not None
    assert entry.keys == ("anna schmidt", "schmidt")


async def test_a_crash_at_any_write_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever write fails, the next look leaves exactly the records of the new name."""
    clean = Server(user("1", "Ben New"))
    await clean.refresh()
    expected = await clean.keys()
    for fails_at in range(20):
        server = Server(user("1", "Anna Old"))
        await server.refresh()
        server.users["1"] = user("1", "Ben New")
        left = fails_at

        def failing(write: Any) -> Any:
            async def call(*arguments: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise StoreUnavailable
                return await write(*arguments)

            return call

        with monkeypatch.context() as patch:
            for name in ("put", "add", "swap", "delete"):
                patch.setattr(server.records, name, failing(getattr(server.records, name)))
            try:
                await server.refresh()
                break
            except StoreUnavailable:
                pass
        assert await server.index.outdated(list(server.users.values())) == ["1"]
        await server.refresh()
        assert await server.keys() == expected
        assert await server.index.outdated(list(server.users.values())) == []
    assert fails_at == 7, "every write has failed once"


async def test_two_crashes_leave_no_record_of_either_name(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(user("1", "Anna Old"))
    await server.refresh()
    for name in ("Ben Middle", "Carl New"):
        server.users["1"] = user("1", name)
        with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
            patch.setattr(server.records, "delete", unavailable)
            await server.refresh()
    await server.refresh()
    assert await server.keys() == ["n/carl new\0001", "w/new\0001", "w/user1\0001"]


async def unavailable(*arguments: object) -> bool:
    raise StoreUnavailable


async def test_who_writes_late_takes_back_what_somebody_else_had_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another node indexes a newer name while this one is about to write the one before."""
    server = Server(user("1", "Anna"))
    other = Index(server.context)
    put, is_first = server.records.put, True

    async def slow(key: str, value: bytes) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            server.users["1"] = user("1", "Ben")
            await other.refresh(["1"])
        await put(key, value)

    monkeypatch.setattr(server.records, "put", slow)
    await server.refresh()
    assert await server.keys() == ["n/ben\0001", "w/user1\0001"]
    assert await server.index.outdated(list(server.users.values())) == []


async def test_a_list_of_all_reads_one_record_a_person() -> None:
    server = Server(user("1", "Anna Last"), user("2", "Ben Last"))
    await server.refresh()
    assert [row.user for row in await server.index.rows("", "", 100)] == ["1", "2"]


async def test_a_place_of_who_has_fewer_names_now_begins_anew() -> None:
    server = Server(user("1", "Anna Last"), user("2", "Last Ben"))
    await server.refresh()
    assert [row.user for row in await server.index.rows("last", "2.0", 9)] == ["1"]
    server.users["1"] = user("1", "Last", "last")
    await server.refresh()
    assert [row.user for row in await server.index.rows("last", "1.1", 9)] == ["1", "2"]


async def test_accounts_are_looked_through_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "ACCOUNTS", 2)
    monkeypatch.setattr(keeping, "SETTLED_SECONDS", 0.0)
    server = Server(*(user(str(at), f"Anna {at}") for at in range(5)))

    async def listed(after: str, limit: int) -> list[User]:
        return [each for each in server.users.values() if each.id > after][:limit]

    server.context.service.accounts.list = listed
    await keeping.Keeper(server.context, server.index).look_through()
    assert await server.pages("", 9) == [["0", "1", "2", "3", "4"]]


@pytest.mark.parametrize(
    ("what", "is_followed"),
    [
        ("registered", True),
        ("added", True),
        ("renamed", True),
        ("locked", True),
        ("unlocked", True),
        ("deleted", True),
        ("status", False),
    ],
)
async def test_changes_of_names_and_locks_are_followed(what: Any, is_followed: bool) -> None:
    server = Server(user("1", "Anna"))
    keeper = keeping.Keeper(server.context, server.index)
    await keeper.follow(AccountChange(what=what, user="1", by=Actor()))
    assert bool(await server.keys()) == is_followed


async def test_two_at_once_leave_the_newest_name() -> None:
    server = Server(user("1", "Anna"))
    await server.refresh()
    for name in ("Ben", "Carl", "Dora"):
        server.users["1"] = user("1", name)
        await asyncio.gather(*(server.refresh() for _ in range(5)))
    assert await server.pages("", 5) == [["1"]]
    assert await server.keys() == ["n/dora\0" + "1", "w/user1\0" + "1"]


async def test_who_was_just_renamed_or_locked_is_not_shown_as_before() -> None:
    server = Server(user("1", "Anna"), user("2", "Anne"))
    await server.refresh()
    server.users["1"] = user("1", "Ben")
    server.users["2"] = user("2", "Anne", disabled=True)
    assert await server.pages("ann", 5) == [[]]
    await server.refresh()
    assert await server.pages("ben", 5) == [["1"]]
    assert await server.pages("", 5) == [["1"]]
    server.users["1"] = user("1", "Ben", deleted=True)
    assert await server.pages("", 5) == [[]]
    await server.refresh()
    assert await server.keys() == []
