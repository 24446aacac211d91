"""Takes a person out of the log: their name, mentions and quotes of them in what others wrote and, if that is wanted, texts.

Events keep their place, kind, time and the id of their author, which order the log. Pure, but for looking up names and
authors.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from enum import StrEnum

import msgspec

from chatserver.model import (
    AnyEvent,
    MemberChanged,
    MemberJoined,
    MemberLeft,
    MessageEdited,
    MessagePosted,
    PluginEvent,
    UnknownEvent,
    UserRef,
)
from chatserver.privacy.quotes import Quote, quote_in, without_author
from chatserver.roomlog.redaction import cleared, redacted
from chatserver.service.texts import mentioned_names, with_other_mentions

GONE = "deleted"  # the name in a mention of somebody who is gone
GROUPS = ("room", "here")  # mentions that are no user's
TOLD = "chatserver.erased"  # the type of the event that says in a room whose name, and maybe texts, are gone


class Erased(StrEnum):
    """What becomes of the messages of an erased account."""

    ANONYMISE = "anonymise"  # the texts stay, without the name
    REDACT = "redact"  # the texts go, too


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Who is taken out: the id; the last user name, "" if that is not known; when (RFC 3339), and how."""

    user: str
    username: str
    at: str
    mode: Erased


# Those of the names that somebody or something has now: users, groups. Those of the messages (ids) that are the person's.
Holders = Callable[[Collection[str]], Awaitable[Collection[str]]]
Theirs = Callable[[Collection[str]], Awaitable[Collection[str]]]


async def rewritten(
    events: Sequence[AnyEvent], gone: Gone, holders: Holders, theirs: Theirs
) -> list[tuple[AnyEvent, AnyEvent]]:
    """Those of the events that say something of the person, each with what is to stand in its place."""
    held = await _held(events, gone, holders)
    quotes = [_quote(event) for event in events]
    quoted = {quote.message for quote in quotes if quote is not None}
    own = await theirs(quoted) if quoted else ()
    found: list[tuple[AnyEvent, AnyEvent]] = []
    for event, quote in zip(events, quotes, strict=True):
        after = event
        if quote is not None and quote.message in own:
            body = without_author(quote, keeps_text=gone.mode is Erased.ANONYMISE)
            assert isinstance(event, MessagePosted | MessageEdited)
            after = msgspec.structs.replace(event, body=body)
        after = _without(after, gone, held)
        if after != event:
            found.append((event, after))
    return found


def _quote(event: AnyEvent) -> Quote | None:
    if isinstance(event, MessagePosted | MessageEdited) and "/m/" in event.body:
        return quote_in(event.body)
    return None


async def _held(events: Sequence[AnyEvent], gone: Gone, holders: Holders) -> Collection[str]:
    """Those of the names in texts that mention the person that are of others now."""
    names: set[str] = set()
    for event in events:
        if _mentions(event, gone):
            assert isinstance(event, MessagePosted | MessageEdited)
            names.update(mentioned_names(event.body))
    names.difference_update((gone.username, *GROUPS))
    return {*GROUPS, *(await holders(names) if names else ())}


def _without(event: AnyEvent, gone: Gone, held: Collection[str]) -> AnyEvent:
    if event.author.id == gone.user:
        event = _own(msgspec.structs.replace(event, author=_nameless(event.author)), gone)
    if isinstance(event, MessagePosted | MessageEdited) and "@" in event.body:
        return _without_mentions(event, gone, held)
    return _without_user(event, gone)


def _own(event: AnyEvent, gone: Gone) -> AnyEvent:
    """An event of the person: without its text, if that is to go. What they did to a room stays the room's."""
    if gone.mode is Erased.REDACT:
        if isinstance(event, MessagePosted | MessageEdited):
            return redacted(event)
        if isinstance(event, PluginEvent) and event.type == TOLD:
            return event
        if isinstance(event, PluginEvent | UnknownEvent | MemberLeft):
            return cleared(event)
    return event


def _without_user(event: AnyEvent, gone: Gone) -> AnyEvent:
    """A change of a membership without the name of whose it is."""
    is_theirs = (
        isinstance(event, MemberJoined | MemberLeft | MemberChanged) and event.user.id == gone.user
    )
    if not is_theirs:
        return event
    assert isinstance(event, MemberJoined | MemberLeft | MemberChanged)
    return msgspec.structs.replace(event, user=_nameless(event.user))


def _without_mentions(
    event: MessagePosted | MessageEdited, gone: Gone, held: Collection[str]
) -> AnyEvent:
    """A text without mentions of the person. A name that another account has got since then is left to that."""
    if _mentions(event, gone) and gone.username not in mentioned_names(event.body):
        # By a former name, or as one of a group: a name that nobody has was theirs.

        def is_theirs(name: str) -> bool:
            return name not in held
    elif gone.username and (event.at <= gone.at or _mentions(event, gone)):

        def is_theirs(name: str) -> bool:
            return name == gone.username
    else:
        return event
    body = with_other_mentions(event.body, lambda name: GONE if is_theirs(name) else None)
    return event if body == event.body else msgspec.structs.replace(event, body=body)


def _mentions(event: AnyEvent, gone: Gone) -> bool:
    return isinstance(event, MessagePosted | MessageEdited) and gone.user in event.mentions


def _nameless(user: UserRef) -> UserRef:
    return msgspec.structs.replace(user, name="")
