"""What users wish to be told, from the preferences of their accounts, which their clients write.

Preferences that make no sense here are as if they were not there: any client may have written them.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

SCHEDULE, UNTIL = "page.notify.schedule", "page.notify.until"
MOST_WORDS = 50
MOST_DAYS = 9  # in which hours of a week without notices end, if they ever do
_SCHEDULE = re.compile(r"([1-7]{1,7}) (\d\d):(\d\d) (\d\d):(\d\d) (\S{1,64})")
# Scripts without blanks between words: there a word is found within others.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")  # fmt: skip


class Schedule(NamedTuple):
    """Hours without notices, from `start` to `end` (minutes of the day) of some days, 1 for Monday.

    An end that is not later than the start is one of the next day.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: str

    def covers(self, at: float) -> bool:
        """Whether the Unix time is within these hours, where the user is."""
        here = self._local(at)
        minute, today = here.hour * 60 + here.minute, here.isoweekday()
        yesterday = (here - timedelta(days=1)).isoweekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        return (today in self.days and minute >= self.start) or (
            yesterday in self.days and minute < self.end
        )

    def ends(self, at: float) -> Iterator[float]:
        """The Unix times after `at` when such hours may end."""
        here = self._local(at)
        for days in range(MOST_DAYS):
            day = here + timedelta(days=days)
            end = day.replace(hour=self.end // 60, minute=self.end % 60, second=0, microsecond=0)
            if end.timestamp() > at:
                yield end.timestamp()

    def _local(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, UTC).astimezone(time_zone(self.zone))


def is_quiet(preferences: Mapping[str, str], at: float) -> bool:
    """Whether the user does not want to be disturbed at the Unix time."""
    if (until := _time(preferences.get(UNTIL, ""))) is not None and at < until:
        return True
    schedule = schedule_of(preferences.get(SCHEDULE, ""))
    return schedule is not None and schedule.covers(at)


def quiet_until(preferences: Mapping[str, str], at: float) -> float | None:
    """When the time ends in which the user does not want to be disturbed; None if `at` (Unix time) is not in it.

    It is infinity if it has no end.
    """
    if not is_quiet(preferences, at):
        return None
    until, schedule = (
        _time(preferences.get(UNTIL, "")),
        schedule_of(preferences.get(SCHEDULE, "")),
    )
    start = max(at, until) if until is not None else at
    ends = [start] if schedule is None else [start, *schedule.ends(start)]
    return next((end for end in ends if not is_quiet(preferences, end)), math.inf)


@lru_cache(maxsize=1000)
def schedule_of(text: str) -> Schedule | None:
    """The schedule that a text such as "12345 22:00 07:00 Europe/Berlin" says."""
    found = _SCHEDULE.fullmatch(text)
    if found is None:
        return None
    days, *times, zone = found.groups()
    hours, minutes, end_hours, end_minutes = (int(each) for each in times)
    if max(hours, end_hours) > 23 or max(minutes, end_minutes) > 59:
        return None
    start, end = hours * 60 + minutes, end_hours * 60 + end_minutes
    return Schedule(frozenset(map(int, days)), start, end, zone)


@lru_cache(maxsize=1000)
def pattern_of(words: str) -> re.Pattern[str] | None:
    """What finds one of the words, a line each, in a folded text; None without words."""
    wanted = [folded(line.strip()) for line in words.split("\n")[:MOST_WORDS]]
    found = [_whole(word) for word in wanted if word]
    return re.compile("|".join(found)) if found else None


def folded(text: str) -> str:
    """The text without differences of case and width."""
    return unicodedata.normalize("NFKC", text).lower()


def _whole(word: str) -> str:
    before = "" if _UNSPACED.match(word[0]) else r"(?<!\w)"
    after = "" if _UNSPACED.match(word[-1]) else r"(?!\w)"
    return before + re.escape(word) + after


def time_zone(name: str) -> ZoneInfo | None:
    """The time zone of an IANA name; None, for that of the server, if the server does not know it."""
    return _zone(name)


@lru_cache(maxsize=1000)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # the first for one that is not there
        return None


def _time(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None
