"""What each plugin of ours holds about people: it exports it, and erases it."""

import configparser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver import MessagePosted, Room, RoomKind
from chatserver.privacy.rewriting import Erased
from chatserver.runtime.ids import new_id
from chatserver.service import removal
from chatserver.testing.personal import PersonalDataContract, held_by, kept_in
from chatserver.testing.running import Chat, Person, running
from chatserver_plugins.emoji.book import Book, Entry
from chatserver_plugins.passkeys.book import Passkey
from chatserver_plugins.password.places import Places
from chatserver_plugins.push.devices import Keys, NewDevice
from chatserver_plugins.totp.enrolments import Enrolled, user_key
from tests.plugins.pictures import png

FAR = "2100-01-01T00:00:00Z"


async def done(person: Person, method: str, path: str, body: object = None) -> Any:
    answer = await person.http(method, path, body)
    assert answer.status < 300, answer.body
    return answer.json if answer.body else None


async def said(person: Person, body: str) -> tuple[Room, MessagePosted]:
    room = await person.create_room(body)
    return room, await person.post(room, body)


def plugin(chat: Chat, name: str) -> Any:
    return next(each.instance for each in chat._server._plugins.all if each.name == name)


class TestDrafts(PersonalDataContract):
    plugins = ("drafts",)

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        room, _ = await said(person, mark)
        await done(person, "PUT", "/api/v1/drafts", {"room": room.id, "body": mark})


