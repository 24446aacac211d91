"""When somebody wants mails: the text of a preference of their account, which any client may write."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from chatserver import time_zone

KEY = "page.notify.mail"
MINUTES = 15  # without a word of the user, a mail comes when they were away for so long
MOST_MINUTES = 1440
HOUR_SECONDS = 3600.0
# "off", "immediate 15", "hourly" or "daily 08:00", each with a time zone or without one.
_TEXT = re.compile(
    r"(off|hourly|immediate (\d{1,4})|daily ([01]\d|2[0-3]):([0-5]\d))(?: (\S{1,64}))?",
    re.ASCII,
)


class Mode(StrEnum):
    """How often mails come."""

    OFF = "off"
    IMMEDIATE = "immediate"
    HOURLY = "hourly"
    DAILY = "daily"


class Wish(NamedTuple):
    """A wish. `minutes` are those of being away before an immediate mail; `at` is the minute of the day of a daily one."""

    mode: Mode
    minutes: int = MINUTES
    at: int = 480
    zone: str = ""

    def due(self, since: float, zone: str) -> float:
        """The Unix time of the mail with a message of the Unix time `since`, for somebody in this time zone."""
        if self.mode is Mode.IMMEDIATE:
            return since + 60.0 * self.minutes
        if self.mode is Mode.HOURLY:
            return since + HOUR_SECONDS
        here = datetime.fromtimestamp(since, UTC).astimezone(time_zone(zone))
        today = here.replace(
            hour=self.at // 60, minute=self.at % 60, second=0, microsecond=0, fold=0
        )
        if today.timestamp() > since:
            return today.timestamp()
        return (today + timedelta(days=1)).timestamp()

    def text(self) -> str:
        """The preference that says this."""
        said = {
            Mode.IMMEDIATE: f"immediate {self.minutes}",
            Mode.DAILY: f"daily {self.at // 60:02}:{self.at % 60:02}",
        }.get(self.mode, str(self.mode))
        return f"{said} {self.zone}".rstrip()


def wish_of(preferences: Mapping[str, str], default: str) -> Wish:
    """The user's wish, by the preferences of their account; a text that makes no sense is none."""
    found = parsed(preferences.get(KEY, ""))
    return found if found is not None else Wish(Mode(default))


@lru_cache(maxsize=1000)
def parsed(text: str) -> Wish | None:
    """The wish that a text says; None for any other text."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    said, minutes, hour, minute, zone = found.groups("")
    wish = Wish(Mode(said.partition(" ")[0]), zone=zone)
    if minutes:
        return wish._replace(minutes=int(minutes)) if 1 <= int(minutes) <= MOST_MINUTES else None
    return wish._replace(at=int(hour) * 60 + int(minute)) if hour else wish
