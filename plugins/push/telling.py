"""Tells users of messages when the time has come: each on all their devices, each device once."""

import asyncio

import msgspec

from chatserver import Context, Due, Message, Room, RoomKind, User, Why, body_plain, in_language
from chatserver_plugins.push.concern import LONGEST_SECONDS, TIMER, Waiting, decode, encode
from chatserver_plugins.push.deciding import Deciding, Not
from chatserver_plugins.push.devices import Device, Devices
from chatserver_plugins.push.sending import Outcome, Result, Sending
from chatserver_plugins.push.texts import stand_in, title_in_room

LOOK_AGAIN_SECONDS = 30.0  # whether somebody who was there has gone, or has read the message
LONGEST_LOOK = 600.0  # between two such looks, which become rare for a message that stays unread
TRIES = 12  # over more than an hour; then a device is not told
RUNS_OF_USER = 2  # notices of one user under way; others of them wait, and other users do not
BUSY_SECONDS = 2.0
AT_ONCE_OF_USER = 4  # requests for one notice
TITLE_CHARS, BODY_CHARS = 120, 300


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a device gets. `url` leads to the message. Of those with the same `tag` it shows the last."""

    title: str
    body: str
    url: str
    tag: str
    room: str
    seq: int
    language: str


class Telling:
    """Runs the timers that `Concern` set."""

    def __init__(
        self, context: Context, devices: Devices, deciding: Deciding, sending: Sending
    ) -> None:
        self._service, self._timers, self._clock = context.service, context.timers, context.clock
        self._marks = context.expiring
        self._devices, self._deciding, self._sending = devices, deciding, sending
        self._running: dict[str, set[str]] = {}  # keys by user
        self._pushed = context.measures.counter(
            "push_notices_total", "Notices by outcome: sent, gone (the device has ended its subscription), "
            "refused by the push service, or given up after several tries", ("outcome",)
        )  # fmt: skip

    async def tell(self, due: Due) -> None:
        """Tell the user of the key, or look again later."""
        user, room, _ = due.key.split("/")
        notice = decode(due.payload)
        if self._clock.now() > notice.at + LONGEST_SECONDS:
            return
        running = self._running.setdefault(user, set())
        if due.key in running or len(running) >= RUNS_OF_USER:
            await self._timers.set(TIMER, due.key, self._clock.now() + BUSY_SECONDS, due.payload)
            return
        running.add(due.key)
        try:
            await self._tell(due.key, user, room, notice)
        finally:
            running.discard(due.key)
            if not running:
                self._running.pop(user, None)

    async def _tell(self, key: str, id: str, room_id: str, notice: Waiting) -> None:
        devices = await self._devices.of(id)
        user = await self._deciding.reader(id) if devices else None
        room = (await self._service.rooms.get_many([room_id])).get(room_id)
        if user is None or room is None:
            return
        message = await self._deciding.message(user, room, notice)
        if isinstance(message, Not):
            if message is Not.NOW:
                age = self._clock.now() - notice.at
                await self._again(key, notice, min(max(age / 2, LOOK_AGAIN_SECONDS), LONGEST_LOOK))
            return
        done = (await self._marks.get(f"done/{key}") or b"").decode().split()
        left = [device for device in devices if device.id not in done]
        results = await self._send(user, room, message, notice, left)
        for device, result in results.items():
            await self._note(id, device, result)
        settled = [
            each.id for each, result in results.items() if result.outcome is not Outcome.LATER
        ]
        if settled:
            await self._marks.put(
                f"done/{key}", " ".join((*done, *settled)).encode(), 2 * LONGEST_SECONDS
            )
        waits = [result.after for result in results.values() if result.outcome is Outcome.LATER]
        if waits and notice.tries + 1 < TRIES:
            tried = msgspec.structs.replace(notice, tries=notice.tries + 1)
            await self._again(key, tried, min(waits))
        elif waits:
            self._pushed.add(len(waits), ("given up",))

    async def _send(
        self, user: User, room: Room, message: Message, notice: Waiting, devices: list[Device]
    ) -> dict[Device, Result]:
        turns = asyncio.Semaphore(AT_ONCE_OF_USER)

        async def send(device: Device) -> Result:
            said = self._said(user, room, message, notice, device)
            async with turns:
                urgent = notice.why is not Why.WATCHED
                return await self._sending.send(device, msgspec.json.encode(said), said.tag, urgent)

        results = await asyncio.gather(*map(send, devices))
        return dict(zip(devices, results, strict=True))

    async def _note(self, user: str, device: Device, result: Result) -> None:
        if result.outcome is Outcome.LATER:
            return
        self._pushed.add(1, (result.outcome.name.lower(),))
        if result.outcome is Outcome.GONE:
            await self._devices.remove(user, {device.id})

    async def _again(self, key: str, notice: Waiting, seconds: float) -> None:
        await self._timers.set(TIMER, key, self._clock.now() + seconds, encode(notice))

    def _said(
        self, user: User, room: Room, message: Message, notice: Waiting, device: Device
    ) -> Notice:
        said = body_plain(message.body) or message.data_text
        if not said or not device.texts:
            said = stand_in(device.language, hidden=not device.texts)
        is_reminder = notice.why is Why.REMINDER
        title = (
            _reminding(notice, device) if is_reminder else self._from(user, room, message, device)
        )
        return Notice(
            title=_cut(title, TITLE_CHARS),
            body=_cut(said, BODY_CHARS),
            url=f"/m/{message.id}",
            tag=f"reminder of {message.id}" if is_reminder else room.id,
            room=room.id,
            seq=message.seq,
            language=device.language,
        )

    def _from(self, user: User, room: Room, message: Message, device: Device) -> str:
        author = message.author.name
        is_direct = room.description is not None and room.description.kind is RoomKind.DIRECT
        if is_direct and len(room.members) <= 2:
            return author
        return title_in_room(author, self._service.rooms.name(user, room) or "", device.language)


def _reminding(notice: Waiting, device: Device) -> str:
    title = in_language(notice.title, device.language)
    return f"{title}: {notice.text}" if notice.text and device.texts else title


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"
