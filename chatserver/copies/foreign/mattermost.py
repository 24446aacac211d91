"""Reads a bulk export of Mattermost: lines of JSON, each with its `type`, alone or in a zip with the files in `data/`.

The lines come in this order: version, emoji, team, channel, user, bot, post, direct_channel, direct_post. Users and rooms
are named, and have no ids. A user's line has their teams and rooms. Posts have no ids either, but their replies,
reactions and attachments within them.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign import jsons, packs
from chatserver.copies.foreign.ids import made_digest
from chatserver.copies.foreign.marks import named_marks
from chatserver.copies.foreign.model import Enclosure, Moved, Person, Pin, Place, Reaction, Said
from chatserver.copies.foreign.packs import Pack
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.copies.foreign.rooms import kind_of, named
from chatserver.formatting import emoji
from chatserver.formatting.marks import outside_code
from chatserver.model import RoomKind, RoomRole, ServerRole

T = TypeVar("T")
_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"(\w+)"')  # as all exports begin their lines
VERSION = 1
SYSTEM = "system_"  # begins the types of posts that Mattermost wrote
MOVES = {"system_join_channel": True, "system_leave_channel": False}


class _InRoom(msgspec.Struct, frozen=True):
    name: str
    roles: str | None = ""


class _InTeam(msgspec.Struct, frozen=True):
    name: str
    channels: list[_InRoom] | None = None


class _User(msgspec.Struct, frozen=True):
    username: str
    email: str | None = ""
    nickname: str | None = ""
    first_name: str | None = ""
    last_name: str | None = ""
    roles: str | None = ""
    delete_at: int | None = 0
    teams: list[_InTeam] | None = None


class _Bot(msgspec.Struct, frozen=True):
    username: str
    display_name: str | None = ""
    delete_at: int | None = 0


class _Team(msgspec.Struct, frozen=True):
    name: str
    display_name: str | None = ""


class _Channel(msgspec.Struct, frozen=True):
    team: str
    name: str
    display_name: str | None = ""
    type: str | None = "O"
    header: str | None = ""
    purpose: str | None = ""
    deleted_at: int | None = 0


class _DirectChannel(msgspec.Struct, frozen=True):
    members: list[str] = []
    participants: list[dict[str, Any]] | None = None  # in place of `members` since 10.3
    header: str | None = ""


class _Reaction(msgspec.Struct, frozen=True):
    user: str
    emoji_name: str
    create_at: int | None = 0


class _Attachment(msgspec.Struct, frozen=True):
    path: str


class _Post(msgspec.Struct, frozen=True):
    user: str
    create_at: int
    message: str | None = ""
    team: str = ""
    channel: str = ""
    channel_members: list[str] | None = None
    type: str | None = ""
    props: dict[str, Any] | str | None = None
    edit_at: int | None = 0
    reactions: list[_Reaction] | None = None
    replies: list["_Post"] | None = None
    attachments: list[_Attachment] | None = None
    is_pinned: bool | None = False


class Mattermost:
    """See `model.Reader`."""

    def __init__(self, pack: Pack, beside: Sequence[Pack], report: Report) -> None:
        self._pack, self._report = pack, report
        self._names = frozenset(name for each in (pack, *beside) for name in each.names())
        found = [name for name in pack.names() if name.endswith((".jsonl", ".jsonl.gz"))]
        if not found:
            raise ArchiveError(f"{pack.name}: a .jsonl is missing: this is no export of Mattermost")
        self._file = min(found, key=len)
        self._members: dict[str, dict[str, RoomRole]] = {}  # of rooms, by their ids

    def people(self) -> Iterator[Person]:
        versions = list(self._all("version", int))
        if versions != [VERSION]:
            packs.broken(self._pack, self._file, f"expected a version {VERSION}, got {versions}")
        for user in self._all("user", _User):
            person = _person(user)
            for team in user.teams or ():
                for room in team.channels or ():
                    is_admin = "channel_admin" in (room.roles or "")
                    members = self._members.setdefault(f"{team.name}/{room.name}", {})
                    members[person.id] = RoomRole.ADMIN if is_admin else RoomRole.MEMBER
            yield person
        for bot in self._all("bot", _Bot):
            yield Person(
                id=bot.username.casefold(),
                username=bot.username,
                name=bot.display_name or bot.username,
                locked=bool(bot.delete_at),
                bot=True,
            )

    def rooms(self, people: People) -> Iterator[Place]:
        teams = {team.name: team.display_name or team.name for team in self._all("team", _Team)}
        for channel in self._all("channel", _Channel):
            name = channel.display_name or channel.name
            if len(teams) > 1:
                name = f"{name} ({teams.get(channel.team, channel.team)})"
            id = f"{channel.team}/{channel.name}"
            place = Place(
                id=id,
                name=name,
                kind=RoomKind.PRIVATE if channel.type == "P" else RoomKind.PUBLIC,
                topic=_marked(channel.header, people),
                description=_marked(channel.purpose, people),
                archived=bool(channel.deleted_at),
                members=self._members.get(id, {}),
            )
            yield named(place, people, self._report)
        for _ in self._all("emoji", dict):
            self._report.leave_out("pictures of emoji of the server's own")

    def messages(self, people: People) -> Iterator[Said | Moved | Place]:
        for post in self._all("post", _Post):
            yield from self._post(f"{post.team}/{post.channel}", post, people)
        known: set[str] = set()
        for channel in self._all("direct_channel", _DirectChannel):
            members = channel.members or [
                str(each.get("username", "")) for each in channel.participants or ()
            ]
            yield self._direct(members, people, known, channel.header or "")
        for post in self._all("direct_post", _Post):
            members = post.channel_members or []
            if _direct_id(members) not in known:
                yield self._direct(members, people, known)
            yield from self._post(_direct_id(members), post, people)

    def _all(self, type: str, kind: type[T]) -> Iterator[T]:
        """What the lines of this type have."""
        for number, line in packs.lines(self._pack, self._file):
            begins = _TYPE.match(line)
            if begins is not None and begins[1] != type.encode():
                continue
            found = jsons.decoded(line, self._pack, self._file, number)
            if not isinstance(found, dict):
                packs.broken(self._pack, self._file, f"line {number}: expected an object")
            if found.get("type") == type:
                where = f"{self._file}: line {number}"
                shaped = jsons.shaped(found.get(type), kind, self._report, f"{type}s", where)
                if shaped is not None:
                    yield shaped

    def _direct(
        self, members: Sequence[str], people: People, known: set[str], header: str = ""
    ) -> Place:
        known.add(_direct_id(members))
        ids = dict.fromkeys((name.casefold() for name in members), RoomRole.MEMBER)
        place = Place(
            id=_direct_id(members),
            name="",
            kind=kind_of(ids),
            topic=_marked(header, people),
            members=ids,
        )
        return named(place, people, self._report)

    def _post(self, room: str, post: _Post, people: People) -> Iterator[Said | Moved]:
        kind = post.type or ""
        if kind in MOVES:
            yield Moved(room=room, user=post.user.casefold(), at=post.create_at, joined=MOVES[kind])
            return
        if kind.startswith(SYSTEM):
            self._report.leave_out("notices about rooms", kind)
            return
        root = self._said(room, post, "", people)
        yield root
        for reply in post.replies or ():
            said = self._said(room, reply, root.id, people)
            yield msgspec.structs.replace(said, thread=root.id)

    def _said(self, room: str, post: _Post, root: str, people: People) -> Said:
        author, text = self._author(post, people), post.message or ""
        id = f"{root}{post.create_at}-{made_digest(f'{author}/{text}')[:8]}"
        return Said(
            room=room,
            id=id,
            at=post.create_at,
            author=author,
            body=_marked("\n".join(filter(None, [text, *_of_integration(post)])), people),
            edited=post.edit_at or 0,
            pin=Pin() if post.is_pinned else None,
            reactions=tuple(
                Reaction(
                    emoji=emoji.reaction(each.emoji_name),
                    user=each.user.casefold(),
                    at=each.create_at or 0,
                )
                for each in post.reactions or ()
            ),
            files=tuple(self._enclosure(each.path) for each in post.attachments or ()),
        )

    def _author(self, post: _Post, people: People) -> str:
        """The user; of what a webhook posted under another name, a machine of that name."""
        props = post.props if isinstance(post.props, dict) else {}
        name = str(props.get("override_username") or "")
        if not name or str(props.get("from_webhook")) != "true":
            return post.user.casefold()
        id = f"webhook/{name}"
        if id not in people:
            people.add(Person(id=id, username=name, name=name, bot=True))
        return id

    def _enclosure(self, path: str) -> Enclosure:
        places = [f"data/{path}", path, f"{path.rpartition('/')[2]}"]
        found = next((place for place in places if place in self._names), None)
        return Enclosure(id=path, name=path.rpartition("/")[2], path=found)


def _person(user: _User) -> Person:
    roles = (user.roles or "").split()
    role = ServerRole.MEMBER
    if "system_admin" in roles:
        role = ServerRole.ADMIN
    elif "system_guest" in roles:
        role = ServerRole.GUEST
    full = " ".join(filter(None, [user.first_name, user.last_name]))
    return Person(
        id=user.username.casefold(),
        username=user.username,
        name=user.nickname or full or user.username,
        email=user.email or "",
        role=role,
        locked=bool(user.delete_at),
    )


def _direct_id(members: Sequence[str]) -> str:
    return f"direct/{','.join(sorted({name.casefold() for name in members}))}"


def _marked(text: str | None, people: People) -> str:
    return outside_code(text or "", lambda part: named_marks(part, people))


def _of_integration(post: _Post) -> Iterator[str]:
    """The texts of what integrations attach to their posts."""
    props = post.props if isinstance(post.props, dict) else {}
    attached = props.get("attachments")
    for each in attached if isinstance(attached, list) else ():
        if isinstance(each, dict):
            shown = [each.get(field) for field in ("pretext", "title", "text")]
            texts = [text for text in shown if isinstance(text, str) and text]
            yield "\n".join(texts or [str(each.get("fallback") or "")])
