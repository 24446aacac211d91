"""Sends hostile input to every door of a real server for a while: `python -m tests.fuzz --minutes 60`.

Ends with 1 if the server answered 500, logged an error, did not answer, ended, or held its loop for more than 50 ms.
The same seed sends the same cases, as far as the server's answers are the same.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import httpx

from tests.docs.pages import ROOT
from tests.faults.server import ChatServer
from tests.fuzz import doors, journeys
from tests.fuzz.findings import Findings

PLUGINS = Path(__file__).parent / "plugins"
SETTINGS = {
    "plugins__folder": str(PLUGINS),
    "plugin__calls__page": "https://calls.example.org",
    "plugin__translation__url": "http://127.0.0.1:9",
    # Rates are tried elsewhere; here as much as possible is to reach what is behind them.
    "limits__operations_per_second": 100_000,
    "limits__operations_burst": 100_000,
    "limits__requests_per_second": 0,
}
Case = Callable[[Random], Awaitable[None]]


def attacked(folder: Path, store: str) -> ChatServer:
    """A server with all that has a door."""
    names = (store, "password", "metrics", "graphql", "turns", *journeys.PLUGINS)
    return ChatServer(
        folder,
        store=store,
        environment={"PYTHONPATH": str(ROOT)},
        **{**SETTINGS, "plugins__enabled": ",".join(names)},
    )


def prepared(server: ChatServer, folder: Path) -> doors.Target:
    """An owner with a room and something in it, and the account that attacks."""
    owner, token = server.register("anna"), server.register("mallory")
    room = server.room(owner, "room", token)
    post = f"/api/v1/rooms/{room}/messages"
    for number in range(300):
        server.post(
            post, owner, {"client_id": f"c{number}", "body": f"こんにちは world {number} @mallory"}
        )
    message = server.post(post, token, {"client_id": "own", "body": "mine"})["id"]
    return doors.Target(server.url, server.port, token, room, message, folder)


async def repeat(name: str, case: Case, rng: Random, found: Findings, until: float) -> None:
    while time.monotonic() < until:
        found.case(name)
        try:
            await case(rng)
        except (httpx.TransportError, OSError) as error:
            found.note(f"{name}: {type(error).__name__}", str(error))
            await asyncio.sleep(
                1
            )  # the server may be gone, and each further case would fail at once


async def attack(target: doors.Target, seed: int, seconds: float, found: Findings) -> None:
    until = time.monotonic() + seconds
    async with httpx.AsyncClient(timeout=doors.ANSWER_SECONDS) as client:
        cases: dict[str, Case] = {
            "http": lambda rng: doors.http(target, rng, found, client),
            "raw": lambda rng: doors.raw(target, rng, found),
            "socket": lambda rng: doors.socket(target, rng, found),
            "graphql": lambda rng: doors.graphql(target, rng, found, client),
            "graphql socket": lambda rng: doors.graphql_socket(target, rng, found),
            "command": lambda rng: doors.command(target, rng, found),
            "upload": lambda rng: journeys.upload(target, rng, found, client),
            "sign-in": lambda rng: journeys.sign_in(target, rng, found, client),
            "room command": lambda rng: journeys.command(target, rng, found, client),
        }
        await asyncio.gather(
            *(
                repeat(name, case, Random(f"{seed} {name}"), found, until)
                for name, case in cases.items()
            )
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--store", default="sqlite")
    options = parser.parse_args()
    found = Findings()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "commands").mkdir()
        with attacked(folder / "server", options.store) as server:
            target = prepared(server, folder / "commands")
            began = time.time()
            asyncio.run(attack(target, options.seed, options.minutes * 60, found))
            if not server.is_ready():
                console = (folder / "server/console.log").read_text(errors="replace")
                found.note(
                    "server",
                    f"it does not serve any more: {server.process.poll()}\n{console[-5000:]}",
                )
            elif status := server.stop():
                found.note("server", f"it ended with status {status}")
        found.read_log(folder / "server/logs/error.log")
        [turns] = folder.rglob("turns.jsonl")
        found.read_turns(turns, began)
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.store}\n{found.report()}")
    return 1 if found.found else 0


if __name__ == "__main__":
    sys.exit(main())
