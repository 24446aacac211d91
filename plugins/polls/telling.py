"""Tells those who follow a room how a poll there stands: after votes, but no more often than it is counted."""

import asyncio

from chatserver import ChatError, Context, Room
from chatserver_plugins.polls.book import Book
from chatserver_plugins.polls.tallies import Tallies

COUNTED = "counted"  # the notice to the room


class Telling:
    """One task for each poll in which somebody has just voted; each tells once."""

    def __init__(self, context: Context, book: Book, tallies: Tallies) -> None:
        self._tell, self._book, self._tallies = context.tell, book, tallies
        self._due: set[str] = set()  # messages whose next telling has all that happens now
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self, room: Room, message: str, options: int) -> None:
        """Tell the room of the poll of a message soon, with all that happens until then."""
        if message not in self._due:
            self._due.add(message)
            run = self._run(room, message, options)
            task = asyncio.create_task(run, name="polls: telling")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what has not been told."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, room: Room, message: str, options: int) -> None:
        await asyncio.sleep(self._tallies.pace_of(message))
        self._due.discard(message)
        try:
            tally = await self._tallies.count(message)
            ended_at = await self._book.ended_at(message)
        except ChatError:
            return  # the store is away: clients ask again when they come back
        payload = {
            "message": message,
            "counts": tally.counts(options),
            "voters": tally.voters,
            "ended_at": ended_at,
            "at": tally.at,
        }
        self._tell(COUNTED, payload, room=room)
