"""Answers users, each about their own devices."""

from collections.abc import Sequence

import msgspec

from chatserver import ChatError, User
from chatserver_plugins.push.deciding import Deciding
from chatserver_plugins.push.devices import Devices, NewDevice, Put, Shown


class DeviceList(msgspec.Struct, frozen=True):
    """A user's devices, the newest last, and the key with which a browser subscribes (VAPID, base64url)."""

    key: str
    devices: Sequence[Shown]


class Desk:
    """What users ask of the plugin."""

    def __init__(self, key: str, devices: Devices, deciding: Deciding) -> None:
        self._key, self._devices, self._deciding = key, devices, deciding

    async def list(self, user: User) -> DeviceList:
        return DeviceList(self._key, await self._devices.list(user))

    async def add(self, user: User, given: NewDevice, token: str | None, name: str) -> Put:
        """Add the device of this session, or renew it. Raises `ChatError` request.invalid, limit.count."""
        if token is None:
            raise ChatError("auth.required")
        return await self._devices.put(user, given, token, name)

    async def remove(self, user: User, id: str) -> bool:
        """Remove a device; whether it was there."""
        return await self._devices.remove(user.id, {id})

    async def active(self, user: User, here: bool) -> None:
        """Push nothing to the user for a moment, as they are at one of their devices; or again, as they have left it."""
        await self._deciding.active(user, here)
