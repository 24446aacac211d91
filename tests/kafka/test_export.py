"""Events reach their topic in the order of their room."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from chatserver import Room, RoomKind, UserRef
from chatserver.privacy.rewriting import Erased
from chatserver.service import removal
from chatserver_plugins.kafka.client import BATCH_BYTES, Client
from tests.kafka.broker import Broker
from tests.kafka.chat import chat
from tests.kafka.reading import reading
from tests.waiting import until


async def test_events_of_a_room_are_in_one_partition_in_order(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    async with chat(tmp_path, broker, topic=topic) as made, reading(broker, topic) as reader:
        rooms = [await made.room() for _ in range(8)]
        lasts = [await made.post(room, 40) for room in rooms]
        for room, last in zip(rooms, lasts, strict=True):
            await reader.until(room.id, last)
            assert reader.first(room.id) == [
                *range(1, last + 1)
            ]  # a slow broker may get some again
            assert len({record.partition for record in reader.of(room.id)}) == 1
        assert len({record.partition for record in reader.records}) > 1
        times = dict(zip(reader.seqs(rooms[0].id), reader.of(rooms[0].id), strict=True))
        found = [times[seq].timestamp for seq in sorted(times)]
        assert found == sorted(found)
        record, event = reader.of(rooms[0].id)[-1], reader.events(rooms[0].id)[-1]
        log = await made.server.service.history.events(made.user, rooms[0], lasts[0] - 1, 1)
        assert (event["ev"], event["room"], event["id"]) == (
            "message.posted",
            rooms[0].id,
            log.events[0].id,
        )
        assert dict(record.headers) == {"ev": b"message.posted", "seq": b"%d" % lasts[0]}


async def test_rooms_that_are_not_public_stay_inside(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    async with chat(tmp_path, broker, topic=topic) as made, reading(broker, topic) as reader:
        private, public = await made.room(RoomKind.PRIVATE), await made.room()
        await made.post(private, 3)
        last = await made.post(public)
        await until(made.is_done)
        await reader.until(public.id, last)
        assert reader.of(private.id) == []


async def test_a_deleted_room_stays_inside_and_holds_up_nothing(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    async with chat(tmp_path, broker, topic=topic) as made, reading(broker, topic) as reader:
        room, public = await made.room(), await made.room()
        last = await made.post(room)
        await reader.until(room.id, last)
        await made.server.service.rooms.delete(made.user, room)
        await reader.until(public.id, await made.post(public))
        await until(made.is_done)
        assert "room.changed" not in {event["ev"] for event in reader.events(room.id)[1:]}


async def test_readers_hear_what_has_expired_and_who_was_erased(
    tmp_path: Path, broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)
    async with chat(tmp_path, broker, topic=topic) as made, reading(broker, topic) as reader:
        service = made.server.service
        plum = await service.accounts.add("plum", "a long password")
        room = await made.room()
        last = await made.post(room, 2)
        await asyncio.sleep(0.01)  # times of events are in whole milliseconds
        kept = await made.post(room)
        before = (await service.store.read(room.id, kept - 1, 1))[0].at
        await service.expiry.expire(room.id, before, UserRef("u1", "Retention"), most=100)
        await service.rooms.join(plum, room)
        await service.messages.post(plum, room, "c", "quincemark")
        await service.removal.delete("plum", mode=Erased.REDACT)
        await service.removal.settle()
        await until(made.is_done)
        await reader.until(room.id, (await service.store.heads([room.id]))[room.id])
        events = {event["seq"]: event for event in reader.events(room.id)}.values()
        (changed,) = (event for event in events if event.get("kept_from"))
        assert last < changed["kept_from"] <= kept
        (erased,) = (event for event in events if event["ev"] == "plugin.event")
        assert erased["type"] == "chatserver.erased"
        assert erased["payload"] == {"user": plum.id, "messages": "redact"}


async def test_what_expired_before_it_was_written_holds_up_nothing(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    async with chat(tmp_path, None, store="sqlite") as made:
        room = await made.room()
        await made.post(room, 3)
        await asyncio.sleep(0.01)  # times of events are in whole milliseconds
        last = await made.post(room)
        before = (await made.server.service.store.read(room.id, last - 1, 1))[0].at
        retention = UserRef("u1", "Retention")
        await made.server.service.expiry.expire(room.id, before, retention, most=100)
        (head,) = (await made.server.service.store.heads([room.id])).values()
    async with (
        chat(tmp_path, broker, store="sqlite", name="ben", topic=topic, start="beginning") as made,
        reading(broker, topic) as reader,
    ):
        await until(made.is_done)
        await reader.until(room.id, head)
        places = [each for each in reader.events(room.id) if each["ev"] == "event.removed"]
        assert [each["seq"] for each in places] == [last - 3, last - 2, last - 1]
        assert not any(each["at"] or each["author"]["id"] for each in places)
        times = [record.timestamp for record in reader.of(room.id)]
        assert min(times) > 0


async def test_kinds_of_rooms_and_of_events_are_picked(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    picked = {"room_kinds": ["private", "direct"], "events": ["message.posted"]}
    async with (
        chat(tmp_path, broker, topic=topic, **picked) as made,
        reading(broker, topic) as reader,
    ):
        public, private = await made.room(), await made.room(RoomKind.PRIVATE)
        await made.post(public, 3)
        last = await made.post(private, 2)
        await until(made.is_done)
        await reader.until(private.id, last)
        assert {record.key for record in reader.records} == {private.id.encode()}
        assert {event["ev"] for event in reader.events(private.id)} == {"message.posted"}


async def test_each_room_may_have_its_topic(tmp_path: Path, broker: Broker) -> None:
    async with chat(tmp_path, broker, topic="chat.{room}") as made:
        room, other = await made.room(), await made.room()
        await made.post(other)
        last = await made.post(room, 3)
        await until(made.is_done)
        async with reading(broker, f"chat.{room.id}") as reader:
            await reader.until(room.id, last)
            assert reader.seqs(room.id) == [*range(1, last + 1)]
            assert len(reader.records) == last


async def test_it_begins_with_the_first_event_where_it_should(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    old: Room
    async with chat(tmp_path, None, store="sqlite") as made:
        old = await made.room()
        last = await made.post(old, 3)
    options = {"topic": topic, "start": "beginning"}
    async with (
        chat(tmp_path, broker, store="sqlite", name="bob", **options),
        reading(broker, topic) as reader,
    ):
        await reader.until(old.id, last)
        assert reader.seqs(old.id) == [*range(1, last + 1)]


async def test_a_batch_in_several_parts_keeps_its_order(
    tmp_path: Path, broker: Broker, topic: str
) -> None:
    async with chat(tmp_path, broker, topic=topic) as made, reading(broker, topic) as reader:
        room = await made.room()
        broker.freeze()  # so that all of them wait
        last = await made.post(room, 100, "long " * 790)
        broker.thaw()
        await reader.until(room.id, last)
        assert reader.first(room.id) == [*range(1, last + 1)]
        assert sum(len(record.value or b"") for record in reader.of(room.id)) > BATCH_BYTES


async def test_an_event_that_the_brokers_refuse_becomes_a_dead_letter(
    tmp_path: Path, broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Client.send_batch

    async def refuse_large_ones(client: Client, batch: Any, *args: Any, **to: Any) -> Any:
        if batch.size() > 2000:
            raise MessageSizeTooLargeError
        return await send(client, batch, *args, **to)

    monkeypatch.setattr(Client, "send_batch", refuse_large_ones)
    async with chat(tmp_path, broker, topic=topic) as made, reading(broker, topic) as reader:
        room = await made.room()
        large = await made.post(room, 1, "long " * 790)
        last = await made.post(room, 3)
        await reader.until(room.id, last)
        assert reader.first(room.id) == [seq for seq in range(1, last + 1) if seq != large]
        [letter] = await made.server.consumers.dead("kafka.events", None)
        assert (letter.room, letter.seq, letter.error) == (room.id, large, "kafka.refused")
