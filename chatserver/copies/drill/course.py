"""One drill, from an empty store to its end.

At each of two sizes it fills the store, serves, makes a backup and lets users write; then it kills the
server with its data at some moment, restores, serves again, and compares. Moments are relative to the rounds
in which the server writes changes beside the backup: the loss is greatest right before a round.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from chatserver.copies.drill.filling import ROOM_MESSAGES, Progress
from chatserver.copies.drill.load import People, Place, Sent, lost
from chatserver.copies.drill.outcome import Copied, DrillResult, Fall
from chatserver.copies.drill.scratch import Scratch
from chatserver.copies.drill.served import until
from chatserver.errors import StartupError

ROUNDS = 2  # written before a kill; by then users are writing
LATE_SECONDS = 120.0  # after the interval; a later round counts as missing
BEFORE, BETWEEN, DURING = "right before a round", "between two rounds", "while a round is written"
# The share of the interval that has passed since the last round began.
MOMENTS = {BEFORE: 0.97, BETWEEN: 0.5, DURING: 0.0}

Say = Callable[[str], None]


class Plan(NamedTuple):
    """The extent of a drill. `messages` fill whole rooms, at least two. With `erases` accounts are erased, too."""

    messages: int  # at the larger size; the smaller is a tenth
    moments: int = len(MOMENTS)  # at the smaller size; at the larger one only the worst is tried
    erases: bool = False

    def sizes(self) -> list[tuple[int, list[str]]]:
        """Each size, as a number of messages, with the moments to try at it."""
        rooms = self.messages // ROOM_MESSAGES
        smaller = max(rooms // 10, 1) * ROOM_MESSAGES
        return [(smaller, list(MOMENTS)[: self.moments]), (rooms * ROOM_MESSAGES, [BEFORE])]


class Drill:
    """One drill, for a single run."""

    def __init__(self, scratch: Scratch, plan: Plan, say: Say, progress: Progress) -> None:
        if not scratch.ship_seconds:
            raise StartupError(
                "backup.ship_seconds is 0: everything since the last backup would be lost"
            )
        self._scratch, self._plan = scratch, plan
        self._say, self._progress = say, progress
        self._people = People(scratch.port)
        self._outcome = DrillResult(
            scratch.store_name, scratch.ship_seconds, [], [], scratch.target_name, plan.erases
        )
        self._messages = 0
        self._filled = 0  # events
        self._erased: list[int] = []  # numbers of accounts that were erased after a backup
        self._erased_events = 0  # in their rooms

    async def run(self) -> DrillResult:
        """Run the drill. Raises `StartupError` if a step fails, or the result is not as promised."""
        await self._scratch.demand_empty_target()
        try:
            for messages, moments in self._plan.sizes():
                await self._grow(messages)
                for moment in moments:
                    self._outcome.falls.append(await self._fall(moment))
                await self._scratch.server.stop()
        finally:
            self._people.end()
            self._people.leave()
            await self._scratch.server.kill()
            await self._scratch.destroy()
            await self._scratch.clear_target()
        return self._outcome

    async def _grow(self, messages: int) -> None:
        self._say(f"filling the store up to {messages:,} messages")
        rooms = range(self._messages // ROOM_MESSAGES, messages // ROOM_MESSAGES)
        self._filled += await self._scratch.fill(rooms, self._progress)
        self._messages = messages
        if self._plan.erases:
            await self._scratch.plant(messages)
        await self._scratch.server.start()
        await asyncio.to_thread(
            self._people.come_back if self._people.rooms else self._people.settle
        )
        # Accounts are made before the backup, since records are shipped less often than messages.
        began = time.monotonic()
        await self._scratch.backup()
        copied = Copied(messages, time.monotonic() - began)
        self._outcome.copies.append(copied)
        self._say(f"backup in {copied.seconds:.1f} s")
        if self._plan.erases:
            await self._erase(messages)

    async def _erase(self, number: int) -> None:
        """Erase an account that the backup has, as an operator does who stops the server for it."""
        await self._scratch.server.stop()
        await self._scratch.erase(number)
        self._erased.append(number)
        self._erased_events = await self._scratch.events_of_erased(self._erased)
        await self._scratch.server.start()
        await asyncio.to_thread(self._people.come_back)
        self._say("an account of the backup is erased")

    async def _fall(self, moment: str) -> Fall:
        if self._scratch.target_name:
            if not self._scratch.backups.exists():  # the last fall took it
                await self._scratch.backup()
            await self._scratch.await_target()
        sent, ended = await self._kill(moment)
        await self._scratch.destroy()
        self._say(f"killed {moment}, all data removed; {len(sent):,} messages were acknowledged")
        began = time.monotonic()
        events = await self._scratch.restore()
        restored = time.monotonic()
        files = await self._scratch.check_files()
        expected = self._filled + self._erased_events
        if self._erased:
            await self._scratch.demand_gone(self._erased)
            # They were erased again, which each room says.
            self._erased_events = await self._scratch.events_of_erased(self._erased)
        checking = time.monotonic() - restored
        await self._scratch.server.start()
        await asyncio.to_thread(self._people.come_back)
        served = time.monotonic()
        missing = await self.compare(sent, events, expected)
        fall = Fall(
            messages=self._messages,
            moment=moment,
            acknowledged=len(sent),
            lost=len(missing),
            rpo=max((ended - each.at for each in missing), default=0.0),
            restoring=restored - began,
            rto=served - began - checking,
        )
        self._say(f"back after {fall.rto:.1f} s, {fall.lost} messages of {fall.rpo:.1f} s are lost")
        self._say(f"all {files:,} files are there, unchanged")
        if self._erased:
            self._say(f"{len(self._erased)} erased accounts are still gone")
        return fall

    async def _kill(self, moment: str) -> tuple[dict[Place, Sent], float]:
        """Kill the server. Returns the acknowledged messages, and the time of the kill."""
        self._people.begin()
        for _ in range(ROUNDS):
            await self._next_round()
        await asyncio.sleep(self._scratch.ship_seconds * MOMENTS[moment])
        ended = time.monotonic()
        await self._scratch.server.kill()
        sent = await asyncio.to_thread(self._people.end)
        if not sent:
            raise StartupError("no user could write")
        return sent, ended

    async def _next_round(self) -> None:
        """Wait until the server has written a round beside the backup."""
        size = self._scratch.shipped_bytes()
        try:
            await until(
                lambda: self._scratch.shipped_bytes() > size,
                self._scratch.ship_seconds + LATE_SECONDS,
            )
        except TimeoutError:
            raise StartupError("the server writes nothing beside the backup") from None

    async def compare(self, sent: dict[Place, Sent], events: int, filled: int) -> list[Sent]:
        """The acknowledged messages that are lost; `events` is the number of restored events.

        `filled` is the number of events that people did not write. Raises `StartupError` if other messages have changed.
        """
        logs: dict[str, list[Any]] = await asyncio.to_thread(self._people.logs)
        try:
            missing = lost(sent, logs)
        except ValueError as error:
            raise StartupError(f"after the restore: {error}") from error
        expected = filled + sum(map(len, logs.values()))
        if events != expected:
            raise StartupError(f"after the restore: {events:,} events, expected {expected:,}")
        return missing
