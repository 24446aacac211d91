"""`python -m tests.bench.loading`: how long the page takes to show 100 rooms over a slow network, and what it loads.

The network is Chromium's own emulation with the figures of DevTools' "Fast 3G": 1.6 Mbit/s down and 750 kbit/s up,
each less 10 %, and 562.5 ms to the first byte of each answer. `--latency 150` has the nominal ones.
"""

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import BrowserContext, Page, expect

from tests.chromium import chromium
from tests.page.people import Person, Server

ROOMS = 100
RUNS = 5
DEVTOOLS_MS = 562.5
KBIT = 1000 / 8  # bytes

# Notes, in the page, when the rooms are there, and when a first message is.
WATCH = """(() => {
  const look = () => {
    const rooms = document.querySelectorAll("[data-testid=room]").length;
    if (rooms >= %d) window.roomsAt ??= performance.now();
    if (document.querySelector("[data-testid=message]")) window.messageAt ??= performance.now();
    if (!window.roomsAt || !window.messageAt) requestAnimationFrame(look);
  };
  look();
})()"""


class Loaded(dict[str, Any]):
    """`paint`, `rooms` and `message` are milliseconds from the navigation on; `requests` and `bytes` count until both are there."""


def prepare(person: Person, rooms: int = ROOMS) -> str:
    """Make rooms with one message in the last; returns that room's id."""
    return str(
        person.page.evaluate(
            """async (count) => {
              const post = async (path, body) => {
                const headers = { "Content-Type": "application/json" };
                const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
                if (!answer.ok) throw new Error(await answer.text());
                return answer.json();
              };
              let id;
              for (let number = 0; number < count; number += 1)
                ({ id } = await post("/api/v1/rooms", { name: `Room ${number}`, kind: "private" }));
              await post(`/api/v1/rooms/${id}/messages`, { client_id: "first", body: "Hello" });
              return id;
            }""",
            rooms,
        )
    )


def visit(
    context: BrowserContext,
    url: str,
    room: str,
    latency: float,
    rooms: int = ROOMS,
    stays: bool = False,
) -> Loaded:
    """Open the page at a room over the slow network; one that `stays` is open until the browser keeps its files."""
    page = context.new_page()
    page.add_init_script(WATCH % rooms)
    answers = _slow_down(context, page, latency)
    page.goto(f"{url}/#room={room}", wait_until="commit")
    expect(page.get_by_test_id("room")).to_have_count(rooms)
    expect(page.get_by_test_id("message")).to_be_visible()
    page.wait_for_timeout(100)  # the next frame notes it
    begun, rooms_at, message_at = page.evaluate(
        "[performance.timeOrigin, window.roomsAt, window.messageAt]"
    )
    paint = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
    )
    page.wait_for_timeout(2000)  # what the page keeps for the next visit
    # By the browser's clock: what is loaded later may be here by the time that this process looks.
    sizes = [size for at, size in answers if at <= begun + max(rooms_at, message_at)]
    loaded = Loaded(
        paint=paint, rooms=rooms_at, message=message_at, requests=len(sizes), bytes=sum(sizes)
    )
    if stays:
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    page.close()
    return loaded


def _slow_down(context: BrowserContext, page: Page, latency: float) -> list[tuple[float, int]]:
    """Emulate the network; the list grows as answers come: when each was complete (Unix ms), and its bytes."""
    answers: list[tuple[float, int]] = []
    ahead: list[float] = []  # seconds by which the clock of day is ahead of that of events
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": latency,
            "downloadThroughput": 1600 * KBIT * 0.9,
            "uploadThroughput": 750 * KBIT * 0.9,
        },
    )

    def asked(event: dict[str, Any]) -> None:
        ahead.append(event["wallTime"] - event["timestamp"])

    def finished(event: dict[str, Any]) -> None:
        if event["encodedDataLength"]:
            at = (event["timestamp"] + ahead[0]) * 1000
            answers.append((at, int(event["encodedDataLength"])))

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", finished)
    return answers


@click.command()
@click.option("--latency", default=DEVTOOLS_MS, help="Milliseconds to the first byte of an answer.")
@click.option("--static", default="", help="Another folder with the page's files.")
def main(latency: float, static: str) -> None:
    """Measure cold visits, each with an empty profile, and warm ones, each the third of its profile."""
    with tempfile.TemporaryDirectory(prefix="chatserver-loading-") as folder, chromium() as browser:
        settings = {"server.static": static}
        server = Server(Path(folder), "memory", settings)
        server.start()
        try:
            person = Person(browser, server.url)
            person.sign_up("aya", "Aya")
            room = prepare(person)
            cookies: Any = person.context.cookies()
            cold, warm = [], []
            for _ in range(RUNS):
                context = browser.new_context(locale="en-GB")
                context.add_cookies(cookies)
                visits = [visit(context, server.url, room, latency, stays=True) for _ in range(3)]
                cold.append(visits[0])
                warm.append(visits[2])
                context.close()
        finally:
            server.stop()
    for name, visits in (("cold", cold), ("warm", warm)):
        medians = {key: round(statistics.median(each[key] for each in visits)) for key in visits[0]}
        click.echo(f"{name}: {json.dumps(medians)}")


if __name__ == "__main__":
    main()
