"""Replies of a thread reach those who follow it where they do not look: once, and only while they are unread there."""

from pathlib import Path

import msgspec
import pytest
from pushservice import PushService

from chatserver import Why
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat, running
from chatserver_plugins.push.concern import LONGEST_SECONDS
from chatserver_plugins.push.telling import BUSY_SECONDS
from tests.plugins.mailserver import mail_server
from tests.plugins.test_inbox import PATH, reply
from tests.plugins.test_mail_notifications import (
    HOUR,
    all_handled,
    bodies_waiting,
    given_to,
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


HEARING = """
import chatserver

class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.heard = []

    @chatserver.hookimpl
    async def on_concerned(self, concerned):
        self.heard.append(concerned)

    @chatserver.hookimpl
    async def threads_read(self, user, threads):
        return {thread: 1 for thread in threads if thread.endswith("NAME")}
"""


async def test_all_plugins_hear_whom_a_message_concerns_and_say_what_was_read(
    tmp_path: Path,
) -> None:
    names = ("one", "two")
    for name in names:
        (tmp_path / f"{name}.py").write_text(HEARING.replace("NAME", name))
    async with running(*names, settings={"plugins.folder": str(tmp_path)}) as chat:
        heard = [each.instance.heard for each in chat._server._plugins.all if each.name in names]
        ada, *others = [await chat.user(f"user{number}") for number in range(47)]
        room = await ada.create_room("Lounge", members=others[:45])
        event = await ada.post(room, "To many")
        users = {each.id: Why.THREAD for each in (ada, *others)}
        await chat.service.notifying.concern(event, users)
        for each in heard:
            assert [len(concerned.users) for concerned in each] == [20, 20, 5]
            told = {user for concerned in each for user in concerned.users}
            assert told == {each.id for each in others[:45]}
            each.clear()
        await chat.service.rooms.delete(ada.user, room)
        await chat.service.notifying.concern(event, users)
        assert heard == [[], []]
        known = await chat.service.hooks.threads_read(ada.user, ["t-one", "t-two", "t"])
        assert known == {"t-one": 1, "t-two": 1}


async def test_who_left_a_thread_is_told_of_mentions_there_until_they_are_read_there(
    service: PushService, delayed: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, delayed, "inbox", clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ada, service)
        room = await ada.create_room("Lounge", members=[ben])
        root = await ada.post(room, "Root")
        left = await ada.http("PUT", f"{PATH}/threads/{root.id}", {"following": False})
        assert left.json["following"] is False
        read = await reply(chat, ben, room, "One, @ada", root)
        await reply(chat, ben, room, "Two", root)
        last = await reply(chat, ben, room, "Three, @ada", root)
        await until(lambda: has_waiting(chat, 2))
        await chat.service.rooms.mark_read(ada.user, room, last.seq)
        await ada.call("inbox.read", thread=root.id, seq=read.seq)
        await clock.advance(DELAY)
        await until(lambda: told_all(chat, clock))
        assert phone.bodies() == ["Three, @ada"]


async def test_nothing_is_noted_of_a_message_of_long_ago(
    service: PushService, delayed: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, delayed, "mail_notifications", clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        await subscribed(ben, service)
        event = await ada.post(await ada.create_room("Lounge", members=[ben]), "Root")
        await chat.service.notifying.concern(event, {ben.id: Why.THREAD})
        assert len(await waiting(chat)) == 1
        await clock.advance(LONGEST_SECONDS + 1)
        await until(lambda: has_waiting(chat, 0))
        await chat.service.notifying.concern(event, {ben.id: Why.THREAD})
        assert await waiting(chat) == []


async def test_mails_note_nothing_of_long_ago_nor_where_nothing_sends_them(tmp_path: Path) -> None:
    clock = FakeClock(MAILING)
    for plugins in (("smtp", "mail_notifications"), ("mail_notifications",)):
        with mail_server(tmp_path / str(len(plugins))) as mails:
            given = given_to(mails) if len(plugins) == 2 else {}
            async with running(*plugins, settings=given, clock=clock) as chat:
                ada, ben = await chat.user("ada"), await reachable(chat, "ben")
                event = await ada.post(await ada.create_room("Lounge", members=[ben]), "Root")
                old = msgspec.structs.replace(event, at="2020-01-01T00:00:00Z")
                await chat.service.notifying.concern(old, {ben.id: Why.THREAD})
                assert await bodies_waiting(chat, ben) == 0
                await chat.service.notifying.concern(event, {ben.id: Why.THREAD})
                assert await bodies_waiting(chat, ben) == len(plugins) - 1


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


async def test_what_a_plugin_tells_late_stands_in_its_place_in_the_mail(tmp_path: Path) -> None:
    clock = FakeClock(MAILING)
    with mail_server(tmp_path) as mails:
        async with mailing(mails, clock) as chat:
            ada, ben = await reachable(chat, "ada"), await chat.user("ben")
            room = await ada.create_room("Lounge", members=[ben])
            first = await ben.post(room, "One")
            await ben.post(room, "Two, @ada")
            await noted(chat, ada, 1)
            for _ in range(2):
                await chat.service.notifying.concern(first, {ada.id: Why.THREAD})
            await noted(chat, ada, 2)
            await clock.advance(HOUR)
            (mail,) = to(mails, "ada")
            assert plain(mail).index("One") < plain(mail).index("Two")
