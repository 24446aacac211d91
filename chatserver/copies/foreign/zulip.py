"""Reads the export of a Zulip organisation: realm.json, messages-000001.json and so on, and files in uploads/.

realm.json has tables by their names: users (`zerver_userprofile`, and machines of all organisations in
`zerver_userprofile_crossrealm`), channels (`zerver_stream`), recipients (`zerver_recipient`: type 1 is one user, 2 a
channel, 3 a group), who subscribes to which recipient, and reactions. A topic of a channel becomes a thread: its first
message, which then begins with the topic's name, and all others below it. What has no topic stands in the room.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from chatserver.copies.foreign import jsons, packs
from chatserver.copies.foreign.model import Enclosure, Moved, Person, Place, Reaction, Said
from chatserver.copies.foreign.packs import Pack, base_of
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.copies.foreign.rooms import kind_of, named
from chatserver.formatting import emoji
from chatserver.formatting.marks import outside_code
from chatserver.model import RoomKind, RoomRole, ServerRole

T = TypeVar("T")
PERSONAL, STREAM, GROUP = 1, 2, 3
ROLES = {100: ServerRole.ADMIN, 200: ServerRole.ADMIN, 600: ServerRole.GUEST}
ROOM_ADMIN = 20  # a subscription's role
_MESSAGES = re.compile(r"messages-\d+\.json")
_MENTION = re.compile(r"@(_?)\*\*([^*\n|]+)(?:\|(\d+))?\*\*")
_GROUP = re.compile(r"@_?\*([^*\n]+)\*")
_LINK = re.compile(r"#\*\*([^*\n]+)\*\*")
_UPLOAD = re.compile(r"!?\[([^\]\n]*)\]\((?:https?://[^/()\s]+)?/user_uploads/([^)\s]+)\)")
_QUOTE = re.compile(r"^(`{3,}|~{3,})\s*quote[ \t]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_ALL = frozenset({"all", "everyone", "channel", "stream"})


class _User(msgspec.Struct, frozen=True):
    id: int
    full_name: str = ""
    email: str = ""
    delivery_email: str | None = ""
    is_active: bool = True
    is_bot: bool = False
    is_mirror_dummy: bool = False
    role: int = 400
    date_joined: float | str | None = 0


class _Stream(msgspec.Struct, frozen=True):
    id: int
    name: str
    description: str | None = ""
    invite_only: bool | None = False
    deactivated: bool = False
    date_created: float | str | None = 0
    creator: int | None = None


class _Recipient(msgspec.Struct, frozen=True):
    id: int
    type: int
    type_id: int


class _Subscription(msgspec.Struct, frozen=True):
    user_profile: int
    recipient: int
    active: bool = True
    role: int | None = 50


class _Reaction(msgspec.Struct, frozen=True):
    user_profile: int
    message: int
    emoji_name: str
    emoji_code: str = ""
    reaction_type: str = ""


class _Message(msgspec.Struct, frozen=True):
    id: int
    sender: int
    recipient: int
    content: str
    date_sent: float
    subject: str = ""
    last_edit_time: float | None = None
    edit_history: str | None = None


class Zulip:
    """See `model.Reader`."""

    def __init__(self, pack: Pack, beside: Sequence[Pack], report: Report) -> None:
        self._pack, self._report = pack, report
        self._base = base_of(pack, "realm.json", "Zulip")
        realm = jsons.read(pack, f"{self._base}realm.json")
        if not isinstance(realm, dict):
            packs.broken(pack, f"{self._base}realm.json", "expected an object")
        self._realm: dict[str, Any] = realm
        self._names = frozenset(name for each in (pack, *beside) for name in each.names())
        self._recipients: dict[int, _Recipient] = {}
        self._groups: dict[int, dict[str, RoomRole]] = {}  # members by the ids of recipients
        self._reactions: dict[int, list[Reaction]] = {}
        self._roots: dict[tuple[str, str], str] = {}  # first messages by room and topic
        self._by_name: dict[str, str] = {}

    def people(self) -> Iterator[Person]:
        for table in (
            "zerver_userprofile",
            "zerver_userprofile_mirrordummy",
            "zerver_userprofile_crossrealm",
        ):
            for user in self._table(table, _User):
                is_machine = user.is_bot or table.endswith("crossrealm")
                email = user.delivery_email or user.email
                self._by_name.setdefault(user.full_name, str(user.id))
                yield Person(
                    id=str(user.id),
                    username=email.partition("@")[0] if is_machine or email else user.full_name,
                    name=user.full_name,
                    email=user.delivery_email or "",
                    role=ROLES.get(user.role, ServerRole.MEMBER),
                    locked=not (user.is_active or is_machine),
                    bot=is_machine,
                    at=_ms(user.date_joined),
                )

    def rooms(self, people: People) -> Iterator[Place]:
        self._recipients = {each.id: each for each in self._table("zerver_recipient", _Recipient)}
        for each in self._table("zerver_subscription", _Subscription):
            if each.active:
                role = RoomRole.ADMIN if each.role == ROOM_ADMIN else RoomRole.MEMBER
                self._groups.setdefault(each.recipient, {})[str(each.user_profile)] = role
        of_streams = {
            each.type_id: each.id for each in self._recipients.values() if each.type == STREAM
        }
        for stream in self._table("zerver_stream", _Stream):
            place = Place(
                id=f"stream/{stream.id}",
                name=stream.name,
                kind=RoomKind.PRIVATE if stream.invite_only else RoomKind.PUBLIC,
                description=stream.description or "",
                archived=stream.deactivated,
                at=_ms(stream.date_created),
                creator="" if stream.creator is None else str(stream.creator),
                members=self._groups.get(of_streams.get(stream.id, 0), {}),
            )
            yield named(place, people, self._report)
        for _ in self._table("zerver_realmemoji", dict):
            self._report.leave_out("pictures of emoji of the server's own")

    def messages(self, people: People) -> Iterator[Said | Moved | Place]:
        self._take_reactions(self._realm)
        self._realm.clear()
        known: set[str] = set()
        names = [
            name
            for name in sorted(self._names)
            if name.startswith(self._base) and _MESSAGES.fullmatch(name[len(self._base) :])
        ]
        for name in names:
            found = jsons.read(self._pack, name)
            if not isinstance(found, dict):
                packs.broken(self._pack, name, "expected an object")
            self._take_reactions(found)
            for number, raw in enumerate(found.get("zerver_message") or (), 1):
                where = f"{name}: message {number}"
                message = jsons.shaped(raw, _Message, self._report, "messages", where)
                if message is not None:
                    yield from self._message(message, people, known)

    def _message(
        self, message: _Message, people: People, known: set[str]
    ) -> Iterator[Said | Place]:
        recipient = self._recipients.get(message.recipient)
        if recipient is None:
            self._report.leave_out("messages of rooms that are not in the export", str(message.id))
            return
        if recipient.type == STREAM:
            yield self._said(f"stream/{recipient.type_id}", message, people, message.subject)
            return
        place = self._conversation(recipient, message)
        if place.id not in known:
            known.add(place.id)
            yield named(place, people, self._report)
        yield self._said(place.id, message, people, "")

    def _conversation(self, recipient: _Recipient, message: _Message) -> Place:
        """The room of people: of a message to one of them, that of both."""
        if recipient.type == PERSONAL:
            pair = sorted({message.sender, recipient.type_id})
            members = {str(each): RoomRole.MEMBER for each in pair}
        else:
            members = self._groups.get(recipient.id) or {str(message.sender): RoomRole.MEMBER}
        return Place(
            id=f"people/{','.join(sorted(members))}",
            name="",
            kind=kind_of(members),
            members=dict.fromkeys(members, RoomRole.MEMBER),
        )

    def _said(self, room: str, message: _Message, people: People, topic: str) -> Said:
        id, files = str(message.id), list[Enclosure]()
        root = self._roots.setdefault((room, topic), id) if topic else id
        body = self._marked(message.content, people, files)
        if topic and root == id:
            body = f"**{topic.replace('*', ' ').strip() or '-'}**\n{body}"
        is_edited = message.last_edit_time and '"prev_content"' in (message.edit_history or "")
        return Said(
            room=room,
            id=id,
            at=_ms(message.date_sent),
            author=str(message.sender),
            body=body,
            thread=None if root == id else root,
            edited=_ms(message.last_edit_time) if is_edited else 0,
            reactions=tuple(self._reactions.pop(message.id, ())),
            files=tuple(files),
        )

    def _marked(self, text: str, people: People, files: list[Enclosure]) -> str:
        def upload(match: re.Match[str]) -> str:
            path = f"{self._base}uploads/{unquote(match[2])}"
            name = match[1] or match[2].rpartition("/")[2]
            found = path if path in self._names else None
            files.append(Enclosure(id=match[2], name=name, path=found))
            return ""

        def mention(match: re.Match[str]) -> str:
            silent, name, id = match.groups()
            if name in _ALL and not id:
                return "@room"
            person = id or self._by_name.get(name)
            if silent or person is None or person not in people:
                return f"**{name}**"
            return people.mention(person)

        def plain(part: str) -> str:
            part = _MENTION.sub(mention, _UPLOAD.sub(upload, part))
            part = _GROUP.sub(r"**\1**", part)
            return emoji.replaced(_LINK.sub(lambda match: "#" + match[1].replace(">", " > "), part))

        return outside_code(_quoted(text), plain).strip("\n")

    def _take_reactions(self, tables: Mapping[str, Any]) -> None:
        for each in self._table("zerver_reaction", _Reaction, tables):
            found = (
                emoji.of_code(each.emoji_code) if each.reaction_type == "unicode_emoji" else None
            )
            reaction = Reaction(
                emoji=found or emoji.reaction(each.emoji_name), user=str(each.user_profile)
            )
            self._reactions.setdefault(each.message, []).append(reaction)

    def _table(
        self, name: str, kind: type[T], tables: Mapping[str, Any] | None = None
    ) -> Iterator[T]:
        rows = (self._realm if tables is None else tables).get(name) or ()
        for number, raw in enumerate(rows, 1):
            what = name.removeprefix("zerver_")
            row = jsons.shaped(raw, kind, self._report, f"rows of {what}", f"{name}: {number}")
            if row is not None:
                yield row


def _quoted(text: str) -> str:
    """Blocks of quotes as lines that begin with `>`. A block may have code in it, or another quote."""

    def one(match: re.Match[str]) -> str:
        inside = _quoted(match[2].rstrip("\n"))
        return "\n".join(f"> {line}" for line in inside.split("\n"))

    return _QUOTE.sub(one, text) if "quote" in text else text


def _ms(at: float | str | None) -> int:
    """Milliseconds of a time, which is in seconds since 1970."""
    try:
        return int(float(at or 0) * 1000)
    except (ValueError, OverflowError):
        return 0
