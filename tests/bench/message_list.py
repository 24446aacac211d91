"""`python -m tests.bench.message_list`: what the list of messages costs a browser, in a room of 100,000 messages.

A server as in production, with SQLite, and Chromium without a window. Scrolling is Chromium's own gesture of a wheel.
Processor time is that of the main thread of the page, so other programs on the machine change it little; frames and
waits they do change, which the two rows of a page without any script show.
"""

import asyncio
import http.client
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec
from playwright.sync_api import BrowserContext, CDPSession, Page, expect
from rich.console import Console
from rich.table import Table

from chatserver import MessagePosted
from chatserver.testing.samples import posted
from chatserver_plugins.sqlite.store import SqliteStore
from tests.chromium import chromium
from tests.page.people import Person, Server

MESSAGES = 100_000
THROUGH = 10_000  # messages, for nodes and heap
OTHER_ROOMS, IN_OTHERS = 5, 5_000
SWITCHES = 10  # to each of the other rooms, and back
SWEEPS, SWEEP_PX, PX_PER_SECOND = 4, 24_000, 4_000
FAST_PX_PER_SECOND = 24_000
LIVE_PER_SECOND, LIVE_SECONDS = 20, 20
IN_TIME_MS = 17.5  # of a frame, at 60 a second
AT_ONCE = 5_000  # events in one append
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "some", "more")

# Notes the ms between frames, and those that the browser itself calls long, until `window.endFrames()`.
_FRAMES = """() => {
  const frames = [], long = [];
  const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration)));
  observer.observe({ type: "long-animation-frame" });
  let last = null, wanted;
  const next = (now) => {
    if (last !== null) frames.push(now - last);
    last = now;
    wanted = requestAnimationFrame(next);
  };
  wanted = requestAnimationFrame(next);
  window.endFrames = () => {
    cancelAnimationFrame(wanted);
    observer.disconnect();
    return { frames, long };
  };
}"""
# ms from the click on a room until its messages are painted, at the end or where one read.
_SWITCH = """async (room) => {
  const began = performance.now();
  document.querySelector(`room-list [data-room="${room}"]`).click();
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const isThere = () => document.querySelector("message-list")?.dataset.room === room && document.querySelector("message-list article");
  while (!isThere()) await frame();
  const { port1, port2 } = new MessageChannel();
  const painted = new Promise((resolve) => (port1.onmessage = resolve));
  requestAnimationFrame(() => port2.postMessage(null));
  await painted;
  return performance.now() - began;
}"""
# The seq of the first message in sight.
_FIRST = """() => {
  const edge = document.querySelector("[data-testid=scroller]").getBoundingClientRect().top;
  const rows = [...document.querySelectorAll("message-list article")];
  return Number(rows.find((row) => row.getBoundingClientRect().bottom > edge)?.getAttribute("aria-posinset") ?? Infinity);
}"""
_PLAIN = """() => {
  const page = document.createElement("div");
  for (let number = 0; number < 3000; number++) page.append(Object.assign(document.createElement("p"), { textContent: `Line ${number}` }));
  document.body.replaceChildren(page);
}"""


class Frames(msgspec.Struct, frozen=True, kw_only=True):
    """Lengths in ms, shortest first: of all frames, and of those that the browser calls long (over 50 ms)."""

    all: list[float]
    long: list[float]

    def lines(self, name: str) -> Iterator[tuple[str, str]]:
        in_time = sum(length <= IN_TIME_MS for length in self.all) / len(self.all)
        yield f"{name}: frames a second", f"{1000 * len(self.all) / sum(self.all):.1f}"
        yield f"{name}: frames in time", f"{in_time:.1%}"
        yield f"{name}: median, 99 %, longest frame", f"{_three(self.all, 0.99)} ms"
        yield f"{name}: long animation frames", f"{len(self.long)}"


class Spent(dict[str, float]):
    """What the figures of `Performance.getMetrics` grew by; `seconds` on the clock."""

    @property
    def main_thread(self) -> str:
        return f"{self['ThreadTime'] / self['seconds']:.1%} of a core"

    @property
    def parts(self) -> str:
        names = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
        return ", ".join(f"{self[name] / self['seconds']:.1%}" for name in names)


