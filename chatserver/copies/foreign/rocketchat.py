"""Reads a dump of the database of Rocket.Chat, by mongodump (`.bson`) or by mongoexport (`.json`), all in one folder.

Needed are `users`, `rocketchat_room`, `rocketchat_subscription` and `rocketchat_message`. `t` of a room is its kind: c
public, p private, d of people, l with a visitor; of a message it is there if Rocket.Chat wrote it. Files are not in
these: of a server that keeps them in folders, --files names that one, where each is named by its id.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign import bson, jsons, packs
from chatserver.copies.foreign.marks import named_marks
from chatserver.copies.foreign.model import Enclosure, Moved, Person, Pin, Place, Reaction, Said
from chatserver.copies.foreign.packs import Pack
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.copies.foreign.rooms import kind_of, named
from chatserver.formatting import emoji
from chatserver.formatting.marks import outside_code, single_marks
from chatserver.model import RoomKind, RoomRole, ServerRole

T = TypeVar("T")
KINDS = {"c": RoomKind.PUBLIC, "p": RoomKind.PRIVATE, "d": RoomKind.DIRECT}
ENDINGS = (".bson", ".bson.gz", ".json", ".json.gz", ".jsonl", ".jsonl.gz")
MOVES = {"uj": True, "ul": False, "au": True, "ru": False}  # the last two name the user in `msg`
NAMING = frozenset({"au", "ru"})
REMOVED, ENCRYPTED = "rm", "e2e"
_QUOTE = re.compile(r"^\[[ \u200b]*\]\(https?://[^)\s]*[?&]msg=([A-Za-z0-9]+)[^)\s]*\)\s*")


class _Email(msgspec.Struct, frozen=True):
    address: str = ""
    verified: bool = False


class _User(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    username: str | None = None
    name: str | None = ""
    emails: list[_Email] | None = None
    roles: list[str] | None = None
    active: bool | None = True
    type: str | None = "user"
    createdAt: Any = None


class _Who(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id", default="")
    username: str | None = ""
    name: str | None = ""


class _Room(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    t: str = ""
    name: str | None = ""
    fname: str | None = ""
    topic: str | None = ""
    description: str | None = ""
    announcement: str | None = ""
    archived: bool | None = False
    uids: list[str] | None = None
    usernames: list[str] | None = None
    u: _Who | None = None
    ts: Any = None


class _Subscription(msgspec.Struct, frozen=True):
    rid: str
    u: _Who
    roles: list[str] | None = None


class _File(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    name: str | None = ""
    type: str | None = ""


class _Reacted(msgspec.Struct, frozen=True):
    usernames: list[str] = []


class _Attached(msgspec.Struct, frozen=True):
    title: str | None = ""
    text: str | None = ""
    description: str | None = ""
    message_link: str | None = ""
    title_link: str | None = ""


class _Message(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    rid: str
    ts: Any
    u: _Who
    msg: str | None = ""
    t: str | None = None
    tmid: str | None = None
    tshow: bool | None = False
    editedAt: Any = None
    pinned: bool | None = False
    pinnedAt: Any = None
    pinnedBy: _Who | None = None
    reactions: dict[str, _Reacted] | None = None
    file: _File | None = None
    files: list[_File] | None = None
    attachments: list[_Attached] | None = None


class RocketChat:
    """See `model.Reader`."""

    def __init__(self, pack: Pack, beside: Sequence[Pack], report: Report) -> None:
        self._pack, self._report = pack, report
        self._files: dict[str, str] = {}
        for name in [name for each in (pack, *beside) for name in each.names()]:
            self._files.setdefault(name.rpartition("/")[2].partition(".")[0], name)
        for collection in ("users", "rocketchat_room", "rocketchat_message"):
            self._name_of(collection)
        self._members: dict[str, dict[str, RoomRole]] = {}
        self._ids: dict[str, str] = {}  # of users, by their names

    def people(self) -> Iterator[Person]:
        for user in self._all("users", _User):
            if user.type in ("visitor", "unknown") or not (user.username or user.name):
                self._report.leave_out("users who never chose a name, or were visitors", user.id)
                continue
            self._ids.setdefault(user.username or "", user.id)
            yield _person(user)

    def rooms(self, people: People) -> Iterator[Place]:
        for each in self._all("rocketchat_subscription", _Subscription, is_needed=False):
            self._members.setdefault(each.rid, {})[each.u.id] = _role(each.roles or ())
        for room in self._all("rocketchat_room", _Room):
            if room.t not in KINDS:
                self._report.leave_out("rooms of kinds that there are none of here", room.t)
                continue
            yield named(self._place(room, people), people, self._report)

    def messages(self, people: People) -> Iterator[Said | Moved]:
        for message in self._all("rocketchat_message", _Message):
            kind, at = message.t or "", _ms(message.ts)
            if kind in MOVES:
                user = message.u.id
                if kind in NAMING:
                    user = self._ids.get(message.msg or "", "")
                if user:
                    yield Moved(room=message.rid, user=user, at=at, joined=MOVES[kind])
            elif kind == ENCRYPTED:
                self._report.leave_out("messages that only their readers can decrypt", message.id)
            elif kind and kind != REMOVED:
                self._report.leave_out("notices about rooms", kind)
            else:
                yield self._said(message, at, people)

    def _place(self, room: _Room, people: People) -> Place:
        kind = KINDS[room.t]
        members = self._members.get(room.id, {})
        if kind is RoomKind.DIRECT:
            by_name = [self._ids.get(name, "") for name in room.usernames or ()]
            ids = room.uids or list(filter(None, by_name)) or list(members)
            members = dict.fromkeys(ids, RoomRole.MEMBER)
            kind = kind_of(members)
        about = "\n\n".join(filter(None, [room.description, room.announcement]))
        return Place(
            id=room.id,
            name="" if room.t == "d" else room.fname or room.name or "",
            kind=kind,
            topic=_marked(room.topic or "", people),
            description=_marked(about, people),
            archived=bool(room.archived),
            at=_ms(room.ts),
            creator=room.u.id if room.u else "",
            members=members,
        )

    def _said(self, message: _Message, at: int, people: People) -> Said:
        text, quoted = message.msg or "", None
        if match := _QUOTE.match(text):
            text, quoted = text[match.end() :], match[1]
        parts = [text]
        for each in message.attachments or ():
            if not each.message_link and not each.title_link:  # neither a quote nor a file
                parts += [each.title or "", each.text or ""]
            parts.append(each.description or "")
        if message.u.id not in people and message.u.username:
            who = message.u
            people.add(
                Person(id=who.id, username=who.username or "", name=who.name or "", locked=True)
            )
        pin = None
        if message.pinned:
            pin = Pin(by=message.pinnedBy.id if message.pinnedBy else "", at=_ms(message.pinnedAt))
        files = message.files or ([message.file] if message.file else [])
        return Said(
            room=message.rid,
            id=message.id,
            at=at,
            author=message.u.id,
            body=_marked("\n".join(filter(None, parts)), people),
            thread=message.tmid,
            broadcast=bool(message.tshow),
            reply_to=quoted,
            edited=_ms(message.editedAt) if message.t != REMOVED else 0,
            deleted=message.t == REMOVED,
            pin=pin,
            reactions=tuple(self._reactions(message)),
            files=tuple(
                Enclosure(
                    id=file.id,
                    name=file.name or file.id,
                    path=self._files.get(file.id),
                    media_type=file.type or "",
                )
                for file in files
                if not (file.name or "").startswith("thumb-")  # made from the picture before
            ),
        )

    def _reactions(self, message: _Message) -> Iterator[Reaction]:
        for name, reacted in (message.reactions or {}).items():
            for username in dict.fromkeys(reacted.usernames):
                user = self._ids.get(username)
                if user is None:
                    self._report.leave_out("reactions of users who are not in the export", username)
                else:
                    yield Reaction(emoji=emoji.reaction(name), user=user)

    def _name_of(self, collection: str, *, is_needed: bool = True) -> str | None:
        for name in sorted(self._pack.names(), key=len):
            base = name.rpartition("/")[2]
            if base.startswith(f"{collection}.") and base[len(collection) :] in ENDINGS:
                return name
        if is_needed:
            raise ArchiveError(
                f"{self._pack.name}: {collection}.bson is missing: this is no dump of Rocket.Chat"
            )
        return None

    def _all(self, collection: str, kind: type[T], *, is_needed: bool = True) -> Iterator[T]:
        name = self._name_of(collection, is_needed=is_needed)
        if name is None:
            return
        for number, found in enumerate(self._documents(name), 1):
            where = f"{name}: {number}"
            shaped = jsons.shaped(found, kind, self._report, collection, where)
            if shaped is not None:
                yield shaped

    def _documents(self, name: str) -> Iterator[Any]:
        if ".bson" not in name:
            for number, line in packs.lines(self._pack, name):
                found = jsons.decoded(line, self._pack, name, number)
                yield from map(_plain, found if isinstance(found, list) else [found])
            return
        with packs.opened_text(self._pack, name) as file:
            try:
                yield from bson.documents(file)
            except ValueError as error:
                packs.broken(self._pack, name, str(error))


def _person(user: _User) -> Person:
    roles = user.roles or ()
    role = ServerRole.MEMBER
    if "admin" in roles:
        role = ServerRole.ADMIN
    elif "guest" in roles and "user" not in roles:
        role = ServerRole.GUEST
    verified = [each.address for each in user.emails or () if each.verified]
    return Person(
        id=user.id,
        username=user.username or user.name or user.id,
        name=user.name or user.username or "",
        email=next(iter(verified), ""),
        role=role,
        locked=user.active is False,
        bot=user.type in ("bot", "app") or "bot" in roles,
        at=_ms(user.createdAt),
    )


def _role(roles: Sequence[str]) -> RoomRole:
    if "owner" in roles:
        return RoomRole.OWNER
    return RoomRole.ADMIN if {"moderator", "leader"} & set(roles) else RoomRole.MEMBER


def _marked(text: str, people: People) -> str:
    return outside_code(text, lambda part: named_marks(single_marks(part), people))


def _plain(found: Any) -> Any:
    """MongoDB's Extended JSON without its marks of types."""
    if isinstance(found, list):
        return list(map(_plain, found))
    if not isinstance(found, dict):
        return found
    if len(found) == 1:
        (key, value), *_ = found.items()
        if key in ("$date", "$oid", "$numberLong", "$numberInt", "$numberDouble"):
            return _plain(value)
    return {key: _plain(value) for key, value in found.items()}


def _ms(at: Any) -> int:
    """Milliseconds of a time: of BSON, as a text, or as a number of them; 0 for what is none."""
    try:
        if isinstance(at, str) and not at.lstrip("-").isdigit():
            at = datetime.fromisoformat(at)
        if isinstance(at, datetime):
            return int(at.timestamp() * 1000)
        return int(at or 0)
    except (ValueError, OverflowError, TypeError):
        return 0
