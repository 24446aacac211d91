"""Names and texts of rooms by our rules."""

import re
from collections.abc import Sized

import msgspec

from chatserver.copies.foreign.model import Place
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.errors import ChatError
from chatserver.model import DIRECT_MEMBERS, RoomKind
from chatserver.service.texts import clean_name

NAME_CHARS, TOPIC_CHARS, DESCRIPTION_CHARS = 200, 1000, 4000
_HIDDEN = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)


def kind_of(members: Sized) -> RoomKind:
    """Of a conversation of these people: a direct room, or a private one if they are too many."""
    return RoomKind.DIRECT if 1 <= len(members) <= DIRECT_MEMBERS else RoomKind.PRIVATE


def named(place: Place, people: People, report: Report) -> Place:
    """The room with texts that are valid here. One of several people without a name is named by them."""
    topic, description = place.topic.replace("\0", ""), place.description.replace("\0", "")
    if len(topic) > TOPIC_CHARS or len(description) > DESCRIPTION_CHARS:
        report.note("topics and descriptions of rooms cut, as they are too long", place.name)
    return msgspec.structs.replace(
        place,
        name="" if place.kind is RoomKind.DIRECT else _name(place, people, report),
        topic=topic[:TOPIC_CHARS].strip(),
        description=description[:DESCRIPTION_CHARS].strip(),
    )


def _name(place: Place, people: People, report: Report) -> str:
    wanted = place.name or ", ".join(people.user(each).name for each in place.members or ())
    try:
        name = clean_name(_HIDDEN.sub(" ", wanted)[:NAME_CHARS])
    except ChatError:
        name = f"room-{_HIDDEN.sub('', place.id)[:50]}"
    if place.name and name != " ".join(place.name.split()):
        report.note("names of rooms changed to valid ones", place.name)
    return name
