"""Profile pictures: who sets, sees and removes them, at every door and on every node, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from chatserver import ChatError, PluginBlobs, RoomKind, ServerRole
from chatserver.hooks.records import Space, space_of
from chatserver.runtime import rate
from chatserver.testing.running import Chat, Person, running
from chatserver_plugins.pictures import desk
from chatserver_plugins.pictures.album import Album
from chatserver_plugins.pictures.desk import ASKED, BURST
from tests.plugins.samples import JPEG, WEBP, jpeg, png
from tests.waiting import until

OWN = "/api/v1/me/picture"
PLUGINS = ("pictures", "disk_blobs", "graphql")


class Scene:
    """Olga owns the server; Ada and Ben share a room, Eve is in none; Gus is a guest who shares one with Ada."""

    def __init__(self, chat: Chat, people: list[Person]) -> None:
        self.chat = chat
        self.olga, self.ada, self.ben, self.eve, self.gus = people

    @classmethod
    async def set(cls, chat: Chat) -> "Scene":
        people = [await chat.user(name) for name in ("olga", "ada", "ben", "eve", "gus")]
        scene = cls(chat, people)
        await scene.chat.service.accounts.set_role("gus", ServerRole.GUEST)
        await scene.ada.create_room("Lounge", members=[scene.ben, scene.gus])
        return scene

    async def put(self, by: Person, content: bytes, **headers: str) -> httpx.Response:
        return await self.http("PUT", OWN, by, content=content, headers=headers)

    async def set_picture(self, by: Person, content: bytes = WEBP) -> str:
        answer = await self.put(by, content)
        assert answer.status_code == 200, answer.text
        picture: str = answer.json()["picture"]
        return picture

    async def http(
        self, method: str, path: str, by: Person | None, headers: Any = None, **given: Any
    ) -> httpx.Response:
        signed = {"Authorization": f"Bearer {by.token}"} if by else {}
        async with httpx.AsyncClient(base_url=self.chat.url, timeout=60) as client:
            return await client.request(
                method, path, headers={**signed, **(headers or {})}, **given
            )

    async def of(self, reader: Person, *others: Person) -> dict[str, str]:
        given = await reader.call("pictures.of", users=[each.id for each in others])
        pictures: dict[str, str] = given["pictures"]
        return pictures

    async def holders(self, picture: str) -> list[str]:
        return await self.chat.service.blobs.holders(picture.rpartition("/")[2])

    async def query(self, by: Person, query: str) -> Any:
        answer = (await by.http("POST", "/graphql", {"query": query})).json
        return answer["errors"][0]["extensions"]["code"] if "errors" in answer else answer["data"]


@asynccontextmanager
async def built(*plugins: str, **settings: object) -> AsyncIterator[Scene]:
    async with running(*(plugins or PLUGINS), settings=settings) as chat:
        yield await Scene.set(chat)


def heard(scene: Scene) -> list[tuple[str, Any]]:
    """What those who see a user are told from now on: the user, and what of them."""
    said: list[tuple[str, Any]] = []
    hub: Any = scene.chat.service.hub
    hub.tell_companions = lambda user, news: said.append((user, news.payload))
    return said


def refusal(answer: httpx.Response) -> tuple[str, str | None]:
    error = answer.json()["error"]
    return error["code"], (error.get("detail") or {}).get("reason")


async def test_a_picture_is_set_shown_replaced_and_removed() -> None:
    async with built() as scene:
        assert await scene.of(scene.ben, scene.ada) == {}
        first = await scene.set_picture(scene.ada, jpeg((0xE1, b"Exif\0\0here")))
        assert await scene.of(scene.ben, scene.ada, scene.eve) == {scene.ada.id: first}
        shown = await scene.http("GET", first, scene.eve)
        assert (shown.status_code, shown.content) == (200, JPEG)
        headers = {
            "Content-Type": "image/jpeg",
            "Cache-Control": "private, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Length": str(len(JPEG)),
        }
        assert {name: shown.headers[name] for name in headers} == headers
        again = await scene.http("GET", first, scene.eve, {"If-None-Match": shown.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await scene.http("GET", first, None)).status_code == 401
        # The same picture again is the same address; another one takes its place.
        assert await scene.set_picture(scene.ada, JPEG) == first
        second = await scene.set_picture(scene.ada, png())
        assert second != first and await scene.of(scene.ben, scene.ada) == {scene.ada.id: second}
        assert (await scene.http("GET", first, scene.eve)).status_code == 404
        assert await scene.holders(first) == []
        assert await scene.holders(second) == [f"plugin:pictures:{scene.ada.id}"]
        # One person's address shows nothing of another's.
        mixed = second.replace(scene.ada.id, scene.ben.id)
        assert (await scene.http("GET", mixed, scene.eve)).status_code == 404
        assert (await scene.http("DELETE", OWN, scene.ada)).status_code == 200
        assert await scene.of(scene.ben, scene.ada) == {}
        assert await scene.holders(second) == []
        assert await scene.chat.service.store.scan("plugin/pictures", "") == []


async def test_what_is_no_small_square_picture_is_refused() -> None:
    async with built("pictures", "disk_blobs") as scene:
        for content, reason in (
            (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "kind"),
            (png()[:-1], "broken"),
            (png(1025, 1025), "large"),
            (png(1000, 899), "square"),
            (png(89, 100), "square"),
        ):
            answer = await scene.put(scene.ada, content, **{"Content-Type": "image/png"})
            assert (answer.status_code, refusal(answer)) == (400, ("request.invalid", reason))
            assert answer.json()["error"]["detail"]["field"] == "picture"
        assert await scene.of(scene.ben, scene.ada) == {}


async def test_a_picture_that_is_nearly_square_and_as_large_as_can_be_is_taken() -> None:
    async with built("pictures", "disk_blobs", **{"plugin.pictures.most_kb": 8}) as scene:
        await scene.set_picture(scene.ada, png(1000, 900))
        await scene.set_picture(scene.ada, png(1024, 1024))
        fitting = png(extra=[(b"tEXt", bytes(8000 - len(png()) - 12))])
        assert len(fitting) == 8000
        await scene.set_picture(scene.ada, fitting)
        answer = await scene.put(scene.ada, fitting + b"!")
        assert (answer.status_code, refusal(answer)) == (413, ("request.too_large", None))


async def test_changes_are_told_to_those_who_see_them_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk, "PER_SECOND", 1e-9)  # none comes back, however long the test takes
    async with built() as scene:
        said = heard(scene)
        first = await scene.set_picture(scene.ada)
        await scene.set_picture(scene.ada)  # the same
        assert (await scene.http("DELETE", OWN, scene.ada)).is_success
        assert (await scene.http("DELETE", OWN, scene.ada)).is_success  # none any more
        told = [{"user": scene.ada.id, "picture": picture} for picture in (first, None)]
        assert said == [(scene.ada.id, each) for each in told]
        for _ in range(int(BURST) - 4):
            assert (await scene.put(scene.ada, b"")).status_code == 400
        for answer in (
            await scene.put(scene.ada, WEBP),
            await scene.http("DELETE", OWN, scene.ada),
        ):
            assert refusal(answer)[0] == "limit.rate"
        await scene.set_picture(scene.ben)  # one person's haste is nobody else's
        monkeypatch.setattr(rate, "USERS", 1)
        await scene.set_picture(scene.eve)  # of no more than so many it is remembered
        await scene.set_picture(scene.ada)


async def test_staff_removes_pictures_of_others_at_every_door() -> None:
    async with built() as scene:
        path = f"/api/v1/users/{scene.ada.id}/picture"
        mutation = f'mutation {{ removePicture(input: {{userId: "{scene.ada.id}"}}) {{ userId }} }}'
        picture = await scene.set_picture(scene.ada)
        assert refusal(await scene.http("DELETE", path, scene.ben))[0] == "user.forbidden"
        with pytest.raises(ChatError) as refused:
            await scene.ben.call("pictures.remove", user=scene.ada.id)
        assert refused.value.code == "user.forbidden"
        assert await scene.query(scene.ben, mutation) == "user.forbidden"
        assert await scene.of(scene.ben, scene.ada) == {scene.ada.id: picture}
        assert (await scene.http("DELETE", path, scene.olga)).status_code == 200
        assert await scene.of(scene.ben, scene.ada) == {}
        await scene.set_picture(scene.ada)
        await scene.olga.call("pictures.remove", user=scene.ada.id)
        assert await scene.of(scene.ben, scene.ada) == {}
        await scene.set_picture(scene.ada)
        answer = await scene.query(scene.olga, mutation)
        assert answer == {"removePicture": {"userId": scene.ada.id}}
        assert await scene.of(scene.ben, scene.ada) == {}
        unknown = await scene.http("DELETE", "/api/v1/users/nobody/picture", scene.olga)
        assert refusal(unknown)[0] == "user.not_found"


async def test_own_pictures_are_removed_at_every_door() -> None:
    async with built() as scene:
        await scene.set_picture(scene.eve)
        await scene.eve.call("pictures.remove")
        assert await scene.of(scene.eve, scene.eve) == {}
        await scene.set_picture(scene.eve)
        await scene.eve.call("pictures.remove", user=scene.eve.id)
        assert await scene.of(scene.eve, scene.eve) == {}
        picture = await scene.set_picture(scene.eve)
        assert await scene.query(scene.eve, "{ me { id picture } }") == {
            "me": {"id": scene.eve.id, "picture": picture}
        }
        answer = await scene.query(scene.eve, "mutation { removePicture(input: {}) { userId } }")
        assert answer == {"removePicture": {"userId": scene.eve.id}}
        assert await scene.query(scene.eve, "{ me { picture } }") == {"me": {"picture": None}}


async def test_many_pictures_are_one_query_of_the_store() -> None:
    async with built() as scene:
        pictures = {each.id: await scene.set_picture(each) for each in (scene.ben, scene.gus)}
        asked: list[Any] = []
        store = scene.chat.service.store
        real = store.get_many

        async def counting(space: str, keys: Any) -> Any:
            if space == "plugin/pictures":
                asked.append(sorted(keys))
            return await real(space, keys)

        store.get_many = counting  # type: ignore[method-assign]
        try:
            everybody = [scene.ben, scene.gus, scene.olga]
            ids = sorted(each.id for each in everybody)
            assert await scene.of(scene.olga, *everybody) == pictures
            users = " ".join(f'u{n}: user(id: "{each.id}") {{ id picture }}' for n, each in enumerate(everybody))  # fmt: skip
            found = (await scene.query(scene.olga, f"{{ {users} }}")).values()
            assert {each["id"]: each["picture"] for each in found if each["picture"]} == pictures
            assert asked == [ids, ids]
        finally:
            del store.get_many  # type: ignore[attr-defined]


async def test_one_asks_for_some_users_over_http_and_not_for_too_many() -> None:
    async with built() as scene:
        picture = await scene.set_picture(scene.ben)
        path = "/api/v1/pictures?users="
        found = await scene.http("GET", f"{path}{scene.ben.id},{scene.eve.id},nobody", scene.eve)
        assert found.json() == {"pictures": {scene.ben.id: picture}}
        assert refusal(await scene.http("GET", path, scene.eve))[0] == "request.invalid"
        assert (
            refusal(await scene.http("GET", path + "a," * (ASKED + 1), scene.eve))[0]
            == "limit.count"
        )
        with pytest.raises(ChatError) as refused:
            await scene.eve.call("pictures.of", users=["a"] * (ASKED + 1))
        assert refused.value.code == "request.invalid"


async def test_guests_find_pictures_of_those_with_whom_they_share_a_room() -> None:
    async with built() as scene:
        pictures = {each.id: await scene.set_picture(each) for each in (scene.ben, scene.olga)}
        assert await scene.of(scene.gus, scene.ben, scene.olga) == {
            scene.ben.id: pictures[scene.ben.id]
        }
        assert await scene.of(scene.eve, scene.ben, scene.olga) == pictures


async def test_the_picture_of_a_deleted_account_goes_with_it_and_that_of_a_locked_one_stays() -> (
    None
):
    async with built() as scene:
        picture = await scene.set_picture(scene.ada)
        await scene.chat.service.accounts.lock("ada", True)
        assert await scene.of(scene.ben, scene.ada) == {scene.ada.id: picture}
        said = heard(scene)
        await scene.chat.service.removal.delete("ada")

        async def is_gone() -> bool:
            return await scene.holders(picture) == []

        await until(is_gone)
        await until(lambda: said)
        assert said == [(scene.ada.id, {"user": scene.ada.id, "picture": None})]
        assert await scene.chat.service.store.scan("plugin/pictures", "") == []
        assert (await scene.http("GET", picture, scene.ben)).status_code == 404
        row = b'{"shown":"left","held":["left"]}'  # as if the plugin had not heard of it
        await scene.chat.service.store.put("plugin/pictures", scene.ada.id, row)
        assert await scene.of(scene.ben, scene.ada) == {}


async def test_plugins_may_refuse_a_picture_and_the_audit_log_names_who_changed_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "prude.py").write_text(PRUDE)
    enabled = ("pictures", "disk_blobs", "prude")
    async with built(*enabled, **{"plugins.folder": str(tmp_path)}) as scene:
        assert refusal(await scene.put(scene.eve, WEBP))[0] == "action.refused"
        picture = await scene.set_picture(scene.ben)
        assert refusal(await scene.http("DELETE", OWN, scene.ben))[0] == "action.refused"
        assert await scene.of(scene.ada, scene.ben) == {scene.ben.id: picture}
        await scene.set_picture(scene.ada)
        assert (
            await scene.http("DELETE", f"/api/v1/users/{scene.ada.id}/picture", scene.olga)
        ).is_success

        async def noted() -> list[Any]:
            return (await scene.http("GET", "/noted", scene.olga)).json()  # type: ignore[no-any-return]

        expected = [[one.id, one.id] for one in (scene.ben, scene.ada)]
        expected.append([scene.ada.id, scene.olga.id])
        await until(lambda: _equals(noted, expected))


async def _equals(ask: Any, expected: Any) -> bool:
    return bool(await ask() == expected)


PRUDE = """
import json
import chatserver

