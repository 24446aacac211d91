"""The passkeys of users, as records of the store: one record a user, which changes atomically.

A second record says for each credential whose it is, so that no credential is registered twice. It is made
before the passkey and removed after it: after a crash in between, its user can register the credential again.
"""

from collections.abc import AsyncGenerator
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, Records, time_text

VERSION = 1  # of the records
NAME_CHARS = 64
ID_DIGITS = 16


class Passkey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A credential of WebAuthn. Times are Unix times; `credential` is its id in base64url."""

    credential: str
    key: bytes  # COSE
    counter: (
        int  # of signatures, the last that was seen; always 0 from authenticators that do not count
    )
    name: str
    made: float
    used: float | None = None
    transports: tuple[str, ...] = ()
    attachment: str = ""  # "platform", "cross-platform", or unknown
    model: str = ""  # AAGUID
    may_be_backed_up: bool = False  # flag BE, which never changes
    is_backed_up: bool = False  # flag BS, as of the last use

    @property
    def id(self) -> str:
        """A short name for addresses."""
        return sha256(self.credential.encode()).hexdigest()[:ID_DIGITS]


class Use(NamedTuple):
    """What a signature says besides that it is right."""

    counter: int
    is_backed_up: bool


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a user."""

    version: int = VERSION
    passkeys: tuple[Passkey, ...] = ()


_encode = msgspec.json.encode
_decode_kept = msgspec.json.Decoder(Kept).decode


class CounterWentBack(Exception):
    """The same private key was used elsewhere: somebody has copied it."""


class Book:
    """All passkeys of the installation; `most` is how many a user may have."""

    def __init__(self, records: Records, most: int) -> None:
        self._records, self.most = records, most

    async def of(self, user: str) -> tuple[Passkey, ...]:
        """The passkeys of a user id, oldest first."""
        raw = await self._records.get(user_key(user))
        return () if raw is None else _decode(raw)

    async def holder(self, credential: str) -> str | None:
        """The id of the user whose credential this is."""
        raw = await self._records.get(_credential_key(credential))
        return None if raw is None else raw.decode()

    async def add(self, user: str, passkey: Passkey) -> None:
        """Register a passkey. Raises `ChatError` limit.count, and auth.refused if it is registered already."""
        key = _credential_key(passkey.credential)
        if not await self._records.add(key, user.encode()) and (
            await self.holder(passkey.credential) != user
            or _found(await self.of(user), passkey.credential)
        ):
            raise refused("passkey", "exists", "This passkey is registered already.")
        while True:
            raw = await self._records.get(user_key(user))
            old = () if raw is None else _decode(raw)
            if len(old) >= self.most:
                await self._records.delete(key)
                raise self.full()
            new = _encode(Kept(passkeys=(*old, passkey)))
            if raw is None:
                written = await self._records.add(user_key(user), new)
            else:
                written = await self._records.swap(user_key(user), raw, new)
            if written:
                return

    def full(self) -> ChatError:
        return ChatError(
            "limit.count",
            f"An account has at most {self.most} passkeys: remove one first.",
            detail={"field": "passkey", "reason": "count", "most": self.most},
        )

    async def note_use(self, user: str, credential: str, use: Use, now: float) -> None:
        """Keep the counter of a right signature.

        Raises `CounterWentBack` unless the counter has grown, and `ChatError` auth.refused if the passkey is gone.
        """
        while (raw := await self._records.get(user_key(user))) is not None:
            old = _decode(raw)
            passkey = _found(old, credential)
            if passkey is None:
                break
            if (use.counter or passkey.counter) and use.counter <= passkey.counter:
                raise CounterWentBack
            used = msgspec.structs.replace(
                passkey, counter=use.counter, is_backed_up=use.is_backed_up, used=now
            )
            if await self._swap(user, raw, old, used):
                return
        raise unknown()

    async def rename(self, user: str, id: str, name: str) -> Passkey:
        """Raises `ChatError` request.not_found, request.invalid."""
        name = cleaned_name(name)
        while (raw := await self._records.get(user_key(user))) is not None:
            old = _decode(raw)
            passkey = next((each for each in old if each.id == id), None)
            if passkey is None:
                break
            renamed = msgspec.structs.replace(passkey, name=name)
            if await self._swap(user, raw, old, renamed):
                return renamed
        raise ChatError("request.not_found")

    async def _swap(self, user: str, raw: bytes, old: tuple[Passkey, ...], new: Passkey) -> bool:
        changed = tuple(new if each.credential == new.credential else each for each in old)
        return await self._records.swap(user_key(user), raw, _encode(Kept(passkeys=changed)))

    async def remove(self, user: str, id: str, *, keep_one: bool) -> None:
        """Remove a passkey. Raises `ChatError` request.not_found; with `keep_one`, auth.last for the last one."""
        while (raw := await self._records.get(user_key(user))) is not None:
            old = _decode(raw)
            passkey = next((each for each in old if each.id == id), None)
            if passkey is None:
                break
            left = tuple(each for each in old if each is not passkey)
            if keep_one and not left:
                raise ChatError("auth.last")
            if left:
                new = _encode(Kept(passkeys=left))
                removed = await self._records.swap(user_key(user), raw, new)
            else:
                removed = await self._records.delete(user_key(user), raw)
            if removed:
                await self._records.delete(_credential_key(passkey.credential))
                return
        raise ChatError("request.not_found")

    async def remove_all(self, user: str) -> bool:
        """Whether there were any."""
        while (raw := await self._records.get(user_key(user))) is not None:
            if await self._records.delete(user_key(user), raw):
                for passkey in _decode(raw):
                    await self._records.delete(_credential_key(passkey.credential))
                return True
        return False

    async def held(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """What a person may know of their passkeys: no keys."""
        for passkey in await self.of(user):
            yield {
                "name": passkey.name,
                "made": time_text(passkey.made),
                "used": None if passkey.used is None else time_text(passkey.used),
                "backed_up": passkey.is_backed_up,
            }

    async def forget(self, user: str) -> None:
        """Remove the passkeys of a deleted account."""
        await self.remove_all(user)


def refused(field: str, reason: str, text: str, **more: object) -> ChatError:
    """A sign-in that ends, with a reason that clients may translate."""
    return ChatError("auth.refused", text, detail={"field": field, "reason": reason, **more})


def unknown() -> ChatError:
    text = "This passkey is not known here, or was removed. Use another one."
    return refused("passkey", "unknown", text)


def cleaned_name(name: str) -> str:
    """A passkey's name as it is kept. Raises `ChatError` request.invalid."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_CHARS or not name.isprintable():
        raise ChatError(
            "request.invalid",
            f"The name of a passkey has 1 to {NAME_CHARS} visible characters.",
            detail={"field": "passkey", "reason": "name", "most": NAME_CHARS},
        )
    return name


def _decode(raw: bytes) -> tuple[Passkey, ...]:
    kept = _decode_kept(raw)
    if kept.version != VERSION:
        raise RuntimeError(f"records of passkeys have version {kept.version}, expected {VERSION}")
    return kept.passkeys


def _found(passkeys: tuple[Passkey, ...], credential: str) -> Passkey | None:
    return next((each for each in passkeys if each.credential == credential), None)


def user_key(user: str) -> str:
    """The key of a user's record, which is there as long as they have a passkey."""
    return f"user/{user}"


def _credential_key(credential: str) -> str:
    return f"credential/{sha256(credential.encode()).hexdigest()}"