class TestSaved(PersonalDataContract):
    plugins = ("saved",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        _, message = await said(person, mark)
        await done(person, "POST", "/api/v1/saved", {"message": message.id})


class TestReminders(PersonalDataContract):
    plugins = ("reminders",)
    settings = {"plugin.reminders.longest_days": 100_000}

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        _, message = await said(person, mark)
        reminder = {"message": message.id, "at": FAR, "note": mark}
        await done(person, "POST", "/api/v1/reminders", reminder)


class TestScheduled(PersonalDataContract):
    plugins = ("scheduled",)
    settings = {"plugin.scheduled.longest_days": 100_000}

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        room, _ = await said(person, mark)
        message = {"client_id": new_id(), "room": room.id, "body": mark, "at": FAR}
        await done(person, "POST", "/api/v1/scheduled", message)


class TestProfiles(PersonalDataContract):
    plugins = ("profiles",)

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        await done(person, "PATCH", "/api/v1/me/profile", {"about": mark})


class TestReceipts(PersonalDataContract):
    plugins = ("receipts",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        await done(person, "PUT", "/api/v1/receipts", {"shown": False})


class TestReports(PersonalDataContract):
    plugins = ("reports",)
    has_mark = False  # a user's own list has the reason alone

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        room, message = await said(other, mark)
        await person.join(room)
        report = {"room": room.id, "message": message.id, "reason": "spam", "text": mark}
        await done(person, "POST", "/api/v1/reports", report)


class TestJoinRequests(PersonalDataContract):
    plugins = ("join_requests",)

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        room = await other.create_room(mark, kind=RoomKind.PRIVATE)
        rooms = "/api/v1/join-requests/rooms"
        await done(other, "PUT", rooms, {"room": room.id, "open": True})
        await done(person, "POST", "/api/v1/join-requests", {"room": room.id, "note": mark})


class TestGroups(PersonalDataContract):
    plugins = ("groups",)
    settings = {"plugin.groups.makers": "members"}

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        group = {"name": mark, "title": mark, "members": [person.id]}
        await done(person, "POST", "/api/v1/groups", group)


class TestPolls(PersonalDataContract):
    plugins = ("polls",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        room, _ = await said(person, mark)
        poll = {"room": room.id, "question": mark, "options": ["yes", "no"]}
        made = await done(person, "POST", "/api/v1/polls", poll)
        vote = f"/api/v1/polls/{made['poll']['message']}/vote"
        await done(person, "PUT", vote, {"choices": [0]})


class TestInbox(PersonalDataContract):
    plugins = ("inbox",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        room, _ = await said(other, mark)
        await person.join(room)
        await other.post(room, f"@{person.user.username}")
        await kept_in(chat, person, "inbox")


class TestBots(PersonalDataContract):
    plugins = ("bots",)
    settings = {"plugin.bots.makers": "members"}

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        await done(person, "POST", "/api/v1/bots", {"username": mark, "description": mark})


class TestPush(PersonalDataContract):
    plugins = ("push",)
    settings = {"server.public_url": "https://chat.example.org"}

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        keys = {"p256dh": f"BA{'A' * 85}", "auth": "A" * 22}
        new = NewDevice(endpoint=f"https://{mark}.example.org/{mark}", keys=Keys(**keys))
        devices = plugin(chat, "push")._parts.devices
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("chatserver_plugins.push.devices.demand_keys", lambda *keys: None)
            await devices.put(person.user, new, person.token, mark)


class TestTotp(PersonalDataContract):
    plugins = ("totp",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        enrolled = msgspec.json.encode(Enrolled(secret=mark, last=0, recovery=(mark,)))
        await chat.records("totp").put(user_key(person.id), enrolled)


class TestPasskeys(PersonalDataContract):
    plugins = ("passkeys",)
    settings = {"server.public_url": "https://chat.example.org"}

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        passkey = Passkey(credential=f"c{mark}", key=b"", counter=0, name=mark, made=1.0)
        await plugin(chat, "passkeys").book.add(person.id, passkey)


class TestDirectory(PersonalDataContract):
    plugins = ("directory",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        await kept_in(chat, person, "directory")


class TestInvites(PersonalDataContract):
    plugins = ("invites",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        await plugin(chat, "invites").book.make(person.id, 1, 1.0, ())


class TestEmoji(PersonalDataContract):
    plugins = ("emoji",)
    has_mark = True

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        book = Book(chat.records("emoji"), 10)
        entry = Entry(
            blob="0" * 32, media_type="image/png", width=1, height=1, by=person.id, at=FAR
        )
        await book.add(mark, entry)


class TestAccountDeletion(PersonalDataContract):
    plugins = ("account_deletion",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        wish = {"username": person.user.username}
        await done(person, "POST", "/api/v1/me/deletion", wish)


class TestPassword(PersonalDataContract):
    plugins = ("password",)  # it is always there
    settings = {"plugins.enabled": ["memory", "password"]}
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        await Places(chat.records("password")).remember(person.id, "device", mark)


class TestPictures(PersonalDataContract):
    plugins = ("pictures", "disk_blobs")
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        await plugin(chat, "pictures")._opened().set(person.user, png(), None)


class TestMailNotifications(PersonalDataContract):
    plugins = ("mail_notifications",)
    has_mark = False

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        await plugin(chat, "mail_notifications")._opened().book.see(person.id, "UTC")


# Plugins without a part, and why.
WITHOUT = {
    **dict.fromkeys(("mongo", "postgres", "sqlite", "memory"), "stores"),
    **dict.fromkeys(("mongo_bus", "nats_bus", "postgres_bus", "redis_bus"), "buses"),
    **dict.fromkeys(
        ("disk_blobs", "gridfs", "s3"), "places of files, which the core has a part of"
    ),
    **dict.fromkeys(("graphql", "mcp", "metrics", "browser", "remote"), "doors"),
    **dict.fromkeys(("ldap", "oidc"), "ways to sign in, which the core has a part of"),
    **dict.fromkeys(
        ("attachments", "uploads", "thumbnails"), "files, which the core has a part of"
    ),
    **dict.fromkeys(
        ("clamav", "disk", "kafka", "sftp", "smtp", "tracing"), "keep no records of users"
    ),
    **dict.fromkeys(("shortcodes", "slash_commands", "wordfilter"), "keep no records"),
    "audit": "a log of ids, which is kept on purpose, and ends by days: tests/plugins/test_audit.py",
    "announcements": "one record, of what stands for everybody",
    **dict.fromkeys(("calls", "my_data"), "keep nothing"),
    "retention": "days of rooms, and holds, which outlast an erasure on purpose",
    "link_previews": "keep what pages say, not who asked",
    "translation": "counts by user, of which each ends within a day",
    "vault": "keys, of rooms and spaces of records",
    "webhooks": "act for bots of their own",
}


def test_each_plugin_says_what_it_holds_or_is_said_to_hold_nothing() -> None:
    told = {each.plugins[0] for each in PersonalDataContract.__subclasses__() if each.plugins}
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    entries = setup["options.entry_points"]["chatserver.plugins"].split("\n")
    shipped = {entry.partition("=")[0].strip() for entry in entries if entry.strip()}
    assert told.isdisjoint(WITHOUT)
    assert told | WITHOUT.keys() == shipped


NAME = "Quincy Plumfield"


async def test_after_an_erasure_nothing_in_the_store_names_the_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With all plugins together: neither what they hold nor the log, and what is another person's is as it was."""
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)
    made = [each for each in PersonalDataContract.__subclasses__() if each.plugins[0] != "password"]
    made = [each for each in made if each.__module__ == __name__]
    plugins = list(dict.fromkeys(name for each in made for name in each.plugins))
    settings = {key: value for each in made for key, value in each.settings.items()}
    async with running(*plugins, settings=settings) as chat:
        await chat.user("owner")
        first, second = await chat.user("first"), await chat.user("second")
        first.user = await chat.service.accounts.rename("first", name=NAME)
        await chat.service.emails.set(first.id, "plum@example.org")
        for number, each in enumerate(made):
            await each().make(chat, first, second, f"one{number}")
            await each().make(chat, second, first, f"two{number}")
        before = await held_by(chat, second)
        await chat.service.removal.delete("first", mode=Erased.REDACT)
        await chat.service.removal.settle()
        search = chat.service.privacy.search
        found = [each async for each in search.places(first.id, [NAME, "plum@example.org"])]
        assert [each for each in found if not each.stays] == []
        assert {each.what for each in found} == {"id"}
        after = await held_by(chat, second)
        # What the others wrote does not mention the person any more.
        for name in before.keys() - {"memberships", "room_events", "messages"}:
            assert after[name] == before[name], name
