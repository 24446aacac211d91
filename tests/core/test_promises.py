"""The promises of the log and of delivery, under random interleavings, faults and several nodes."""

import asyncio
import random
import secrets
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatserver.cluster.bus.announcer import Announcer
from chatserver.cluster.bus.envelopes import Envelopes
from chatserver.cluster.bus.hints import Hints
from chatserver.delivery.streams import Group, Payloads, Stream
from chatserver.delivery.subscriber import Subscriber
from chatserver.interfaces import Appended, Store
from chatserver.model import AnyEvent, MessageDeleted, MessageEdited, MessagePosted
from chatserver.roomlog.entries import Entry
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.core import world
from tests.core.checker import Broken
from tests.core.clients import Reader
from tests.core.streaming import PausingReader, StreamReader
from tests.servers import PATIENT_MS, Mongod, Postgres
from tests.virtual_time import run

pytestmark = pytest.mark.long

ACTIONS = (
    *("send",) * 6,
    *("twice", "again", "again", "wait", "wait", "wait"),
    *("stall", "read", "reconnect", "reconnect"),
    *("page", "page", "edit", "delete", "react", "unreact", "pin", "unpin"),
    *("join", "leave", "invite", "invite", "kick", "kick", "appoint"),
)
FAULTS = (
    *(("", 0.0),) * 6,
    *(("late", 0.0), ("late", 0.002), ("late", 0.05)),
    *(("before", 0.0), ("before", 0.05), ("after", 0.0), ("after", 0.05), ("much later", 0.03)),
)
STEP = st.tuples(st.sampled_from(ACTIONS), *(st.integers(0, 11) for _ in range(3)))
NODE_FAULTS = st.lists(st.sampled_from(FAULTS), max_size=60)
BUS_FAULTS = st.lists(
    st.sampled_from(
        (
            *(("", 0.0),) * 4,
            *(("lost", 0.0), ("twice", 0.0), ("twice", 0.05), ("late", 0.01), ("late", 1.0)),
            ("late", 30.0),
            *(("strange", 0.0), ("away", 0.0), ("away", 2.0)),
        )
    ),
    max_size=60,
)
WEBSOCKETS = (Reader,) * 4
STREAMS = (StreamReader, PausingReader, PausingReader, StreamReader)
RUN = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def run_virtually(
    store: Any,
    script: Sequence[world.Step],
    faults: Sequence[Sequence[world.Fault]],
    readers: Sequence[world.ReaderKind] = WEBSOCKETS,
    bus_faults: Sequence[Sequence[world.Fault]] | None = None,
    *,
    is_private: bool = False,
) -> None:
    run(lambda: world.run(store, script, faults, readers, 20.0, bus_faults, is_private=is_private))


def unexpected(logged: list[str]) -> list[str]:
    """Logged errors, without those about the outages that the faults cause."""
    return [line for line in logged if not line.startswith(("WARNING", "ERROR the store "))]


@settings(RUN, max_examples=400)
@given(
    script=st.lists(STEP, min_size=10, max_size=80),
    faults=st.lists(NODE_FAULTS, min_size=2, max_size=3),
)
def test_the_promises_hold(
    logged: list[str], script: Sequence[world.Step], faults: Sequence[Sequence[world.Fault]]
) -> None:
    run_virtually(MemoryStore(), script, faults)
    assert unexpected(logged) == []


@settings(RUN, max_examples=200)
@given(
    script=st.lists(STEP, min_size=10, max_size=80),
    faults=st.lists(NODE_FAULTS, min_size=1, max_size=2),
)
def test_the_promises_hold_for_streams(
    logged: list[str], script: Sequence[world.Step], faults: Sequence[Sequence[world.Fault]]
) -> None:
    run_virtually(MemoryStore(), script, faults, STREAMS)
    assert unexpected(logged) == []


