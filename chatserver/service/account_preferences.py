"""What users prefer of their clients, wherever they sign in: a text for each key. Clients choose keys and texts."""

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import AccountPreferencesChanged, Preferred
from chatserver.delivery.subscriber import Subscriber
from chatserver.errors import ChatError
from chatserver.interfaces import BUS_FRAME_BYTES, Store
from chatserver.model import User
from chatserver.service.watchers import ACCOUNT_PREFERENCES as SPACE
from chatserver.service.watchers import WORDS, Watchers

KEY_CHARS, VALUE_CHARS = 64, 500
MOST, MOST_BYTES = 200, 32_768  # of one account; bytes as they are kept
# Of the values in one notice, which has to fit into a frame of the bus.
NOTICE_BYTES = BUS_FRAME_BYTES - 2_000
TRIES = 10  # each lost try means that another device of the user changed them


class AccountPreferences:
    """The preferences of each account, on all its devices. Of two changes of a key, the later to arrive counts."""

    def __init__(self, store: Store, hub: Hub, watchers: Watchers) -> None:
        self._store, self._hub, self._watchers = store, hub, watchers

    async def of(self, user: User) -> dict[str, str]:
        """The texts by key; the key that was changed last is the last."""
        kept = await self._store.get(SPACE, user.id)
        return _decode(kept) if kept else {}

    async def of_many(self, users: Sequence[str]) -> dict[str, dict[str, str]]:
        """The texts of those of the users (ids) who have some, in one read."""
        found = await self._store.get_many(SPACE, users)
        return {user: _decode(kept) for user, kept in found.items()}

    async def change(
        self, user: User, values: Mapping[str, str | None], but: Subscriber | None = None
    ) -> dict[str, str]:
        """Set these texts; None removes one. Returns all of the user's, as `of` does.

        The user's connections are told, except `but`. Raises `ChatError` request.invalid for a key that is not 1 to 64
        letters, digits, dots, dashes and underscores of ASCII, or a text of more than 500 characters; limit.count for
        more than 200 keys and limit.size for more than 32,768 bytes in all; limit.rate if the user's other devices
        change them all the time.
        """
        _check(values)
        for _ in range(TRIES):
            old = await self._store.get(SPACE, user.id)
            before = _decode(old) if old else {}
            changed = {key: text for key, text in values.items() if before.get(key) != text}
            if not changed:
                return before
            after = {key: text for key, text in before.items() if key not in changed}
            after |= {key: text for key, text in changed.items() if text is not None}
            encoded, begins = _encoded(after), bool(changed.get(WORDS))
            if begins:
                await self._watchers.want_words(user.id)
            if await self._write(user.id, old, encoded):
                if begins:
                    await self._watchers.want_words(user.id)
                for part in _in_parts(changed):
                    told = AccountPreferencesChanged(values=part)
                    self._hub.tell_user(user.id, told, but=but)
                return after
        raise ChatError("limit.rate", after_ms=1000)

    async def _write(self, user: str, old: bytes | None, new: bytes) -> bool:
        if old is None:
            return await self._store.add(SPACE, user, new)
        return await self._store.swap(SPACE, user, old, new)

    async def forget(self, user: str) -> None:
        """Remove all of a user who is gone."""
        await self._watchers.forget(user)
        await self._store.delete(SPACE, user)


def _check(values: Mapping[str, str | None]) -> None:
    for key, text in values.items():
        if not _KEY.fullmatch(key):
            raise ChatError(
                "request.invalid",
                f"The key of a preference has 1 to {KEY_CHARS} of A-Z, a-z, 0-9, `.`, `-` and `_`.",
                detail={"field": "preferences", "reason": "key"},
            )
        if text is not None and len(text) > VALUE_CHARS:
            raise ChatError(
                "request.invalid",
                f"A preference has at most {VALUE_CHARS} characters.",
                detail={"field": "preferences", "reason": "length"},
            )


def _encoded(values: dict[str, str]) -> bytes:
    if len(values) > MOST:
        raise ChatError(
            "limit.count",
            f"An account has at most {MOST} preferences.",
            detail={"field": "preferences", "reason": "count"},
        )
    encoded = msgspec.json.encode(values)
    if len(encoded) > MOST_BYTES:
        raise ChatError(
            "limit.size",
            f"The preferences of an account have at most {MOST_BYTES} bytes.",
            detail={"field": "preferences", "reason": "long"},
        )
    return encoded


def _in_parts(changed: Preferred) -> Iterator[Preferred]:
    part: Preferred = {}
    size = 0
    for key, text in changed.items():
        more = len(msgspec.json.encode({key: text}))
        if part and size + more > NOTICE_BYTES:
            yield part
            part, size = {}, 0
        part[key] = text
        size += more
    yield part


_KEY = re.compile(rf"[A-Za-z0-9._-]{{1,{KEY_CHARS}}}")
_decode = msgspec.json.Decoder(dict[str, str]).decode
