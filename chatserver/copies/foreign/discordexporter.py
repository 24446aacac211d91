"""Reads what DiscordChatExporter writes as JSON: a file a channel, in a folder or a zip, with or without files.

Each has `guild`, `channel` and `messages`. Nothing in it tells who may read a channel: so all become private rooms of
those who wrote there or reacted. A thread is a channel of its own, whose `categoryId` is that of its parent; it becomes
a thread below the message that began it, or else below its first message.
"""

import posixpath
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

import msgspec

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign import jsons
from chatserver.copies.foreign.discordtexts import marked, ms
from chatserver.copies.foreign.model import Enclosure, Moved, Person, Pin, Place, Reaction, Said
from chatserver.copies.foreign.packs import Pack
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.copies.foreign.rooms import named
from chatserver.formatting import emoji
from chatserver.model import RoomKind, RoomRole

DIRECT = "DirectTextChat"
WRITTEN = frozenset({"Default", "Reply", "20", "23"})  # the numbers are answers to commands
STARTER = "21"  # stands in a thread for the message of its parent that began it


class _User(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    nickname: str | None = ""
    isBot: bool = False


class _Channel(msgspec.Struct, frozen=True):
    id: str
    type: str = ""
    categoryId: str | None = None
    category: str | None = None
    name: str = ""
    topic: str | None = ""


class _Head(msgspec.Struct, frozen=True):
    channel: _Channel


class _Emoji(msgspec.Struct, frozen=True):
    name: str = ""
    id: str | None = ""


class _Reaction(msgspec.Struct, frozen=True):
    emoji: _Emoji
    count: int = 0
    users: list[_User] = []


class _Attachment(msgspec.Struct, frozen=True):
    id: str
    url: str = ""
    fileName: str = ""


class _Embed(msgspec.Struct, frozen=True):
    title: str | None = ""
    url: str | None = ""
    description: str | None = ""


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


class _Reference(msgspec.Struct, frozen=True):
    messageId: str | None = None
    channelId: str | None = None


class _Forwarded(msgspec.Struct, frozen=True):
    content: str = ""
    attachments: list[_Attachment] = []


class _Message(msgspec.Struct, frozen=True):
    id: str
    timestamp: str
    author: _User
    type: str = "Default"
    timestampEdited: str | None = None
    isPinned: bool = False
    content: str = ""
    attachments: list[_Attachment] = []
    embeds: list[_Embed] = []
    stickers: list[_Named] = []
    reactions: list[_Reaction] = []
    mentions: list[_User] = []
    reference: _Reference | None = None
    forwardedMessage: _Forwarded | None = None


class _Thread:
    """Where the messages of a channel go: into its room, and into one thread if it is one."""

    def __init__(self, channel: _Channel) -> None:
        self.is_thread = "Thread" in channel.type
        self.title = channel.name
        self.room = (channel.categoryId if self.is_thread else None) or channel.id
        self.root: str | None = None


class DiscordExporter:
    """See `model.Reader`."""

    def __init__(self, pack: Pack, beside: Sequence[Pack], report: Report) -> None:
        self._pack, self._report = pack, report
        self._names = frozenset(name for each in (pack, *beside) for name in each.names())
        self._channels: dict[str, _Channel] = {}  # by the names of their files
        for name in sorted(pack.names()):
            if name.endswith(".json"):
                head = jsons.head(pack, name, "messages")
                found = jsons.shaped(head, _Head, report, "channels", name)
                if found is not None:
                    self._channels[name] = found.channel
        if not self._channels:
            raise ArchiveError(f"{pack.name}: no channel of DiscordChatExporter can be read")

    def people(self) -> Iterator[Person]:
        return iter(())  # they are in the messages

    def rooms(self, people: People) -> Iterator[Place]:
        channels = {channel.id: channel for channel in self._channels.values()}
        seen: set[str] = set()
        for channel in self._channels.values():
            thread = _Thread(channel)
            parent = channels.get(thread.room)
            if thread.room in seen or channel.type == DIRECT:
                continue
            seen.add(thread.room)
            name = parent.name if parent else channel.category or channel.name
            place = Place(
                id=thread.room,
                name=name,
                kind=RoomKind.PRIVATE,
                topic=(parent.topic or "") if parent else "",
            )
            yield named(place, people, self._report)

    def messages(self, people: People) -> Iterator[Said | Moved | Place]:
        for name, channel in self._channels.items():
            thread = _Thread(channel)
            if channel.type == DIRECT:
                yield self._direct(name, channel, people)
            for where, message in self._read(name):
                yield from self._message(where, message, name, thread, people)

    def _read(self, name: str) -> Iterator[tuple[str, _Message]]:
        for number, raw in enumerate(jsons.items(self._pack, name, "messages"), 1):
            where = f"{name}: message {number}"
            message = jsons.shaped(raw, _Message, self._report, "messages", where)
            if message is not None:
                yield where, message

    def _direct(self, name: str, channel: _Channel, people: People) -> Place:
        """The room of two, who are those that wrote there; the other one may never have."""
        members: dict[str, RoomRole] = {}
        for _, message in self._read(name):
            members.setdefault(_known(message.author, people), RoomRole.MEMBER)
        is_pair = 1 <= len(members) <= 2
        place = Place(
            id=channel.id,
            name=channel.name,
            kind=RoomKind.DIRECT if is_pair else RoomKind.PRIVATE,
            members=members,
        )
        return named(place, people, self._report)

    def _message(
        self, where: str, message: _Message, file: str, thread: _Thread, people: People
    ) -> Iterator[Said]:
        reference = message.reference
        if message.type == STARTER and reference is not None and thread.root is None:
            thread.root = reference.messageId
            return
        if message.type not in WRITTEN:
            self._report.leave_out("notices about rooms", message.type)
            return
        at = ms(message.timestamp)
        if not at:
            self._report.leave_out("messages that cannot be read", f"{where}: timestamp")
            return
        body = self._body(message, people)
        is_root = thread.is_thread and thread.root is None
        if is_root:
            body = f"**{thread.title.replace('*', ' ')}**\n{body}"
        yield Said(
            room=thread.room,
            id=message.id,
            at=at,
            author=_known(message.author, people),
            body=body,
            thread=thread.root,
            reply_to=reference.messageId if reference and message.type == "Reply" else None,
            edited=ms(message.timestampEdited or ""),
            pin=Pin() if message.isPinned else None,
            reactions=tuple(self._reactions(message, people)),
            files=tuple(self._enclosures(message, file)),
        )
        if is_root:
            thread.root = message.id

    def _reactions(self, message: _Message, people: People) -> Iterator[Reaction]:
        for each in message.reactions:
            if each.count > len(each.users):
                self._report.leave_out(
                    "reactions whose users the export does not name",
                    number=each.count - len(each.users),
                )
            for user in each.users:
                name = each.emoji.name
                shown = emoji.reaction(name) if each.emoji.id else name
                yield Reaction(emoji=shown, user=_known(user, people))

    def _enclosures(self, message: _Message, file: str) -> Iterator[Enclosure]:
        forwarded = message.forwardedMessage
        for each in [*message.attachments, *(forwarded.attachments if forwarded else ())]:
            path: str | None = None
            if "://" not in each.url:
                folder = posixpath.dirname(file)
                found = posixpath.normpath(posixpath.join(folder, unquote(each.url)))
                path = found.replace("\\", "/")
            yield Enclosure(
                id=each.id,
                name=each.fileName or each.id,
                path=path if path in self._names else None,
            )

    def _body(self, message: _Message, people: People) -> str:
        parts = [message.content]
        if message.forwardedMessage is not None:
            lines = message.forwardedMessage.content.split("\n")
            parts.append("\n".join(f"> {line}" for line in lines))
        if not message.content:
            for embed in message.embeds:
                title = embed.title or ""
                linked = f"[{title}]({embed.url})" if title and embed.url else title or embed.url
                parts += [linked or "", embed.description or ""]
        elif message.embeds:
            self._report.leave_out("previews of links", number=len(message.embeds))
        parts += [f":{sticker.name}:" for sticker in message.stickers]
        return self._marked("\n".join(filter(None, parts)), message, people)

    def _marked(self, text: str, message: _Message, people: People) -> str:
        def mentioned(part: str) -> str:
            for user in message.mentions:
                _known(user, people)
                for name in filter(None, (user.nickname, user.name)):
                    part = part.replace(f"@{name}", people.mention(user.id))
            return part

        def room(id: str) -> str:
            return next((each.name for each in self._channels.values() if each.id == id), id)

        return marked(text, people.mention, room, mentioned)


def _known(user: _User, people: People) -> str:
    """The id of a user, whose account is made at the first sight."""
    if user.id not in people:
        name = user.nickname or user.name
        people.add(Person(id=user.id, username=user.name, name=name, bot=user.isBot))
    return user.id
