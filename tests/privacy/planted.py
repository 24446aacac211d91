"""Somebody who leaves a marker in 200 places, and a look for these in all bytes of a folder."""

import hashlib
import re
from pathlib import Path

from chatserver import RoomKind
from chatserver.privacy.rewriting import Erased
from chatserver.testing.running import Chat, Person
from tests.sqlite_pages import without_gaps

MARKERS = 200
NAME = "plumfieldname"
PLUGINS = ("drafts", "saved", "profiles", "reminders", "slash_commands", "account_deletion")
SETTINGS = {"limits.registrations_per_hour": 0, "limits.operations_per_second": 10_000.0}


def marker(number: int) -> str:
    """A word that has nothing in common with the others, so that no packing can refer to those."""
    return f"q{hashlib.sha256(f'marker {number}'.encode()).hexdigest()[:20]}"


def found_in(folder: Path, *, gaps: bool = False) -> set[str]:
    """The markers, and names of the person, in the files of a folder, whatever the case of their letters.

    Of SQLite's file in the unused gaps of its pages, too, only with `gaps`: they may have copies of moved rows until VACUUM.
    """
    wanted = (*(marker(number) for number in range(MARKERS)), NAME)
    pattern = re.compile("|".join(wanted).encode())
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        word.decode() for path in files for word in pattern.findall(_contents(path, gaps).lower())
    }


def _contents(path: Path, gaps: bool) -> bytes:
    content = path.read_bytes()
    return content if gaps or path.suffix != ".db" else without_gaps(content)


async def talk(chat: Chat) -> tuple[Person, Person]:
    """Two people: one who leaves the markers in messages, edits, a direct room and drafts, and one who reads them."""
    await chat.user("owner")
    ada, eve = await chat.user("ada"), await chat.user("eve")
    ada.user = await chat.service.accounts.rename("ada", name=NAME.title())
    room = await ada.create_room("Lounge", members=[eve])
    direct = await chat.service.rooms.create(ada.user, RoomKind.DIRECT, None, members=[eve.id])
    for number in range(MARKERS - 10):
        where = direct if number % 5 == 0 else room
        posted = await ada.post(where, f"{marker(number)} {'and more ' * (number % 50)}")
        if number % 3 == 0:
            await chat.service.messages.edit(ada.user, where, posted.id, f"{marker(number)} again")
        if number % 7 == 0:
            await eve.post(where, "@ada is right")
    for number in range(MARKERS - 10, MARKERS):
        await ada.call("drafts.save", room=room.id, body=marker(number))
        room = await ada.create_room(f"Room {number}")
    await chat.service.indexer.catch_up()
    return ada, eve


async def erase(chat: Chat, ada: Person) -> None:
    """Erase who has left the markers, and do all jobs that follow."""
    await chat.service.removal.delete(ada.user.username, mode=Erased.REDACT)
    await chat.service.removal.settle()
    for _ in range(3):
        await chat.service.replaced_texts.remove()
