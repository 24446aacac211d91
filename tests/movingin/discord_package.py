"""Discord's data packages: of anna a new one in German, and of ben an old one."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

ANNA, BEN, CAROL, DAVE = "1001", "1002", "1003", "1004"
GUILD = {"id": "1", "name": "Guild"}
FIRST = 1_700_000_000  # the second of the message 1
EPOCH_SECONDS = 1_420_070_400


def snowflake(second: int, ms: int = 0) -> int:
    """The id of what was made so long after `FIRST`."""
    return ((FIRST + second - EPOCH_SECONDS) * 1000 + ms) << 22


def time_text(second: int) -> str:
    """The time so long after `FIRST`, as new packages have it."""
    return datetime.fromtimestamp(FIRST + second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def said(id: Any, timestamp: str, contents: str | None, attachments: str = "") -> dict[str, Any]:
    return {"ID": id, "Timestamp": timestamp, "Contents": contents, "Attachments": attachments}


def table(*messages: dict[str, Any]) -> bytes:
    """The messages as messages.csv."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["ID", "Timestamp", "Contents", "Attachments"])
    writer.writeheader()
    writer.writerows(messages)
    return text.getvalue().encode()


def person(id: str, username: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "username": username,
        "discriminator": 0,
        "global_name": name,
        "avatar": None,
        **more,
    }


def anna() -> dict[str, Any]:
    """The files of anna's package."""
    known = {"id": CAROL, "type": "FRIEND", "user": person(CAROL, "carol", "Carol")}
    account = person(ANNA, "anna", "Anna", email="anna@chat.example", verified=True)
    return {
        "README.txt": b"Willkommen!",
        "Konto/user.json": account | {"relationships": [known]},
        "Server/index.json": {"1": "Guild", "2": "Other"},
        "Server/1/guild.json": GUILD,
        "Nachrichten/index.json": {
            "500": "general in Guild",
            "501": "about it in Guild",
            "502": "general in Other",
            "503": "Unknown channel",
            "600": "Direct Message with ben#0",
            "601": "Direct Message with Unknown Participant",
            "602": None,
        },
        "Nachrichten/c500/channel.json": {
            "id": "500",
            "type": "GUILD_TEXT",
            "name": "general",
            "guild": GUILD,
        },
        "Nachrichten/c500/messages.json": [
            said(
                snowflake(9),
                "2023-11-14 22:13:29",
                "two files",
                "https://cdn.discord.example/attachments/500/7/a%20b.png?ex=1&is=2"
                " https://cdn.discord.example/attachments/500/8/plan.pdf",
            ),
            said(snowflake(5, 900), "2023-11-14 22:13:25", "later in this second"),
            said(snowflake(5, 100), "2023-11-14 22:13:25", "earlier"),
            said(
                snowflake(1),
                "2023-11-14 22:13:21",
                "Hi <@1002>, <@!1003> and @everyone __now__ :tada: <a:parrot2:77> <#501> `<@1002>`",
            ),
        ],
        "Nachrichten/c501/channel.json": {
            "id": "501",
            "type": "PUBLIC_THREAD",
            "name": "about it",
            "guild": GUILD,
        },
        "Nachrichten/c501/messages.json": [said(snowflake(2), "2023-11-14 22:13:22", "a thread")],
        "Nachrichten/c502/channel.json": {
            "id": "502",
            "type": "GUILD_TEXT",
            "name": "general",
            "guild": {"id": "2"},
        },
        "Nachrichten/c502/messages.json": [said(snowflake(3), "2023-11-14 22:13:23", "elsewhere")],
        "Nachrichten/c503/channel.json": {"id": "503", "type": "GUILD_TEXT"},
        "Nachrichten/c503/messages.json": [],
        "Nachrichten/c600/channel.json": {"id": "600", "type": "DM", "recipients": [ANNA, BEN]},
        "Nachrichten/c600/messages.json": [said(snowflake(40), "2023-11-14 22:14:00", "psst")],
        "Nachrichten/c601/channel.json": {
            "id": "601",
            "type": "DM",
            "recipients": ["Deleted User", ANNA],
        },
        "Nachrichten/c601/messages.json": [said(snowflake(41), "2023-11-14 22:14:01", "farewell")],
        "Nachrichten/c602/channel.json": {
            "id": "602",
            "type": "GROUP_DM",
            "recipients": [ANNA, CAROL, DAVE],
        },
        "Nachrichten/c602/messages.json": [said(snowflake(42), "2023-11-14 22:14:02", "we three")],
    }


def ben() -> dict[str, Any]:
    """The files of ben's package."""
    return {
        "account/user.json": person(BEN, "ben", "", email="ben@chat.example", verified=False),
        "servers/index.json": {"1": "Guild"},
        "messages/index.json": {"500": "general in Guild", "600": "Direct Message with anna#1234"},
        "messages/500/channel.json": {"id": "500", "type": 0, "name": "general", "guild": GUILD},
        "messages/500/messages.csv": table(
            said("32", "2023-11-14 22:13:24.500000+00:00", 'so, "quoted"\nand\r\nlines')
        ),
        "messages/600/channel.json": {"id": "600", "type": 1, "recipients": [BEN, ANNA]},
        "messages/600/messages.csv": b"\xef\xbb\xbf"
        + table(said("33", "2023-11-14 22:14:05.000000+00:00", "?")),
    }


def both() -> dict[str, Any]:
    """The packages side by side."""
    return {
        f"{name}/{file}": content
        for name, files in (("anna", anna()), ("ben", ben()))
        for file, content in files.items()
    }
