"""A small dump of Rocket.Chat with one of everything."""

from datetime import UTC, datetime, timedelta
from typing import Any

import bson

from tests.movingin.packing import PNG, lines

START = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def user(id: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "_id": id,
        "username": name,
        "name": name.title(),
        "emails": [{"address": f"{name}@chat.example", "verified": name != "carol"}],
        "roles": ["user"],
        "active": True,
        "type": "user",
        "createdAt": at(-1000),
        "services": {"password": {"bcrypt": "$2b$10$secret"}},
        **more,
    }


def said(id: str, second: int, room: str, user: str, msg: str, **more: Any) -> dict[str, Any]:
    who = {"_id": user, "username": user[1:]}
    return {"_id": id, "rid": room, "ts": at(second), "u": who, "msg": msg, **more}


USERS = [
    user("uanna", "anna", roles=["user", "admin"]),
    user("uben", "ben"),
    user("ucarol", "carol", roles=["guest"]),
    user("ugone", "gone", active=False),
    user("ucat", "rocket.cat", type="bot", roles=["bot"]),
    {"_id": "v1", "type": "visitor"},
]
ROOMS = [
    {
        "_id": "GENERAL",
        "t": "c",
        "name": "general",
        "topic": "All *things*",
        "ts": at(-100),
        "u": {"_id": "uanna"},
    },
    {"_id": "p1", "t": "p", "name": "staff", "archived": True, "ts": at(-90)},
    {"_id": "uannauben", "t": "d", "uids": ["uanna", "uben"], "usernames": ["anna", "ben"]},
    {"_id": "d3", "t": "d", "usernames": ["anna", "ben", "carol"]},
    {"_id": "l1", "t": "l"},
]
SUBSCRIPTIONS = [
    {"_id": "s1", "rid": "GENERAL", "u": {"_id": "uanna"}, "roles": ["owner"]},
    {"_id": "s2", "rid": "GENERAL", "u": {"_id": "uben"}, "roles": ["moderator"]},
    {"_id": "s3", "rid": "GENERAL", "u": {"_id": "ucarol"}},
    {"_id": "s4", "rid": "p1", "u": {"_id": "uanna"}},
]
MESSAGES = [
    said("m0", 0, "GENERAL", "ucarol", "carol", t="uj"),
    said(
        "m1",
        1,
        "GENERAL",
        "uanna",
        "*Hi* @ben and @all :tada:",
        reactions={":+1:": {"usernames": ["ben", "stranger"]}},
        pinned=True,
        pinnedAt=at(50),
        pinnedBy={"_id": "uben", "username": "ben"},
    ),
    said("m2", 2, "GENERAL", "uben", "in the thread", tmid="m1"),
    said("m3", 3, "GENERAL", "uben", "shown too", tmid="m1", tshow=True, editedAt=at(30)),
    said("m4", 4, "GENERAL", "ucarol", "", t="rm"),
    said("m5", 5, "GENERAL", "uanna", "[ ](https://c.example/channel/general?msg=m3) so it is"),
    said("m6", 6, "GENERAL", "uanna", "new topic", t="room_changed_topic"),
    said(
        "m7",
        7,
        "GENERAL",
        "uben",
        "",
        file={"_id": "fileA", "name": "dot.png", "type": "image/png"},
        files=[
            {"_id": "fileA", "name": "dot.png", "type": "image/png"},
            {"_id": "fileB", "name": "thumb-dot.png", "type": "image/png"},
        ],
        attachments=[
            {"title": "dot.png", "title_link": "/file-upload/fileA", "description": "A dot"}
        ],
    ),
    said("m8", 8, "GENERAL", "ugone", "x", t="e2e"),
    said("m9", 9, "p1", "uanna", "for the staff"),
    said("m10", 10, "uannauben", "uben", "psst"),
    said("m11", 11, "d3", "ucarol", "us three"),
    said("m12", 12, "l1", "uanna", "to a visitor"),
]
COLLECTIONS = {
    "users": USERS,
    "rocketchat_room": ROOMS,
    "rocketchat_subscription": SUBSCRIPTIONS,
    "rocketchat_message": MESSAGES,
}


def dumped() -> dict[str, Any]:
    """As mongodump writes it."""
    found = {
        f"dump/meteor/{name}.bson": b"".join(map(bson.encode, rows))
        for name, rows in COLLECTIONS.items()
    }
    return {**found, "dump/meteor/users.metadata.json": {"indexes": []}, "uploads/fileA": PNG}


def exported() -> dict[str, Any]:
    """As mongoexport writes it."""
    found = {f"{name}.json": lines(*map(_extended, rows)) for name, rows in COLLECTIONS.items()}
    return {**found, "uploads/fileA": PNG}


def _extended(found: Any) -> Any:
    if isinstance(found, datetime):
        return {"$date": found.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    if isinstance(found, dict):
        return {key: _extended(value) for key, value in found.items()}
    return list(map(_extended, found)) if isinstance(found, list) else found
