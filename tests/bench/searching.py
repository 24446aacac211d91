"""How fast search is in a million messages: python -m tests.bench.searching [STORE]... [--quick] [--write].

Most are in one large room, the others in a hundred small ones; they are made of Japanese words of two characters,
as frequent as words are in a language. What is measured is the whole search, with reading the messages.
"""

import gc
import itertools
import os
import random
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import uvloop

from chatserver.app import THREAD_SECONDS, Server
from chatserver.config import load
from chatserver.model import AnyEvent, RoomKind, User
from chatserver.process.collector import THRESHOLDS
from chatserver.roomlog.room import Room
from chatserver.search import paced
from chatserver.testing.samples import described, joined, posted
from tests.bench import disk, machine, searchtable
from tests.bench.measure import percentile
from tests.bench.searchtable import Asked, Figures
from tests.bench.stores import Backend, started

STORES = ("sqlite", "postgres", "mongo")  # if none is named
SMALL_ROOMS = 100
LARGE, QUICK = 1_000_000, 50_000  # messages in all
IN_SMALL = 5  # of so many messages one is in a small room
BATCH = 1000  # words of so many messages are chosen at once
APPENDED = 5000  # messages at once: each time the disk is waited for
SEARCHES = 200  # of each kind
PAGE = 50
BIG_ROOM = "a large room"
START = 1_700_000_000  # seconds; then a message a second

KANJI = [chr(code) for code in range(0x4E00, 0x4E00 + 2000)]
WORDS = 30_000
PARTICLES = ("の", "を", "に", "が", "は", "で", "と", "も", "")
COMMON = slice(0, 20)  # ranks of words: these are in one of 7 to one of 23 messages
RARE = slice(20_000, 30_000)  # each is in some fifty of a million


class Talk:
    """Messages that follow from a seed."""

    def __init__(self) -> None:
        self._chance = random.Random(20)
        pairs = ["".join(pair) for pair in itertools.product(KANJI[:400], KANJI[400:600])]
        self.words: list[str] = self._chance.sample(pairs, WORDS)
        # As Zipf has it; the most frequent one is left to the particles.
        self._weights = list(itertools.accumulate(1 / (rank + 8) for rank in range(WORDS)))

    def bodies(self) -> Iterator[str]:
        while True:
            for words in self._several():
                yield "".join(
                    word + particle
                    for word, particle in zip(
                        words, self._chance.choices(PARTICLES, k=len(words)), strict=True
                    )
                )

    def _several(self) -> Iterator[list[str]]:
        """The words of some messages, chosen at once because that is quicker."""
        sizes = [self._chance.randint(4, 16) for _ in range(BATCH)]
        chosen = iter(self._chance.choices(self.words, cum_weights=self._weights, k=sum(sizes)))
        return (list(itertools.islice(chosen, size)) for size in sizes)

    def queries(self) -> dict[str, list[str]]:
        """The queries of each kind."""
        pick = random.Random(21)
        common, rare = self.words[COMMON], self.words[RARE]
        pairs = [pick.sample(common, 2) for _ in range(SEARCHES)]
        return {
            "a common word": pick.choices(common, k=SEARCHES),
            "a rare word": pick.choices(rare, k=SEARCHES),
            "two common words": [f"{one} {two}" for one, two in pairs],
            "a phrase of two common words": [f'"{one}の{two}"' for one, two in pairs],
            "a common and a rare word": [
                f"{pick.choice(common)} {pick.choice(rare)}" for _ in range(SEARCHES)
            ],
            "a word that nobody said": [
                pick.choice(KANJI[600:]) + pick.choice(KANJI[600:]) for _ in range(SEARCHES)
            ],
        }


def at(number: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(START + number))


