"""Finding public rooms to join, and members of a room, by a part of their name: page by page, none twice, none missed."""

import unicodedata

import pytest

from chatserver.model import RoomKind, ServerRole, User
from chatserver.service.directory import bare_name
from chatserver.service.lookup import LOOKED_AT
from chatserver.service.views import MemberView, RoomView
from tests.core.nodes import add_user
from tests.core.test_roomlist import Nodes, nodes
from tests.effort import bound, took


async def rooms_found(at: Nodes, user: User, text: str, limit: int) -> list[RoomView]:
    found: list[RoomView] = []
    after = ""
    while True:
        page = await at.second.rooms.visible(user, after, limit, text)
        assert len(page.rooms) <= limit
        found += page.rooms
        if not page.more:
            return found
        assert page.after is not None and page.after > after
        after = page.after


async def members_found(at: Nodes, room: str, text: str, limit: int) -> list[MemberView]:
    found: list[MemberView] = []
    after = ""
    while True:
        known = await at.second.rooms.get(room, at.owner)
        page = await at.second.rooms.members(at.owner, known, after, limit, text)
        assert len(page.members) <= limit
        found += page.members
        if not page.more:
            return found
        assert page.after is not None and page.after > after
        after = page.after


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_public_rooms_are_found_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("chatserver.service.public.PUBLIC_ROOMS", 3)
    monkeypatch.setattr("chatserver.service.public.LOOKED_AT", 6)
    async with nodes() as at:
        made = [
            await at.room(f"Café {place}" if place % 5 == 0 else f"room {place}", RoomKind.PUBLIC)
            for place in range(40)
        ]
        await at.room("Café, but private")
        await at.first.rooms.change(at.owner, made[1], None, "coffee and cakes")
        joined = made[10].id
        await at.first.rooms.join(at.member, await at.first.rooms.get(joined))
        wanted = sorted(room.id for room in made[::5] if room.id != joined)
        for text in ("café", "CAFE\u0301", " Caf", "cafe"):
            assert [view.id for view in await rooms_found(at, at.member, text, limit)] == wanted
        assert await rooms_found(at, at.member, "nowhere", limit) == []
        everything = sorted(room.id for room in made if room.id != joined)
        assert [view.id for view in await rooms_found(at, at.member, " ", limit)] == everything
        assert [view.id for view in await rooms_found(at, at.member, "cakes", limit)] == [
            made[1].id
        ]


async def test_a_search_reads_only_so_many_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.service.public.PUBLIC_ROOMS", 3)
    monkeypatch.setattr("chatserver.service.public.LOOKED_AT", 6)
    async with nodes() as at:
        for _ in range(40):
            await at.room(kind=RoomKind.PUBLIC)
        at.calls.clear()
        page = await at.second.rooms.visible(at.member, "", 10, "nowhere")
        assert (page.rooms, page.more) == ([], True)
        assert at.calls["public_rooms"] <= 2


async def test_guests_find_no_public_rooms() -> None:
    async with nodes() as at:
        await at.room("Lounge", RoomKind.PUBLIC)
        guest = await add_user(at.first, "gus", ServerRole.GUEST)
        assert await rooms_found(at, guest, "lounge", 10) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_members_are_found_by_user_name_first_and_by_shown_name(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("chatserver.service.lookup.LOOKED_AT", 4)
    async with nodes() as at:
        room = await at.room("Lounge")
        people = [
            await add_user(at.first, f"{'ann' if place % 3 == 0 else 'bob'}{place}")
            for place in range(12)
        ]
        accented = await at.first.accounts.add("zoe", "a long password", name="Zoë Đặng が")
        people.append(accented)
        for user in people:
            await at.first.rooms.invite(at.owner, await at.first.rooms.get(room.id), user.id)
        await add_user(at.first, "anna-elsewhere")
        found = await members_found(at, room.id, "ANN", limit)
        assert {member.username for member in found} == {"ann0", "ann3", "ann6", "ann9"}
        assert len(found) == 4
        inside = await members_found(at, room.id, "ob1", limit)  # no user name begins so
        assert sorted(str(member.username) for member in inside) == ["bob1", "bob10", "bob11"]
        for text in ("zoë", "ZOE", "ang", "oe "):
            assert accented.id in [one.id for one in await members_found(at, room.id, text, limit)]
        assert await members_found(at, room.id, "か", limit) == []  # another letter
        assert await members_found(at, room.id, "nobody", limit) == []
        everyone = await members_found(at, room.id, "", limit)
        assert [member.id for member in everyone] == sorted([at.owner.id, *(p.id for p in people)])
        assert all(member.username for member in everyone)


async def test_a_first_page_full_of_user_names_has_a_next_one() -> None:
    async with nodes() as at:
        room = await at.room("Lounge")
        inside = at.owner.username[
            1:3
        ]  # in the shown name of the first member of all, and not at its beginning
        beginning = await add_user(at.first, f"{inside}-x")
        await at.first.rooms.invite(at.owner, await at.first.rooms.get(room.id), beginning.id)
        found = await members_found(at, room.id, inside, 1)
        assert [member.id for member in found] == [beginning.id, at.owner.id]


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("Nguyễn", "nguyen"),
        (unicodedata.normalize("NFD", "Élodie"), "elodie"),
        ("Ά q̃ Йод", "α q иод"),
        ("が ガ", "が ガ"),
        ("한글", "한글"),
        ("≠", "≠"),
        ("plain", "plain"),
    ],
)
def test_names_are_compared_without_accents_but_with_the_marks_of_kana(
    name: str, bare: str
) -> None:
    assert bare_name(name) == bare


def test_all_members_that_are_looked_at_in_one_go_are_compared_without_a_stall() -> None:
    names = [f"{'é' * 64}{number}" for number in range(LOOKED_AT)]
    assert took(lambda: [bare_name(name) for name in names]) < bound(0.025)
