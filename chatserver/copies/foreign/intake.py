"""Takes what a reader yields into the spool: messages cut to our length, files measured, rooms with our ids."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chatserver.blobs.model import Blob, clean_name
from chatserver.copies.foreign.cutting import cut
from chatserver.copies.foreign.enclosures import Enclosures
from chatserver.copies.foreign.ids import clean_time, made_id
from chatserver.copies.foreign.model import Moved, Place, Said
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.copies.foreign.spool import Change, Move, Post, Spool
from chatserver.errors import ChatError
from chatserver.model import NO_DATA, RoomKind
from chatserver.service.message_data import TEXT_CHARS
from chatserver.service.rooms import direct_room_id
from chatserver.service.texts import check_emoji

EMOJI_CHARS = 32  # of a reaction
MOST_FILES = 10  # in one message, as the plugin `attachments` has it
ATTACHMENTS = "attachments"  # the namespace of that plugin in the data of messages


class Room(msgspec.Struct, frozen=True):
    """A room of ours, and the first room of the source that it comes from."""

    id: str
    place: Place


class Intake:
    """One conversion's way from a reader to the spool."""

    def __init__(
        self,
        people: People,
        report: Report,
        spool: Spool,
        files: Enclosures,
        message_chars: int,
        salt: str,
    ) -> None:
        """`message_chars` are the most of a message; `salt` parts the ids of this format from those of others."""
        self.rooms: dict[str, Room] = {}  # by our ids
        self._of_place: dict[str, Room] = {}
        self._people, self._report, self._spool = people, report, spool
        self._files_in, self._most, self._salt = files, message_chars, salt

    def add_room(self, place: Place) -> None:
        """Take a room. Two direct rooms of the same people become one."""
        if place.id in self._of_place:
            self._report.leave_out("rooms that are in the export twice", place.name)
            return
        if place.kind is RoomKind.DIRECT:
            members = {self._people.user(person).id for person in place.members or ()}
            id = direct_room_id(members)
        else:
            id = made_id(f"{self._salt}/room/{place.id}", place.at)
        room = self.rooms.setdefault(id, Room(id, place))
        self._of_place[place.id] = room
        if room.place is place:
            self._report.count(f"{place.kind.value} rooms")

    def add(self, entry: Said | Moved | Place) -> None:
        """Take a message, what happened to a membership, or one more room."""
        if isinstance(entry, Place):
            self.add_room(entry)
            return
        room = self._of_place.get(entry.room)
        if room is None:
            self._report.leave_out("messages of rooms that are not in the export", entry.room)
        elif isinstance(entry, Said):
            self._say(room, entry)
        elif room.place.kind is not RoomKind.DIRECT:
            self._people.user(entry.user)
            move = Move(person=entry.user, joined=entry.joined)
            self._spool.add(room.id, clean_time(entry.at), move)

    def _say(self, room: Room, said: Said) -> None:
        prefix = f"{said.room}/"
        groups, missing = self._files(said)
        first, *others = groups or [[]]
        said = msgspec.structs.replace(said, body="\n".join(filter(None, [said.body, *missing])))
        body, data, data_text = _content(said.body, first)
        head, *rest = cut(body, self._most)
        is_replaced = said.deleted or bool(said.edited)
        post = Post(
            id=prefix + said.id,
            author=said.author,
            body="" if is_replaced else head,
            thread=None if said.thread is None else prefix + said.thread,
            broadcast=said.broadcast,
            reply_to=None if said.reply_to is None else prefix + said.reply_to,
            data=NO_DATA if is_replaced else data,
            data_text="" if is_replaced else data_text,
        )
        at = clean_time(said.at)
        self._people.user(said.author)
        if not self._spool.add(room.id, at, post):
            self._report.leave_out("messages whose id the room has already", said.id)
            return
        self._report.count("messages")
        self._spool.note_active(room.id, said.author)
        if said.deleted:
            self._spool.add(room.id, at, Change(kind="delete", id=post.id, by=said.author))
            self._report.count("of them deleted")
            return
        edit = Change(
            kind="edit", id=post.id, by=said.author, body=head, data=data, data_text=data_text
        )
        self._changes(room, said, edit)
        self._more(room, said, post, rest, others)

    def _changes(self, room: Room, said: Said, edit: Change) -> None:
        id, at = edit.id, clean_time(said.at)
        if said.edited:
            self._spool.add(room.id, max(at, clean_time(said.edited)), edit)
            self._report.count("edited messages")
        for reaction in said.reactions:
            if not _is_shown(reaction.emoji):
                self._report.leave_out("reactions that are no emoji", said.id)
                continue
            self._people.user(reaction.user)
            self._spool.note_active(room.id, reaction.user)
            change = Change(kind="react", id=id, by=reaction.user, emoji=reaction.emoji)
            self._spool.add(room.id, max(at, clean_time(reaction.at)), change)
            self._report.count("reactions")
        if said.pin is not None:
            change = Change(kind="pin", id=id, by=said.pin.by or said.author)
            self._people.user(change.by)
            self._spool.add(room.id, max(at, clean_time(said.pin.at)), change)

    def _more(
        self, room: Room, said: Said, post: Post, rest: Sequence[str], files: Sequence[Any]
    ) -> None:
        """The rest of a message that is too long for one of ours, or has too many files."""
        if rest:
            self._report.note("messages cut into several, as they are too long", said.id)
        bodies = [(body, ()) for body in rest] + [("", group) for group in files]
        for number, (body, group) in enumerate(bodies, 2):
            text, data, data_text = _content(body, group)
            more = msgspec.structs.replace(
                post, id=f"{post.id}#{number}", body=text, data=data, data_text=data_text
            )
            self._spool.add(room.id, clean_time(said.at), more)

    def _files(self, said: Said) -> tuple[list[list[Blob]], list[str]]:
        """The files of a message that are there, in groups of as many as one can have; and the names of the others."""
        if said.deleted or not said.files:
            return [], []
        author = self._people.user(said.author).id
        found: list[Blob] = []
        missing: list[str] = []
        for file in said.files:
            blob = self._files_in.take(file, f"{said.room}/{said.id}", author, said.at)
            if blob is None:
                missing.append(f"\N{PAPERCLIP} {clean_name(file.name) or file.id}")
            else:
                found.append(blob)
        return [found[at : at + MOST_FILES] for at in range(0, len(found), MOST_FILES)], missing


def _content(body: str, files: Sequence[Blob]) -> tuple[str, dict[str, Any], str]:
    """The body, the data, and the text of the data, of a message with these files."""
    names = "\n".join(file.name or file.id for file in files)
    body = body.replace("\0", "\ufffd")
    if not body.strip():
        body = names or "\N{EM DASH}"
    if not files:
        return body, {}, ""
    data = {ATTACHMENTS: {"files": [_shown(file) for file in files]}}
    return body, data, names[:TEXT_CHARS]


def _is_shown(emoji: str) -> bool:
    try:
        check_emoji(emoji)
    except ChatError:
        return False
    return len(emoji) <= EMOJI_CHARS


def _shown(file: Blob) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "blob": file.id,
        "name": file.name,
        "media_type": file.media_type,
        "size": file.size,
        "sha256": file.sha256,
    }
    return shown | ({"width": file.width, "height": file.height} if file.width else {})
