"""What is known of sessions besides their tokens: the method, the client, and when its user was last confirmed.

The authenticator keeps the sessions; these notes are found by a hash of its id of a session. A session without
a note, as of an older version, is listed and counts as never confirmed.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import msgspec

from chatserver.hooks.login import Identity, LoginClient
from chatserver.interfaces import Authenticator, Store, StoredSession
from chatserver.runtime.clock import text_of

SPACE = "session"  # record space: USER/HASH -> Note
PAGE = 1000
NOTES_KEPT = 200  # of one user, before notes of ended sessions are looked for
AGENT_CHARS = 200
LANGUAGE_CHARS = 100
ID_DIGITS = 16


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Notes on a session; `confirmed` is a Unix time."""

    method: str
    address: str
    confirmed: float
    agent: str = ""
    sid: str = ""  # the provider's id of its session
    language: str = ""  # the languages of the client, as in `Accept-Language`
    kept: str = ""  # what its method wants back when it ends


class OwnSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its user sees it. Times are RFC 3339, UTC; `expires` is that of an unused session."""

    id: str
    current: bool
    created: str | None
    expires: str | None
    method: str
    address: str
    agent: str


class Begun(NamedTuple):
    """The method that began a session, and what it wants back when the session ends."""

    method: str
    kept: str


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Note).decode


class Sessions:
    """The sessions of users, for these users."""

    def __init__(
        self, store: Store, authenticator: Authenticator, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._authenticator, self._clock = store, authenticator, clock

    def id_of(self, token: str) -> str:
        """The id of a token's session."""
        return _shown(self._authenticator.session_id(token))

    async def note(self, user: str, token: str, identity: Identity, client: LoginClient) -> None:
        """Note how a session was begun; its user counts as confirmed just now."""
        note = Note(
            method=identity.method,
            address=client.address,
            agent=client.agent[:AGENT_CHARS],
            confirmed=self._clock(),
            sid=identity.sid,
            kept=identity.kept,
            language=client.language[:LANGUAGE_CHARS],
        )
        await self._store.put(SPACE, f"{user}/{self.id_of(token)}", _encode(note))
        notes = await self._store.scan(SPACE, f"{user}/", limit=PAGE)
        if len(notes) > NOTES_KEPT:
            there = {_shown(session.id) for session in await self._all(user)}
            for key, _ in notes:
                if key.partition("/")[2] not in there:
                    await self._store.delete(SPACE, key)

    async def of(self, user: str, token: str | None = None) -> list[OwnSession]:
        """All sessions of a user id, newest first; that of `token` is the current one."""
        current = None if token is None else self.id_of(token)
        notes = await self._notes(user)
        found = [
            OwnSession(
                id=_shown(session.id),
                current=_shown(session.id) == current,
                created=_time(session.created),
                expires=_time(session.expires),
                method=note.method if note else "",
                address=note.address if note else "",
                agent=note.agent if note else "",
            )
            for session in await self._all(user)
            for note in [notes.get(_shown(session.id))]
        ]
        return sorted(found, key=lambda each: each.created or "", reverse=True)

    async def end(self, user: str, session: str) -> bool:
        """End one session by its id; False if the user has none with this id."""
        for each in await self._all(user):
            if _shown(each.id) == session:
                await self._authenticator.end_session(each.id)
                await self._store.delete(SPACE, f"{user}/{session}")
                return True
        return False

    async def ids(self, user: str) -> list[str]:
        return [_shown(session.id) for session in await self._all(user)]

    async def with_sid(self, user: str, method: str, sid: str) -> list[str]:
        """The ids of sessions that this method began, in this session of its provider; "": in any."""
        notes = await self._notes(user)
        return [
            session
            for session, note in notes.items()
            if note.method == method and sid in ("", note.sid)
        ]

    async def language(self, user: str) -> str:
        """The languages of the newest session of a user id, as in `Accept-Language`; "" if none told them."""
        notes = [note for note in (await self._notes(user)).values() if note.language]
        return max(notes, key=lambda note: note.confirmed).language if notes else ""

    async def begun_by(self, user: str, token: str) -> Begun:
        """How a session was begun; no method if nothing is known."""
        raw = await self._store.get(SPACE, f"{user}/{self.id_of(token)}")
        if raw is None:
            return Begun("", "")
        note = _decode(raw)
        return Begun(note.method, note.kept)

    async def confirm(self, user: str, session: str) -> None:
        """Note that the user of a session has just confirmed to be there."""
        key = f"{user}/{session}"
        while True:
            raw = await self._store.get(SPACE, key)
            old = Note(method="", address="", confirmed=0.0) if raw is None else _decode(raw)
            new = _encode(msgspec.structs.replace(old, confirmed=self._clock()))
            if raw is None:
                written = await self._store.add(SPACE, key, new)
            else:
                written = await self._store.swap(SPACE, key, raw, new)
            if written:
                return

    async def is_recent(self, user: str, token: str, seconds: float) -> bool:
        """Whether the user of a session signed in or confirmed in the last `seconds`."""
        raw = await self._store.get(SPACE, f"{user}/{self.id_of(token)}")
        # The clock of another node may be ahead.
        return raw is not None and abs(self._clock() - _decode(raw).confirmed) <= seconds

    async def forget(self, user: str, session: str | None = None) -> None:
        """Remove the note of one session, or of all."""
        if session is not None:
            await self._store.delete(SPACE, f"{user}/{session}")
            return
        while rows := await self._store.scan(SPACE, f"{user}/", limit=PAGE):
            for key, _ in rows:
                await self._store.delete(SPACE, key)

    async def _all(self, user: str) -> list[StoredSession]:
        found: list[StoredSession] = []
        after = ""
        while page := await self._authenticator.list_sessions(user, after, PAGE):
            found += page
            after = page[-1].id
        now = self._clock()
        return [each for each in found if each.expires is None or each.expires > now]

    async def _notes(self, user: str) -> dict[str, Note]:
        rows = await self._store.scan(SPACE, f"{user}/", limit=PAGE)
        return {key.partition("/")[2]: _decode(raw) for key, raw in rows}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else text_of(seconds)


def _shown(session: str) -> str:
    return sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGITS]
