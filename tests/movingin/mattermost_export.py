"""A small bulk export of Mattermost with one of everything."""

from typing import Any

from tests.movingin.packing import PNG, lines

START = 1_700_000_000_000


def line(type: str, value: Any) -> dict[str, Any]:
    return {"type": type, type: value}


def user(name: str, *rooms: str, **more: Any) -> dict[str, Any]:
    channels = [{"name": room, "roles": "channel_user"} for room in rooms]
    return line(
        "user",
        {
            "username": name,
            "email": f"{name}@chat.example",
            "auth_service": "",
            "password": "$2a$10$secret",
            "nickname": "",
            "first_name": name.title(),
            "last_name": "Doe",
            "roles": "system_user",
            "teams": [{"name": "team", "roles": "team_user", "channels": channels}],
            **more,
        },
    )


def post(second: int, user: str, message: str, **more: Any) -> dict[str, Any]:
    place = {} if "channel_members" in more else {"team": "team", "channel": "town-square"}
    return {
        **place,
        "user": user,
        "message": message,
        "create_at": START + second * 1000,
        "edit_at": 0,
        **more,
    }


def reply(second: int, user: str, message: str, **more: Any) -> dict[str, Any]:
    return {"user": user, "message": message, "create_at": START + second * 1000, **more}


LINES = [
    {"type": "version", "version": 1, "info": {"generator": "mattermost-server"}},
    line("emoji", {"name": "parrot2", "image": "emoji/parrot2/image"}),
    line("team", {"name": "team", "display_name": "Team", "type": "O"}),
    line(
        "channel",
        {
            "team": "team",
            "name": "town-square",
            "display_name": "Town Square",
            "type": "O",
            "header": "For @ben",
            "purpose": "All :tada:",
        },
    ),
    line("channel", {"team": "team", "name": "staff", "display_name": "Staff", "type": "P"}),
    user("anna", "town-square", "staff", roles="system_admin system_user"),
    user("ben", "town-square"),
    user("gone", "town-square", delete_at=START),
    line("bot", {"username": "helper", "owner": "anna", "display_name": "Helper"}),
    line(
        "post",
        post(
            1,
            "anna",
            "Hi @ben and @channel :tada: ![cat](https://x.example/c.png) `@ben :tada:`",
            edit_at=START + 9000,
            is_pinned=True,
            reactions=[{"user": "ben", "create_at": START + 5000, "emoji_name": "+1"}],
            replies=[reply(3, "ben", "a reply"), reply(2, "gone", "an earlier one")],
            attachments=[{"path": "20231114/dot.png"}, {"path": "20231114/lost.txt"}],
        ),
    ),
    line("post", post(4, "ben", "ben joined", type="system_join_channel")),
    line("post", post(6, "ben", "header changed", type="system_header_change")),
    line(
        "post",
        post(
            7,
            "anna",
            "",
            props={
                "from_webhook": "true",
                "override_username": "Build",
                "attachments": [{"title": "Done", "text": "in 3 s"}],
            },
        ),
    ),
    line("post", post(8, "anna", "among us", channel="staff")),
    line("direct_channel", {"members": ["anna", "ben"], "header": ""}),
    line("direct_channel", {"members": ["anna", "ben", "gone"], "header": ""}),
    line("direct_post", post(10, "ben", "psst", channel_members=["ben", "anna"])),
    line("direct_post", post(11, "ben", "we three", channel_members=["anna", "ben", "gone"])),
]


def export() -> dict[str, Any]:
    return {"import.jsonl": lines(*LINES), "data/20231114/dot.png": PNG}