class Reader:
    """A page with a room open, and the browser's figures of it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("Performance.enable")

    def metrics(self) -> dict[str, float]:
        """By name; the heap after garbage is collected."""
        self._session.send("HeapProfiler.collectGarbage")
        found = self._session.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in found}

    @contextmanager
    def spending(self) -> Iterator[Spent]:
        """Filled in at the end."""
        spent = Spent()
        before, began = self.metrics(), time.monotonic()
        yield spent
        spent["seconds"] = time.monotonic() - began
        found = self._session.send("Performance.getMetrics")["metrics"]
        spent.update({each["name"]: each["value"] - before[each["name"]] for each in found})

    def scroll(self, down_px: int, px_per_second: int) -> None:
        gesture = {"x": 700, "y": 350, "yDistance": -down_px, "speed": px_per_second}
        self._session.send("Input.synthesizeScrollGesture", gesture)

    def sweep(self) -> Frames:
        """Frames while it is scrolled up and down."""
        self.page.evaluate(_FRAMES)
        for number in range(SWEEPS):
            self.scroll(SWEEP_PX if number % 2 else -SWEEP_PX, PX_PER_SECOND)
        found = self.page.evaluate("window.endFrames()")
        return Frames(all=sorted(found["frames"]), long=sorted(found["long"]))

    def first(self) -> float:
        return float(self.page.evaluate(_FIRST))

    def size(self) -> str:
        metrics = self.metrics()
        rows = self.page.evaluate("document.querySelector('.messages').childElementCount")
        heap = metrics["JSHeapUsedSize"] / 1e6
        return f"{metrics['Nodes']:,.0f}, {heap:.1f} MB, {rows}"

    def to_end(self) -> None:
        jump = self.page.get_by_test_id("jump")
        if jump.is_visible():
            jump.click()
        expect(jump).to_be_hidden()


@click.command()
@click.option("--messages", default=MESSAGES, help="In the long room.")
def main(messages: int) -> None:
    """Print what the list of messages costs a browser."""
    table = Table("what", "figure")
    settings = {"limits.operations_per_second": "1000"}
    with tempfile.TemporaryDirectory(prefix="chatserver-list-") as folder, chromium() as browser:
        server = Server(Path(folder), "sqlite", settings)
        server.start()
        try:
            aya = Person(browser, server.url).sign_up("aya", "Aya")
            names = [f"Other {number}" for number in range(OTHER_ROOMS)]
            sizes = {_created(aya, name): IN_OTHERS for name in names}
            long_room = _created(aya, "Long")
            server.stop()
            filling = fill(Path(folder) / "data/sqlite/chat.db", {**sizes, long_room: messages})
            with ThreadPoolExecutor(1) as thread:  # Playwright keeps an event loop in this one
                thread.submit(asyncio.run, filling).result()
            server.start()
            ben = Person(browser, server.url).sign_up("ben", "Ben")
            ben.join_room("Long")
            sender = Sender(server.port, ben.context, long_room)
            ben.context.close()
            aya.page.reload()
            aya.connected()
            for name, figure in _figures(aya.page, sender, long_room, list(sizes)):
                table.add_row(name, figure)
        finally:
            server.stop()
    Console(width=110).print(table)


class Sender:
    """Somebody who posts over HTTP, outside the browser."""

    def __init__(self, port: int, context: BrowserContext, room: str) -> None:
        cookies = "; ".join(f"{each['name']}={each['value']}" for each in context.cookies())
        self._headers = {"Content-Type": "application/json", "Cookie": cookies}
        self._port = port
        self._path = f"/api/v1/rooms/{room}/messages"

    def run(self) -> None:
        """Blocks for `LIVE_SECONDS`. Raises RuntimeError if a message is refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        began = time.monotonic()
        for number in range(LIVE_PER_SECOND * LIVE_SECONDS):
            time.sleep(max(0, began + number / LIVE_PER_SECOND - time.monotonic()))
            body = msgspec.json.encode({"client_id": uuid.uuid4().hex, "body": _text(number)})
            connection.request("POST", self._path, body, self._headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"a message was answered {answer.status}")
        connection.close()


