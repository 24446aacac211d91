"""Pages of long messages: cut to what a connection may buffer, with nothing left out for ever."""

from tests.protocol.conftest import Start
from tests.protocol.running import Running

LONG = "長" * 1000  # 3 KB
COUNT = 40
SMALL_BUFFERS = {"limits.buffer_soft_bytes": 16384, "limits.buffer_hard_bytes": 65536}


async def test_pages_of_events_go_on_to_the_head(start: Start) -> None:
    anna = await start(SMALL_BUFFERS).person("anna")
    async with anna.connect() as client:
        room = (await client.ok("create", name="long"))["id"]
        for n in range(COUNT):
            await client.ok("send", room=room, client_id=str(n), body=LONG)
        seqs: list[int] = []
        while True:
            page = await client.ok("events", room=room, after=seqs[-1] if seqs else 0, limit=1000)
            seqs += [event["seq"] for event in page["events"]]
            if seqs[-1] == page["head"]:
                break
            assert len(page["events"]) < COUNT
        assert seqs == list(range(1, page["head"] + 1))
        assert await client.ok("ping") == {}


async def test_pages_of_messages_say_that_older_ones_were_left_out(start: Start) -> None:
    anna = await start(SMALL_BUFFERS).person("anna")
    async with anna.connect() as client:
        room = (await client.ok("create", name="long"))["id"]
        for n in range(COUNT):
            await client.ok("send", room=room, client_id=str(n), body=LONG)
        newest = await client.ok("history", room=room, limit=COUNT)
        assert newest == (await anna.http("GET", f"/api/v1/rooms/{room}/messages")).json()
        found, page = newest["messages"], newest
        while page.get("more"):
            page = await client.ok("history", room=room, before=found[0]["seq"], limit=COUNT)
            found = page["messages"] + found
        assert [message["client_id"] for message in found] == [str(n) for n in range(COUNT)]


async def test_a_short_page_says_nothing_of_older_ones(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = (await client.ok("create", name="short"))["id"]
        await client.ok("send", room=room, client_id="1", body="hello")
        assert set(await client.ok("history", room=room)) == {"messages", "head"}
