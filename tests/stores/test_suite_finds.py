"""The suites for authors find what is wrong with a store: each mutant here fails the test that is named."""

import re
from pathlib import Path

import pytest

from tests.forking import ran

pytestmark = pytest.mark.long

START = """
import asyncio, random, sqlite3, threading
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from chatserver import StoreUnavailable
from chatserver.testing.durable import DurableContract
from chatserver.testing.silence import SilenceContract
from chatserver.testing.stores import StoreContract
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.sqlite import SqlitePlugin
"""

NO_SYNC = """
class TestMutant(DurableContract):
    @pytest.fixture
    def make_store(self, tmp_path):
        return SqlitePlugin(SqlitePlugin.Config(timeout_ms=60_000), tmp_path).provide_store

    @pytest.fixture
    def program(self, tmp_path):
        return f'''
from pathlib import Path
from chatserver_plugins.sqlite import SqlitePlugin, database
database.SYNCHRONOUS = {SYNCHRONOUS!r}
make = SqlitePlugin(SqlitePlugin.Config(), Path({str(tmp_path)!r})).provide_store
'''
"""

LATE_WRITES = """
class Late:
    '''Acknowledges what it has in memory, and writes a little later.'''
    def __init__(self, store):
        self._store = store
    def __getattr__(self, name):
        return getattr(self._store, name)
    async def append(self, events, erasing=()):
        asyncio.get_running_loop().call_later(0.5, lambda: asyncio.ensure_future(self._store.append(events, erasing)))
        from chatserver import Appended
        return Appended(len(events))

class TestMutant(DurableContract):
    @pytest.fixture
    def make_store(self, tmp_path):
        return SqlitePlugin(SqlitePlugin.Config(timeout_ms=60_000), tmp_path).provide_store

    @pytest.fixture
    def program(self, tmp_path):
        return f'''
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_mutant import Late
from pathlib import Path
from chatserver_plugins.sqlite import SqlitePlugin
def make():
    return Late(SqlitePlugin(SqlitePlugin.Config(), Path({str(tmp_path)!r})).provide_store())
'''
"""

TWO_DESCRIPTORS = """
class TestMutant(DurableContract):
    @pytest.fixture
    def make_store(self):
        return MemoryStore

    @pytest.fixture
    def program(self, tmp_path):
        return f'''
import os
from chatserver_plugins.memory import MemoryStore
path = {str(tmp_path / "data")!r}

class TwoDescriptors(MemoryStore):
    async def open(self):
        self._data = os.open(path, os.O_RDWR | os.O_CREAT)
        self._header = os.open(path, os.O_WRONLY | os.O_DSYNC)
    async def append(self, events, erasing=()):
        found = await super().append(events, erasing)
        self._save()
        return found
    async def put(self, *given):
        await super().put(*given)
        self._save()
    def _save(self):
        os.pwrite(self._data, b"data", 4096)
        if {SYNCS}:
            os.fdatasync(self._data)
        os.pwrite(self._header, b"header", 0)
make = TwoDescriptors
'''
"""

PATIENT = """
class Patient:
    '''Tries again for so many seconds before it says that there is no answer.'''
    def __init__(self, store):
        self._store = store
    def __getattr__(self, name):
        return getattr(self._store, name)
    async def append(self, events, erasing=()):
        for _ in range(SECONDS):
            try:
                return await self._store.append(events, erasing)
            except StoreUnavailable:
                await asyncio.sleep(1)
        raise StoreUnavailable

class TestMutant(SilenceContract):
    @pytest.fixture
    def silenced(self, tmp_path, monkeypatch):
        @asynccontextmanager
        async def silenced():
            path = tmp_path / "chat.db"
            config = SqlitePlugin.Config(path=str(path), timeout_ms=500)
            store = Patient(SqlitePlugin(config, tmp_path).provide_store())
            await store.open()
            with closing(sqlite3.connect(path, isolation_level=None)) as holder:
                holder.execute("BEGIN IMMEDIATE")
                yield store
            await store.close()
        return silenced
"""

FOUR_WRITERS = """
class FourWriters(MemoryStore):
    '''Each batch is shared out to four threads, each of which writes when it gets to it.'''
    async def append(self, events, erasing=()):
        parts = [events[n::WRITERS] for n in range(WRITERS)]
        chance, found = random.Random(len(events)), []
        for part in chance.sample(parts, WRITERS):
            await asyncio.sleep(0)
            for event in part:
                self._write_out_of_order(event)
        from chatserver import Appended
        return Appended(len(events))

    def _write_out_of_order(self, event):
        log = self._rooms.setdefault(event.room, [])
        log.append(event)
        log.sort(key=lambda each: each.seq)

    async def heads(self, rooms):
        return {room: self._rooms[room][-1].seq for room in rooms if self._rooms.get(room)}

    async def read(self, room, after, limit):
        return [each for each in self._rooms.get(room, []) if each.seq > after][:limit]

class TestMutant(StoreContract):
    @pytest.fixture
    def make_store(self):
        store = FourWriters()
        return lambda: store
"""

