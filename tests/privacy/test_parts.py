"""What the server itself holds about a person: the report, the archive, and what a deletion leaves."""

import io
import zipfile
from typing import Any

import msgspec
import pytest

from chatserver import Status
from chatserver.hooks.personal import OWN_NAMES
from chatserver.service.preferences import PreferencesChange
from chatserver.testing.personal import held_by
from chatserver.testing.running import Chat, Person, running

MARK = "plum</dd><script>alert(1)</script>"
NAMES = tuple(OWN_NAMES)


async def lived(chat: Chat, person: Person, mark: str) -> None:
    """A person who has something in every part of the server's own."""
    service = chat.service
    room = await person.create_room(f"room of {mark}")
    first = await person.post(room, f"first {mark}")
    await person.post(room, f"second {mark}")
    await service.messages.edit(person.user, room, first.id, f"edited {mark}")
    await service.messages.react(person.user, room, first.id, "🙂")
    await service.messages.pin(person.user, room, first.id, pinned=True)
    await service.rooms.mark_read(person.user, room, 2)
    await service.preferences.set(person.user, room, PreferencesChange(section=mark[:40]))
    await service.statuses.set(person.user, Status(text=mark[:40]))
    await service.emails.set(person.id, f"{person.user.username}@example.org")


async def archived(chat: Chat, person: Person, language: str = "") -> zipfile.ZipFile:
    user = await chat.service.accounts.get(person.id)
    parts = [part async for part in chat.service.privacy.archive.of(user, language)]
    return zipfile.ZipFile(io.BytesIO(b"".join(parts)))


def document(archive: zipfile.ZipFile) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(archive.read("data.json"))
    return found


async def test_the_archive_has_all_of_one_person_and_nothing_of_another() -> None:
    async with running() as chat:
        ada, eve = await chat.user("ada"), await chat.user("eve")
        await lived(chat, ada, MARK)
        await lived(chat, eve, "quince")
        await chat.service.blocks.add(ada.user, eve.id)
        archive = await archived(chat, ada)
    assert archive.testzip() is None
    found = document(archive)
    assert found["user"] == ada.id
    assert {name for name, items in found["parts"].items() if items} == {*NAMES} - {"files"}
    assert [each["body"] for each in found["parts"]["messages"]] == [
        f"edited {MARK}",
        f"second {MARK}",
    ]
    assert found["parts"]["email"] == [
        {"email": "ada@example.org", "pending": None, "language": ""}
    ]
    assert "quince" not in archive.read("data.json").decode()


async def test_the_page_in_the_archive_escapes_everything_and_has_no_scripts() -> None:
    async with running() as chat:
        ada = await chat.user("ada")
        await lived(chat, ada, MARK)
        english = (await archived(chat, ada)).read("index.html").decode()
        japanese = (await archived(chat, ada, "ja-JP")).read("index.html").decode()
    assert "<script" not in english
    assert "plum&lt;/dd&gt;&lt;script&gt;" in english
    assert "default-src &#x27;none&#x27;" in english
    assert '<html lang="ja">' in japanese
    assert "<h2>メッセージ</h2>" in japanese


async def test_files_are_in_the_archive_under_their_ids() -> None:
    async with running("disk_blobs", "pictures") as chat:
        ada = await chat.user("ada")

        async def content() -> Any:
            yield b"plum " * 1000

        blob = await chat.service.blobs.take(ada.id, content(), name="../../a<b>.txt")
        archive = await archived(chat, ada)
        held = {part.name: part for part in (await chat.service.privacy.report.of(ada.id)).parts}
    name = f"files/{blob.id}-a<b>.txt"
    assert archive.namelist() == ["data.json", "index.html", name]
    assert archive.read(name) == b"plum " * 1000
    page = archive.read("index.html").decode()
    assert f'href="files/{blob.id}-a%3Cb%3E.txt"' in page
    assert held["files"].items == 1
    assert held["files"].bytes > 5000


async def test_the_report_counts_what_the_archive_has() -> None:
    async with running() as chat:
        ada = await chat.user("ada")
        await lived(chat, ada, MARK)
        report = await chat.service.privacy.report.of(ada.id)
        held = await held_by(chat, ada)
    assert {part.name: part.items for part in report.parts} == {
        name: len(items) for name, items in held.items()
    }
    sizes = {part.name: part.bytes for part in report.parts}
    assert sizes["messages"] == sum(len(msgspec.json.encode(each)) for each in held["messages"])


async def test_a_deletion_leaves_what_the_log_has_and_the_shell() -> None:
    async with running() as chat:
        await chat.user("owner")
        ada, eve = await chat.user("ada"), await chat.user("eve")
        await lived(chat, ada, MARK)
        await chat.service.blocks.add(ada.user, eve.id)
        await chat.service.removal.delete("ada")
        held = await held_by(chat, ada)
    left = {name for name, items in held.items() if items}
    assert left == {"account", "memberships", "messages", "reactions", "room_events"}
    assert held["account"][0]["deleted"] is True
    assert "plum" not in msgspec.json.encode(held["account"]).decode()


@pytest.mark.parametrize("texts", [["Ada Lovelace", "ada@example.org"]])
async def test_the_search_finds_records_and_events(texts: list[str]) -> None:
    async with running() as chat:
        await chat.user("owner")
        ada = await chat.user("ada")
        room = await ada.create_room("tea")
        message = await ada.post(room, "I am ADA LOVELACE")
        await chat.service.emails.set(ada.id, "ada@example.org")
        places = [each async for each in chat.service.privacy.search.places(ada.id, texts)]
    found = {(each.space, each.key) for each in places if each.space}
    assert ("email", f"of/{ada.id}") in found
    assert ("user", ada.id) in found
    assert ("username", "ada") in found
    said = [each for each in places if each.seq == message.seq and each.room == room.id]
    assert [each.what for each in said] == ["id", "text"]
