"""Names of people: valid names, and look-alikes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.model import ServerRole, User
from chatserver.runtime.ids import new_id
from chatserver.service import similar
from chatserver.service.names import clean_person_name, clean_username, skeletons
from chatserver.service.texts import clean_name
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import config, make_service, running

PASSWORD = "a good long password"
OPERATOR = Actor(operator="root")


@pytest.mark.parametrize(
    "name",
    [
        "Ada Lovelace",
        "山田 太郎",
        "すずきハナコ",
        "Ken 健太",
        "ヴィクトリア・ー",
        "東京タワーABC",
        "佐々木",
        "Иван Иванов",
        "Иван (Ivan)",
        "Ελένη",
        "محمد علی",
        "علی\u200cرضا",
        "김철수 Kim",
        "José Ñandú",
        "Zoë O’Brien-Smith Jr.",
        "नरेन्द्र",
        "Build bot 🤖",
        "👩\u200d💻 Ada",
        "Ada ❤",
        "R2-D2",
        "...!? a",
    ],
)
def test_names_that_people_have_are_names(name: str) -> None:
    assert clean_person_name(f"  {name}  ") == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "length"),
        (" \u3000 ", "length"),
        ("x" * 201, "length"),
        ("\u200b", "length"),
        ("\u2800\u2800", "length"),
        ("\u3164", "length"),
        ("...", "length"),
        ("Ada\u200b", "invisible"),
        ("Ada\u202ename", "invisible"),
        ("Ada\u2066", "invisible"),
        ("A\u200dda", "invisible"),
        ("Ada\0", "invisible"),
        ("Ada\ufeff", "invisible"),
        ("Ada\u00ad", "invisible"),
        ("Ada\u3164b", "invisible"),
        ("Ada\ue000", "invisible"),
        ("\u0301Ada", "invisible"),
        ("A" + "\u0332" * 20, "invisible"),
        ("Аda", "scripts"),
        ("Bоb", "scripts"),
        ("Αda", "scripts"),
        ("カнa", "scripts"),
        ("한あ", "scripts"),
    ],
)
def test_names_with_invisible_characters_or_mixed_scripts_are_refused(
    name: str, reason: str
) -> None:
    with pytest.raises(ChatError) as refused:
        clean_person_name(name)
    assert refused.value.code == "request.invalid"
    assert refused.value.detail == {"field": "name", "reason": reason}


def test_blanks_and_forms_of_letters_are_made_one() -> None:
    assert clean_person_name("\u3000Ａｄａ \u00a0  Ｌ\u2009x ") == "Ada L x"
    assert clean_person_name("Ada ❤\ufe0f") == "Ada ❤"
    assert clean_person_name("ｶﾞﾝﾀﾞﾑ") == "ガンダム"


@pytest.mark.parametrize("name", ["ada", "Ada-1", "иван", "花子", "ひろし_ken", "김철수", "٣٤"])
def test_user_names_of_one_script_are_names(name: str) -> None:
    assert clean_username(name) == name.casefold()


@pytest.mark.parametrize("name", ["аda", "pаypal", "αda", "ада1x", "あ한", "1٣", "a\u0435b"])
def test_user_names_of_mixed_scripts_are_refused(name: str) -> None:
    with pytest.raises(ChatError) as refused:
        clean_username(name)
    assert refused.value.detail == {"field": "username", "reason": "scripts"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice", "AIice"),
        ("alice", "a1ice"),
        ("ALICE", "AL1CE"),
        ("admin", "аdmin"),
        ("paypal", "раураl"),
        ("bob", "b0b"),
        ("Ada", "АԁА"),
        ("modern", "modem"),
        ("Nikos", "Νιkοs"),
        ("Ken  K", "ken\u3000k"),
        ("x-y", "x–y"),
        ("カナ", "力ナ"),
        ("ニンジャ", "二ンジャ"),
        ("へび", "ヘび"),
        ("HELLO", "НЕLLO"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeletons(one) & skeletons(other)


@pytest.mark.parametrize(
    ("one", "other"), [("ada", "adam"), ("anna", "hanna"), ("José", "Jose"), ("健太", "健大")]
)
def test_names_that_differ_have_different_skeletons(one: str, other: str) -> None:
    assert not skeletons(one) & skeletons(other)


@given(st.text(max_size=60))
def test_any_text_is_a_stable_name_or_refused(text: str) -> None:
    for clean in (clean_person_name, clean_username):
        try:
            name = clean(text)
        except ChatError:
            continue
        assert clean(name) == name
        assert skeletons(name)


@pytest.mark.parametrize("name", ["a\u202eb", "\u200b", "a\u200bb", "\u2800", "\u2066x"])
def test_rooms_have_no_invisible_names_either(name: str) -> None:
    with pytest.raises(ChatError, match=r"request\.invalid"):
        clean_name(name)
    assert clean_name("👩\u200d💻  devs") == "👩\u200d💻 devs"


async def refused(work: object) -> dict[str, object]:
    with pytest.raises(ChatError) as error:
        await work  # type: ignore[misc]
    assert error.value.code == "user.exists"
    return error.value.detail


async def test_nobody_takes_a_name_that_looks_like_another_ones() -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        accounts = service.accounts
        await accounts.register("alice", PASSWORD, "Alice Liddell")
        of_name = {"field": "name", "reason": "similar"}
        of_username = {"field": "username", "reason": "similar"}
        assert await refused(accounts.register("a1ice", PASSWORD)) == of_username
        assert await refused(accounts.register("bob", PASSWORD, "Alice LiddeIl")) == of_name
        assert await refused(accounts.register("bob", PASSWORD, "ALICE")) == of_name
        assert await refused(accounts.add("eve", PASSWORD, "alice", by=OPERATOR)) == of_name
        assert (
            await refused(accounts.register("AliceLiddell".lower(), PASSWORD, "alice")) == of_name
        )
        # A refused name leaves nothing behind that would block another user.
        bob, _ = await accounts.register("bob", PASSWORD, "Bob")
        assert await refused(accounts.rename("bob", name="AL1CE", by=OPERATOR)) == of_name
        assert await refused(accounts.rename("bob", "aIice", by=OPERATOR)) == of_name
        await accounts.rename("alice", "alicia", "Alicia")
        assert (await accounts.rename("bob", "alice", "Alice Liddell")).id == bob.id
        await service.removal.delete("alice")
        assert (await accounts.register("a1ice", PASSWORD))[0].name == "a1ice"


async def test_looks_that_both_names_have_are_entered_once() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        added: list[str] = []
        add = store.add

        async def noting(space: str, key: str, value: bytes) -> bool:
            if space == similar.SPACE:
                added.append(key)
            return await add(space, key, value)

        store.add = noting  # type: ignore[method-assign]
        await service.accounts.register("alice", PASSWORD)
        await service.accounts.register("bob", PASSWORD, "Robert")
        looks = skeletons("alice") | skeletons("bob") | skeletons("Robert")
        assert sorted(added) == sorted(looks)


async def test_plugins_show_their_accounts_under_any_name() -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        for number in range(3):
            made = await service.accounts.add(
                f"builds-{number}", PASSWORD, "Build bot", ServerRole.MEMBER
            )
            assert made.name == "Build bot"
        taken = {"field": "name", "reason": "similar"}
        assert await refused(service.accounts.register("eve", PASSWORD, "Build b0t")) == taken


async def test_user_names_differ_even_if_display_names_may_be_shared() -> None:
    settings = config(**{"server.unique_names": False})
    async with running(make_service(MemoryStore(), settings)) as service:
        await service.accounts.register("alice", PASSWORD, "Aya")
        assert (await service.accounts.register("bob", PASSWORD, "Aya"))[0].name == "Aya"
        of_username = {"field": "username", "reason": "similar"}
        assert await refused(service.accounts.register("a1ice", PASSWORD)) == of_username


async def test_one_of_two_similar_names_chosen_at_once_on_two_nodes_is_taken() -> None:
    for _ in range(10):
        store = MemoryStore()
        nodes = [make_service(store, config()) for _ in range(2)]
        made = await asyncio.gather(
            nodes[0].accounts.register("bob1", PASSWORD),
            nodes[1].accounts.register("bobl", PASSWORD),
            return_exceptions=True,
        )
        assert sum(isinstance(each, ChatError) for each in made) == 1
        assert len(await nodes[0].accounts.list()) == 1


async def test_accounts_of_before_are_known_too_and_keep_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(similar, "BATCH", 3)
    store = MemoryStore()
    accounts = make_service(store, config()).accounts
    names = ["alice", "a1ice", "аdmin", "bob", "carol", "dave", "erin"]
    for number, name in enumerate(names):
        old = User(id=f"u{number}", username=name, name="Twin", role=ServerRole.MEMBER, at="")
        await store.put("user", old.id, msgspec.json.encode(old))
        await store.put("username", name, old.id.encode())
    for _ in range(5):
        await accounts.similar.look()
    assert await store.get("founding", "skeletons") == b"done"
    for taken in ("A1ICE", "twin", "DAVE", "erin"):
        assert (await refused(accounts.add("new", PASSWORD, taken, by=OPERATOR)))["field"] == "name"
    assert (await accounts.login("аdmin", PASSWORD, "192.0.2.1"))[0].id == "u2"
    assert (await accounts.rename("alice", name="Alice")).name == "Alice"


class Interrupted(MemoryStore):
    """Does something once, when accounts have just been read, or when an entry of a name has just been removed."""

    def __init__(self) -> None:
        super().__init__()
        self.when_read: Callable[[], Awaitable[object]] | None = None
        self.when_removed: Callable[[], Awaitable[object]] | None = None

    async def scan(self, space: str, *rest: Any, **options: Any) -> Any:
        found = await super().scan(space, *rest, **options)
        if space == "user" and (then := self.when_read) is not None:
            self.when_read = None
            await then()
        return found

    async def delete(self, space: str, *rest: Any, **options: Any) -> bool:
        found = await super().delete(space, *rest, **options)
        if space == "skeleton" and (then := self.when_removed) is not None:
            self.when_removed = None
            await then()
        return found

    async def looks(self) -> list[str]:
        return [key for key, _ in await self.scan("skeleton", "")]


async def test_a_name_that_is_given_up_while_accounts_are_entered_is_free() -> None:
    store = Interrupted()
    accounts = make_service(store, config()).accounts
    await accounts.add("ada", PASSWORD, "Plumfield", by=OPERATOR)
    assert await store.looks() == ["ada", "plumfield"]
    store.when_read = lambda: accounts.rename("ada", name="Lovelace")
    await accounts.similar.look()
    assert await store.looks() == ["ada", "lovelace"]


async def test_nothing_is_left_of_a_name_that_is_erased_while_accounts_are_entered() -> None:
    for moment in ("when_read", "when_removed"):
        store = Interrupted()
        accounts = make_service(store, config()).accounts
        await accounts.add("owner", PASSWORD, by=OPERATOR)
        ada = await accounts.add("ada", PASSWORD, "Plumfield", by=OPERATOR)
        if moment == "when_read":
            store.when_read = lambda: accounts.retire_user(ada)  # noqa: B023
            await accounts.similar.look()
        else:
            store.when_removed = accounts.similar.look
            await accounts.retire_user(ada)
        assert await store.looks() == ["owner"]
        assert await store.get("founding", "skeletons") == b"done"


async def test_a_name_that_a_crash_left_taken_is_free_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    accounts = make_service(store, config()).accounts
    await store.put("skeleton", "ada", b"00000000000000000000")  # made in 1970
    assert (await accounts.register("ada", PASSWORD))[0].username == "ada"
    await store.put("skeleton", "bob", new_id().encode())  # just being made
    assert await refused(accounts.register("bob", PASSWORD))