@settings(RUN, max_examples=300)
@given(
    script=st.lists(STEP, min_size=10, max_size=80),
    faults=st.lists(st.tuples(NODE_FAULTS, BUS_FAULTS), min_size=2, max_size=3),
    is_private=st.booleans(),
)
def test_the_promises_hold_with_a_bus_that_loses_repeats_and_reorders(
    logged: list[str],
    script: Sequence[world.Step],
    faults: Sequence[tuple[Sequence[world.Fault], Sequence[world.Fault]]],
    is_private: bool,
) -> None:
    of_stores, of_buses = zip(*faults, strict=True)
    run_virtually(MemoryStore(), script, of_stores, bus_faults=of_buses, is_private=is_private)
    assert unexpected(logged) == []


def test_the_promises_hold_on_mongodb(logged: list[str], replica_set: Mongod) -> None:
    for seed in range(2):
        script, faults = drawn(seed)
        name = f"test_{secrets.token_hex(8)}"
        settings = MongoPlugin.Config(uri=replica_set.uri, database=name, timeout_ms=PATIENT_MS)
        plugin = MongoPlugin(settings, data=Path("/unused"))
        asyncio.run(on_real_store(plugin.provide_store, script, faults))
    assert unexpected(logged) == []


def test_the_promises_hold_on_postgresql(logged: list[str], postgres: Postgres) -> None:
    for seed in range(2):
        script, faults = drawn(seed)
        name = f"test_{secrets.token_hex(8)}"
        settings = PostgresPlugin.Config(uri=postgres.uri, schema=name, timeout_ms=PATIENT_MS)
        asyncio.run(on_real_store(PostgresPlugin(settings).provide_store, script, faults))
    assert unexpected(logged) == []


def test_the_promises_hold_on_sqlite(logged: list[str], tmp_path: Path) -> None:
    for seed in range(2):
        script, faults = drawn(seed)
        plugin = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), data=tmp_path / str(seed))
        asyncio.run(on_real_store(plugin.provide_store, script, faults))
    assert unexpected(logged) == []


async def on_real_store(
    make_store: Callable[[], Store],
    script: Sequence[world.Step],
    faults: Sequence[Sequence[world.Fault]],
) -> None:
    store = make_store()
    await store.open()
    try:
        await world.run(store, script, faults)
    finally:
        await store.close()


# -- the controls: what is broken on purpose has to be found -------------------------------------


class NoPositions(MemoryStore):
    """Lets one node write over what another has written."""

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        for stored, event in enumerate(events):
            log = self._rooms.get(event.room, [])
            if event.seq <= len(log):
                if isinstance(event, MessagePosted):
                    self._sent[event.author.id, event.client_id] = event
                log[event.seq - 1] = event
                continue
            appended = await super().append([event], [0] if stored in erasing else ())
            if appended.conflict:
                return Appended(stored, appended.conflict)
        return Appended(len(events))


class NoClientIds(MemoryStore):
    """A store that takes a repeated send for a new one."""

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        self._sent.clear()
        return await super().append(events, erasing)


class Forgetful(MemoryStore):
    """Says of one batch in ten that it is stored, and stores nothing."""

    appends = 0

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        self.appends += 1
        if self.appends % 10 == 0 and isinstance(events[0], MessagePosted):
            return Appended(len(events))
        return await super().append(events, erasing)


class Retentive(MemoryStore):
    """Keeps the texts that edits and deletions replace, now and then."""

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        return await super().append(events, [each for each in erasing if events[each].seq % 3])


class Hasty(MemoryStore):
    """Removes texts also for an edit or deletion that another node's event keeps from being stored."""

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        for index in erasing:
            event = events[index]
            assert isinstance(event, MessageEdited | MessageDeleted)
            self._redact(event.room, self._texts_before(event))
        return await super().append(events, erasing)


@pytest.mark.parametrize("kind", [NoPositions, NoClientIds, Forgetful, Retentive, Hasty])
def test_a_weak_store_is_found_out(logged: list[str], kind: type[MemoryStore]) -> None:
    expect_broken(kind)


def nothing(*given: object, **named: object) -> None:
    """In place of a part that matters."""


