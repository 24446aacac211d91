"""The votes of all polls in the store, the same on all nodes: one record a vote, and one for the end of a poll.

A second record a vote names the poll under its user, for the day on which the account is deleted.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from os.path import commonprefix
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, Meaning, Records
from chatserver_plugins.polls.poll import Choices

VOTES, ENDS, OWN = "vote/", "end/", "by/"
PAGE = 1000  # records at once
TRIES = 5  # of one vote, while the same user votes elsewhere
ENDED = Meaning(409, "refresh", "This poll has ended.")

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Choices).decode


class State(NamedTuple):
    """When a poll was ended by somebody (RFC 3339, or None), and what one user has chosen."""

    ended_at: str | None
    choices: Choices


class Book:
    """Votes by message and user, both as ids. A vote that was withdrawn is one without choices."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def state(self, message: str, user: str) -> State:
        """The end of a poll, and the vote of one user."""
        end, vote = ENDS + message, _vote(message, user)
        rows = await self._records.get_many([end, vote])
        ended_at = rows[end].decode() if end in rows else None
        return State(ended_at, _decode(rows[vote]) if vote in rows else ())

    async def vote(self, message: str, user: str, choices: Choices) -> None:
        """Note a vote in place of the user's earlier one.

        Raises `ChatError` polls.ended, also if the poll was ended meanwhile: then the earlier vote stands again.
        """
        await self._demand_open(message)
        key, new = _vote(message, user), _encode(choices)
        await self._records.put(f"{OWN}{user}/{message}", b"1")  # before the vote that it leads to
        old = await self._written(key, new)
        try:
            await self._demand_open(message)
        except ChatError:
            await self._records.swap(key, new, _encode(()) if old is None else old)
            raise

    async def _written(self, key: str, new: bytes) -> bytes | None:
        """Write a vote; returns the one that it replaces. Raises `ChatError` limit.rate."""
        for _ in range(TRIES):
            old = await self._records.get(key)
            if old == new:
                return old
            written = (
                await self._records.add(key, new)
                if old is None
                else await self._records.swap(key, old, new)
            )
            if written:
                return old
        raise ChatError("limit.rate", after_ms=1000)

    async def end(self, message: str, at: str) -> None:
        """End a poll; the first time (RFC 3339) stays."""
        await self._records.add(ENDS + message, at.encode())

    async def ended_at(self, message: str) -> str | None:
        """When somebody ended the poll (RFC 3339)."""
        found = await self._records.get(ENDS + message)
        return None if found is None else found.decode()

    async def votes(self, message: str) -> AsyncIterator[dict[str, Choices]]:
        """All votes of a poll by user, in parts, without those that were withdrawn."""
        after = ""
        while rows := await self._records.scan(_vote(message, ""), after, PAGE):
            yield {_user(key): choices for key, row in rows if (choices := _decode(row))}
            await asyncio.sleep(0)  # in case the store did not make us wait
            after = rows[-1][0]
            if len(rows) < PAGE:
                break

    async def page(self, message: str, after: str, limit: int) -> list[tuple[str, Choices]]:
        """At most `limit` votes, by the ids of their users, of those behind `after`; withdrawn ones among them."""
        rows = await self._records.scan(_vote(message, ""), _vote(message, after), limit)
        return [(_user(key), _decode(row)) for key, row in rows]

    async def forget_user(self, user: str) -> list[str]:
        """Remove all votes of a user; returns the polls."""
        polls = []
        while rows := await self._records.scan(f"{OWN}{user}/", limit=PAGE):
            for key, _ in rows:
                message = key.rpartition("/")[2]
                await self.forget_vote(message, user)
                polls.append(message)
        return polls

    async def held(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """The votes of a user (id), for themselves."""
        after = ""
        while rows := await self._records.scan(f"{OWN}{user}/", after, PAGE):
            after = rows[-1][0]
            for key, _ in rows:
                message = key.rpartition("/")[2]
                yield {"poll": message, "choices": (await self.state(message, user)).choices}

    async def forget_vote(self, message: str, user: str) -> None:
        """Remove one vote."""
        await self._records.delete(_vote(message, user))
        await self._records.delete(f"{OWN}{user}/{message}")

    async def forget_poll(self, message: str) -> None:
        """Remove all that is known of a message, whether or not it has a poll."""
        await self._forget_votes(_vote(message, ""))
        await self._records.delete(ENDS + message)

    async def forget_polls(self, messages: Sequence[str]) -> None:
        """Remove all that is known of these messages of a room; if none of them has a poll, by two queries."""
        for key in await self._records.get_many([ENDS + message for message in messages]):
            await self._records.delete(key)
        keys = [_vote(message, "") for message in messages]
        begins, after = commonprefix(keys), ""  # noqa: RUF071 - keys are no paths
        while rows := await self._records.scan(begins, after, PAGE):
            after = rows[-1][0]
            for message in {key.split("/")[1] for key, _ in rows}.intersection(messages):
                await self._forget_votes(_vote(message, ""))

    async def forget_room(self, room: str) -> None:
        """Remove all that is known of the messages of a room."""
        await self._forget_votes(f"{VOTES}{room}-")
        while rows := await self._records.scan(f"{ENDS}{room}-", limit=PAGE):
            for key, _ in rows:
                await self._records.delete(key)

    async def _forget_votes(self, prefix: str) -> None:
        while rows := await self._records.scan(prefix, limit=PAGE):
            for key, _ in rows:
                _, message, user = key.split("/")
                await self._records.delete(f"{OWN}{user}/{message}")
                await self._records.delete(key)

    async def _demand_open(self, message: str) -> None:
        if await self.ended_at(message) is not None:
            raise ended()


def ended() -> ChatError:
    """The refusal of a vote that comes too late."""
    return ChatError("polls.ended", meaning=ENDED)


def _vote(message: str, user: str) -> str:
    return f"{VOTES}{message}/{user}"


def _user(key: str) -> str:
    return key.rpartition("/")[2]
