"""Files of DiscordChatExporter with one of everything."""

from typing import Any

from tests.movingin.packing import PNG

ANNA = {"id": "1001", "name": "anna", "nickname": "Anna", "isBot": False}
BEN = {"id": "1002", "name": "ben", "nickname": "Ben B.", "isBot": False}
HELPER = {"id": "1003", "name": "helper", "nickname": "Helper", "isBot": True}
GUILD = {"id": "1", "name": "Guild"}


def said(id: str, second: int, author: dict[str, Any], content: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "type": "Default",
        "timestamp": f"2023-11-14T23:13:{second:02}.000+01:00",
        "timestampEdited": None,
        "isPinned": False,
        "content": content,
        "author": author,
        "attachments": [],
        "embeds": [],
        "stickers": [],
        "reactions": [],
        "mentions": [],
        **more,
    }


def channel(id: str, type: str, name: str, *messages: Any, **more: Any) -> dict[str, Any]:
    return {
        "guild": GUILD,
        "channel": {"id": id, "type": type, "name": name, "topic": None, **more},
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2024-01-01T00:00:00+00:00",
        "messages": list(messages),
        "messageCount": len(messages),
    }


GENERAL = channel(
    "500",
    "GuildTextChat",
    "general",
    said("1", 1, ANNA, "Hi @Ben B. and @everyone __now__ :tada:", mentions=[BEN], isPinned=True),
    said(
        "2",
        2,
        BEN,
        "raw <@1001> <a:parrot2:77> <#500>",
        timestampEdited="2023-11-14T23:13:30.000+01:00",
        reactions=[
            {
                "emoji": {"id": "", "name": "👍", "code": "thumbsup"},
                "count": 3,
                "users": [ANNA, BEN],
            },
            {"emoji": {"id": "77", "name": "parrot2"}, "count": 1, "users": [ANNA]},
        ],
    ),
    said("3", 3, ANNA, "an answer", type="Reply", reference={"messageId": "2", "channelId": "500"}),
    said(
        "4",
        4,
        BEN,
        "",
        attachments=[
            {"id": "41", "url": "general.json_Files/dot%20a.png", "fileName": "dot a.png"},
            {"id": "42", "url": "https://cdn.discord.example/lost.txt", "fileName": "lost.txt"},
        ],
    ),
    said(
        "5", 5, HELPER, "", embeds=[{"title": "T", "url": "https://e.example", "description": "d"}]
    ),
    said("6", 6, BEN, "started a thread", type="ThreadCreated"),
    topic="What we say",
    category="Text",
    categoryId="499",
)
BEGUN = channel(
    "2",
    "GuildPublicThread",
    "about it",
    said("20", 20, BEN, "", type="21", reference={"messageId": "2", "channelId": "500"}),
    said("21", 21, ANNA, "below it"),
    category="general",
    categoryId="500",
)
FORUM = channel(
    "600",
    "GuildPublicThread",
    "a question",
    said("601", 31, ANNA, "how?"),
    said("602", 32, BEN, "so"),
    category="forum",
    categoryId="599",
)
DIRECT = channel(
    "700", "DirectTextChat", "ben", said("701", 40, ANNA, "psst"), said("702", 41, BEN, "?")
)


def export() -> dict[str, Any]:
    return {
        "out/general.json": GENERAL,
        "out/general.json_Files/dot a.png": PNG,
        "out/thread.json": BEGUN,
        "out/forum.json": FORUM,
        "out/direct.json": DIRECT,
    }
