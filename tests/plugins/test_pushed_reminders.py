"""Reminders reach the devices of somebody whose page is closed: once, when they want it, and only what they may read."""

from typing import Any

import pytest
from pushservice import Browser, PushService

from chatserver import MessagePosted, Reminder, RoomKind
from chatserver.runtime.clock import text_of
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat, Person
from chatserver_plugins.reminders.book import TITLE
from tests.plugins.test_push import Settings, has_waiting, parts, pushing, subscribed, waiting
from tests.plugins.test_push import service as service
from tests.plugins.test_push import settings as settings
from tests.waiting import until

PATH = "/api/v1/reminders"
NOON = 1_700_049_600.0  # Wednesday 2023-11-15 12:00 UTC
HOUR = 3600.0


async def remind(
    chat: Chat, by: Person, message: MessagePosted, seconds: float = HOUR, **more: object
) -> Any:
    at = text_of(chat.clock.now() + seconds)
    answer = await by.http("POST", PATH, {"message": message.id, "at": at} | more)
    assert answer.status in (200, 201), answer.body
    return answer.json


def titles(phone: Browser) -> list[str]:
    return [each["title"] for each in phone.got]


async def test_a_reminder_that_is_due_reaches_each_device_in_its_language(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock(NOON)
    async with pushing(service, settings, "reminders", clock=clock) as chat:
        ada = await chat.user("ada")
        phone = await subscribed(ada, service)
        silent = await subscribed(ada, service, language="ja-JP", texts=False)
        room = await ada.create_room("Kitchen")
        own = await ada.post(room, "the **cake**")  # read, of course
        await ada.post(room, "something newer")
        await remind(chat, ada, own, note="for Sunday")
        await clock.advance(HOUR - 10)
        assert (phone.tried, silent.tried) == (0, 0)
        await clock.advance(20)
        await until(lambda: phone.got and silent.got)
        (told,) = phone.got
        assert (told["title"], told["body"]) == ("Reminder: for Sunday", "the cake")
        assert (told["url"], told["room"], told["seq"]) == (f"/m/{own.id}", room.id, own.seq)
        (hidden,) = silent.got
        assert (hidden["title"], hidden["body"]) == ("リマインダー", "新しいメッセージがあります")
        assert {each["tag"] for each in (told, hidden)} == {f"reminder of {own.id}"}
        assert await waiting(chat) == []


async def test_one_that_is_put_off_is_told_again_and_one_that_comes_again_is_not(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock(NOON)
    async with pushing(service, settings, "reminders", clock=clock) as chat:
        ada = await chat.user("ada")
        phone = await subscribed(ada, service)
        message = await ada.post(await ada.create_room("Kitchen"), "the cake")
        await remind(chat, ada, message, note="first")
        await clock.advance(HOUR + 1)
        await until(lambda: titles(phone) == ["Reminder: first"])
        again = Reminder(
            plugin="reminders", user=ada.id, message=message.id, at=NOON + HOUR, title=TITLE
        )
        await chat.service.notifying.remind(again)  # as after a crash
        await clock.advance(1)
        await remind(chat, ada, message, note="second")
        await clock.advance(HOUR + 1)
        await until(lambda: len(phone.got) == 2)
        assert titles(phone) == ["Reminder: first", "Reminder: second"]


async def test_nothing_is_told_of_what_is_gone_or_may_not_be_read_nor_to_somebody_who_is_there(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock(NOON)
    async with pushing(service, settings, "reminders", clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ben, service)
        names = ("deleted", "left", "stays")
        rooms = {
            name: await ada.create_room(name, kind=RoomKind.PRIVATE, members=[ben])
            for name in names
        }
        posted = {name: await ada.post(room, name) for name, room in rooms.items()}
        for message in posted.values():
            await remind(chat, ben, message)
        await chat.service.messages.delete(ada.user, rooms["deleted"], posted["deleted"].id)
        await chat.service.rooms.kick(ada.user, rooms["left"], ben.id)
        await clock.advance(HOUR + 1)
        await until(lambda: phone.got)
        await until(lambda: has_waiting(chat, 0))
        assert phone.bodies() == ["stays"]
        await remind(chat, ben, posted["stays"])
        await clock.advance(HOUR - 5)
        assert await ben.call("push.active") == {}
        await clock.advance(10)
        await until(lambda: is_due(ben, posted["stays"]))
        await until(lambda: has_waiting(chat, 0))
        await clock.advance(HOUR)
        assert phone.bodies() == ["stays"]


async def is_due(person: Person, message: MessagePosted) -> bool:
    rows = (await person.http("GET", PATH)).json["reminders"]
    return [each["state"] for each in rows if each["id"] == message.id] == ["due"]


async def test_one_for_hours_without_notices_is_told_when_they_end(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock(NOON)
    async with pushing(service, settings, "reminders", clock=clock) as chat:
        ada = await chat.user("ada")
        phone = await subscribed(ada, service)
        message = await ada.post(await ada.create_room("Kitchen"), "the cake")
        quiet = {"page.notify.until": text_of(NOON + 2 * HOUR)}
        await chat.service.preferences.account.change(ada.user, quiet)
        await remind(chat, ada, message)
        await clock.advance(2 * HOUR - 60)
        await until(lambda: has_waiting(chat, 1))
        assert phone.tried == 0
        await clock.advance(HOUR)
        await until(lambda: titles(phone) == ["Reminder"])


async def test_somebody_without_a_device_has_nothing_waiting(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock(NOON)
    async with pushing(service, settings, "reminders", clock=clock) as chat:
        ada = await chat.user("ada")
        message = await ada.post(await ada.create_room("Kitchen"), "the cake")
        reminder = Reminder(
            plugin="reminders", user=ada.id, message=message.id, at=NOON, title=TITLE
        )
        await chat.service.notifying.remind(reminder)
        assert await parts(chat).concern._timers.list("push.tell") == []


@pytest.mark.parametrize("title", ["", "x" * 61, {}])
async def test_a_title_is_short(service: PushService, settings: Settings, title: Any) -> None:
    async with pushing(service, settings, "reminders") as chat:
        context = chat._server.context("reminders")
        with pytest.raises(ValueError, match="title of a reminder"):
            await context.remind("u", "r-1", 0.0, title)
