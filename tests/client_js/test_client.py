"""The client for JavaScript, as it is packed, over a real server: no interruption makes it miss or repeat anything."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chatserver.version import __version__
from tests.client_js.programs import HERE, Told, connected, program
from tests.faults.proxy import Network, Proxy
from tests.protocol.running import Person, Running
from tests.protocol.test_http_rooms import post, room_of
from tests.waiting import until


def url(server: Running) -> str:
    return f"http://127.0.0.1:{server.port}"


def bodies(events: list[Any]) -> list[str]:
    return [event["body"] for event in events]


def test_the_package_is_whole_and_depends_on_nothing(folder: Path) -> None:
    package = folder / "node_modules/chatserver-client"
    described = json.loads((package / "package.json").read_text(encoding="utf-8"))
    assert described["version"] == __version__ and described["license"] == "MIT"
    assert not {key for key in described if "ependencies" in key or key == "scripts"}
    assert {path.name for path in package.iterdir()} == {
        *("LICENSE", "package.json", "index.js", "errors.js", "feed.js", "link.js"),
        *("client.d.ts", "types.d.ts"),
    }
    others = {path.name for path in package.parent.iterdir() if not path.name.startswith(".")}
    assert others == {"chatserver-client"}


async def test_messages_come_to_all_rooms_one_is_in_and_comes_into(
    server: Running, folder: Path
) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    async with (
        connected(folder, anna, url(server)) as one,
        connected(folder, ben, f"{url(server)}/") as other,
    ):
        sent = await one.do("send", room, "first", {"client_id": "a"})
        again = await one.do("send", room, "first", {"client_id": "a"})
        assert (again["id"], again["seq"], again["dup"]) == (sent["id"], sent["seq"], True)
        made = await one.do(
            "request", "create", {"kind": "private", "name": "Later", "members": [ben.id]}
        )
        await one.do("send", made["id"], "second")
        events = await other.take(2)
        assert bodies(events) == ["first", "second"]
        assert (events[0]["id"], events[0]["author"]["id"]) == (sent["id"], anna.id)
        assert bodies(await one.take(2)) == ["first", "second"]  # one's own, too
        assert (await other.do("place"))["positions"][room] == sent["seq"]


async def test_only_the_rooms_that_are_wanted(server: Running, folder: Path) -> None:
    anna, ben = await server.people("anna", "ben")
    room, beside, hidden = await room_of(anna), await room_of(anna), await room_of(ben)
    async with connected(folder, anna, url(server), rooms=[hidden, room]) as chat:
        await post(anna, beside, 1)
        await post(anna, await room_of(anna), 2)
        await post(anna, room, 3)
        assert [event["room"] for event in await chat.take(1)] == [room]


async def test_every_operation_can_be_asked_for(server: Running, folder: Path) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    async with (
        connected(folder, anna, url(server)) as one,
        connected(folder, ben, url(server)) as other,
    ):
        root = await one.do("send", room, "root")
        more = {"thread": root["id"], "reply_to": root["id"], "broadcast": True}
        reply = await one.do("send", room, "reply", more)
        await other.do("request", "react", {"room": room, "message": root["id"], "emoji": "👍"})
        page = await one.do("request", "history", {"room": room, "limit": 10})
        assert bodies(page["messages"]) == ["root", "reply"]
        assert page["messages"][0]["reactions"] == {"👍": [ben.id]}
        thread = await other.do("request", "thread", {"room": room, "message": root["id"]})
        assert [each["id"] for each in thread["messages"]] == [reply["id"]]
        assert (await one.take(1, "reaction.added"))[0]["emoji"] == "👍"
        assert await other.do("request", "typing", {"room": room}) is None

        async def is_told() -> bool:
            return "typing" in {each["ev"] for each in await one.do("notices")}

        await until(is_told)
        assert await one.do("request", "ping") == {}


async def test_a_refusal_says_why(server: Running, folder: Path) -> None:
    anna, ben = await server.people("anna", "ben")
    hidden, own = await room_of(anna, kind="private"), await room_of(ben)
    async with connected(folder, ben, url(server)) as chat:
        for asked in (["send", hidden, "text"], ["request", "history", {"room": hidden}]):
            with pytest.raises(Told) as told:
                await chat.do(*asked)
            assert (told.value.code, told.value.error["retry"]) == ("room.not_found", "refresh")
            assert told.value.error["is_chat_error"] and "after_ms" not in told.value.error
        with pytest.raises(Told) as told:
            await chat.do("send", own, " ")
        assert told.value.error["detail"] == {"field": "body", "reason": "empty"}
        with pytest.raises(Told) as told:  # which would end the connection, and the next ones
            await chat.do("send", own, "🙂" * 20_000)
        assert told.value.code == "limit.size"
        assert await chat.do("request", "ping") == {}
        waiting = chat.ask("take", 1, ["message.posted"])
        await chat.do("close")
        assert await asyncio.wait_for(waiting, 60) == ["end"]
        with pytest.raises(Told) as told:
            await chat.do("send", own, "text")
        assert told.value.code == "client.closed"
        for wrong in ("ftp://127.0.0.1", "chat.example.org"):
            with pytest.raises(Told) as told:
                await chat.do("connect", {"url": wrong, "token": ben.token})
            assert not told.value.error["is_chat_error"]


async def test_a_token_that_is_revoked_ends_it(server: Running, folder: Path) -> None:
    anna = await server.person("anna")
    async with connected(folder, anna, url(server)) as chat:
        taking = chat.ask("take", 1, ["message.posted"])
        await anna.http("POST", "/api/v1/logout")
        later = (lambda: chat.ask("send", "r", "text"), lambda: chat.ask("request", "rooms"))
        for asked in (
            lambda: taking,
            *later,
        ):  # one after the other, as the end comes behind the answer
            with pytest.raises(Told) as told:
                await asyncio.wait_for(asked(), 60)
            assert (told.value.code, told.value.error["close"]) == ("auth.invalid", 4451)
            assert anna.token not in json.dumps(told.value.error)
    async with program(folder) as chat:
        with pytest.raises(Told) as told:
            await chat.do("connect", {"url": url(server), "token": anna.token})
        assert told.value.code == "auth.invalid"
        assert anna.token not in json.dumps(told.value.error)
        with pytest.raises(Told) as told:  # nor is there a cookie
            await chat.do("connect", {"url": url(server)})
        assert told.value.code == "auth.required"


async def test_interruptions_lose_and_repeat_nothing(
    server: Running, proxy: Proxy, folder: Path
) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    async with connected(folder, anna, proxy) as one, connected(folder, ben, proxy) as other:
        sends = []
        for number in range(40):
            sends.append(one.ask("send", room, str(number)))
            if number % 10 == 5:
                await asyncio.wait_for(sends[-1], 120)
                await asyncio.to_thread(proxy.reset)
        sent = await asyncio.wait_for(asyncio.gather(*sends), 120)
        events = await other.take(40)
        assert sorted(bodies(events), key=int) == [str(number) for number in range(40)]
        assert [event["seq"] for event in events] == sorted(each["seq"] for each in sent)
        assert await one.take(40) == events


async def test_another_program_run_goes_on_where_the_last_one_ended(
    server: Running, folder: Path
) -> None:
    anna = await server.person("anna")
    room, quiet = await room_of(anna), await room_of(anna)
    async with connected(folder, anna, url(server)) as chat:
        await post(anna, room, 1)
        await chat.take(1)
        place = await chat.do("place")
    for number in (2, 3):
        await post(anna, room, number)
    async with connected(folder, anna, url(server), **place) as chat:
        assert bodies(await chat.take(2)) == ["text 2", "text 3"]
    await see_gaps(server, folder, anna, (room, quiet), place)


async def see_gaps(
    server: Running, folder: Path, anna: Person, rooms: tuple[str, str], place: dict[str, Any]
) -> None:
    """With the epoch of other data, each room begins with a gap, and goes on behind it."""
    async with connected(folder, anna, url(server), **place | {"epoch": "another"}) as chat:
        (first,) = await chat.take(1, "gap")
        assert (await chat.do("place"))["epoch"] == "another"  # the other room's position still is
        (second,) = await chat.take(1, "gap")
        assert {first["room"], second["room"]} == set(rooms)
        await post(anna, rooms[0], 4)
        assert bodies(await chat.take(1)) == ["text 4"]
        now = await chat.do("place")
        assert now["epoch"] == place["epoch"]
        assert now["positions"][rooms[1]] == place["positions"][rooms[1]]


async def test_one_who_reads_slowly_misses_nothing(server: Running, folder: Path) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    async with (
        connected(folder, anna, url(server)) as one,
        connected(folder, ben, url(server)) as other,
    ):
        texts = [str(number) for number in range(1500)]  # of which 1,000 wait
        for start in range(0, len(texts), 500):
            sends = [one.ask("send", room, text) for text in texts[start : start + 500]]
            await asyncio.wait_for(asyncio.gather(*sends), 120)
            await other.do("request", "ping")
        assert bodies(await other.take(1500)) == texts
        assert bodies(await one.take(1500)) == texts


async def test_a_client_waits_if_the_server_asks_for_it(tmp_path: Path, folder: Path) -> None:
    limits = {"limits.operations_per_second": 20, "limits.operations_burst": 5}
    with Running(tmp_path, limits) as server:
        anna = await server.person("anna")
        room = await room_of(anna)
        async with connected(folder, anna, url(server)) as chat:
            sends = [chat.ask("send", room, str(number)) for number in range(25)]
            sent = await asyncio.wait_for(asyncio.gather(*sends), 60)
            assert len({each["seq"] for each in sent}) == 25
            assert sorted(bodies(await chat.take(25)), key=int) == [str(n) for n in range(25)]


async def test_a_connection_on_which_nothing_comes_any_more_is_left(
    tmp_path: Path, folder: Path
) -> None:
    with Running(tmp_path, {"limits.heartbeat_seconds": 1}) as server, Network() as network:
        anna = await server.person("anna")
        room = await room_of(anna)
        proxy = network.proxy(server.port)
        async with connected(folder, anna, proxy) as chat:
            cut_off = {each.source for each in proxy._links}
            assert cut_off
            await asyncio.to_thread(proxy.hold, lambda: cut_off)  # what is opened later passes
            await post(anna, room, 1)
            assert bodies(await chat.take(1)) == ["text 1"]


def test_what_a_real_server_seldom_does(folder: Path) -> None:
    script = shutil.copy(HERE / "paths.test.mjs", folder)
    done = subprocess.run(
        ["node", "--test", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
