"""The devices of all users to which notices are pushed: one record a user, and one an address that names its user."""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from chatserver import ChatError, Context, User, time_text
from chatserver_plugins.push.encryption import demand_keys
from chatserver_plugins.push.roster import Roster

MOST = 20  # of one user
ENDPOINT_CHARS = 1000
NAME_CHARS = 200
TRIES = 10  # each lost try means that another device of the user changed them
CHANGED = "changed"  # the notice to the user's devices
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a browser's subscription, as base64url."""

    p256dh: Annotated[str, Meta(min_length=87, max_length=88)]
    auth: Annotated[str, Meta(min_length=22, max_length=24)]


class NewDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's subscription, as its `toJSON()` has it, and how its user wants to be told.

    `language` is that of the texts. Without `texts` a notice says who wrote and where, not what.
    """

    endpoint: Annotated[str, Meta(max_length=ENDPOINT_CHARS)]
    keys: Keys
    language: str = "en"
    texts: bool = True


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device of a user. `session` is the id of the session that it belongs to, `name` its browser's."""

    id: str
    endpoint: str
    keys: Keys
    session: str
    language: str
    texts: bool
    name: str
    created: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A device as its user sees it."""

    id: str
    name: str
    created: str
    texts: bool
    language: str


class Put(NamedTuple):
    """A device that was added, or `repeated` what was known."""

    device: Shown
    repeated: bool


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(tuple[Device, ...]).decode


class Devices:
    """Adds, lists and removes devices."""

    def __init__(self, context: Context, roster: Roster) -> None:
        self._roster = roster
        self._records, self._clock, self._tell = context.records, context.clock, context.tell
        self._service = context.service

    async def put(self, user: User, given: NewDevice, token: str, name: str) -> Put:
        """Add the device with this session, or renew it. Raises `ChatError` request.invalid, limit.count.

        A browser has one subscription: it is taken from whoever was signed in there before.
        """
        _check(given)
        sessions = self._service.accounts.sessions
        id = device_id(given.endpoint)
        device = Device(
            id=id,
            endpoint=given.endpoint,
            keys=given.keys,
            session=sessions.id_of(token),
            language=given.language,
            texts=given.texts,
            name=name[:NAME_CHARS],
            created=time_text(self._clock.now()),
        )
        await self.of(user.id)  # those whose session has ended do not count
        repeated = False

        def changed(devices: tuple[Device, ...]) -> tuple[Device, ...]:
            nonlocal repeated
            before = next((each for each in devices if each.id == id), None)
            repeated = before is not None
            kept = tuple(each for each in devices if each.id != id)
            if len(kept) >= MOST:
                raise ChatError(
                    "limit.count",
                    f"Notices are pushed to at most {MOST} devices of a user.",
                    detail={"field": "push", "reason": "count", "most": MOST},
                )
            created = device.created if before is None else before.created
            return (*kept, msgspec.structs.replace(device, created=created))

        devices = await self._change(user.id, changed)
        await self._own(user.id, id)
        await self._roster.note(user.id)
        return Put(_shown(devices[-1]), repeated)

    async def list(self, user: User) -> list[Shown]:
        """The user's devices, the newest last; without those whose session has ended."""
        return [_shown(device) for device in await self.of(user.id)]

    async def of(self, user: str) -> tuple[Device, ...]:
        """Those of a user (id) whose session lasts; others are removed."""
        raw = await self._records.get(_key(user))
        if raw is None:
            return ()
        devices = _decode(raw)
        there = set(await self._service.accounts.sessions.ids(user))
        kept = tuple(device for device in devices if device.session in there)
        if len(kept) < len(devices):
            await self.remove(user, {device.id for device in devices} - {each.id for each in kept})
        return kept

    async def having(self, users: Sequence[str]) -> set[str]:
        """Those of the users (ids) who have devices."""
        found = await self._records.get_many([_key(user) for user in users])
        return {key.removeprefix("of/") for key in found}

    async def remove(self, user: str, ids: set[str]) -> bool:
        """Remove devices of a user (id) by their ids; whether there was one."""
        was = False

        def changed(devices: tuple[Device, ...]) -> tuple[Device, ...]:
            nonlocal was
            kept = tuple(device for device in devices if device.id not in ids)
            was = len(kept) < len(devices)
            return kept

        await self._change(user, changed)
        for id in ids:
            await self._records.delete(f"at/{id}", user.encode())
        return was

    async def forget(self, user: str) -> None:
        """Remove all of a deleted account."""
        raw = await self._records.get(_key(user))
        if raw is not None:
            await self.remove(user, {device.id for device in _decode(raw)})
        await self._roster.forget(user)

    async def _own(self, user: str, id: str) -> None:
        """The address belongs to this user, and to nobody else any more."""
        key = f"at/{id}"
        for _ in range(TRIES):
            if await self._records.add(key, user.encode()):
                return
            before = await self._records.get(key)
            if before == user.encode():
                return
            if before is not None and await self._records.swap(key, before, user.encode()):
                await self.remove(before.decode(), {id})
                return
        raise ChatError("limit.rate", after_ms=1000)

    async def _change(
        self, user: str, changed: Callable[[tuple[Device, ...]], tuple[Device, ...]]
    ) -> tuple[Device, ...]:
        key = _key(user)
        for _ in range(TRIES):
            old = await self._records.get(key)
            before = _decode(old) if old else ()
            after = changed(before)
            if after == before or await self._write(key, old, after):
                if after != before:
                    self._tell(CHANGED, user=user)
                return after
        raise ChatError("limit.rate", after_ms=1000)

    async def _write(self, key: str, old: bytes | None, devices: tuple[Device, ...]) -> bool:
        if old is None:
            return await self._records.add(key, _encode(devices))
        if not devices:
            return await self._records.delete(key, old)
        return await self._records.swap(key, old, _encode(devices))


def device_id(endpoint: str) -> str:
    """The id of the device with this address, which clients can tell as well."""
    return sha256(endpoint.encode()).hexdigest()[:16]


def _key(user: str) -> str:
    return f"of/{user}"


def _shown(device: Device) -> Shown:
    return Shown(
        id=device.id,
        name=device.name,
        created=device.created,
        texts=device.texts,
        language=device.language,
    )


def _check(given: NewDevice) -> None:
    try:
        parts = urlsplit(given.endpoint)
        is_address = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
        is_plain = given.endpoint.isascii() and given.endpoint.isprintable()
    except ValueError:
        is_address = is_plain = False
    if not is_address or not is_plain or " " in given.endpoint or parts.username is not None:
        raise ChatError("request.invalid", "endpoint: expected an address that begins with https.")
    if not _LANGUAGE.fullmatch(given.language):
        raise ChatError("request.invalid", "language: expected a tag such as en or pt-BR.")
    try:
        demand_keys(given.keys.p256dh, given.keys.auth)
    except ValueError:
        raise ChatError("request.invalid", "keys: expected those of a push subscription.") from None
