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


async def test_a_short_page_does_not_mention_older_messages(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = (await client.ok("create", name="short"))["id"]
        await client.ok("send", room=room, client_id="1", body="hello")
        assert set(await client.ok("history", room=room)) == {"messages", "head"}


async def test_the_page_around_a_message_on_both_doors(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = (await client.ok("create", name="long"))["id"]
        sent = [
            await client.ok("send", room=room, client_id=str(n), body=f"message {n}")
            for n in range(9)
        ]
        seq = sent[4]["seq"]
        page = await client.ok("history", room=room, around=seq, limit=3)
        assert [message["seq"] for message in page["messages"]] == [seq - 1, seq, seq + 1]
        assert (page["more_before"], page["more_after"]) == (True, True)
        path = f"/api/v1/rooms/{room}/messages"
        assert (await anna.http("GET", f"{path}?around={seq}&limit=3")).json() == page
        everything = await client.ok("history", room=room, around=seq)
        assert len(everything["messages"]) == 9
        assert (everything["more_before"], everything["more_after"]) == (False, False)
        assert await client.code("history", room=room, around=seq, before=seq) == "request.invalid"
        refused = await anna.http("GET", f"{path}?around={seq}&before={seq}")
        assert refused.json()["error"]["code"] == "request.invalid"
        assert (await anna.http("GET", f"{path}?around=x")).status_code == 400


async def test_pages_forwards_on_both_doors(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = (await client.ok("create", name="long"))["id"]
        sent = [
            (await client.ok("send", room=room, client_id=str(n), body=f"message {n}"))["seq"]
            for n in range(9)
        ]
        page = await client.ok("history", room=room, after=sent[0], limit=5)
        assert [message["seq"] for message in page["messages"]] == sent[1:6]
        assert (page["more_before"], page["more_after"], page["after"]) == (True, True, sent[5])
        path = f"/api/v1/rooms/{room}/messages"
        assert (await anna.http("GET", f"{path}?after={sent[0]}&limit=5")).json() == page
        last = await client.ok("history", room=room, after=page["after"])
        assert [message["seq"] for message in last["messages"]] == sent[6:]
        assert last["more_after"] is False and "after" not in last
        for other in ("before", "around"):
            code = await client.code("history", room=room, after=sent[0], **{other: sent[0]})
            assert code == "request.invalid"
            refused = await anna.http("GET", f"{path}?after={sent[0]}&{other}={sent[0]}")
            assert refused.json()["error"]["code"] == "request.invalid"


async def test_a_later_member_of_a_public_room_gets_no_text_that_was_replaced(
    server: Running,
) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    async with anna.connect() as client, ben.connect() as other:
        room = (await client.ok("create", name="public"))["id"]
        one = await client.ok("send", room=room, client_id="1", body="secret one")
        two = await client.ok("send", room=room, client_id="2", body="secret two")
        await client.ok("edit", room=room, message=one["id"], body="shown")
        await client.ok("delete", room=room, message=two["id"])
        page = await other.ok("events", room=room, after=0)
        assert "secret" not in str(page)
        assert [event.get("redacted") for event in page["events"]] == [
            None,
            None,
            True,
            True,
            None,
            None,
        ]
        answer = await ben.http("GET", f"/api/v1/rooms/{room}/events?after=0")
        assert answer.json() == page
        await other.ok("sub", rooms={room: 0})
        assert await other.take(6) == page["events"]
