"""The announcement that stands, in the store; there is one at most."""

import logging
import uuid
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from chatserver import ChatError, Context, User

KEY = "current"
TEXT_CHARS = 500
NOTICE = "changed"

_log = logging.getLogger("chatserver.announcements")


class Tone(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"


class NewAnnouncement(msgspec.Struct, frozen=True, kw_only=True):
    """What to announce: a text of 1 to 500 characters. Without `until`, a time, it stands until it is removed."""

    text: str
    tone: Tone = Tone.INFO
    until: str | None = None


class Announcement(NewAnnouncement, frozen=True, kw_only=True):
    """What stands. `id` is another one for each; `by` is the id of the user who announced it."""

    id: str
    by: str
    at: str


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Announcement).decode


class Board:
    """Reads the announcement, and lets staff change it. Everybody who is connected is told of a change."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def current(self) -> Announcement | None:
        """None also after its end. Raises `ChatError` store.unavailable."""
        raw = await self._context.records.get(KEY)
        if raw is None:
            return None
        found = _decode(raw)
        return None if found.until and _time(found.until) <= self._now() else found

    async def announce(
        self, user: User, address: str | None, wanted: NewAnnouncement
    ) -> Announcement:
        """Put it in the place of what stood there.

        Raises `ChatError` request.invalid, limit.size, and those of `Administration.demand`.
        """
        self._demand(user, address)
        text = wanted.text.strip()
        if not text:
            raise _refused("announcement", "empty", "An announcement needs a text.")
        if len(text) > TEXT_CHARS:
            raise ChatError(
                "limit.size",
                f"An announcement has at most {TEXT_CHARS} characters.",
                detail={"field": "announcement", "reason": "long", "most": TEXT_CHARS},
            )
        until = None if wanted.until is None else self._end(wanted.until)
        made = Announcement(
            text=text,
            tone=wanted.tone,
            until=until,
            id=uuid.uuid4().hex,
            by=user.id,
            at=_text(self._now()),
        )
        await self._context.records.put(KEY, _encode(made))
        _log.info("%s announced %s", user.id, made.id)
        self._context.tell(NOTICE, {"announcement": made})
        return made

    async def clear(self, user: User, address: str | None) -> None:
        """Take it away, if there is one. Raises as `announce` does."""
        self._demand(user, address)
        if await self._context.records.delete(KEY):
            _log.info("%s removed the announcement", user.id)
        self._context.tell(NOTICE, {"announcement": None})

    def _demand(self, user: User, address: str | None) -> None:
        self._context.service.administration.demand(user, address)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._context.clock.now(), UTC)

    def _end(self, text: str) -> str:
        try:
            until = _time(text)
        except (ValueError, OverflowError):
            raise _refused(
                "until", "form", "until: expected a time such as 2027-01-31T09:00:00Z."
            ) from None
        if until <= self._now():
            raise _refused("until", "past", "until: expected a time in the future.")
        return _text(until)


def _time(text: str) -> datetime:
    """Raises `ValueError`, also without a time zone, and `OverflowError`."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(UTC)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refused(field: str, reason: str, text: str) -> ChatError:
    return ChatError("request.invalid", text, detail={"field": field, "reason": reason})
