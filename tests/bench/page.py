"""`python -m tests.bench.page`: what the list of messages costs a browser, in a room of 100,000 messages.

It fills a room, opens it in Chromium, and prints a table: scrolling up for many pages, a search hit far back, switching
rooms, and 20 messages a second in the open room.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import CDPSession, Page, expect
from rich.console import Console
from rich.table import Table

from chatserver.testing.samples import posted
from chatserver_plugins.sqlite.store import SqliteStore
from tests.chromium import chromium
from tests.page.people import Person, Server

MESSAGES = 100_000
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "some", "more")
AT_ONCE = 5_000
SCROLLED = 200  # turns of the wheel
WHEEL_PX = 400
LIVE_PER_SECOND, LIVE_SECONDS = 20, 15
SWITCHES = 20

# Lengths of frames in ms while the wheel turns.
_FRAMES = """() => {
  window.frames_ms = [];
  let last = performance.now();
  const next = (now) => {
    window.frames_ms.push(now - last);
    last = now;
    window.counting = requestAnimationFrame(next);
  };
  window.counting = requestAnimationFrame(next);
}"""
_LIVE = """async ([room, count, pause]) => {
  for (let number = 0; number < count; number++) {
    const began = performance.now();
    await fetch(`/api/v1/rooms/${room}/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ client_id: `live-${number}`, body: `live ${number}` }),
    });
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, pause - (performance.now() - began))));
  }
}"""
# ms from the choice of a room until its messages are painted.
_SWITCH = """async (room) => {
  const began = performance.now();
  location.hash = `#room=${room}`;
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  do await frame(); while (document.querySelector("message-list")?.dataset.room !== room || !document.querySelector("message-list article"));
  await frame();
  return performance.now() - began;
}"""


@click.command()
@click.option("--messages", default=MESSAGES, help="In the room.")
def main(messages: int) -> None:
    """Print what the list of messages costs a browser."""
    table = Table("what", "figure", "unit")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        server = Server(Path(folder), "sqlite", {"limits.operations_per_second": "1000"})
        server.start()
        aya = Person(browser, server.url).sign_up("aya", "Aya")
        aya.create_room("Other")
        other = _room(aya.page)
        aya.post_over_http([f"other {number}" for number in range(100)])
        aya.create_room("Long")
        room = _room(aya.page)
        author = aya.page.evaluate("document.querySelector('message-list').store.me.id")
        server.stop()
        asyncio.run(_fill(Path(folder) / "data/sqlite/chat.db", room, author, messages))
        server.start()
        ben = Person(browser, server.url).sign_up("ben", "Ben")
        ben.join_room("Long")
        for name, figure, unit in _measured(aya, ben, room, other):
            table.add_row(name, figure, unit)
        server.stop()
    Console(width=100).print(table)


def _measured(aya: Person, ben: Person, room: str, other: str) -> Iterator[tuple[str, str, str]]:
    page = ben.page
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    expect(page.locator("message-list article").last).to_be_in_viewport()
    start = _metrics(session)
    yield "nodes, heap at the newest page", f"{start['Nodes']:.0f}, {_mb(start)}", "nodes, MB"

    page.get_by_test_id("scroller").hover()
    page.evaluate(_FRAMES)
    with _spent(session) as spent:
        for _ in range(SCROLLED):
            page.mouse.wheel(0, -WHEEL_PX)
            page.wait_for_timeout(16)
    page.evaluate("cancelAnimationFrame(window.counting)")
    frames = sorted(page.evaluate("window.frames_ms"))
    seconds = spent["seconds"]
    yield "scrolling up: frames a second", f"{len(frames) / seconds:.1f}", "1/s"
    yield "scrolling up: median, 95 %, longest frame", _three(frames), "ms"
    yield "scrolling up: main thread busy", f"{100 * spent['TaskDuration'] / seconds:.1f}", "%"
    yield "scrolling up: script, layout, style", _parts(spent), "% of the time"
    there = _metrics(session)
    yield "nodes, heap after it", f"{there['Nodes']:.0f}, {_mb(there)}", "nodes, MB"
    shown = page.evaluate("document.querySelector('message-list .messages').childElementCount")
    yield "rows, messages kept", f"{shown}, {_kept(page, room)}", "rows, messages"

    began = time.monotonic()
    page.evaluate("([room]) => document.querySelector('chat-app').store.want(room, 5000)", [room])
    expect(page.locator("article.landed")).to_be_focused()
    yield "jump to a message 95,000 back", f"{1000 * (time.monotonic() - began):.0f}", "ms"

    page.get_by_test_id("jump").click()
    expect(page.get_by_test_id("jump")).to_be_hidden()
    page.evaluate("(room) => (location.hash = `#room=${room}`)", other)
    page.get_by_test_id("join-room").click()
    ben.in_room("Other")
    switches = []
    for _ in range(SWITCHES):
        switches += [page.evaluate(_SWITCH, room), page.evaluate(_SWITCH, other)]
    yield "room switch: median, 95 %, longest", _three(sorted(switches)), "ms"

    page.evaluate(_SWITCH, room)
    with _spent(session) as spent:
        pause = 1000 / LIVE_PER_SECOND
        aya.page.evaluate("() => document.querySelector('message-list')?.remove()")
        aya.page.evaluate(_LIVE, [room, LIVE_PER_SECOND * LIVE_SECONDS, pause])
    rate = LIVE_PER_SECOND * LIVE_SECONDS / spent["seconds"]
    yield "messages a second in the open room", f"{rate:.1f}", "1/s"
    busy = 100 * spent["TaskDuration"] / spent["seconds"]
    yield "main thread busy with them", f"{busy:.1f}", "% of a core"
    yield "script, layout, style", _parts(spent), "% of the time"
    end = _metrics(session)
    yield "nodes, heap at the end", f"{end['Nodes']:.0f}, {_mb(end)}", "nodes, MB"


def _metrics(session: CDPSession) -> dict[str, float]:
    session.send("HeapProfiler.collectGarbage")
    found = session.send("Performance.getMetrics")["metrics"]
    return {each["name"]: each["value"] for each in found}


@contextmanager
def _spent(session: CDPSession) -> Iterator[dict[str, float]]:
    """Filled at the end with what the metrics grew by, and `seconds`."""
    spent: dict[str, float] = {}
    before, began = _metrics(session), time.monotonic()
    yield spent
    spent["seconds"] = time.monotonic() - began
    after = {
        each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]
    }
    spent.update({name: value - before[name] for name, value in after.items()})


def _parts(spent: dict[str, float]) -> str:
    names = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return ", ".join(f"{100 * spent[name] / spent['seconds']:.1f}" for name in names)


def _three(ordered: list[float]) -> str:
    high = ordered[int(0.95 * (len(ordered) - 1))]
    return f"{statistics.median(ordered):.1f}, {high:.1f}, {ordered[-1]:.1f}"


def _mb(metrics: dict[str, float]) -> str:
    return f"{metrics['JSHeapUsedSize'] / 1e6:.1f}"


def _kept(page: Page, room: str) -> int:
    kept: int = page.evaluate(
        "(room) => document.querySelector('message-list').store.room(room).messages.length", room
    )
    return kept


def _room(page: Page) -> str:
    found: str = page.locator("room-view").get_attribute("data-room")  # type: ignore[assignment]
    return found


async def _fill(path: Path, room: str, author: str, count: int) -> None:
    store = SqliteStore(path, 5_000)
    await store.open()
    try:
        head = (await store.heads([room]))[room]
        for start in range(head + 1, head + 1 + count, AT_ONCE):
            seqs = range(start, min(start + AT_ONCE, head + 1 + count))
            await store.append([_message(room, seq, author) for seq in seqs])
    finally:
        await store.close()


def _message(room: str, seq: int, author: str) -> Any:
    """One in ten is several lines long; two authors take turns of three messages."""
    length = 4 + seq % 9 + (60 if seq % 10 == 0 else 0)
    body = f"{seq}: " + " ".join(WORDS[(seq + place) % len(WORDS)] for place in range(length))
    return posted(room, seq, author if seq // 3 % 2 else "u1", body=body)


if __name__ == "__main__":
    main()
