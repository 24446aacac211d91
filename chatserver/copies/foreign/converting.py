"""Makes an archive of ours of an export. The same export and options make the same bytes, whenever that happens."""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
from msgspec.structs import replace

from chatserver.blobs.model import BLOBS, OWNED, Blob, BlobRecord, Owned
from chatserver.blobs.model import encode as encode_blob
from chatserver.copies.archive.digests import Phases, Progress, silently
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.filesout import DATA_BYTES
from chatserver.copies.archive.lines import (
    VERSION,
    End,
    FileData,
    FileEnd,
    FileStart,
    Header,
    Record,
    RoomEnd,
    encode,
)
from chatserver.copies.archive.writer import Lines
from chatserver.copies.foreign import packs
from chatserver.copies.foreign.enclosures import Enclosures
from chatserver.copies.foreign.ids import made_digest, time_text
from chatserver.copies.foreign.intake import Intake, Room
from chatserver.copies.foreign.logs import RoomLog
from chatserver.copies.foreign.packs import Pack
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.reading import Format, Reader
from chatserver.copies.foreign.report import Report
from chatserver.copies.foreign.spool import Spool, spool
from chatserver.model import User
from chatserver.runtime.clock import unix_time
from chatserver.service.directory import NAMES, USERS
from chatserver.service.login.identities import SPACE as IDENTITIES
from chatserver.service.mail.emails import SPACE as EMAILS
from chatserver.service.markers import IMPORTED, MARKERS
from chatserver.service.pins import SPACE as PINS
from chatserver.version import __version__