class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.noted = []

    @chatserver.hookimpl(actions=(chatserver.PictureChange,))
    async def check_action(self, action, user):
        if user.username == ("ben" if action.removes else "eve") and action.account == user.id:
            return chatserver.Refusal("no")

    @chatserver.hookimpl
    async def on_account(self, change):
        if change.what == "picture":
            self.noted.append([change.user, change.by.user])

    @chatserver.hookimpl
    def register_routes(self, context):
        async def show(request):
            return chatserver.Reply(body=json.dumps(self.noted).encode())
        return [chatserver.Route(path="/noted", get=show)]
"""


async def test_without_a_place_for_files_a_picture_is_refused_and_none_is_there() -> None:
    async with built("pictures") as scene:
        assert refusal(await scene.put(scene.ada, WEBP))[0] == "blob.none"
        assert await scene.of(scene.ada, scene.ada) == {}


async def test_of_pictures_that_two_nodes_set_at_once_one_is_kept() -> None:
    async with built() as scene:
        service = scene.chat.service
        parts = SimpleNamespace(
            records=Space(service.store, space_of("pictures")),
            blobs=PluginBlobs(service.blobs, "pictures"),
        )
        nodes: list[Any] = [Album(parts), Album(parts)]  # type: ignore[arg-type]

        some = await taken(scene, 6)

        async def show(number: int) -> None:
            await nodes[number % 2].show("someone", some[number])

        await asyncio.gather(*map(show, range(6)))
        shown = (await nodes[0].of(["someone"]))["someone"]
        held = [blob for blob in some if await service.blobs.holders(blob)]
        assert held == [shown]
        assert await nodes[1].show("someone", None) == shown
        assert await nodes[0].of(["someone"]) == {}
        assert not any([await service.blobs.holders(blob) for blob in some])
        assert await parts.records.get("someone") is None


async def test_what_a_crash_leaves_is_released_by_the_next_change() -> None:
    async with built() as scene:
        lost = await scene.set_picture(scene.olga, png(20, 20))
        blob = lost.rpartition("/")[2]
        row = b'{"shown":null,"held":["%s"]}' % blob.encode()  # before it was shown
        await scene.chat.service.store.put("plugin/pictures", scene.olga.id, row)
        assert await scene.of(scene.olga, scene.olga) == {}
        await scene.set_picture(scene.olga)
        assert await scene.holders(lost) == []


async def test_a_picture_whose_bytes_are_lost_can_be_set_again() -> None:
    async with built() as scene:
        lost = await scene.set_picture(scene.ada)
        await scene.chat.service.blobs.purge(lost.rpartition("/")[2])
        assert (await scene.http("GET", lost, scene.ben)).status_code == 404
        again = await scene.set_picture(scene.ada)
        assert again != lost and (await scene.http("GET", again, scene.ben)).content == WEBP


class Meddled:
    """An album's records and blobs, while another node changes what it is about to change."""

    def __init__(self, scene: Scene) -> None:
        service = scene.chat.service
        self._blobs = PluginBlobs(service.blobs, "pictures")
        self._space = Space(service.store, space_of("pictures"))
        self.records, self.blobs = self, self
        self.refer, self.get = self._blobs.refer, self._space.get
        self.add, self.delete = self._space.add, self._space.delete
        self.swaps = True
        self.row: bytes | None = None  # that stands when something is released

    async def swap(self, key: str, old: bytes, new: bytes) -> bool:
        return self.swaps and await self._space.swap(key, old, new)

    async def release(self, blob: str, key: str) -> None:
        if self.row is not None:
            await self._space.put(key, self.row)
        await self._blobs.release(blob, key)


