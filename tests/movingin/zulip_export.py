"""A small export of Zulip with one of everything."""

from typing import Any

from tests.movingin.packing import PNG

START = 1_700_000_000.0
ANNA, BEN, CAROL, GONE, BOT, NOTICES = 10, 11, 12, 13, 14, 5


def user(id: int, name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "full_name": name.title(),
        "email": f"user{id}@zulip.example",
        "delivery_email": f"{name}@chat.example",
        "is_active": True,
        "is_bot": False,
        "role": 400,
        "date_joined": START - 1000,
        **more,
    }


def message(id: int, sender: int, recipient: int, content: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "sender": sender,
        "recipient": recipient,
        "subject": "",
        "content": content,
        "date_sent": START + id,
        "last_edit_time": None,
        "edit_history": None,
        **more,
    }


def subscribed(user: int, recipient: int, **more: Any) -> dict[str, Any]:
    return {"user_profile": user, "recipient": recipient, "active": True, **more}


REALM = {
    "zerver_realm": [{"id": 1, "name": "Org"}],
    "zerver_userprofile": [
        user(ANNA, "anna", role=100),
        user(BEN, "ben"),
        user(CAROL, "carol", role=600),
        user(GONE, "gone", is_active=False),
        user(BOT, "helper", is_bot=True),
    ],
    "zerver_userprofile_mirrordummy": [],
    "zerver_userprofile_crossrealm": [{"id": NOTICES, "email": "notification-bot@zulip.com"}],
    "zerver_stream": [
        {"id": 1, "name": "general", "description": "All", "date_created": START - 500},
        {"id": 2, "name": "core", "invite_only": True, "deactivated": False},
    ],
    "zerver_recipient": [
        {"id": 101, "type": 2, "type_id": 1},
        {"id": 102, "type": 2, "type_id": 2},
        {"id": 111, "type": 1, "type_id": BEN},
        {"id": 112, "type": 1, "type_id": ANNA},
        {"id": 120, "type": 3, "type_id": 1},
    ],
    "zerver_subscription": [
        subscribed(ANNA, 101, role=20),
        subscribed(BEN, 101),
        subscribed(CAROL, 101),
        subscribed(GONE, 101, active=False),
        subscribed(ANNA, 102),
        *(subscribed(each, 120) for each in (ANNA, BEN, CAROL)),
    ],
    "zerver_realmemoji": [{"id": 1, "name": "parrot2"}],
    "zerver_reaction": [
        {
            "user_profile": BEN,
            "message": 1,
            "emoji_name": "thumbs_up",
            "emoji_code": "1f44d",
            "reaction_type": "unicode_emoji",
        },
        {
            "user_profile": ANNA,
            "message": 1,
            "emoji_name": "parrot2",
            "emoji_code": "1",
            "reaction_type": "realm_emoji",
        },
    ],
}
FIRST = [
    message(1, ANNA, 101, f"Hello @**Ben|{BEN}** and @**all** :tada:", subject="plans"),
    message(2, BEN, 101, "second", subject="plans"),
    message(3, CAROL, 101, "without a topic"),
    message(
        4,
        BEN,
        101,
        "```quote\nold words\n```\n@_**Anna** in #**general>plans**",
        subject="other",
        last_edit_time=START + 60,
        edit_history='[{"prev_content": "x"}]',
    ),
    message(5, NOTICES, 101, "moved here", subject="plans"),
    message(6, ANNA, 102, "for the core", subject="a"),
]
SECOND = [
    message(7, BEN, 112, "psst"),
    message(8, ANNA, 111, "yes?"),
    message(9, CAROL, 120, "us three"),
    message(
        10,
        ANNA,
        101,
        "see [dot.png](/user_uploads/1/ab/dot.png) [gone.txt](/user_uploads/1/cd/gone.txt)",
        subject="plans",
    ),
    message(11, ANNA, 999, "to nobody"),
]


def export() -> dict[str, Any]:
    base = "zulip-export-1/"
    return {
        f"{base}realm.json": REALM,
        f"{base}messages-000001.json": {"zerver_message": FIRST, "zerver_usermessage": []},
        f"{base}messages-000002.json": {"zerver_message": SECOND, "zerver_usermessage": []},
        f"{base}uploads/1/ab/dot.png": PNG,
    }
