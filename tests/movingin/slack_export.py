"""A small export of Slack with one of everything."""

from typing import Any

from tests.movingin.packing import PNG

ANNA, BEN, CAROL, GONE, BOT = "U00000001", "U00000002", "U00000003", "U00000004", "U0000000B"
PUBLIC, PRIVATE, GROUP, DIRECT = "C00000001", "G00000001", "G00000002", "D00000001"
START = 1_700_000_000


def ts(second: int) -> str:
    return f"{START + second}.000100"


def user(id: str, name: str, **more: Any) -> dict[str, Any]:
    profile = {"real_name": name.title(), "display_name": "", "email": f"{name}@chat.example"}
    return {"id": id, "team_id": "T1", "name": name, "profile": profile, **more}


def said(second: int, user: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "ts": ts(second), "user": user, "text": text, **more}


USERS = [
    user(GONE, "anna", deleted=True),
    user(ANNA, "anna", is_owner=True, is_admin=True),
    user(BEN, "ben"),
    user(CAROL, "Carol", is_restricted=True),
    user(BOT, "deployer", is_bot=True),
]
CHANNELS = [
    {
        "id": PUBLIC,
        "name": "general",
        "created": START - 100,
        "creator": ANNA,
        "is_archived": False,
        "members": [ANNA, BEN, CAROL],
        "topic": {"value": "All &amp; more"},
        "purpose": {"value": f"Ask <@{ANNA}>"},
        "pins": [{"id": ts(1), "type": "C", "user": BEN, "created": START + 500}],
    },
    {
        "id": "C00000002",
        "name": "old-things",
        "created": START - 100,
        "creator": GONE,
        "is_archived": True,
        "members": [],
    },
]
GROUPS = [{"id": PRIVATE, "name": "board", "created": START, "creator": ANNA, "members": [ANNA]}]
MPIMS = [
    {
        "id": GROUP,
        "name": "mpdm-anna--ben--carol-1",
        "created": START,
        "creator": ANNA,
        "members": [ANNA, BEN, CAROL],
    }
]
DMS = [{"id": DIRECT, "created": START, "members": [ANNA, BEN]}]
FIRST = [
    said(0, CAROL, "", subtype="channel_join"),
    said(1, ANNA, f"*Hello* <@{BEN}> &amp; all, see <https://example.org/a?b=1|the page> :tada:"),
    said(2, BEN, "a root", thread_ts=ts(2), reply_count=2),
    said(3, ANNA, "in the thread", thread_ts=ts(2)),
    said(4, CAROL, "also here", thread_ts=ts(2), subtype="thread_broadcast"),
    said(
        5,
        BEN,
        "better",
        edited={"user": BEN, "ts": ts(60)},
        reactions=[
            {"name": "thumbsup::skin-tone-3", "users": [ANNA, CAROL], "count": 2},
            {"name": "parrot", "users": [BEN], "count": 1},
        ],
    ),
    said(6, ANNA, "", subtype="channel_topic"),
    said(7, GONE, "I was here"),
    said(8, "U0000000X", "a stranger"),
    {
        "type": "message",
        "subtype": "bot_message",
        "ts": ts(9),
        "bot_id": "B00000001",
        "username": "Weather",
        "text": "",
        "attachments": [{"title": "Rain", "title_link": "https://rain.example", "text": "soon"}],
    },
    said(
        10,
        BEN,
        "",
        files=[
            {"id": "F00000001", "name": "dot.png", "mimetype": "image/png"},
            {"id": "F00000002", "name": "lost.txt", "mimetype": "text/plain"},
        ],
    ),
    said(11, ANNA, "<!channel> look, `<@U00000002> *x*` ~old~", client_msg_id="1"),
]
SECOND = [
    said(100, ANNA, "words " * 3000),
    said(90, BEN, "written earlier, listed later"),
    said(100, ANNA, "the same id"),
]


def export() -> dict[str, Any]:
    """The files of the export."""
    return {
        "users.json": USERS,
        "channels.json": CHANNELS,
        "groups.json": GROUPS,
        "mpims.json": MPIMS,
        "dms.json": DMS,
        "general/2023-11-14.json": FIRST,
        "general/2023-11-15.json": SECOND,
        "board/2023-11-14.json": [said(20, ANNA, "a secret")],
        "mpdm-anna--ben--carol-1/2023-11-14.json": [said(21, BEN, "the three of us")],
        f"{DIRECT}/2023-11-14.json": [said(22, BEN, "only for you")],
        "__uploads/F00000001/dot.png": PNG,
    }
