"""Reads Discord's data package: what Discord sends to one person of their account, with all that they themselves wrote.

Packages of several people, side by side in one folder, are read as one export. The folders of a package are named in
the language of its person; so they are known by their place:

    Messages/c123/channel.json    a channel; without `c` in older packages
    Messages/c123/messages.json   what the person wrote there, newest first; in older packages messages.csv
    Messages/index.json           names by channel: `general in Server`, `Direct Message with ben#0`
    Account/user.json             the person, and `relationships`: other people with their names
    Servers/index.json            names by server

Of a thread nothing tells the channel that it belongs to, nor the message that began it: it is a room of its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign import csvs, jsons
from chatserver.copies.foreign.discordtexts import marked, ms
from chatserver.copies.foreign.model import Enclosure, Moved, Person, Place, Said
from chatserver.copies.foreign.packs import Pack, broken
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report, printable
from chatserver.copies.foreign.rooms import kind_of, named
from chatserver.model import RoomKind, RoomRole

COLUMNS = ("ID", "Timestamp", "Contents", "Attachments")
ID_DIGITS = 20  # of 64 bits
EPOCH_MS = 1_420_070_400_000  # of the times in Discord's ids: the beginning of 2015
_CHANNEL = re.compile(r"((?:.*/)?)c?\d+/channel\.json")
_DIRECT_WITH = re.compile(r"Direct Message with (.+?)(?:#\d{1,4})?")
_NAMELESS = frozenset({"None", "Unknown channel", "Unknown Participant", "Deleted User"})

_Id = str | int


class _Kind(Enum):
    DIRECT, GROUP, ROOM = range(3)


_KINDS = {
    "DM": _Kind.DIRECT,
    "1": _Kind.DIRECT,
    "GROUP_DM": _Kind.GROUP,
    "3": _Kind.GROUP,
    **dict.fromkeys(["0", "2", "5", "10", "11", "12", "13", "15", "16"], _Kind.ROOM),
}


class _User(msgspec.Struct, frozen=True):
    id: _Id
    username: str
    global_name: str | None = ""
    email: str | None = ""
    verified: bool | None = False
    bot: bool | None = False
    relationships: list[object] | None = None


class _Relationship(msgspec.Struct, frozen=True):
    user: _User


class _Server(msgspec.Struct, frozen=True):
    id: _Id
    name: str | None = ""


class _Channel(msgspec.Struct, frozen=True):
    id: _Id
    type: _Id
    name: str | None = ""
    guild: _Server | None = None
    recipients: list[_Id] | None = None


class _Message(msgspec.Struct, frozen=True):
    ID: _Id
    Timestamp: str
    Contents: str | None = ""
    Attachments: str | None = ""


class _Package(NamedTuple):
    """What one package says of its channels."""

    author: str  # the id of its person
    titles: Mapping[str, str]
    servers: Mapping[str, str]


class _Conversation:
    """A channel, after all packages that have it."""

    def __init__(self, id: str, kind: _Kind) -> None:
        self.id, self.kind = id, kind
        self.name = self.server = self.title = ""  # `title` is the text of messages/index.json
        self.members: dict[str, RoomRole] = {}
        self.folders: list[tuple[str, str]] = []  # behind the ids of those who wrote what is there

    def add(self, channel: _Channel, server: str, title: str, author: str, folder: str) -> None:
        """Add what one package has of the channel."""
        self.folders.append((author, folder))
        self.name = self.name or channel.name or ""
        self.server, self.title = self.server or server, self.title or title
        others = map(str, channel.recipients or ())
        known = filter(str.isdecimal, others)  # another text stands for a deleted user
        self.members |= dict.fromkeys((author, *known), RoomRole.MEMBER)


class DiscordPackages:
    """See `reading.Reader`."""

    def __init__(self, pack: Pack, folders: Mapping[str, Sequence[str]], report: Report) -> None:
        """`folders` are those of `channel_files`. Raises `ArchiveError` if a package does not tell whose it is."""
        self._pack, self._report = pack, report
        self._names = frozenset(pack.names())
        self._authors: list[Person] = []
        self._others: dict[str, Person] = {}  # whose names are known
        self._channels: dict[str, _Conversation] = {}
        for folder, files in folders.items():
            self._open(folder, files)
        servers = {each.server for each in self._channels.values() if each.server}
        self._has_servers = len(servers) > 1

    def people(self) -> Iterator[Person]:
        return iter(self._authors)

    def rooms(self, people: People) -> Iterator[Place]:
        return iter(())  # they come with their first message, as some have none

    def messages(self, people: People) -> Iterator[Said | Moved | Place]:
        for channel in self._channels.values():
            is_placed = False
            for author, folder in channel.folders:
                for said in self._said(channel.id, author, folder, people):
                    if not is_placed:
                        yield self._place(channel, people)
                        is_placed = True
                    yield said
            if not is_placed:
                self._report.leave_out("channels without messages", channel.folders[0][1])

    def _open(self, folder: str, files: Sequence[str]) -> None:
        """Take in the channels of one package, whose messages are in this folder."""
        root = folder[: folder.rstrip("/").rfind("/") + 1]
        index = f"{folder}index.json"
        servers: dict[str, str] = {}
        for name in self._beside(root, "index.json"):
            if name != index:
                servers |= self._index(name)
        package = _Package(self._account(folder, root), self._index(index), servers)
        for file in files:
            raw = jsons.read(self._pack, file)
            channel = jsons.shaped(raw, _Channel, self._report, "channels", file)
            if channel is not None:
                self._add(package, file, channel)

    def _account(self, folder: str, root: str) -> str:
        """Take in the account of a package, and the people whom it knows; returns its id."""
        found = self._beside(root, "user.json")
        if not found:
            raise ArchiveError(
                f"{self._pack.name}: {printable(folder) or 'messages'}: the folder of the account, with user.json, is"
                " missing beside it: ask Discord for a package with your account and messages"
            )
        name = found[0]
        try:
            user = msgspec.convert(jsons.read(self._pack, name), _User, strict=False)
        except msgspec.ValidationError as error:
            broken(self._pack, name, str(error))
        email = user.email if user.verified else ""
        self._authors.append(msgspec.structs.replace(_person(user), email=email or ""))
        for number, each in enumerate(user.relationships or (), 1):
            where = f"{name}: relationship {number}"
            known = jsons.shaped(each, _Relationship, self._report, "names of users", where)
            if known is not None:
                self._others.setdefault(str(known.user.id), _person(known.user))
        self._report.note(
            "data packages: each has what one person wrote, without replies, threads, reactions and pins",
            user.username,
        )
        return str(user.id)

    def _add(self, package: _Package, file: str, channel: _Channel) -> None:
        """Take in what a package has of a channel."""
        kind, id, guild = _kind(channel.type), str(channel.id), channel.guild
        if kind is None:
            reason = "channels of a type that is not known"
            self._report.leave_out(reason, f"{file}: {channel.type}")
            return
        title = package.titles.get(id, "")
        others = [each for each in map(str, channel.recipients or ()) if each != package.author]
        if kind is _Kind.DIRECT and len(others) == 1 and (name := _partner(title)):
            self._others.setdefault(others[0], Person(id=others[0], username=name))
        server = (guild.name or package.servers.get(str(guild.id), "")) if guild else ""
        kept = self._channels.setdefault(id, _Conversation(id, kind))
        kept.add(channel, server, title, package.author, file.removesuffix("channel.json"))

    def _beside(self, root: str, name: str) -> list[str]:
        """The files of this name in the folders of a package."""
        found = re.compile(rf"{re.escape(root)}[^/]+/{re.escape(name)}")
        return sorted(filter(found.fullmatch, self._names))

    def _index(self, name: str) -> dict[str, str]:
        """Names by id; empty if there is no such file."""
        if name not in self._names:
            return {}
        raw = jsons.read(self._pack, name)
        found = jsons.shaped(raw, dict[str, str | None], self._report, "lists of names", name) or {}
        return {id: text for id, text in found.items() if text and text not in _NAMELESS}

    def _place(self, channel: _Conversation, people: People) -> Place:
        name, kind = channel.name or channel.title, RoomKind.PRIVATE
        members: dict[str, RoomRole] | None = None
        if channel.kind is _Kind.ROOM:
            if channel.name and channel.server and self._has_servers:
                name = f"{name} ({channel.server})"
        else:
            members = channel.members
            is_direct = channel.kind is _Kind.DIRECT
            if is_direct and len(members) == 1:
                members = {**members, _stranger(channel, people): RoomRole.MEMBER}
            for id in members:
                self._known(id, people)
            if is_direct or len(members) > 2:  # else a group would be one with a direct channel
                kind = kind_of(members)
        place = Place(id=channel.id, name=name, kind=kind, members=members)
        return named(place, people, self._report)

    def _said(self, room: str, author: str, folder: str, people: People) -> Iterator[Said]:
        for where, message in self._read(folder):
            id = str(message.ID)
            at = _at(id, message.Timestamp)
            body, files = message.Contents or "", tuple(_files(message.Attachments or ""))
            if not id or not at:
                self._report.leave_out("messages that cannot be read", f"{where}: ID, Timestamp")
            elif not body.strip() and not files:
                self._report.leave_out("messages without a text or a file", where)
            else:
                body = marked(body, lambda id: self._mention(id, people), self._room_name)
                yield Said(room=room, id=id, at=at, author=author, body=body, files=files)

    def _read(self, folder: str) -> Iterator[tuple[str, _Message]]:
        for name, items in (
            (f"{folder}messages.json", jsons.listed),
            (f"{folder}messages.csv", partial(csvs.rows, columns=COLUMNS)),
        ):
            if name not in self._names:
                continue
            for number, raw in enumerate(items(self._pack, name), 1):
                where = f"{name}: message {number}"
                message = jsons.shaped(raw, _Message, self._report, "messages", where)
                if message is not None:
                    yield where, message

    def _known(self, id: str, people: People) -> None:
        """Make the account of somebody whose name is known, unless there is one."""
        if id in self._others:
            people.add(self._others[id])

    def _mention(self, id: str, people: People) -> str:
        self._known(id, people)
        return people.mention(id)

    def _room_name(self, id: str) -> str:
        channel = self._channels.get(id)
        return (channel and channel.name) or id


def channel_files(pack: Pack) -> Mapping[str, Sequence[str]]:
    """The channel.json of all data packages, by the folders of messages, each with `/` at its end."""
    found: dict[str, list[str]] = {}
    for name in sorted(pack.names()):
        if match := _CHANNEL.fullmatch(name):
            found.setdefault(match[1], []).append(name)
    return found


def _kind(type: _Id) -> _Kind | None:
    """The kind of a channel by the number or the name of its type; None if that is not known."""
    name = str(type)
    is_room = name.startswith("GUILD_") or name.endswith("_THREAD")
    return _Kind.ROOM if is_room else _KINDS.get(name)


def _person(user: _User) -> Person:
    name = user.global_name or user.username
    return Person(id=str(user.id), username=user.username, name=name, bot=bool(user.bot))


def _partner(title: str) -> str:
    """The user name of the other one in a direct channel; empty if its title does not have it."""
    found = _DIRECT_WITH.fullmatch(title)
    return found[1] if found and found[1] not in _NAMELESS else ""


def _stranger(channel: _Conversation, people: People) -> str:
    """The id of a locked account for the other one in a direct channel, of whom there is no id."""
    id = f"{channel.id}/partner"
    username = _partner(channel.title) or f"unknown-{channel.id}"
    people.add(Person(id=id, username=username, locked=True))
    return id


def _at(id: str, timestamp: str) -> int:
    """Milliseconds of a message's time. The id has them where the time is in seconds, so that messages are in order."""
    at = ms(timestamp)
    own = (int(id) >> 22) + EPOCH_MS if id.isdecimal() and len(id) <= ID_DIGITS else 0
    return own if own // 1000 == at // 1000 else at


def _files(attachments: str) -> Iterator[Enclosure]:
    """The files at these addresses, of which only the names are taken: `https://HOST/attachments/CHANNEL/ID/NAME?…`."""
    for url in attachments.split():
        name = re.split(r"[?#]", url, maxsplit=1)[0].rstrip("/").rpartition("/")[2]
        yield Enclosure(id=url, name=unquote(name), path=None)
