"""What people say about themselves: one record a user, the same on all nodes."""

import zoneinfo
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec

from chatserver import ChatError, Context, clean_line

TITLE, PRONOUNS, ABOUT = 100, 40, 1000  # characters at most


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody says: texts of one line, and `about` of several; `time_zone` is a name of the tz database."""

    title: str = ""
    pronouns: str = ""
    about: str = ""
    time_zone: str = ""


_read = msgspec.json.Decoder(Profile).decode


class Book:
    """The profiles of all users (ids)."""

    def __init__(self, context: Context) -> None:
        self._records = context.records

    async def of(self, users: Sequence[str]) -> Mapping[str, Profile]:
        """The profiles, by user; those who say nothing are left out."""
        rows = await self._records.get_many(list(dict.fromkeys(users)))
        return {user: _read(row) for user, row in rows.items()}

    async def write(self, user: str, profile: Profile) -> None:
        """Replace the profile of a user; the last of two changes at the same time stays."""
        if profile == Profile():
            await self._records.delete(user)
        else:
            await self._records.put(user, msgspec.json.encode(profile))


def cleaned(profile: Profile) -> Profile:
    """The profile, trimmed. Raises `ChatError` request.invalid."""
    return Profile(
        title=clean_line(profile.title, TITLE, "title", "A title"),
        pronouns=clean_line(profile.pronouns, PRONOUNS, "pronouns", "Pronouns"),
        about=_clean_about(profile.about),
        time_zone=_clean_zone(profile.time_zone.strip()),
    )


def _clean_about(text: str) -> str:
    about = text.strip()
    if len(about) > ABOUT:
        raise ChatError(
            "request.invalid",
            f"What one says about oneself has at most {ABOUT} characters.",
            detail={"field": "about", "reason": "length"},
        )
    return about


def _clean_zone(name: str) -> str:
    if name and name not in _zones():
        raise ChatError(
            "request.invalid",
            "A time zone is named as in the tz database, such as Europe/Berlin.",
            detail={"field": "time_zone", "reason": "name"},
        )
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