async def test_a_picture_that_another_node_shows_again_keeps_its_reference() -> None:
    async with built() as scene:
        first, second = await taken(scene, 2)
        parts: Any = Meddled(scene)
        album = Album(parts)
        await album.show("someone", first)
        parts.row = b'{"shown":"%s","held":["%s"]}' % (first.encode(), first.encode())
        await album.show("someone", second)
        assert await scene.chat.service.blobs.holders(first) == ["plugin:pictures:someone"]
        parts.swaps = False
        with pytest.raises(ChatError) as refused:
            await album.show("someone", second)
        assert refused.value.code == "limit.rate"


async def taken(scene: Scene, count: int) -> list[str]:
    """Ids of blobs that nothing refers to."""

    async def once(content: bytes) -> AsyncIterator[bytes]:
        yield content

    blobs = scene.chat.service.blobs
    return [(await blobs.take("", once(b"%d" % number))).id for number in range(count)]


# -- of rooms --------------------------------------------------------------------------------------


async def of_room(scene: Scene, room: str, content: bytes = WEBP) -> str:
    answer = await scene.http("PUT", f"/api/v1/rooms/{room}/picture", scene.ada, content=content)
    assert answer.status_code == 200, answer.text
    picture: str = answer.json()["picture"]
    return picture


async def test_a_room_has_a_picture_for_those_who_may_read_it_until_the_room_is_deleted() -> None:
    async with built() as scene:
        ada, ben, eve = scene.ada, scene.ben, scene.eve
        room = await ada.create_room("Attic", kind=RoomKind.PRIVATE, members=[ben])
        bare = await ada.create_room("Cellar", members=[ben])
        told: list[Any] = []
        hub: Any = scene.chat.service.hub
        hub.tell_room = lambda where, payload: told.append((where.id, payload.payload))
        first = await of_room(scene, room.id, jpeg((0xE1, b"Exif\0\0here")))
        assert await of_room(scene, room.id, JPEG) == first  # the same one
        asked = {"rooms": [room.id, bare.id, "nothing"], "users": [ada.id]}
        assert await ben.call("pictures.of", **asked) == {"pictures": {}, "rooms": {room.id: first}}
        assert await eve.call("pictures.of", **asked) == {"pictures": {}, "rooms": {}}
        path = f"/api/v1/pictures?rooms={room.id},{bare.id}"
        found = (await scene.http("GET", path, ben)).json()
        assert found == {"pictures": {}, "rooms": {room.id: first}}
        query = "{ rooms(first: 9) { nodes { id picture } } }"
        nodes = (await scene.query(ben, query))["rooms"]["nodes"]
        pictures = {each["id"]: each["picture"] for each in nodes}
        assert (pictures[room.id], pictures[bare.id]) == (first, None)
        assert (await scene.http("GET", first, ben)).content == JPEG
        assert (await scene.http("GET", first, eve)).status_code == 404
        assert (await scene.http("GET", first.replace(room.id, bare.id), ben)).status_code == 404
        assert await scene.holders(first) == [f"plugin:pictures:room/{room.id}"]
        second = await of_room(scene, room.id, png())
        assert await scene.holders(first) == []
        assert told == [(room.id, {"room": room.id, "picture": each}) for each in (first, second)]
        await scene.chat.service.rooms.delete(ada.user, room)
        assert (await scene.http("GET", second, ben)).status_code == 404

        async def is_released() -> bool:
            return await scene.holders(second) == []

        await until(is_released)
        assert await scene.chat.service.store.scan("plugin/pictures", "") == []