def _figures(page: Page, sender: Sender, room: str, others: list[str]) -> Iterator[tuple[str, str]]:
    plain = page.context.new_page()
    plain.evaluate(_PLAIN)
    yield from Reader(plain).sweep().lines("a page without script")
    plain.close()

    first = [page.evaluate(_SWITCH, each) for each in others]
    yield "room switch, first visit: median, longest", f"{_three(sorted(first), 0.5)} ms"

    page.evaluate(_SWITCH, room)
    reader = Reader(page)
    reader.to_end()
    yield "newest page: nodes, heap, rows", reader.size()

    with reader.spending() as spent:
        frames = reader.sweep()
    yield from frames.lines("scrolling")
    yield "scrolling: main thread", spent.main_thread
    yield "scrolling: script, layout, style", spent.parts
    yield "after it: nodes, heap, rows", reader.size()

    head, turns = reader.first(), 0
    while reader.first() > head - THROUGH and turns < 200:
        reader.scroll(-SWEEP_PX, FAST_PX_PER_SECOND)
        turns += 1
    yield f"{head - reader.first():,.0f} messages further up: nodes, heap, rows", reader.size()
    reader.to_end()

    switches = []
    with reader.spending() as spent:
        for _ in range(SWITCHES):
            for other in others:
                switches += [page.evaluate(_SWITCH, other), page.evaluate(_SWITCH, room)]
    yield "room switch: median, 95 %, longest", f"{_three(sorted(switches), 0.95)} ms"
    yield "room switch: main thread", f"{1000 * spent['ThreadTime'] / len(switches):.1f} ms"

    reader.to_end()
    with ThreadPoolExecutor(1) as thread, reader.spending() as spent:
        sending = thread.submit(sender.run)
        while not sending.done():
            page.wait_for_timeout(500)
        sending.result()
    sent = LIVE_PER_SECOND * LIVE_SECONDS
    yield "messages a second in the open room", f"{sent / spent['seconds']:.1f}"
    yield "… main thread", spent.main_thread
    yield "… script, layout, style", spent.parts
    counts = (spent["LayoutCount"] / sent, spent["RecalcStyleCount"] / sent)
    yield "… layouts, styles a message", f"{counts[0]:.1f}, {counts[1]:.1f}"
    yield "at the end: nodes, heap, rows", reader.size()


def _created(person: Person, name: str) -> str:
    person.create_room(name)
    return str(person.page.locator("room-view").get_attribute("data-room"))


def _three(ordered: list[float], high: float) -> str:
    at = ordered[int(high * (len(ordered) - 1))]
    return f"{statistics.median(ordered):.1f}, {at:.1f}, {ordered[-1]:.1f}"


async def fill(path: Path, sizes: dict[str, int]) -> None:
    """Put messages into rooms, a minute apart, the last one now. No server may be running."""
    store = SqliteStore(path, AT_ONCE)
    await store.open()
    try:
        for room, count in sizes.items():
            first = (await store.heads([room]))[room] + 1
            seqs = range(first, first + count)
            for start in range(0, count, AT_ONCE):
                part = seqs[start : start + AT_ONCE]
                await store.append([_message(room, seq, seqs[-1]) for seq in part])
    finally:
        await store.close()


def _message(room: str, seq: int, last: int) -> MessagePosted:
    """Two authors take turns of three."""
    at = datetime.now(UTC) - timedelta(minutes=last - seq)
    moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return posted(room, seq, f"u{seq // 3 % 2}", body=_text(seq), at=moment)


def _text(number: int) -> str:
    """A few words, and of every tenth message several lines."""
    length = 4 + number % 9 + (60 if number % 10 == 0 else 0)
    words = (WORDS[(number + place) % len(WORDS)] for place in range(length))
    return f"{number}: {' '.join(words)}"


if __name__ == "__main__":
    main()