@pytest.mark.parametrize(
    "part",
    [
        "chatserver.delivery.hub.Hub._let_go",
        "chatserver.delivery.subscriber.Subscriber.skip_to_log",
        "chatserver.service.messages.demand",
        "chatserver.service.membership.outranks",
        "chatserver.roomlog.room.Room._add_recent",
    ],
)
def test_a_missing_part_is_found_out(
    logged: list[str], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    instead = (lambda *given: True) if part.endswith("outranks") else nothing
    monkeypatch.setattr(part, instead)
    expect_broken(MemoryStore)


@pytest.mark.parametrize("part", ["drop_listener", "take", "position", "room", "group"])
def test_a_broken_stream_is_found_out(
    logged: list[str], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(*WEAK[part])
    expect_broken(MemoryStore, STREAMS)


def test_a_node_that_reads_only_hinted_rooms_is_found_out(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch_the_last(hints: Hints, wanted: dict[Room, int]) -> None:
        """In place of `Hints._fetch`: not what is between this node's head and the hint."""
        for room, head in wanted.items():
            events = await hints._store.read(room.id, head - 1, 1)
            if head > room.head + 1:
                room.head = room.tail_from = head - 1
                room.tail = []
            hints._log.publish(room, events)

    monkeypatch.setattr(Hints, "_fetch", fetch_the_last)
    expect_broken(MemoryStore, bus_faults=[[("lost", 0.0), ("", 0.0)] * 100] * 2)


def test_a_node_that_announces_what_is_not_stored_yet_is_found_out(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tellers: list[Announcer] = []
    number, begin = Log._number, Announcer.open

    def open_(announcer: Announcer, envelopes: Envelopes) -> None:
        tellers.append(announcer)
        begin(announcer, envelopes)

    def number_and_tell(log: Log, entry: Entry) -> None:
        number(log, entry)
        for announcer in tellers:
            key = announcer._keys.newest
            if announcer._cache is log._cache and key is not None and entry.event is not None:
                run_ = (entry.room.id, [entry.event])
                announcer._items += key.seal([run_], announcer._clock.now())
                announcer._wake()

    monkeypatch.setattr(Announcer, "open", open_)
    monkeypatch.setattr(Log, "_number", number_and_tell)
    expect_broken(MemoryStore, bus_faults=[[]] * 2, says="is shown")


def all_of_it(stream: Stream, payloads: Payloads, last: int) -> None:
    """In place of `Stream.take`: also what the stream has already."""
    stream.seq = last
    stream.subscriber.push(stream.wrap(payloads, last))


def where_the_group_is(stream: Stream, subscriber: object) -> int | None:
    """In place of `Stream.drop_listener`: not how far this stream has come."""
    if stream not in stream.group.streams:
        return None
    stream.group.streams.discard(stream)
    return stream.group._head


def hand_out_late(group: Group, events: Sequence[AnyEvent], payloads: Payloads) -> None:
    """In place of `Group._hand_out`: also where others have come meanwhile."""
    group._head = events[-1].seq
    for stream in list(group.streams):
        stream.take(payloads, group._head)


WEAK: dict[str, tuple[type, str, object]] = {
    "take": (Stream, "take", all_of_it),
    "drop_listener": (Stream, "drop_listener", where_the_group_is),
    "position": (Stream, "position", property(lambda stream: 0)),
    "room": (Subscriber, "lose", nothing),
    "group": (Group, "_hand_out", hand_out_late),
}


def expect_broken(
    kind: type[MemoryStore],
    readers: Sequence[world.ReaderKind] = WEBSOCKETS,
    bus_faults: Sequence[Sequence[world.Fault]] | None = None,
    says: str = "",
) -> None:
    for seed in range(200):
        try:
            run_virtually(kind(), *drawn(seed), readers, bus_faults)
        except Broken as error:
            if says in str(error):
                return
        except Exception:
            continue  # the server noticed it; the checker must, too
    pytest.fail("the checker found nothing")


def drawn(seed: int) -> tuple[list[world.Step], list[list[world.Fault]]]:
    """A script and faults like those that hypothesis draws."""
    random_ = random.Random(seed)

    def step() -> world.Step:
        picks = (random_.randrange(12) for _ in range(3))
        return (random_.choice(ACTIONS), *picks)  # type: ignore[return-value]

    script = [step() for _ in range(100)]
    return script, [[random_.choice(FAULTS) for _ in range(60)] for _ in range(2)]