async def test_who_may_change_a_room_changes_its_picture_at_every_door() -> None:
    async with built() as scene:
        ada, ben = scene.ada, scene.ben
        room = await ada.create_room("Attic", members=[ben])
        create = scene.chat.service.rooms.create
        direct = await create(ada.user, RoomKind.DIRECT, None, members=[ben.id])
        path = f"/api/v1/rooms/{room.id}/picture"
        mutation = f'mutation {{ removeRoomPicture(input: {{roomId: "{room.id}"}}) {{ roomId }} }}'
        for method in ("PUT", "DELETE"):
            refused = await scene.http(method, path, ben, content=WEBP)
            assert refusal(refused) == ("room.forbidden", None)
            wrong = await scene.http(method, path.replace(room.id, direct.id), ada, content=WEBP)
            assert refusal(wrong) == ("room.forbidden", None)
        assert await scene.query(ben, mutation) == "room.forbidden"
        await of_room(scene, room.id)
        await ada.call("pictures.remove", room=room.id)
        await of_room(scene, room.id)
        assert (await scene.query(ada, mutation)) == {"removeRoomPicture": {"roomId": room.id}}
        await of_room(scene, room.id)
        assert (await scene.http("DELETE", path, ada)).is_success
        assert (await scene.http("DELETE", path, ada)).is_success  # there is none any more
        asked = await ada.call("pictures.of", rooms=[room.id])
        assert asked == {"pictures": {}, "rooms": {}}
        with pytest.raises(ChatError) as many:
            await ada.call("pictures.of", rooms=["x"] * 101)
        assert many.value.code == "request.invalid"
        refused = await scene.http("GET", f"/api/v1/pictures?rooms={','.join(['x'] * 101)}", ada)
        assert refusal(refused)[0] == "limit.count"