SHORT_KEYS = """
class ShortKeys(MemoryStore):
    '''As a tree does whose keys have a bound, and a store that cuts them to fit it.'''
    def _cut(self, key):
        return key.encode()[:BOUND].decode(errors="ignore")
    async def add(self, space, key, value):
        return await super().add(space, self._cut(key), value)
    async def put(self, space, key, value):
        return await super().put(space, self._cut(key), value)
    async def get(self, space, key):
        return await super().get(space, self._cut(key))

class TestMutant(StoreContract):
    @pytest.fixture
    def make_store(self):
        store = ShortKeys()
        return lambda: store
"""

REFUSED_KEYS = """
class RefusedKeys(MemoryStore):
    async def add(self, space, key, value):
        if len(key.encode()) > BOUND:
            raise StoreUnavailable("the key is too long")
        return await super().add(space, key, value)

class TestMutant(StoreContract):
    @pytest.fixture
    def make_store(self):
        store = RefusedKeys()
        return lambda: store
"""

KEEPS_A_COPY = """
class KeepsACopy(MemoryStore):
    '''Looks messages up by their client_id in a table of its own, which keeps the texts.'''
    async def redact(self, room, seqs):
        copies = dict(self._sent)
        await super().redact(room, seqs)
        if COPIES:
            self._sent.update(copies)

class TestMutant(StoreContract):
    @pytest.fixture
    def make_store(self):
        store = KeepsACopy()
        return lambda: store
"""

SYNCED = "test_nothing_is_acknowledged_before_it_is_synced"
KILLED = "test_acknowledged_events_survive_kill_9"
LATE = "test_what_has_to_be_durable_fails_in_time[append]"
IN_ORDER = "test_a_reader_sees_no_event_before_those_that_come_before_it"
REDACTED_REPEAT = "test_a_repeated_send_of_a_redacted_message_is_still_known"
LONG_KEYS = "test_keys_and_spaces_as_long_as_they_may_be"

MUTANTS = {
    "acknowledges without a sync": (f"SYNCHRONOUS = 'OFF'\n{NO_SYNC}", SYNCED, True),
    "syncs, but not what it acknowledges": (f"SYNCHRONOUS = 'NORMAL'\n{NO_SYNC}", SYNCED, True),
    "syncs": (f"SYNCHRONOUS = 'FULL'\n{NO_SYNC}", SYNCED, False),
    "syncs only its header": (f"SYNCS = False\n{TWO_DESCRIPTORS}", SYNCED, True),
    "syncs its header by itself": (f"SYNCS = True\n{TWO_DESCRIPTORS}", SYNCED, False),
    "acknowledges before it writes": (LATE_WRITES, KILLED, True),
    "waits for 600 s": (f"SECONDS = 600\n{PATIENT}", LATE, True),
    "waits for 2 s": (f"SECONDS = 1\n{PATIENT}", LATE, False),
    "writes from four threads": (f"WRITERS = 4\n{FOUR_WRITERS}", IN_ORDER, True),
    "writes from one thread": (f"WRITERS = 1\n{FOUR_WRITERS}", IN_ORDER, False),
    "keeps a copy of a redacted text": (f"COPIES = True\n{KEEPS_A_COPY}", REDACTED_REPEAT, True),
    "keeps no copy of it": (f"COPIES = False\n{KEEPS_A_COPY}", REDACTED_REPEAT, False),
    "cuts keys at 511 bytes": (f"BOUND = 511\n{SHORT_KEYS}", LONG_KEYS, True),
    "refuses keys over 511 bytes": (f"BOUND = 511\n{REFUSED_KEYS}", LONG_KEYS, True),
    "cuts keys at the bound": (f"BOUND = 1024\n{SHORT_KEYS}", LONG_KEYS, False),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_suite_finds(name: str, tmp_path: Path) -> None:
    """If the same store is correct, the same test passes."""
    source, test, fails = MUTANTS[name]
    (tmp_path / "test_mutant.py").write_text(START + source)
    chosen = test.rstrip("]").replace("[", " and ")
    done = ran(
        *("-q", "-rfEp", "-p", "no:cacheprovider"),
        *("-W", "ignore::pytest.PytestRemovedIn10Warning", "-k", chosen, "test_mutant.py"),
        module="pytest",
        cwd=tmp_path,
    )
    said = done.stdout + done.stderr
    found = re.findall(r"^(PASSED|FAILED) test_mutant.py::TestMutant::(\S+)", said, re.M)
    assert (("FAILED" if fails else "PASSED"), test) in found, said
