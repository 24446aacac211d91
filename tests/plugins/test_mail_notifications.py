"""Who gets which mail about messages, and when: once, of what still stands, and not when they have read it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from chatserver import MessagePosted, Room, RoomKind, hookimpl
from chatserver.runtime.ids import new_id
from chatserver.service.preferences import PreferencesChange
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat, Person, running
from chatserver_plugins.mail_notifications import Parts, book, collecting
from chatserver_plugins.mail_notifications.wish import Wish
from chatserver_plugins.memory import MemoryPlugin
from chatserver_plugins.memory.store import MemoryStore
from tests.plugins.mailserver import MailServer, mail_server
from tests.waiting import until

URL = "https://chat.example.org"
PATH = "/api/v1/mail-notifications"
PLUGINS = ("smtp", "mail_notifications")
NOW = 1_700_000_000  # Tuesday 2023-11-14 22:13:20 UTC
MINUTE, HOUR = 60, 3600


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@asynccontextmanager
async def mailing(
    mails: MailServer, clock: FakeClock | None = None, *plugins: str, **settings: object
) -> AsyncIterator[Chat]:
    """A server that sends mails; `settings` are those of the plugin, or others whose dots are double underscores."""
    given = given_to(mails)
    store = str(settings.pop("store", "memory"))
    for key, value in settings.items():
        given[key.replace("__", ".") if "__" in key else f"plugin.mail_notifications.{key}"] = value
    clock = clock or FakeClock(NOW)
    async with running(*PLUGINS, *plugins, store=store, settings=given, clock=clock) as chat:
        yield chat


def given_to(mails: MailServer) -> dict[str, object]:
    """The settings of a server that sends to this one."""
    return {
        "server.public_url": URL,
        "server.name": "Tea House",
        "plugin.smtp.host": "localhost",
        "plugin.smtp.port": mails.port,
        "plugin.smtp.security": "none",
        "plugin.smtp.sender": "chat@example.org",
    }


async def reachable(chat: Chat, name: str, when: str = "") -> Person:
    """Somebody with an address, who wants mails then."""
    person = await chat.user(name)
    await chat.service.emails.set(person.id, f"{name}@example.org")
    if when:
        await wishes(chat, person, when)
    return person


async def wishes(chat: Chat, person: Person, when: str) -> None:
    change = chat.service.preferences.account.change
    await change(person.user, {"page.notify.mail": when})


async def direct(chat: Chat, by: Person, *to: Person) -> Room:
    members = [each.id for each in to]
    return await chat.service.rooms.create(by.user, RoomKind.DIRECT, None, members=members)


async def answer(chat: Chat, by: Person, room: Room, body: str, to: MessagePosted) -> MessagePosted:
    event, _ = await chat.service.messages.post(by.user, room, new_id(), body, to.id)
    return event


def parts(chat: Chat) -> Parts:
    loaded = chat._server._plugins.all
    found = next(each.instance for each in loaded if each.name == "mail_notifications")._parts
    assert isinstance(found, Parts)
    return found


async def bodies_waiting(chat: Chat, person: Person) -> int:
    """Number of messages that wait to be told to the person."""
    return sum(len(each.items) for each in (await parts(chat).book.waiting(person.id)).values())


async def noted(chat: Chat, person: Person, count: int) -> None:
    """Wait until so many messages are noted for the person, and their time is set."""

    async def are() -> bool:
        is_set = await parts(chat).collecting._timers.get(collecting.TIMER, person.id)
        return await bodies_waiting(chat, person) == count and is_set is not None

    await until(are)


async def all_handled(chat: Chat) -> None:
    """Wait until the consumer has seen all that was posted."""

    async def are() -> bool:
        return sum([each.lag for each in await chat._server.consumers.states()]) == 0

    await until(are)


def to(mails: MailServer, name: str) -> list[EmailMessage]:
    return [mail for mail in mails.mails if mail["To"] == f"{name}@example.org"]


def plain(mail: EmailMessage) -> str:
    return _part(mail, "plain")


def html(mail: EmailMessage) -> str:
    return _part(mail, "html")


def _part(mail: EmailMessage, kind: Any) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text.replace("\r\n", "\n")


async def test_what_concerns_somebody_who_is_away_comes_in_one_mail(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        room = await ada.create_room("Lounge", members=[ben])
        pair = await direct(chat, ada, ben)
        own = await ben.post(room, "Who brings the cake?")
        await ada.post(room, "Nobody is meant")
        mention = await ada.post(room, "Is **@ben** _here_? <b>")
        await answer(chat, ada, room, "Me", own)
        await ada.post(pair, "Only for you")
        await noted(chat, ben, 3)
        await clock.advance(14 * MINUTE)
        assert mails.mails == []
        await clock.advance(1 * MINUTE)
        (mail,) = to(mails, "ben")
        text, markup = plain(mail), html(mail)
        assert mail["Subject"] == "New messages on Tea House"
        assert text.index("== Lounge ==") < text.index("Is @ben here? <b>") < text.index("  Me\n")
        assert text.index("== ada, to you alone ==") < text.index("Only for you")
        assert "Nobody is meant" not in text and "cake" not in text
        assert f"ada, 2023-11-14 22:13\n  Is @ben here? <b>\n  {URL}/m/{mention.id}" in text
        assert "Times: UTC" in text and f"{URL}/#settings=notifications" in text
        assert "Is <strong>@ben</strong> <em>here</em>? &lt;b&gt;" in markup
        assert f'<a href="{URL}/m/{mention.id}">2023-11-14 22:13</a>' in markup
        await clock.advance(4 * HOUR)
        assert len(mails.mails) == 1
        assert await chat._server.timers.states() and not await bodies_waiting(chat, ben)


async def test_a_direct_room_of_several_is_not_called_that_of_the_reader_alone(
    mails: MailServer,
) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben, cat = await chat.user("ada"), await reachable(chat, "ben"), await chat.user("cat")
        await ada.post(await direct(chat, ada, ben, cat), "For you two")
        await noted(chat, ben, 1)
        await clock.advance(15 * MINUTE)
        (mail,) = to(mails, "ben")
        assert mail["Subject"] == "New messages in ada, cat on Tea House"
        assert "== ada, cat ==" in plain(mail)


async def test_headers_let_programs_group_silence_and_unsubscribe(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        room, other = [await ada.create_room(name, members=[ben]) for name in ("Lounge", "Attic")]
        for place in (room, room, other):
            await ada.post(place, "@ben")
            await noted(chat, ben, 1)
            await clock.advance(20 * MINUTE)
        root = await ada.post(room, "A thread")
        await chat.service.messages.post(
            ada.user, room, new_id(), "@ben in a thread", thread=root.id
        )
        await noted(chat, ben, 1)
        await clock.advance(20 * MINUTE)
        first, second, elsewhere, threaded = to(mails, "ben")
        assert first["Subject"] == second["Subject"] == "New messages in Lounge on Tea House"
        assert first["References"] == second["References"] == first["In-Reply-To"]
        assert len({each["References"] for each in (first, elsewhere, threaded)}) == 3
        assert len({each["Message-ID"] for each in mails.mails}) == 4
        assert re.fullmatch(r"<messages\.[0-9a-f]{24}@example\.org>", first["Message-ID"])
        assert first["Auto-Submitted"] == "auto-generated" and first["Precedence"] == "list"
        assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = first["List-Unsubscribe"].strip("<>")
        assert link.startswith(f"{URL}/mail-notifications/unsubscribe/{ben.id}.")
        assert link in plain(first) and link in html(first)


async def test_nothing_is_told_that_was_read_or_changed_meanwhile(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        await chat.user("olga")  # the owner of the server, whom nobody blocks
        ada, eve = await chat.user("ada"), await chat.user("eve")
        ben = await reachable(chat, "ben")
        names = ("read", "muted", "deleted", "edited", "left", "blocked", "gone", "told")
        rooms = {
            name: await ada.create_room(name, kind=RoomKind.PRIVATE, members=[ben, eve])
            for name in names
        }
        by = {name: eve if name == "blocked" else ada for name in names}
        posted = {name: await by[name].post(room, f"@ben {name}!") for name, room in rooms.items()}
        await noted(chat, ben, len(names))
        rules = chat.service
        await rules.rooms.mark_read(ben.user, rooms["read"], posted["read"].seq)
        await rules.preferences.set(ben.user, rooms["muted"], PreferencesChange(muted=True))
        await rules.messages.delete(ada.user, rooms["deleted"], posted["deleted"].id)
        await rules.messages.edit(ada.user, rooms["edited"], posted["edited"].id, "nobody!")
        await rules.rooms.kick(ada.user, rooms["left"], ben.id)
        await rules.blocks.add(ben.user, eve.id)
        await rules.rooms.delete(ada.user, rooms["gone"])
        await clock.advance(16 * MINUTE)
        (mail,) = mails.mails
        text = plain(mail)
        assert re.findall(r"(\w+)!", text) == ["told"]
        assert mail["Subject"] == "New messages in told on Tea House"
        await clock.advance(4 * HOUR)
        assert len(mails.mails) == 1


async def test_without_anything_left_no_mail_is_sent(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        room = await ada.create_room("Lounge", members=[ben])
        posted = await ada.post(room, "@ben")
        await noted(chat, ben, 1)
        await chat.service.rooms.mark_read(ben.user, room, posted.seq)
        await clock.advance(16 * MINUTE)
        assert mails.mails == [] and await bodies_waiting(chat, ben) == 0


async def test_only_who_has_an_address_and_wants_mails_is_noted(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, cat = await chat.user("ada"), await chat.user("cat")
        ben, dan = await reachable(chat, "ben"), await reachable(chat, "dan", "off")
        eve = await reachable(chat, "eve", "nonsense")  # as if nothing was chosen
        room = await ada.create_room("Lounge", members=[ben, cat, dan, eve])
        await ada.post(room, "@ben @cat @dan @eve")
        await noted(chat, ben, 1)
        await noted(chat, eve, 1)
        assert [await bodies_waiting(chat, each) for each in (cat, dan)] == [0, 0]
        await wishes(chat, eve, "off")
        await clock.advance(16 * MINUTE)
        assert [mail["To"] for mail in mails.mails] == ["ben@example.org"]
        assert await bodies_waiting(chat, eve) == 0


async def test_words_and_watched_rooms_count_as_for_push(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben, cat = await chat.user("ada"), await reachable(chat, "ben"), await chat.user("cat")
        wordy = await reachable(chat, "dan")
        room = await ada.create_room("Lounge", members=[ben, cat, wordy])
        preferences = chat.service.preferences
        await preferences.set(ben.user, room, PreferencesChange(watched=True))
        await preferences.account.change(wordy.user, {"page.notify.words": "cake"})
        await ada.post(room, "A CAKE, please")
        await ada.post(room, "Biscuits")
        await noted(chat, ben, 2)
        await noted(chat, wordy, 1)
        await clock.advance(16 * MINUTE)
        assert "Biscuits" in plain(to(mails, "ben")[0])
        assert "Biscuits" not in plain(to(mails, "dan")[0])


async def test_somebody_who_is_at_the_page_gets_the_mail_once_they_are_away(
    mails: MailServer,
) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben", "immediate 30")
        room = await ada.create_room("Lounge", members=[ben])
        await ada.post(room, "@ben")
        await noted(chat, ben, 1)
        await clock.advance(20 * MINUTE)
        active = await ben.call("mail_notifications.active", zone="Asia/Tokyo")
        assert active == {"noted": True}
        await clock.advance(29 * MINUTE)
        assert mails.mails == []
        await clock.advance(2 * MINUTE)
        (mail,) = mails.mails
        assert "ada, 2023-11-15 07:13" in plain(mail) and "Times: Asia/Tokyo" in plain(mail)
        nobody = await ada.call("mail_notifications.active", zone="Asia/Tokyo")
        assert nobody == {"noted": False}  # who has no address


async def test_digests_come_by_the_hour_and_by_the_day_where_the_reader_is(
    mails: MailServer,
) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben", "hourly")
        cat = await reachable(chat, "cat", "daily 08:30 Asia/Tokyo")  # 23:30 UTC
        room = await ada.create_room("Lounge", members=[ben, cat])
        await ada.post(room, "@ben @cat one!")
        await noted(chat, ben, 1)
        await noted(chat, cat, 1)
        await ben.call("mail_notifications.active")  # a digest comes to those who are there, too
        await clock.advance(50 * MINUTE)
        await ada.post(room, "@ben @cat two!")
        await noted(chat, ben, 2)
        await noted(chat, cat, 2)
        await clock.advance(9 * MINUTE)
        assert mails.mails == []
        await clock.advance(2 * MINUTE)
        assert [mail["To"] for mail in mails.mails] == ["ben@example.org"]
        assert "one!" in plain(mails.mails[0]) and "two!" in plain(mails.mails[0])
        await clock.advance(14 * MINUTE)  # 23:28:20
        assert len(mails.mails) == 1
        await clock.advance(2 * MINUTE)
        assert "2023-11-15 07:13" in plain(to(mails, "cat")[0])
        await clock.advance(2 * 24 * HOUR)
        assert len(mails.mails) == 2


async def test_in_hours_without_notices_no_mail_comes_and_none_is_lost(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben, cat = await chat.user("ada"), await reachable(chat, "ben"), None
        cat = await reachable(chat, "cat")
        room = await ada.create_room("Lounge", members=[ben, cat])
        change = chat.service.preferences.account.change
        await change(ben.user, {"page.notify.schedule": "2 22:00 01:00 UTC"})
        await change(cat.user, {"page.notify.schedule": "1234567 00:00 00:00 UTC"})  # for ever
        await ada.post(room, "@ben @cat")
        await noted(chat, ben, 1)
        await noted(chat, cat, 1)
        await clock.advance(2 * HOUR + 45 * MINUTE)  # 0:58
        assert mails.mails == []
        await clock.advance(3 * MINUTE)
        assert [mail["To"] for mail in mails.mails] == ["ben@example.org"]
        await clock.advance(4 * 24 * HOUR)
        assert len(mails.mails) == 1 and await bodies_waiting(chat, cat) == 0


async def test_a_mail_has_some_messages_and_counts_the_others(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock, limits__operations_burst=1000) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        rooms = [await direct(chat, ada, ben)]
        rooms += [await ada.create_room(f"Room {number}", members=[ben]) for number in range(4)]
        for room in rooms:
            for number in range(12):
                await ada.post(room, f"@ben {number}.")
        await noted(chat, ben, 60)
        many = rooms[0]
        for number in range(12, 12 + book.MOST_OF_ROOM):
            await ada.post(many, f"@ben {number}.")
        await noted(chat, ben, 48 + book.MOST_OF_ROOM)
        await all_handled(chat)
        await clock.advance(16 * MINUTE)
        (mail,) = mails.mails
        text = plain(mail)
        assert len(re.findall(r"@ben \d+\.", text)) == 30
        counted = [int(each) for each in re.findall(r"… and (\d+) more", text)]
        assert len(counted) == 5 and sum(counted) + 30 == 60 + book.MOST_OF_ROOM


async def test_without_contents_a_mail_says_who_wrote_and_where(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock, content="names") as chat:
        ada, cat, ben = await chat.user("ada"), await chat.user("cat"), await reachable(chat, "ben")
        room = await ada.create_room("Lounge", members=[ben, cat])
        pair = await direct(chat, ada, ben)
        for by, place in ((ada, room), (cat, room), (cat, room), (ada, pair)):
            await by.post(place, "@ben a secret")
        await noted(chat, ben, 4)
        await clock.advance(16 * MINUTE)
        (mail,) = mails.mails
        for text in (plain(mail), html(mail)):
            assert "secret" not in text
            assert "3 messages from ada, cat" in text and "A message from ada" in text


async def test_a_mail_is_in_the_language_of_its_reader(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        await chat.service.preferences.account.change(ben.user, {"page.language": "ja"})
        await ada.post(await direct(chat, ada, ben), "こんにちは **世界** ||秘密||")
        await noted(chat, ben, 1)
        await clock.advance(16 * MINUTE)
        (mail,) = mails.mails
        assert mail["Subject"] == "Tea House の ada さんからの新しいメッセージ"
        assert 'lang="ja"' in html(mail) and "このメールの配信を停止する" in html(mail)
        assert "こんにちは 世界 ▒▒▒" in plain(mail) and "秘密" not in html(mail)


async def test_one_person_gets_so_many_mails_an_hour(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock, mails_per_hour=2) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben", "immediate 5")
        room = await ada.create_room("Lounge", members=[ben])
        for number in range(4):
            await ada.post(room, f"@ben {number}.")
            await noted(chat, ben, max(1, number - 1))
            await clock.advance(6 * MINUTE)
        assert len(mails.mails) == 2
        await clock.advance(35 * MINUTE)
        assert len(mails.mails) == 2
        await clock.advance(10 * MINUTE)
        assert len(mails.mails) == 3
        assert re.findall(r"@ben (\d)\.", plain(mails.mails[2])) == ["2", "3"]


async def test_a_mail_server_that_is_busy_gets_the_mail_later_with_the_same_id(
    mails: MailServer,
) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        room = await ada.create_room("Lounge", members=[ben])
        mails.fail = ["451 later", "421 later"]
        await ada.post(room, "@ben one!")
        await noted(chat, ben, 1)
        await clock.advance(15 * MINUTE)
        batch = await parts(chat).book.batch(ben.id)
        assert batch is not None and batch.tries == 1 and len(mails.fail) == 1
        await ada.post(room, "@ben two!")
        await noted(chat, ben, 2)
        await parts(chat).collecting._timers.set(collecting.TIMER, ben.id, clock.now())
        await clock.advance(50)
        assert len(mails.fail) == 1  # not before its pause is over, whatever wakes it
        await clock.advance(15)
        assert mails.fail == [] and mails.mails == []
        await clock.advance(2 * MINUTE)
        (mail,) = mails.mails
        assert mail["Message-ID"] == f"<messages.{batch.id}@example.org>"
        assert "one!" in plain(mail) and "two!" not in plain(mail)
        await clock.advance(20 * MINUTE)
        assert "two!" in plain(mails.mails[1]) and "one!" not in plain(mails.mails[1])
        assert len(mails.mails) == 2


async def test_an_address_that_is_refused_gets_no_more_mails_until_its_user_says_so(
    mails: MailServer,
) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        pair = await direct(chat, ada, ben)
        mails.refuse = ["550 5.1.1 unknown"]
        await ada.post(pair, "one!")
        await noted(chat, ben, 1)
        await clock.advance(16 * MINUTE)
        expected = {"available": True, "email": "ben@example.org", "when": "immediate 15"}
        assert (await ben.http("GET", PATH)).json == {**expected, "refused": True}
        await ada.post(pair, "two!")
        await noted(chat, ben, 1)
        await clock.advance(HOUR)
        assert mails.envelopes == [] and await bodies_waiting(chat, ben) == 0
        assert await ben.call("mail_notifications.retry") == {**expected, "refused": False}
        await ada.post(pair, "three!")
        await noted(chat, ben, 1)
        await clock.advance(16 * MINUTE)
        assert [plain(mail).count("three!") for mail in mails.mails] == [1]
        mails.refuse = ["550 5.1.1 unknown"]
        await ada.post(pair, "four!")
        await noted(chat, ben, 1)
        await clock.advance(16 * MINUTE)
        await chat.service.emails.set(ben.id, "new@example.org")
        assert (await ben.call("mail_notifications.get"))["refused"] is False


async def test_a_mail_that_is_refused_is_dropped_and_the_next_one_comes(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        pair = await direct(chat, ada, ben)
        mails.fail = ["554 no such words"]
        for text in ("one!", "two!"):
            await ada.post(pair, text)
            await noted(chat, ben, 1)
            await clock.advance(16 * MINUTE)
        (mail,) = mails.mails
        assert "two!" in plain(mail) and "one!" not in plain(mail)
        assert (await ben.call("mail_notifications.get"))["refused"] is False


async def test_a_restart_loses_nothing_and_repeats_nothing(
    mails: MailServer, tmp_path: Path
) -> None:
    kept = {"server__data": str(tmp_path / "data"), "store": "sqlite"}
    clock = FakeClock(NOW)
    async with mailing(mails, clock, **kept) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        pair = await direct(chat, ada, ben)
        await ada.post(pair, "one!")
        await noted(chat, ben, 1)
        await clock.advance(16 * MINUTE)
        assert len(mails.mails) == 1
        await ada.post(pair, "two!")
        await noted(chat, ben, 1)
    clock = FakeClock(NOW + HOUR)
    async with mailing(mails, clock, **kept) as chat:
        await until(lambda: len(mails.mails) == 2)
        await clock.settle()
        assert "two!" in plain(mails.mails[1]) and "one!" not in plain(mails.mails[1])
        events = (await chat.service.history.events(ada.user, pair, 0)).events
        await parts(chat).collecting.handle(events)  # as after a crash of the consumer
        await clock.advance(HOUR)
        assert len(mails.mails) == 2


async def test_events_that_come_again_are_told_once(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        pair = await direct(chat, ada, ben)
        for text in ("one!", "two!"):
            await ada.post(pair, text)
        await noted(chat, ben, 2)
        events = (await chat.service.history.events(ada.user, pair, 0)).events
        await parts(chat).collecting.handle([*events, *events])
        assert await bodies_waiting(chat, ben) == 2
        await clock.advance(16 * MINUTE)
        (mail,) = mails.mails
        assert re.findall(r"\w+!", plain(mail)) == ["one!", "two!"]


async def test_a_crash_before_a_mail_is_noted_as_sent_repeats_it_under_its_id(
    mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        pair = await direct(chat, ada, ben)
        await ada.post(pair, "one!")
        await noted(chat, ben, 1)
        settle = parts(chat).book.settle
        crashes = [ConnectionError("the store is gone")]

        async def crash(user: str, upto: Any) -> None:
            if crashes:
                raise crashes.pop()
            await settle(user, upto)

        monkeypatch.setattr(parts(chat).book, "settle", crash)
        await clock.advance(15 * MINUTE)
        await ada.post(pair, "two!")  # lets the mail come again at once, without this message
        await until(lambda: len(mails.mails) == 2)
        await all_handled(chat)
        await clock.advance(MINUTE)
        first, again = mails.mails
        assert first["Message-ID"] == again["Message-ID"] and plain(first) == plain(again)
        await clock.advance(20 * MINUTE)
        assert "two!" in plain(mails.mails[2]) and len(mails.mails) == 3
        assert mails.mails[2]["Message-ID"] != first["Message-ID"]


async def bodies_of(chat: Chat, person: Person, count: int) -> bool:
    return await bodies_waiting(chat, person) == count


class SharedStore(MemoryStore):
    """A store in memory that several nodes of a test have."""

    def is_private(self) -> bool:
        return False


async def test_two_nodes_send_one_mail(mails: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SharedStore()
    monkeypatch.setattr(MemoryPlugin, "provide_store", hookimpl(lambda self: store))
    monkeypatch.setattr(Wish, "due", lambda self, since, zone: since)
    given = given_to(mails) | {"plugin.mail_notifications.mails_per_hour": 60}
    async with running(*PLUGINS, settings=given) as one, running(*PLUGINS, settings=given) as two:
        ada, ben = await one.user("ada"), await reachable(one, "ben")
        pair = await direct(one, ada, ben)
        there = await two.service.rooms.get(pair.id)
        for number in range(5):
            await ada.post(pair, f"one-{number}!")
            await Person(two, ada.user, ada.token).post(there, f"two-{number}!")

        async def is_told() -> bool:
            lag = sum([each.lag for each in await one._server.consumers.states()])
            return lag == 0 and not await bodies_waiting(one, ben)

        await until(is_told)
        told = re.findall(r"\w+-\d!", "".join(map(plain, mails.mails)))
        assert sorted(told) == [
            f"{node}-{number}!" for node in ("one", "two") for number in range(5)
        ]


async def test_a_link_turns_mails_off_by_post_alone(mails: MailServer) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        pair = await direct(chat, ada, ben)
        await ada.post(pair, "one!")
        await noted(chat, ben, 1)
        await clock.advance(16 * MINUTE)
        path = urlsplit(mails.mails[0]["List-Unsubscribe"].strip("<>")).path
        shown = await chat.http("GET", path)
        assert shown.status == 200 and b'<form method="post"><button>' in shown.body
        assert shown.headers["content-type"].startswith("text/html")
        assert "form-action 'self'" in shown.headers["content-security-policy"]
        assert (await ben.call("mail_notifications.get"))["when"] == "immediate 15"
        for forged in (
            path[:-1],
            f"{path}x",
            path.replace(ben.id, ada.id),
            f"/mail-notifications/unsubscribe/{ben.id}",
            "/mail-notifications/unsubscribe/" + "x" * 300,
            "/mail-notifications/unsubscribe/%F0%9F%98%80.x",
        ):
            assert (await chat.http("POST", forged)).status == 404
            assert (await chat.http("GET", forged)).status == 404
        for person in (ada, ben):
            assert (await person.call("mail_notifications.get"))["when"] == "immediate 15"
        assert (await chat.http("POST", path)).status == 200
        assert (await ben.call("mail_notifications.get"))["when"] == "off"
        kept = await chat.service.preferences.account.of(ben.user)
        assert kept["page.notify.mail"] == "off"
        await ada.post(pair, "two!")
        await all_handled(chat)
        await clock.advance(HOUR)
        assert len(mails.mails) == 1
        await chat.service.removal.delete("ben")
        assert (await chat.http("POST", path)).status == 200


async def test_graphql_has_the_same(mails: MailServer) -> None:
    async with mailing(mails, None, "graphql") as chat:
        ben = await reachable(chat, "ben", "hourly")
        await parts(chat)._refusals.note(ben.id, "ben@example.org")

        async def ask(query: str) -> Any:
            return (await ben.http("POST", "/graphql", {"query": query})).json["data"]

        fields = "{ available email refused when }"
        expected = {"available": True, "email": "ben@example.org", "when": "hourly"}
        found = await ask(f"{{ mailNotifications {fields} }}")
        assert found == {"mailNotifications": {**expected, "refused": True}}
        tried = await ask(f"mutation {{ retryMailNotifications {{ mailNotifications {fields} }} }}")
        assert tried["retryMailNotifications"]["mailNotifications"]["refused"] is False
        noted = await ask('mutation { noteMailActive(zone: "Asia/Tokyo") { noted } }')
        assert noted == {"noteMailActive": {"noted": True}}
        assert (await parts(chat).book.seen(ben.id)).zone == "Asia/Tokyo"
        await ask('mutation { noteMailActive(zone: "<no zone>") { noted } }')
        assert (await parts(chat).book.seen(ben.id)).zone == ""


async def test_the_server_may_send_no_mails_to_those_who_have_chosen_nothing(
    mails: MailServer,
) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock, default="off") as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        cat = await reachable(chat, "cat", "immediate 15")
        room = await ada.create_room("Lounge", members=[ben, cat])
        await ada.post(room, "@ben @cat")
        await noted(chat, cat, 1)
        await clock.advance(16 * MINUTE)
        assert [mail["To"] for mail in mails.mails] == ["cat@example.org"]


async def test_nothing_of_a_deleted_account_is_left(mails: MailServer) -> None:
    async with mailing(mails) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        await ada.post(await direct(chat, ada, ben), "one!")
        await ben.call("mail_notifications.active")
        await noted(chat, ben, 1)
        await parts(chat)._refusals.note(ben.id, "ben@example.org")
        await chat.service.removal.delete("ben")

        async def is_forgotten() -> bool:
            timer = await parts(chat).collecting._timers.get(collecting.TIMER, ben.id)
            records = await parts(chat).book._records.scan(f"{ben.id}/")
            refused = await parts(chat)._refusals.of(ben.id, "ben@example.org")
            return timer is None and records == [] and not refused

        await until(is_forgotten)


async def test_without_a_way_to_send_mails_nothing_is_noted() -> None:
    async with running("mail_notifications", clock=FakeClock(NOW)) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        await ada.post(await direct(chat, ada, ben), "one!")
        assert chat._server.consumers.names() == []  # the log is not read for nothing
        assert await bodies_waiting(chat, ben) == 0
        state = (await ben.http("GET", PATH)).json
        assert (state["available"], state["email"]) == (False, "ben@example.org")
        assert (await ben.call("mail_notifications.active")) == {"noted": False}


async def test_rooms_beyond_the_most_are_left_out(
    mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "MOST_ROOMS", 2)
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        for number in range(4):
            await ada.post(await ada.create_room(f"Room {number}", members=[ben]), "@ben")
        await noted(chat, ben, 2)
        await all_handled(chat)
        left_out = parts(chat).collecting._left_out
        assert left_out.values == {(): 2}


async def test_what_came_while_a_mail_was_sent_is_told_in_the_next(
    mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(NOW)
    async with mailing(mails, clock) as chat:
        ada, ben = await chat.user("ada"), await reachable(chat, "ben")
        pair = await direct(chat, ada, ben)
        await ada.post(pair, "one!")
        await noted(chat, ben, 1)
        send, begun, goes_on = chat.service.outbox.send, asyncio.Event(), asyncio.Event()

        async def slowly(mail: Any) -> None:
            begun.set()
            await goes_on.wait()
            await send(mail)

        monkeypatch.setattr(chat.service.outbox, "send", slowly)
        sending = asyncio.create_task(clock.advance(15 * MINUTE))
        await begun.wait()
        await ada.post(pair, "meanwhile")
        await until(lambda: bodies_of(chat, ben, 2))
        await all_handled(chat)
        goes_on.set()
        await sending
        await clock.advance(15 * MINUTE)
        assert [plain(mail).count("meanwhile") for mail in mails.mails] == [0, 1]


def test_a_waiting_room_knows_its_last_seq() -> None:
    item = book.Item(seq=3, message="r-3", why="direct", at=0.0)  # type: ignore[arg-type]
    assert book.Waiting(items=()).last == 0
    assert book.Waiting(items=(item, replace(item, seq=5))).last == 5
