"""Reads the export of a Slack workspace: a zip with lists of users and rooms, and a folder a room with a file a day.

`users.json` has the accounts; `channels.json` public rooms, `groups.json` private ones, `mpims.json` those of several
people, `dms.json` those of two; the last three only in exports that have them. A folder is named after its room, of
dms.json after the room's id. A message is named by its `ts`, unique in its room: seconds, a dot, and six digits.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from chatserver.copies.foreign import jsons
from chatserver.copies.foreign.model import Enclosure, Moved, Person, Pin, Place, Reaction, Said
from chatserver.copies.foreign.packs import Pack, base_of
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.copies.foreign.rooms import kind_of, named
from chatserver.formatting import emoji
from chatserver.formatting.mrkdwn import to_markdown
from chatserver.model import RoomKind, RoomRole, ServerRole

LISTS = {
    "channels.json": RoomKind.PUBLIC,
    "groups.json": RoomKind.PRIVATE,
    "mpims.json": RoomKind.DIRECT,
    "dms.json": RoomKind.DIRECT,
}
JOINS = frozenset({"channel_join", "group_join"})
LEAVES = frozenset({"channel_leave", "group_leave"})
# Notes on what the room's description and members say now.
NOTICES = frozenset(
    [
        "bot_add",
        "bot_remove",
        "bot_enable",
        "bot_disable",
        "pinned_item",
        "unpinned_item",
        "channel_canvas_updated",
        "channel_posting_permissions",
        "channel_convert_to_private",
        "channel_convert_to_public",
    ]
    + [
        f"{kind}_{what}"
        for kind in ("channel", "group")
        for what in ("topic", "purpose", "name", "archive", "unarchive")
    ]
)
# Texts that Slack wrote for a bot that has none of its own, or for nobody.
SLACKBOT, NOBODY = "USLACKBOT", "somebody"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:-.*)?\.json")
_FILE = re.compile(r"(?:^|[/_-])(F[A-Z0-9]{7,})(?=[/_.-]|$)")


class _Profile(msgspec.Struct, frozen=True):
    real_name: str = ""
    display_name: str = ""
    email: str | None = None


class _User(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    profile: _Profile = _Profile()
    real_name: str = ""
    deleted: bool = False
    is_admin: bool = False
    is_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    is_email_confirmed: bool = True


class _Text(msgspec.Struct, frozen=True):
    value: str = ""


class _Pinned(msgspec.Struct, frozen=True):
    id: str
    user: str = ""
    created: float = 0


class _Room(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    created: float = 0
    creator: str = ""
    is_archived: bool = False
    members: list[str] | None = None
    topic: _Text = _Text()
    purpose: _Text = _Text()
    pins: list[_Pinned] | None = None


class _Reacted(msgspec.Struct, frozen=True):
    name: str
    users: list[str] = []


class _Edited(msgspec.Struct, frozen=True):
    ts: str = "0"


class _File(msgspec.Struct, frozen=True):
    id: str
    name: str | None = ""
    title: str | None = ""
    mimetype: str | None = ""


class _Attached(msgspec.Struct, frozen=True):
    fallback: str | None = ""
    pretext: str | None = ""
    title: str | None = ""
    title_link: str | None = ""
    text: str | None = ""
    from_url: str | None = ""


class _Message(msgspec.Struct, frozen=True):
    ts: str
    user: str | None = None
    text: str | None = ""
    subtype: str | None = None
    thread_ts: str | None = None
    edited: _Edited | None = None
    reactions: list[_Reacted] = []
    files: list[_File | None] = []
    attachments: list[_Attached] = []
    blocks: Any = None
    bot_id: str | None = None
    username: str | None = None
    user_profile: _Profile | None = None
    file: _File | None = None  # of exports before 2018


class Slack:
    """See `model.Reader`."""

    def __init__(self, pack: Pack, beside: Sequence[Pack], report: Report) -> None:
        self._pack, self._report = pack, report
        self._base = base_of(pack, "users.json", "Slack")
        self._names = frozenset(pack.names())
        self._files: dict[str, str] = {}
        for name in [name for each in (pack, *beside) for name in each.names()]:
            if not name.endswith("/") and (match := _FILE.search(name)):
                self._files.setdefault(match[1], name)
        self._folders: dict[str, str] = {}  # of rooms, by their ids
        self._pins: dict[tuple[str, str], Pin] = {}

    def people(self) -> Iterator[Person]:
        for number, found in enumerate(jsons.read_list(self._pack, f"{self._base}users.json"), 1):
            user = jsons.shaped(found, _User, self._report, "users", f"users.json: user {number}")
            if user is not None:
                yield _person(user)

    def rooms(self, people: People) -> Iterator[Place]:
        for name, kind in LISTS.items():
            if self._base + name not in self._names:
                continue
            for number, found in enumerate(jsons.read_list(self._pack, self._base + name), 1):
                room = jsons.shaped(found, _Room, self._report, "rooms", f"{name}: room {number}")
                if room is not None:
                    yield self._place(
                        room, kind, people, folder=room.id if name == "dms.json" else room.name
                    )

    def messages(self, people: People) -> Iterator[Said | Moved]:
        days: dict[str, list[str]] = {}
        for name in sorted(self._names):
            folder, _, day = name.removeprefix(self._base).partition("/")
            if name.startswith(self._base) and _DAY.fullmatch(day):
                days.setdefault(folder, []).append(name)
        for room, folder in self._folders.items():
            for name in days.pop(folder, []):
                yield from self._day(room, name, people)
        for folder, names in days.items():
            self._report.leave_out(
                "files of days whose room is in no list", f"{folder}/", len(names)
            )

    def _place(self, room: _Room, kind: RoomKind, people: People, folder: str) -> Place:
        members = dict.fromkeys(room.members or (), RoomRole.MEMBER)
        for pinned in room.pins or ():
            self._pins[room.id, pinned.id] = Pin(by=pinned.user, at=_ms(pinned.created))
        self._folders[room.id] = folder
        return named(
            Place(
                id=room.id,
                name="" if kind is RoomKind.DIRECT else room.name,
                kind=kind_of(members) if kind is RoomKind.DIRECT else kind,
                topic=to_markdown(room.topic.value, people.mention),
                description=to_markdown(room.purpose.value, people.mention),
                archived=room.is_archived,
                at=_ms(room.created),
                creator=room.creator,
                members=members,
            ),
            people,
            self._report,
        )

    def _day(self, room: str, name: str, people: People) -> Iterator[Said | Moved]:
        for number, found in enumerate(jsons.read_list(self._pack, name), 1):
            where = f"{name}: message {number}"
            message = jsons.shaped(found, _Message, self._report, "messages", where)
            if message is None:
                continue
            at = _ms(message.ts)
            if not at:
                self._report.leave_out("messages that cannot be read", f"{where}: ts: no time")
            elif message.subtype in JOINS | LEAVES and message.user:
                yield Moved(room=room, user=message.user, at=at, joined=message.subtype in JOINS)
            elif message.subtype in NOTICES:
                self._report.leave_out("notices about rooms", message.subtype or "")
            else:
                yield self._said(room, message, at, people)

    def _said(self, room: str, message: _Message, at: int, people: People) -> Said:
        is_reply = message.thread_ts not in (None, message.ts)
        edited = 0 if message.edited is None else _ms(message.edited.ts)
        return Said(
            room=room,
            id=message.ts,
            at=at,
            author=self._author(message, people),
            body=self._body(message, people),
            thread=message.thread_ts if is_reply else None,
            broadcast=message.subtype in ("thread_broadcast", "reply_broadcast"),
            edited=edited,
            deleted=message.subtype == "tombstone",
            pin=self._pins.get((room, message.ts)),
            reactions=tuple(
                Reaction(emoji=emoji.reaction(reacted.name), user=user)
                for reacted in message.reactions
                for user in dict.fromkeys(reacted.users)
            ),
            files=tuple(self._enclosures(message)),
        )

    def _author(self, message: _Message, people: People) -> str:
        """The user; of a machine without an account, one by its id or name."""
        if message.user and (message.user in people or not message.bot_id):
            profile = message.user_profile
            if message.user not in people and profile is not None:  # of another workspace
                name = profile.display_name or profile.real_name
                people.add(Person(id=message.user, username=name, name=name, locked=True))
            return message.user
        name = message.username or message.bot_id or NOBODY
        bot = message.bot_id or f"bot/{name}"
        if bot not in people:
            people.add(Person(id=bot, username=name, name=name, bot=True))
        return bot

    def _body(self, message: _Message, people: People) -> str:
        said = message.text or ""
        parts = [
            said or ("" if message.attachments or message.files else _of_blocks(message.blocks))
        ]
        for attached in message.attachments:
            if attached.from_url and said:
                self._report.leave_out("previews of links")
                continue
            title = attached.title or ""
            if title and attached.title_link:
                title = f"<{attached.title_link}|{title}>"
            shown = [attached.pretext, title, attached.text]
            parts += [part for part in shown if part] or [attached.fallback or ""]
        text = to_markdown("\n".join(filter(None, parts)), people.mention)
        return f"_{text}_" if message.subtype == "me_message" and text else text

    def _enclosures(self, message: _Message) -> Iterator[Enclosure]:
        for file in [*message.files, message.file]:
            if file is not None:
                yield Enclosure(
                    id=file.id,
                    name=file.name or file.title or file.id,
                    path=self._files.get(file.id),
                    media_type=file.mimetype or "",
                )


def _person(user: _User) -> Person:
    role = ServerRole.MEMBER
    if user.is_admin or user.is_owner:
        role = ServerRole.ADMIN
    elif user.is_restricted or user.is_ultra_restricted:
        role = ServerRole.GUEST
    profile = user.profile
    return Person(
        id=user.id,
        username=user.name or user.id,
        name=profile.display_name or profile.real_name or user.real_name or user.name,
        email=(profile.email or "") if user.is_email_confirmed else "",
        role=role,
        locked=user.deleted,
        bot=user.is_bot or user.id == SLACKBOT,
    )


def _ms(ts: str | float) -> int:
    """Milliseconds of a time in seconds; 0 for what is none."""
    try:
        return max(int(float(ts) * 1000), 0)
    except (ValueError, OverflowError):
        return 0


def _of_blocks(blocks: Any) -> str:
    """The texts of blocks, for a message that has no other."""
    if isinstance(blocks, Mapping):
        text = blocks.get("text")
        if isinstance(text, str):
            return text
        return "\n".join(filter(None, map(_of_blocks, blocks.values())))
    if isinstance(blocks, list):
        return "\n".join(filter(None, map(_of_blocks, blocks)))
    return ""
