"""Replies of a thread reach those who follow it where they do not look: once, and only while they are unread there."""

from pathlib import Path

import pytest
from pushservice import PushService

from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat
from chatserver_plugins.push.telling import BUSY_SECONDS
from tests.plugins.mailserver import mail_server
from tests.plugins.test_inbox import PATH, reply
from tests.plugins.test_mail_notifications import (
    HOUR,
    all_handled,
    mailing,
    noted,
    plain,
    reachable,
    to,
)
from tests.plugins.test_mail_notifications import NOW as MAILING
from tests.plugins.test_push import Settings, has_waiting, pushing, subscribed, waiting
from tests.plugins.test_push import service as service
from tests.plugins.test_push import settings as settings
from tests.waiting import until

DELAY = 30


@pytest.fixture
def delayed(settings: Settings) -> Settings:
    return {**settings, "plugin.push.delay_seconds": DELAY}


async def test_followers_are_told_and_nobody_else(service: PushService, delayed: Settings) -> None:
    clock = FakeClock()
    async with pushing(service, delayed, "inbox", clock=clock) as chat:
        ada, ben, cat, dan = [await chat.user(name) for name in ("ada", "ben", "cat", "dan")]
        phones = [await subscribed(each, service) for each in (ada, ben, cat, dan)]
        room = await ada.create_room("Lounge", members=[ben, cat, dan])
        root = await ada.post(room, "Who brings the cake?")
        await reply(chat, ben, room, "Me", root)  # ada is told, who began it
        await until(lambda: has_waiting(chat, 1))
        await reply(chat, cat, room, "And tea, @ben", root)  # ben once, as who is mentioned
        await until(lambda: has_waiting(chat, 3))
        await dan.call("inbox.follow", message=root.id, following=True)
        await reply(chat, ben, room, "Fine", root)  # ada, cat and dan
        await until(lambda: has_waiting(chat, 6))
        await ada.http("POST", f"{PATH}/threads/{root.id}", {"following": False})
        await clock.advance(DELAY)
        await until(lambda: told_all(chat, clock))
        told = [sorted(phone.bodies()) for phone in phones]
        assert told[1:] == [["And tea, @ben"], ["Fine"], ["Fine"]]
        assert told[0] == ["And tea, @ben", "Fine", "Me"]
        assert {each["title"] for each in phones[2].got} == {"ben in Lounge"}


async def test_what_was_read_in_the_thread_is_not_told_and_what_only_the_room_was_read_beyond_is(
    service: PushService, delayed: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, delayed, "inbox", clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ada, service)
        room = await ada.create_room("Lounge", members=[ben])
        root = await ada.post(room, "Root")
        read = await reply(chat, ben, room, "One", root)
        await reply(chat, ben, room, "Two, @ada", root)
        shown = await reply(chat, ben, room, "Three", root, broadcast=True)
        await ben.post(room, "Later")
        await until(lambda: has_waiting(chat, 3))
        await chat.service.rooms.mark_read(ada.user, room, shown.seq)
        await ada.call("inbox.read", thread=root.id, seq=read.seq)
        await clock.advance(DELAY)
        await until(lambda: told_all(chat, clock))
        assert phone.bodies() == ["Two, @ada"]


async def test_who_left_the_room_or_has_no_device_is_not_told(
    service: PushService, delayed: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, delayed, "inbox", clock=clock) as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]
        left, stays = await subscribed(ben, service), await subscribed(cat, service)
        room = await ada.create_room("Lounge", members=[ben, cat])
        root = await ada.post(room, "Root")
        for each in (ben, cat):
            await reply(chat, each, room, f"by {each.id}", root)
        await until(lambda: follow(chat, root.id, 3))
        await until(lambda: has_waiting(chat, 1))  # of cat's reply: ben; ada has no device
        await chat.service.rooms.kick(ada.user, room, ben.id)
        await reply(chat, ada, room, "Now", root)
        await until(lambda: has_waiting(chat, 2))  # and of this one cat alone
        assert [key.partition("/")[0] for key in await waiting(chat)].count(ben.id) == 1
        await clock.advance(DELAY)
        await until(lambda: told_all(chat, clock))
        assert (left.bodies(), stays.bodies()) == ([], ["Now"])


async def told_all(chat: Chat, clock: FakeClock) -> bool:
    """Whether no notice waits any more, some seconds later: of three to one user, the last waits for the others."""
    await clock.advance(BUSY_SECONDS)
    return await has_waiting(chat, 0)


async def follow(chat: Chat, thread: str, count: int) -> bool:
    loaded = chat._server._plugins.all
    inbox = next(each.instance for each in loaded if each.name == "inbox")
    return len(await inbox._following.followers(thread, 10)) == count


async def test_a_mail_has_the_replies_of_followed_threads(tmp_path: Path) -> None:
    clock = FakeClock(MAILING)
    with mail_server(tmp_path) as mails:
        async with mailing(mails, clock, "inbox") as chat:
            ada, ben = await reachable(chat, "ada"), await chat.user("ben")
            room = await ada.create_room("Lounge", members=[ben])
            root = await ada.post(room, "Root")
            read = await reply(chat, ben, room, "One", root)
            await reply(chat, ben, room, "Two", root)
            await noted(chat, ada, 2)
            await ada.call("inbox.read", thread=root.id, seq=read.seq)
            await clock.advance(HOUR)
            (mail,) = to(mails, "ada")
            assert "Two" in plain(mail) and "One" not in plain(mail)
            await all_handled(chat)
            await clock.advance(HOUR)
            assert len(mails.mails) == 1