async def fill(server: Server, user: User, talk: Talk, messages: int) -> list[Room]:
    """All rooms, the large one first."""
    names = [BIG_ROOM, *(f"small {number}" for number in range(SMALL_ROOMS))]
    heads = dict.fromkeys(names, 2)
    for name in names:
        made = [described(name, 1, RoomKind.PRIVATE), joined(name, 2, user.id)]
        assert (await server.store.append(made)).conflict is None
    small = itertools.cycle(names[1:])
    batch: list[AnyEvent] = []
    for number, body in enumerate(itertools.islice(talk.bodies(), messages)):
        name = BIG_ROOM if number % IN_SMALL else next(small)
        heads[name] += 1
        author = user.id if number % 3 else "somebody"
        batch.append(posted(name, heads[name], author, at=at(number), body=body))
        if len(batch) == APPENDED:
            assert (await server.store.append(batch)).conflict is None
            batch.clear()
    assert (await server.store.append(batch)).conflict is None
    rooms = {room.id: room for room in await server.service.rooms.joined(user)}
    return [rooms[name] for name in names]


async def indexed(server: Server) -> None:
    """Make the index without the rests that are others' turns: they depend on what else there is to do."""
    rests = paced.IDLE_REST, paced.BUSY_REST
    paced.IDLE_REST = paced.BUSY_REST = 0.0
    await server.service.indexer.catch_up()
    paced.IDLE_REST, paced.BUSY_REST = rests


async def searched(server: Server, user: User, room: Room | None, texts: Sequence[str]) -> Asked:
    seen, pages = array("d"), 0
    for text in texts:
        began = time.perf_counter()
        found = await server.service.search.find(user, text, room, None, PAGE)
        seen.append((time.perf_counter() - began) * 1e3)
        assert not found.partial
        pages += len(found.messages)
    return Asked(percentile(seen, 0.5), percentile(seen, 0.99), pages / len(texts))


async def run(database: Backend, store: str, folder: Path, messages: int) -> Figures:
    settings = database.settings("bench")
    overrides: dict[str, object] = {**settings, "server.data": str(folder / "data")}
    async with Server(load(environ={}, overrides=overrides)).opened() as server:
        server.service.indexer.pause()  # it is to be made when all is there
        talk = Talk()
        user = await server.service.accounts.add("ada", "a long password")
        rooms = await fill(server, user, talk, messages)
        before = machine.resident_bytes(os.getpid())
        began, cpu, theirs = time.perf_counter(), time.process_time(), database.cpu_seconds()
        await indexed(server)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        theirs = database.cpu_seconds() - theirs
        gc.collect()
        gc.freeze()
        asked = {
            kind: (
                await searched(server, user, rooms[0], texts),
                await searched(server, user, None, texts),
            )
            for kind, texts in talk.queries().items()
        }
        return Figures(
            store,
            messages,
            rate=messages / seconds,
            here_us=cpu * 1e6 / messages,
            there_us=theirs * 1e6 / messages,
            disk=await disk.taken(store, settings, folder),
            grown=machine.resident_bytes(os.getpid()) - before,
            asked=asked,
        )


def measure(store: str, *, quick: bool = False) -> Figures:
    """Figures of the plugin `store`, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        database = started(store, Path(name))
        sys.setswitchinterval(THREAD_SECONDS)  # as the server does
        gc.set_threshold(*THRESHOLDS)
        try:
            return uvloop.run(run(database, store, Path(name), QUICK if quick else LARGE))
        finally:
            database.stop()


@click.command()
@click.argument("stores", nargs=-1, metavar="[STORE]...")
@click.option("--quick", is_flag=True, help="Fewer messages.")
@click.option("--write", is_flag=True, help="Put the figures into docs/benchmarks.md.")
def main(stores: tuple[str, ...], quick: bool, write: bool) -> None:
    """Measure search on the plugins STORE, each by itself; by default on all that keep data."""
    if write and quick:
        raise click.UsageError("--write is for the figures of a million messages")
    for store in stores or STORES:
        figures = measure(store, quick=quick)
        searchtable.show(figures)
        if write:
            searchtable.write(figures)


if __name__ == "__main__":
    main()
