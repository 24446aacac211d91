"""Writes the mail: messages by room, as plain text and as HTML, in the reader's language and time zone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from typing import NamedTuple

from chatserver import (
    Context,
    Mail,
    Message,
    Room,
    RoomKind,
    User,
    body_html,
    body_plain,
    mail_language,
    time_zone,
)
from chatserver_plugins.mail_notifications.texts import TEXTS, Texts
from chatserver_plugins.mail_notifications.unsubscribing import Links

SHOWN, SHOWN_OF_ROOM = 30, 10  # messages in a mail, and of one room; others are counted
TEXT_CHARS = 2000  # of a message
SUBJECT_CHARS = 200
SPOILER = 'class="spoiler"'  # quotes that somebody typed are escaped


class Group(NamedTuple):
    """What a mail says of a room: some of the messages that are to be told, and the number of the others."""

    room: Room
    name: str
    messages: Sequence[Message]
    more: int

    @property
    def is_direct(self) -> bool:
        """Whether the room is one of two, whose name is that of the other."""
        description = self.room.description
        is_direct = description is not None and description.kind is RoomKind.DIRECT
        return is_direct and len(self.room.members) <= 2


class Letters:
    """Writes mails."""

    def __init__(self, context: Context, links: Links, *, holds_texts: bool) -> None:
        """Without `holds_texts` mails say who wrote where, not what."""
        self._service, self._links, self._holds_texts = context.service, links, holds_texts
        self._url, self._server = context.public_url, context.service.config.server.name

    async def write(
        self,
        user: User,
        address: str,
        zone: str,
        id: str,
        messages: Sequence[Message],
        rooms: Mapping[str, Room],
        more: Mapping[str, int],
    ) -> Mail:
        """The mail named `id` with these messages; `more` older ones of each room are only counted."""
        language = await self.language(user)
        texts = TEXTS[language]
        groups = self._groups(user, messages, rooms, more)
        unsubscribe = await self._links.unsubscribe(user.id)
        clock = Clock(zone)
        plain = [texts.lead.format(name=_line(user.name), server=self._server)]
        html = [f"<p>{escape(plain[0])}</p>"]
        for group in groups:
            plain.append(self._plain(group, texts, clock))
            html.append(self._html(group, texts, clock))
        settings = f"{self._url}/#settings=notifications"
        end = [texts.times.format(zone=clock.name), texts.why.format(server=self._server)]
        links = {texts.settings: settings, texts.stop: unsubscribe}
        html += ["<hr>", *(f"<p>{escape(line)}</p>" for line in end)]
        html += [
            f'<p><a href="{escape(url)}">{escape(text)}</a></p>' for text, url in links.items()
        ]
        end += [f"{text}: {url}" for text, url in links.items()]
        return Mail(
            to=address,
            subject=self._subject(groups, texts),
            text="\n\n".join(plain) + "\n\n-- \n" + "\n".join(end) + "\n",
            html=f'<html lang="{language}"><body>{"".join(html)}</body></html>\n',
            id=f"messages.{id}",
            thread=f"messages.{_thread(user, messages)}",
            unsubscribe=unsubscribe,
        )

    async def language(self, user: User) -> str:
        """That of the page, if the user chose one; else that in which they gave the address, or signed in."""
        chosen = (await self._service.preferences.account.of(user)).get("page.language", "")
        given = chosen or await self._service.emails.language(user.id)
        return mail_language(given or await self._service.accounts.sessions.language(user.id))

    def _groups(
        self,
        user: User,
        messages: Sequence[Message],
        rooms: Mapping[str, Room],
        more: Mapping[str, int],
    ) -> list[Group]:
        by_room: dict[str, list[Message]] = {}
        for message in sorted(messages, key=lambda each: each.at):
            by_room.setdefault(message.room, []).append(message)
        groups, left = [], SHOWN
        for id, some in by_room.items():
            shown = some[: min(SHOWN_OF_ROOM, left)]
            left -= len(shown)
            name = _line(self._service.rooms.name(user, rooms[id]) or "")
            rest = len(some) - len(shown) + more.get(id, 0)
            groups.append(Group(rooms[id], name, shown, rest))
        return groups

    def _subject(self, groups: Sequence[Group], texts: Texts) -> str:
        """The same for all mails of a room, as mail programs look at it to group them."""
        if len(groups) > 1:
            text = texts.subject
        else:
            text = texts.subject_direct if groups[0].is_direct else texts.subject_room
        return text.format(name=groups[0].name, server=self._server)[:SUBJECT_CHARS]

    def _plain(self, group: Group, texts: Texts, clock: "Clock") -> str:
        parts = [f"== {self._title(group, texts)} ==\n{self._room_link(group)}"]
        if not self._holds_texts:
            parts.append(self._counted(group, texts))
        else:
            for message in group.messages:
                said = "\n".join(f"  {line}" for line in _text(message, texts).splitlines())
                head = f"{_line(message.author.name)}, {clock.text(message)}"
                parts.append(f"{head}\n{said}\n  {self._link(message)}")
            if group.more:
                parts.append(texts.more.format(count=group.more))
        return "\n\n".join(parts)

    def _html(self, group: Group, texts: Texts, clock: "Clock") -> str:
        title = escape(self._title(group, texts))
        parts = [f'<h2><a href="{escape(self._room_link(group))}">{title}</a></h2>']
        if not self._holds_texts:
            parts.append(f"<p>{escape(self._counted(group, texts))}</p>")
        else:
            for message in group.messages:
                author, link = escape(_line(message.author.name)), escape(self._link(message))
                head = f'<strong>{author}</strong> <a href="{link}">{clock.text(message)}</a>'
                parts.append(f"<p>{head}</p><blockquote>{_markup(message, texts)}</blockquote>")
            if group.more:
                parts.append(f"<p>{escape(texts.more.format(count=group.more))}</p>")
        return "".join(parts)

    def _title(self, group: Group, texts: Texts) -> str:
        return (texts.direct if group.is_direct else texts.room).format(name=group.name)

    def _counted(self, group: Group, texts: Texts) -> str:
        """Who wrote, without a word of what."""
        names = dict.fromkeys(_line(message.author.name) for message in group.messages)
        count = len(group.messages) + group.more
        one_or_more = texts.counted_one if count == 1 else texts.counted
        return one_or_more.format(count=count, names=texts.comma.join(names))

    def _room_link(self, group: Group) -> str:
        return f"{self._url}/#room={group.room.id}"

    def _link(self, message: Message) -> str:
        return f"{self._url}/m/{message.id}"


class Clock:
    """Times as the reader's clock shows them."""

    def __init__(self, zone: str) -> None:
        """`zone` is an IANA name; UTC for one that is not known."""
        found = time_zone(zone) if zone else None
        self._zone = found or UTC
        self.name = zone if found is not None else "UTC"

    def text(self, message: Message) -> str:
        here = datetime.fromisoformat(message.at).astimezone(self._zone)
        return here.strftime("%Y-%m-%d %H:%M")


def _text(message: Message, texts: Texts) -> str:
    return body_plain(_cut(message.body)) or _cut(message.data_text) or texts.no_text


def _markup(message: Message, texts: Texts) -> str:
    """A mail cannot hide what a spoiler hides, so such a text is shown without marks."""
    html = body_html(_cut(message.body))
    if not html or SPOILER in html:
        return f"<p>{escape(_text(message, texts))}</p>".replace("\n", "<br>")
    return html


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…"


def _line(text: str) -> str:
    """A name, which has no line breaks."""
    return " ".join(text.split())


def _thread(user: User, messages: Sequence[Message]) -> str:
    """What mails have in common that mail programs group: the thread, the room, or that they tell of several."""
    threads, rooms = {each.thread for each in messages}, {each.room for each in messages}
    about = "several" if len(rooms) > 1 else rooms.pop()
    if len(threads) == 1:
        about = threads.pop() or about
    return sha256(f"{user.id}/{about}".encode()).hexdigest()[:24]