PAGE = 1000  # records or events in one write
UNKNOWN = time_text(0)
T = TypeVar("T")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How an export is converted. `owners` are user names; `most_bytes` as in `Enclosures`."""

    owners: tuple[str, ...] = ()
    files: Path | None = None
    most_bytes: int | None = None
    message_chars: int = 8000


async def convert(
    path: Path,
    form: Format,
    options: Options,
    report: Report,
    target: BinaryIO | None,
    phases: Phases = silently,
) -> None:
    """Write the archive of an export to a file, or only make the report if `target` is None.

    Raises `ArchiveError` for an export that is broken, and for an owner who is not in it.
    """
    with packs.opened(path, report) as pack, spool() as kept:
        beside = [] if options.files is None else [packs.folder(options.files)]
        people = People(report, salt=form.name)
        files = Enclosures(kept, report, [pack, *beside], options.most_bytes, form.name)
        intake = Intake(people, report, kept, files, options.message_chars, form.name)
        _take(form.reader(pack, beside, report), people, intake, phases)
        for owner in options.owners:
            if not people.appoint(owner):
                raise ArchiveError(f"--owner: the export has no user {owner} who can sign in")
        kept.index()
        writing = _Conversion(people, intake, kept, report, form.name)
        with phases("rooms written") as progress:
            if target is None:
                await writing.rehearse()
                return
            digest = made_digest(f"{packs.fingerprint(path, pack, beside)}/{options}/{__version__}")
            await writing.write(target, [pack, *beside], digest, progress)


def _take(reader: Reader, people: People, intake: Intake, phases: Phases) -> None:
    found = sorted(reader.people(), key=lambda person: (person.locked, person.bot))
    for person in found:  # those who can sign in keep their user names
        people.add(person)
    for place in reader.rooms(people):
        intake.add_room(place)
    with phases("messages read") as progress:
        for number, entry in enumerate(reader.messages(people), 1):
            intake.add(entry)
            if number % PAGE == 0:
                progress(number, number)


class _Conversion:
    """Writes what the spool has as an archive."""

    def __init__(
        self, people: People, intake: Intake, kept: Spool, report: Report, salt: str
    ) -> None:
        self._people, self._intake, self._spool = people, intake, kept
        self._report, self._salt = report, salt
        self._events = 0

    async def rehearse(self) -> None:
        """Only fill the report."""
        for room in self._intake.rooms.values():
            for _ in RoomLog(room, self._people, self._spool, self._report, self._salt).events():
                """Reports what it leaves out."""

    async def write(
        self, target: BinaryIO, all_packs: Sequence[Pack], id: str, progress: Progress
    ) -> None:
        async def write(data: bytes) -> None:
            target.write(data)

        out = Lines(write)
        newest = time_text(self._spool.span()[1])
        await out.lines([Header(VERSION, id, newest, __version__, id[:16])])
        rooms = list(self._intake.rooms.values())
        for number, room in enumerate(rooms, 1):
            await self._write_room(out, room)
            progress(number, len(rooms))
        for page in _pages(self._records()):
            await out.page(page)
        ends = out.spaces.ends()
        await out.lines(list(ends.values()))
        files = await self._write_files(out, all_packs)
        records = sum(end.records for end in ends.values())
        await out.lines([End(len(rooms), self._events, records, out.sha256(), files)])

    async def _write_room(self, out: Lines, room: Room) -> None:
        log = RoomLog(room, self._people, self._spool, self._report, self._salt)
        digest = hashlib.sha256()
        for page in _pages(log.events()):
            text = encode(page)
            digest.update(text)
            await out.text(text)
            await asyncio.sleep(0)
        await out.lines([RoomEnd(room.id, log.head, digest.hexdigest())])
        self._events += log.head
        for records in _pages(self._of_room(room, log)):
            await out.page(records)

    def _of_room(self, room: Room, log: RoomLog) -> Iterator[Record]:
        """Pins; read markers, as all that comes from elsewhere counts as read; and how far that goes."""
        if log.pins:
            yield Record(PINS, room.id, msgspec.json.encode(log.pins))
        for person in log.members:
            reader = self._people.user(person)
            yield Record(MARKERS, f"{reader.id}/{room.id}", str(log.head).encode())
        yield Record(IMPORTED, room.id, str(log.head).encode())

    def _records(self) -> Iterator[Record]:
        oldest = time_text(self._spool.span()[0])
        for user in self._people:
            if user.at == UNKNOWN:  # the export does not tell when the account was made
                user = replace(user, at=oldest)
            yield from self._of_user(user)
        for file in self._spool.files():
            yield from _of_file(file.blob)

    def _of_user(self, user: User) -> Iterator[Record]:
        yield Record(USERS, user.id, msgspec.json.encode(user))
        yield Record(NAMES, user.username, user.id.encode())
        yield Record(IDENTITIES, f"open/{user.id}", user.at.encode())
        if email := self._people.email(user):
            yield Record(EMAILS, f"of/{user.id}", email.encode())

    async def _write_files(self, out: Lines, all_packs: Sequence[Pack]) -> int:
        """Write the content of the files, each content once. Returns their number."""
        known: dict[str, str] = {}
        written = 0
        for file in self._spool.files():
            blob = file.blob
            same = known.setdefault(blob.sha256, blob.id)
            if same != blob.id:
                await out.lines([FileStart(blob.id, blob.name, blob.size, blob.sha256, same)])
            else:
                await out.lines([FileStart(blob.id, blob.name, blob.size, blob.sha256)])
                with all_packs[file.pack].open(file.path) as content:
                    while part := content.read(DATA_BYTES):
                        await out.lines([FileData(part)])
            await out.lines([FileEnd(blob.id)])
            written += 1
        return written


def _of_file(blob: Blob) -> Iterator[Record]:
    since = unix_time(blob.at)
    yield Record(BLOBS, blob.id, encode_blob(BlobRecord(blob=blob, since=since)))
    yield Record(OWNED, f"{blob.owner}/{blob.id}", encode_blob(Owned(blob.size, True, since)))


def _pages(items: Iterable[T]) -> Iterator[list[T]]:
    page: list[T] = []
    for item in items:
        page.append(item)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
