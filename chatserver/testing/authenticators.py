"""The suite that every authenticator must pass. Needs pytest and pytest-tornasync.

    class TestMyAuthenticator(AuthenticatorContract):
        @pytest.fixture
        def make_authenticator(self):
            return lambda records: MyAuthenticator(records)

`make_authenticator` returns a function that makes one over records (`chatserver.Records`), as
`provide_authenticator` does. If not every password can be set, give the fixture `password` as well.
"""

import secrets
from collections.abc import Callable, Sequence

import pytest

from chatserver import Authenticator, Records
from chatserver.copies.archive.transient import is_transient

MakeAuthenticator = Callable[[Records], Authenticator]

ADDRESS = "192.0.2.1"


class KeptRecords:
    """Records in memory, and their state after a restore."""

    def __init__(self, values: dict[str, bytes] | None = None) -> None:
        self.values = values or {}

    def restored(self) -> "KeptRecords":
        """The records after a restore, without those that a restore leaves out."""
        kept = {key: it for key, it in self.values.items() if not is_transient("plugin/it", key)}
        return KeptRecords(kept)

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        return {key: self.values[key] for key in keys if key in self.values}

    async def put(self, key: str, value: bytes) -> None:
        self.values[key] = value

    async def add(self, key: str, value: bytes) -> bool:
        return self.values.setdefault(key, value) is value

    async def swap(self, key: str, old: bytes, new: bytes) -> bool:
        if self.values.get(key) != old:
            return False
        self.values[key] = new
        return True

    async def delete(self, key: str, old: bytes | None = None) -> bool:
        if old is not None and self.values.get(key) != old:
            return False
        return self.values.pop(key, None) is not None

    async def scan(
        self, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        found = sorted(key for key in self.values if key.startswith(prefix) and key > after)
        return [(key, self.values[key]) for key in found[:limit]]


class AuthenticatorContract:
    """Subclass it and give the fixture `make_authenticator`."""

    @pytest.fixture
    def make_authenticator(self) -> MakeAuthenticator:
        raise NotImplementedError("give a fixture make_authenticator")

    @pytest.fixture
    def password(self) -> str:
        """A password that can be set."""
        return f"correct horse {secrets.token_hex(8)}"

    @pytest.fixture
    def records(self) -> KeptRecords:
        return KeptRecords()

    @pytest.fixture
    def authenticator(
        self, make_authenticator: MakeAuthenticator, records: KeptRecords
    ) -> Authenticator:
        return make_authenticator(records)

    async def test_the_password_that_was_set_is_right_and_no_other(
        self, authenticator: Authenticator, password: str
    ) -> None:
        await authenticator.set_password("u1", password)
        for user, said, right in (
            ("u1", password, True),
            ("u1", password[:-1], False),
            ("u1", f"{password} ", False),
            (None, password, False),
        ):
            found = await authenticator.verify(user, said, account="ada", address=ADDRESS)
            assert found is right
        assert await authenticator.is_password("u1", password)
        assert not await authenticator.is_password("u1", password[:-1])

    async def test_a_session_lasts_until_it_is_closed(self, authenticator: Authenticator) -> None:
        first, second = [await authenticator.open_session("u1") for _ in range(2)]
        other = await authenticator.open_session("u2")
        assert len({first, second, other}) == 3
        assert await authenticator.session(first) == "u1"
        assert await authenticator.session(other) == "u2"
        for unknown in ("", "u1", f"{first}x", first[:-1], "日本語", "session/u1"):
            assert await authenticator.session(unknown) is None
            await authenticator.close_session(unknown)
        await authenticator.close_session(first)
        assert await authenticator.session(first) is None
        assert await authenticator.session(second) == "u1"
        await authenticator.close_sessions("u1")
        assert await authenticator.session(second) is None
        assert await authenticator.session(other) == "u2"

    async def test_one_session_is_ended_by_its_id(self, authenticator: Authenticator) -> None:
        tokens = [await authenticator.open_session(user) for user in ("u1", "u1", "u2")]
        listed = await authenticator.list_sessions(None, "", 10)
        assert {each.id for each in listed} == {authenticator.session_id(each) for each in tokens}
        for unknown in ("", "u1", "u1/", "日本語", tokens[1]):
            await authenticator.end_session(unknown)
        await authenticator.end_session(authenticator.session_id(tokens[0]))
        found = [await authenticator.session(token) for token in tokens]
        assert found == [None, "u1", "u2"]

    async def test_other_nodes_know_a_session(
        self, make_authenticator: MakeAuthenticator, records: KeptRecords
    ) -> None:
        token = await make_authenticator(records).open_session("u1")
        assert await make_authenticator(records).session(token) == "u1"

    async def test_all_sessions_end_with_a_restore_and_passwords_do_not(
        self, make_authenticator: MakeAuthenticator, records: KeptRecords, password: str
    ) -> None:
        """Without this, a token that was stolen and then revoked would be valid again after a restore."""
        before = make_authenticator(records)
        await before.set_password("u1", password)
        token = await before.open_session("u1")
        revoked = await before.open_session("u1")
        backup = records.restored()
        await before.close_session(revoked)
        after = make_authenticator(backup)
        assert await after.session(token) is await after.session(revoked) is None
        assert await after.list_sessions(None, "", 10) == []
        assert await after.verify("u1", password, account="ada", address=ADDRESS)

    async def test_the_store_holds_nothing_that_signs_anybody_in(
        self, authenticator: Authenticator, records: KeptRecords, password: str
    ) -> None:
        await authenticator.set_password("u1", password)
        tokens = [await authenticator.open_session("u1") for _ in range(3)]
        listed = await authenticator.list_sessions("u1", "", 10)
        kept = [*records.values, *(repr(value) for value in records.values.values())]
        for secret in (*tokens, *(token.rpartition(".")[2] for token in tokens), password):
            assert not any(secret in text for text in (*kept, repr(listed)))
        for key in (*records.values, *(each.id for each in listed)):
            assert await authenticator.session(key) is None

    async def test_sessions_are_listed_page_by_page(self, authenticator: Authenticator) -> None:
        for user in ("u1", "u2", "u10"):
            for _ in range(3):
                await authenticator.open_session(user)
        everything = await authenticator.list_sessions(None, "", 100)
        assert [each.id for each in everything] == sorted({each.id for each in everything})
        assert len(everything) == 9
        assert {each.user for each in everything} == {"u1", "u2", "u10"}
        of_one = await authenticator.list_sessions("u1", "", 100)
        assert of_one == [each for each in everything if each.user == "u1"]
        found, after = [], ""
        while page := await authenticator.list_sessions(None, after, 2):
            assert len(page) <= 2
            found += page
            after = page[-1].id
        assert found == everything
        assert await authenticator.list_sessions("another", "", 100) == []

    def test_a_session_lasts_for_some_time(self, authenticator: Authenticator) -> None:
        assert authenticator.session_seconds() > 0
