"""Who is told of what on devices whose page is closed: encrypted for them alone, once, and only if it is not read."""

import re
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from pushservice import Browser, PushService, unb64

from chatserver import AnyEvent, Due, MessagePosted, Room, RoomKind, StartupError
from chatserver.runtime.ids import new_id
from chatserver.service.preferences import PreferencesChange
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import PASSWORD, Chat, Person, running
from chatserver_plugins.push import Parts, concern, devices, telling
from chatserver_plugins.push.deciding import Not
from chatserver_plugins.push.roster import LOOK_SECONDS, RELOAD_SECONDS
from tests.waiting import until

PATH = "/api/v1/push"
Settings = Mapping[str, object]


@pytest.fixture
def service(authority: trustme.CA) -> PushService:
    """One that `pushing` starts."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return PushService(context)


@pytest.fixture
def settings(ca_file: str) -> Settings:
    return {
        "plugin.push.delay_seconds": 0,
        "plugin.push.ca_file": ca_file,
        "plugin.push.allowed_networks": ["127.0.0.0/8"],
    }


@asynccontextmanager
async def pushing(
    service: PushService, settings: Settings, *plugins: str, **more: Any
) -> AsyncIterator[Chat]:
    service.start()
    try:
        async with running("push", *plugins, settings=settings, **more) as chat:
            yield chat
    finally:
        await service.stop()


async def subscribed(
    person: Person, service: PushService, browser: Browser | None = None, **more: object
) -> Browser:
    """A browser of the person, which has subscribed."""
    found = browser or service.browser()
    service.key = (await person.http("GET", PATH)).json["key"]
    answer = await person.http("POST", f"{PATH}/devices", found.subscription(**more))
    assert answer.status in (200, 201), answer.body
    return found


async def direct(by: Person, to: Person, chat: Chat, *more: Person) -> Room:
    members = [each.id for each in (to, *more)]
    return await chat.service.rooms.create(by.user, RoomKind.DIRECT, None, members=members)


async def answer(chat: Chat, by: Person, room: Room, body: str, to: MessagePosted) -> MessagePosted:
    event, _ = await chat.service.messages.post(by.user, room, new_id(), body, to.id)
    return event


async def is_settled(chat: Chat) -> bool:
    """Whether all that was posted has been looked at, and no notice waits."""
    server = chat._server
    lag = sum([each.lag for each in await server.consumers.states()])
    return lag == 0 and not await waiting(chat)


async def waiting(chat: Chat) -> list[str]:
    """The keys of notices that wait."""
    return [each.key for each in await parts(chat).concern._timers.list(concern.TIMER)]


def parts(chat: Chat) -> Parts:
    loaded = chat._server._plugins.all
    parts = next(each.instance for each in loaded if each.name == "push")._parts
    assert isinstance(parts, Parts)
    return parts


async def test_a_direct_message_a_mention_and_a_reply_are_told_to_whom_they_concern(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]
        phones = {each: await subscribed(each, service) for each in (ada, ben, cat)}
        room = await ada.create_room("Lounge", members=[ben, cat])
        pair = await direct(ada, ben, chat)
        own = await ben.post(room, "Who brings the cake?")
        await ada.post(room, "Nobody is meant")
        mention = await ada.post(room, "Is **@ben** here?")
        await answer(chat, ada, room, "Me", own)
        await ada.post(pair, "Only for you")
        phone = phones[ben]
        await until(lambda: len(phone.got) == 3)
        assert sorted(phone.bodies()) == ["Is @ben here?", "Me", "Only for you"]
        told = next(each for each in phone.got if each["room"] == room.id)
        assert told["title"] == "ada in Lounge" and told["language"] == "en"
        assert told["url"] in (f"/m/{mention.id}", f"/m/{room.id}-{mention.seq + 1}")
        assert next(each["title"] for each in phone.got if each["room"] == pair.id) == "ada"
        await until(lambda: is_settled(chat))
        assert (len(phone.got), phones[ada].tried, phones[cat].tried) == (3, 0, 0)
        assert {each["Urgency"] for each in phone.headers} == {"high"}


async def test_everybody_in_a_direct_room_of_several_is_told_who_wrote_to_whom(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]
        phones = [await subscribed(each, service) for each in (ben, cat)]
        room = await direct(ada, ben, chat, cat)
        await ada.post(room, "For you two")
        for phone, name in zip(phones, ("ada, cat", "ada, ben"), strict=True):
            await until(lambda: phone.bodies() == ["For you two"])  # noqa: B023
            assert phone.got[0]["title"] == f"ada in {name}"


async def test_nothing_is_told_of_what_was_read_blocked_muted_deleted_or_may_not_be_read(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock()
    settings = {**settings, "plugin.push.delay_seconds": 30}
    async with pushing(service, settings, clock=clock) as chat:
        await chat.user("olga")  # the owner of the server, whom nobody blocks
        ada, ben, eve = [await chat.user(name) for name in ("ada", "ben", "eve")]
        phone = await subscribed(ben, service)
        names = ("read", "muted", "deleted", "edited", "left", "blocked", "told")
        rooms = {
            name: await ada.create_room(name, kind=RoomKind.PRIVATE, members=[ben, eve])
            for name in names
        }
        by = {name: eve if name == "blocked" else ada for name in names}
        posted = {name: await by[name].post(room, f"@ben {name}") for name, room in rooms.items()}
        await until(lambda: has_waiting(chat, len(names)))
        assert phone.tried == 0
        rules = chat.service
        await rules.rooms.mark_read(ben.user, rooms["read"], posted["read"].seq)
        await rules.preferences.set(ben.user, rooms["muted"], PreferencesChange(muted=True))
        await rules.messages.delete(ada.user, rooms["deleted"], posted["deleted"].id)
        await rules.messages.edit(ada.user, rooms["edited"], posted["edited"].id, "nobody")
        await rules.rooms.kick(ada.user, rooms["left"], ben.id)
        await rules.blocks.add(ben.user, eve.id)
        await clock.advance(31)
        assert phone.bodies() == ["@ben told"]
        assert await waiting(chat) == []


async def has_waiting(chat: Chat, count: int) -> bool:
    return len(await waiting(chat)) == count


async def test_somebody_who_is_at_a_device_is_told_only_once_they_have_gone(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, settings, clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ben, service)
        room = await ada.create_room("Lounge", members=[ben])
        assert await ben.call("push.active") == {}
        await ada.post(room, "@ben one")
        read = await ada.post(room, "@ben two")
        await until(lambda: has_waiting(chat, 2))
        await clock.advance(60)
        assert phone.tried == 0
        await chat.service.rooms.mark_read(ben.user, room, read.seq)
        await ada.post(room, "@ben three")
        await until(lambda: has_waiting(chat, 3))
        await clock.advance(120)
        assert phone.bodies() == ["@ben three"]


async def test_watchers_get_every_message_and_words_count_as_mentions(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]
        watching, wordy = await subscribed(ben, service), await subscribed(cat, service)
        room = await ada.create_room("Lounge", members=[ben, cat])
        preferences = chat.service.preferences
        await preferences.set(ben.user, room, PreferencesChange(watched=True))
        await preferences.account.change(cat.user, {"page.notify.words": "cake\n会議\nC++"})
        await ada.post(room, "Cupcakes")
        await ada.post(room, "A CAKE, please")
        await ada.post(room, "明日の会議です")
        await cat.post(room, "cake of mine")
        await until(lambda: len(watching.got) == 4 and len(wordy.got) == 2)
        assert sorted(wordy.bodies()) == ["A CAKE, please", "明日の会議です"]
        assert {each["Urgency"] for each in watching.headers} == {"normal"}
        dan = await chat.user("dan")  # who comes when the others are known
        await dan.join(room)
        late = await subscribed(dan, service)
        await preferences.set(dan.user, room, PreferencesChange(watched=True))
        await ada.post(room, "For dan as well")
        await until(lambda: late.bodies() == ["For dan as well"])


async def test_nobody_is_told_in_the_hours_in_which_they_do_not_want_it(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock(1_700_000_000)  # Tuesday 2023-11-14 22:13:20 UTC
    async with pushing(service, settings, clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ben, service)
        room = await direct(ada, ben, chat)
        change = chat.service.preferences.account.change
        await change(ben.user, {"page.notify.schedule": "2 23:00 07:00 Europe/Berlin"})
        await ada.post(room, "at night")
        await until(lambda: is_settled(chat))
        await change(ben.user, {"page.notify.schedule": "1 23:00 07:00 Europe/Berlin"})
        await ada.post(room, "another night")
        await until(lambda: len(phone.got) == 1)
        await change(ben.user, {"page.notify.until": "2023-11-14T22:30:00Z"})
        await ada.post(room, "in the break")
        await until(lambda: is_settled(chat))
        await clock.advance(3600)
        await ada.post(room, "after it")
        await until(lambda: len(phone.got) == 2)
        assert phone.bodies() == ["another night", "after it"]


async def test_a_subscription_that_has_ended_is_removed(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        gone, stays = await subscribed(ben, service), await subscribed(ben, service)
        room = await direct(ada, ben, chat)
        gone.statuses = [410]
        await ada.post(room, "one")
        await until(lambda: len(stays.got) == 1 and is_settled(chat))
        (left,) = (await ben.http("GET", PATH)).json["devices"]
        assert left["id"] == devices.device_id(stays.endpoint)
        await ada.post(room, "two")
        await until(lambda: stays.bodies() == ["one", "two"])
        assert gone.tried == 1


async def test_a_service_that_fails_or_is_busy_gets_it_later_and_others_do_not_wait(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock()
    settings = {**settings, "plugin.push.timeout_seconds": 5.0}
    async with pushing(service, settings, clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        busy, slow, well = [await subscribed(ben, service) for _ in range(3)]
        busy.statuses, busy.retry_after, slow.hangs = [429, 503], "60", True
        room = await direct(ada, ben, chat)
        await ada.post(room, "one")
        await until(lambda: well.bodies() == ["one"])
        await until(lambda: has_waiting(chat, 1))
        await clock.settle()
        slow.hangs = False
        await clock.advance(3)
        assert (slow.bodies(), busy.tried) == (["one"], 1)
        await clock.advance(60)
        assert (busy.bodies(), busy.tried) == ([], 2)
        await clock.advance(61)
        assert [each.bodies() for each in (busy, slow, well)] == [["one"]] * 3
        assert await waiting(chat) == []


async def test_a_device_that_rests_is_not_asked_and_one_user_has_few_turns(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, settings, clock=clock) as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]
        busy, slow = await subscribed(ben, service), await subscribed(cat, service)
        busy.statuses, busy.retry_after, slow.hangs = [429], "60", True
        to_ben, to_cat = await direct(ada, ben, chat), await direct(ada, cat, chat)
        await ada.post(to_ben, "one")
        await until(lambda: busy.tried == 1)
        await clock.settle()  # it rests once its answer has come
        await ada.post(to_ben, "two")
        for number in range(4):
            await ada.post(to_cat, str(number))
        await until(lambda: has_waiting(chat, 6))
        await until(lambda: slow.tried == telling.RUNS_OF_USER)
        await subscribed(ada, service)
        await cat.post(await direct(ada, cat, chat), "not held up")
        await until(lambda: slow.tried == telling.RUNS_OF_USER and is_told(service, "not held up"))
        assert busy.tried == 1
        slow.hangs = False


def is_told(service: PushService, body: str) -> bool:
    return any(body in browser.bodies() for browser in service.browsers.values())


async def test_nobody_is_told_of_a_public_room_that_they_have_left(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock()
    late = {**settings, "plugin.push.delay_seconds": 30}
    async with pushing(service, late, clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ben, service)
        room = await ada.create_room("Lounge", members=[ben])
        await ada.post(room, "@ben")
        await until(lambda: has_waiting(chat, 1))
        await chat.service.rooms.leave(ben.user, room)
        await clock.advance(31)
        assert phone.tried == 0 and await waiting(chat) == []


async def test_a_service_that_never_answers_is_given_up(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, settings, clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        dead = await subscribed(ben, service)
        dead.statuses = [500] * 100
        await ada.post(await direct(ada, ben, chat), "one")
        await until(lambda: dead.tried == 1)
        await clock.advance(60)
        assert dead.tried == 5  # at once, then after 2, 4, 8 and 16 seconds
        await clock.advance(4 * 3600)
        assert dead.tried == telling.TRIES
        assert await waiting(chat) == []
        counter = next(m for m in chat._server.measures if m.name.endswith("push_notices_total"))
        assert counter.values == {("given up",): 1}  # type: ignore[union-attr]


async def test_events_that_come_again_are_told_once(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ben, service)
        room = await direct(ada, ben, chat)
        await ada.post(room, "one")
        await until(lambda: len(phone.got) == 1)
        events = (await chat.service.history.events(ada.user, room, 0)).events
        await parts(chat).concern.handle([*events, *events])
        await ada.post(room, "two")
        await until(lambda: len(phone.got) == 2 and is_settled(chat))
        assert phone.bodies() == ["one", "two"]


async def test_a_restart_loses_nothing_and_repeats_nothing(
    service: PushService, settings: Settings, tmp_path: Path
) -> None:
    kept = {**settings, "server.data": str(tmp_path)}
    clock = FakeClock()
    late = {**kept, "plugin.push.delay_seconds": 60}
    async with pushing(service, kept, store="sqlite", clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ben, service)
        room = await direct(ada, ben, chat)
        await ada.post(room, "before")
        await until(lambda: len(phone.got) == 1 and is_settled(chat))
    async with pushing(service, late, store="sqlite", clock=clock) as chat:
        await chat.service.messages.post(
            ada.user, await chat.service.rooms.get(room.id), "c1", "in the middle"
        )
        await until(lambda: has_waiting(chat, 1))
    async with pushing(service, kept, store="sqlite", clock=clock) as chat:
        await clock.advance(61)
        await until(lambda: len(phone.got) == 2 and is_settled(chat))
    assert phone.bodies() == ["before", "in the middle"]


async def test_a_device_ends_with_its_session_and_with_the_account(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben, cat = [await chat.user(name) for name in ("ada", "ben", "cat")]

        async def is_forgotten() -> bool:
            rows = await chat.service.store.scan("plugin/push", "")
            return [key for key, _ in rows] == ["vapid"]

        phone = await subscribed(ben, service)
        room = await direct(ada, ben, chat)
        await chat.service.accounts.logout(ben.token)
        await until(is_forgotten)
        await ada.post(room, "one")
        await until(lambda: is_settled(chat))
        assert phone.tried == 0
        await subscribed(cat, service)
        await chat.service.removal.delete("cat")
        await until(is_forgotten)


async def test_a_browser_tells_only_the_last_person_who_subscribed_there(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        shared = await subscribed(ada, service)
        await subscribed(ben, service, shared)
        assert (await ada.http("GET", PATH)).json["devices"] == []
        room = await direct(ada, ben, chat)
        await ben.post(room, "for ada")
        await ada.post(room, "for ben")
        await until(lambda: shared.bodies() == ["for ben"])
        await until(lambda: is_settled(chat))
        assert shared.bodies() == ["for ben"]


async def test_devices_are_listed_renewed_and_removed(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada = await chat.user("ada")
        browser = await subscribed(ada, service)
        first = (await ada.http("GET", PATH)).json["devices"]
        again = await ada.http("POST", f"{PATH}/devices", browser.subscription(texts=False))
        assert (again.status, again.json["texts"]) == (200, False)
        (listed,) = (await ada.call("push.list"))["devices"]
        assert listed == {**first[0], "texts": False}
        assert (await ada.http("DELETE", f"{PATH}/devices/{listed['id']}")).status == 204
        assert (await ada.call("push.list"))["devices"] == []
        assert await ada.call("push.remove", device=listed["id"]) == {"removed": False}


async def test_a_notice_is_in_the_language_of_the_device_and_hides_the_text_if_asked(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ben, service, language="ja-JP", texts=False)
        room = await ada.create_room("Lounge", members=[ben])
        await ada.post(room, "@ben secret")
        await until(lambda: len(phone.got) == 1)
        (told,) = phone.got
        assert told["title"] == "ada（Lounge）" and told["body"] == "新しいメッセージがあります"


WRONG = [
    {"endpoint": "http://127.0.0.1/push"},
    {"endpoint": "https://user@example.org/push"},
    {"endpoint": "https:///push"},
    {"endpoint": "https://example.org:x/"},
    {"endpoint": "https://example.org/a b"},
    {"endpoint": "https://example.org/" + "x" * 1000},
    {"language": "../etc"},
    {"keys": {"p256dh": "A" * 87, "auth": "A" * 22}},
    {"keys": {"p256dh": "B" * 86, "auth": "A" * 22}},
    {"keys": {}},
]


@pytest.mark.parametrize("change", WRONG)
async def test_what_is_no_subscription_is_refused(
    service: PushService, settings: Settings, change: dict[str, object]
) -> None:
    async with pushing(service, settings) as chat:
        ada = await chat.user("ada")
        given = service.browser().subscription() | change
        answer = await ada.http("POST", f"{PATH}/devices", given)
        assert (answer.status, answer.json["error"]["code"]) == (400, "request.invalid")
        assert (await chat.http("GET", PATH)).status == 401


async def test_a_user_has_a_bounded_number_of_devices(
    service: PushService, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MOST", 2)
    async with pushing(service, settings) as chat:
        ada = await chat.user("ada")
        first, _ = await subscribed(ada, service), await subscribed(ada, service)
        third = service.browser().subscription()
        answer = await ada.http("POST", f"{PATH}/devices", third)
        assert (answer.status, answer.json["error"]["code"]) == (409, "limit.count")
        await subscribed(ada, service, first)
        given = {"username": "ada", "password": PASSWORD}
        token = (await chat.http("POST", "/api/v1/login", given)).json["token"]
        session = chat.service.accounts._authenticator.session_id(ada.token)
        await chat.service.accounts._authenticator.end_session(session)  # as by another node
        assert (await chat.http("POST", f"{PATH}/devices", third, token)).status == 201


async def test_what_is_old_and_rooms_of_others_are_told_to_nobody(
    service: PushService, settings: Settings
) -> None:
    async with pushing(service, settings) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        phone = await subscribed(ben, service)
        room, pair = await ada.create_room("Lounge"), await direct(ada, ben, chat)
        posted = await ada.post(room, "not for ben")
        notice = concern.Waiting(message=posted.id, why=concern.Why.WATCHED, at=time.time())
        found = await parts(chat).telling._deciding.message(ben.user, room, notice)
        assert found is Not.EVER
        told = await ada.post(pair, "one")
        await until(lambda: len(phone.got) == 1)
        old = concern.Waiting(message=told.id, why=concern.Why.DIRECT, at=time.time() - 90_000)
        due = Due(
            name=concern.TIMER, key=f"{ben.id}/{pair.id}/1", at=0, payload=concern.encode(old)
        )
        await parts(chat).telling.tell(due)
        assert phone.tried == 1


async def test_devices_are_known_for_longer_than_their_news_are_kept(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, settings, clock=clock) as chat:
        ada = await chat.user("ada")
        await subscribed(ada, service)
        roster = parts(chat).concern._roster
        assert await roster.among(["other", ada.id]) == [ada.id]
        roster._users.clear()  # as on another node
        await clock.advance(3 * 3600)
        assert await roster.among([ada.id]) == [ada.id]


async def test_messages_are_passed_by_while_nobody_has_a_device(
    service: PushService, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[str] = []
    handle = concern.Concern.handle

    async def noting(self: concern.Concern, events: Sequence[AnyEvent]) -> None:
        handled.extend(event.body for event in events if isinstance(event, MessagePosted))
        await handle(self, events)

    monkeypatch.setattr(concern.Concern, "handle", noting)
    clock = FakeClock()
    async with pushing(service, settings, clock=clock) as chat:
        ada, ben = [await chat.user(name) for name in ("ada", "ben")]
        pair = await direct(ada, ben, chat)
        roster = parts(chat).concern._roster
        assert not roster.is_known_to_be_empty  # nobody has looked
        await ada.post(pair, "looks")
        await until(lambda: roster.is_known_to_be_empty)
        for number in range(5):
            await ada.post(pair, f"nobody is told of {number}")
        phone = await subscribed(ben, service)
        assert not roster.is_known_to_be_empty
        await ada.post(pair, "told")
        await until(lambda: len(phone.got) == 1)
        assert handled == ["looks", "told"]
        roster._users.clear()  # as on another node, where it is known a moment later
        assert roster.is_known_to_be_empty
        await clock.advance(LOOK_SECONDS)
        assert not roster.is_known_to_be_empty
        assert not await roster.is_empty()


async def test_who_has_a_device_is_not_known_for_longer_than_until_all_are_read_anew(
    service: PushService, settings: Settings
) -> None:
    clock = FakeClock()
    async with pushing(service, settings, clock=clock) as chat:
        roster = parts(chat).concern._roster
        assert await roster.is_empty()
        await clock.advance(RELOAD_SECONDS - LOOK_SECONDS / 4)
        assert await roster.is_empty() and roster.is_known_to_be_empty
        await clock.advance(LOOK_SECONDS / 2)
        assert not roster.is_known_to_be_empty
        assert await roster.is_empty() and roster.is_known_to_be_empty


async def test_notices_of_one_user_that_wait_are_bounded(
    service: PushService, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concern, "WAITING", 3)
    monkeypatch.setattr(concern, "WAITING_OF_ROOM", 2)
    late = {**settings, "plugin.push.delay_seconds": 60}
    async with pushing(service, late, clock=FakeClock()) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        await subscribed(ben, service)
        rooms = [await ada.create_room(name, members=[ben]) for name in ("a", "b")]

        async def is_read() -> bool:
            return all(each.lag == 0 for each in await chat._server.consumers.states())

        for room in rooms:
            for number in range(3):
                await ada.post(room, f"@ben {number}")
            await until(is_read)  # rooms are read at the same time
        assert [key.split("/")[1] for key in await waiting(chat)] == sorted(
            [rooms[0].id, rooms[0].id, rooms[1].id]
        )
        counter = next(m for m in chat._server.measures if m.name.endswith("push_left_out_total"))
        assert counter.values == {(): 3}  # type: ignore[union-attr]


async def test_an_address_in_a_private_network_is_not_reached(
    service: PushService, settings: Settings
) -> None:
    closed = {**settings, "plugin.push.allowed_networks": []}
    async with pushing(service, closed) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        inside = await subscribed(ben, service)
        await ada.post(await direct(ada, ben, chat), "one")
        await until(lambda: has_tried(chat))
        assert inside.tried == 0


async def has_tried(chat: Chat) -> bool:
    timers = await parts(chat).concern._timers.list(concern.TIMER)
    return any(concern.decode(each.payload).tries for each in timers)


async def test_the_server_says_whom_push_services_may_write_to(
    service: PushService, settings: Settings
) -> None:
    for given, sent in (
        ({}, None),
        ({"server.public_url": "https://chat.example.org"}, "https://chat.example.org"),
        ({"plugin.push.contact": "mailto:ops@example.org"}, "mailto:ops@example.org"),
    ):
        async with pushing(service, {**settings, **given}) as chat:
            ada, ben = await chat.user("ada"), await chat.user("ben")
            phone = await subscribed(ben, service)
            await ada.post(await direct(ada, ben, chat), "one")
            await until(lambda phone=phone: len(phone.got) == 1)
            assert service.contact == sent


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("contact", "ops@example.org", "contact: expected mailto:"),
        ("allowed_networks", ["everywhere"], "allowed_networks: 'everywhere' is not a network"),
        ("ca_file", "/nowhere.pem", "plugin.push.ca_file: "),
    ],
)
async def test_settings_that_cannot_work_refuse_to_start(
    service: PushService, settings: Settings, key: str, value: object, text: str
) -> None:
    with pytest.raises(StartupError, match=re.escape(text)):
        async with pushing(service, {**settings, f"plugin.push.{key}": value}):
            pass


def test_the_example_of_the_specification_is_read() -> None:
    """RFC 8291, appendix A: so the browsers of these tests read what others read."""
    browser = Browser("https://push.example.net/")
    browser.take_keys("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "BTBZMqHH6r4Tts7J_aSIgg")
    body = (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
        "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert browser.decrypted(unb64(body)) == b"When I grow up, I want to be a watermelon"


async def test_the_same_over_graphql(service: PushService, settings: Settings) -> None:
    async with pushing(service, settings, "graphql") as chat:
        ada = await chat.user("ada")
        browser = service.browser().subscription()
        asked = {
            "query": "mutation($input: AddPushDeviceInput!) "
            "{ addPushDevice(input: $input) { repeated device { id texts created name } } }",
            "variables": {"input": {"endpoint": browser["endpoint"], **browser["keys"]}},
        }
        added = (await ada.http("POST", "/graphql", asked)).json["data"]["addPushDevice"]
        assert (added["repeated"], added["device"]["texts"]) == (False, True)
        both = (
            await ada.http("POST", "/graphql", {"query": "{ pushKey pushDevices { id } }"})
        ).json
        key = (await ada.http("GET", PATH)).json["key"]
        device = added["device"]["id"]
        assert both["data"] == {"pushKey": key, "pushDevices": [{"id": device}]}
        removing = {
            "query": "mutation($input: RemovePushDeviceInput!) "
            "{ removePushDevice(input: $input) { deviceId wasThere } notePushActive { noted } }",
            "variables": {"input": {"deviceId": device}},
        }
        removed = (await ada.http("POST", "/graphql", removing)).json["data"]
        assert removed == {
            "removePushDevice": {"deviceId": device, "wasThere": True},
            "notePushActive": {"noted": True},
        }
