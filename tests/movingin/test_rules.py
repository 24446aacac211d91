"""What becomes of members, rooms, times and files, in the archive that is made."""

from pathlib import Path
from typing import Any

from chatserver.copies.archive.lines import FileStart, Record
from chatserver.copies.foreign.rooms import kind_of
from chatserver.model import (
    MemberJoined,
    MemberLeft,
    MessageEdited,
    MessagePosted,
    PinAdded,
    ReactionAdded,
    RoomChanged,
    RoomKind,
)
from chatserver.service.mail.emails import SPACE as EMAILS
from tests.movingin import discord_export, mattermost_export, slack_export
from tests.movingin.converted import Converted
from tests.movingin.mattermost_export import line
from tests.movingin.packing import PNG, foldered, lines
from tests.movingin.slack_export import ANNA, BEN, BOT, CAROL, CHANNELS, DIRECT, said, ts, user

DAY = "general/2024-01-01.json"


def slack(folder: Path, day: list[Any], **files: Any) -> Converted:
    """A converted export of Slack with one room and this day."""
    content = {"users.json": slack_export.USERS, "channels.json": [CHANNELS[0]], DAY: day}
    named = {key.replace("__", "."): value for key, value in files.items()}
    return Converted(foldered(folder / "export", content | named), "slack", folder / "a.jsonl")


def membership(got: Converted) -> list[tuple[str, bool]]:
    """Who came (True) and left, in order."""
    moves = [each for each in got.lines if isinstance(each, MemberJoined | MemberLeft)]
    return [(each.user.name, isinstance(each, MemberJoined)) for each in moves]


def test_a_conversation_of_too_many_for_a_direct_room_is_private() -> None:
    kinds = [kind_of(range(people)) for people in (0, 1, 3, 10, 11)]
    direct, private = RoomKind.DIRECT, RoomKind.PRIVATE
    assert kinds == [private, direct, direct, direct, private]


def test_members_are_in_the_end_those_of_the_list(tmp_path: Path) -> None:
    channel = {**CHANNELS[0], "members": [ANNA, BEN], "pins": None}
    got = slack(
        tmp_path,
        [
            said(1, BEN, "", subtype="channel_leave"),
            said(2, CAROL, "", subtype="channel_join"),
            said(3, CAROL, "hello"),
            said(4, ANNA, "", subtype="channel_join"),
            said(5, CAROL, "", subtype="channel_join"),
        ],
        channels__json=[channel],
    )
    assert membership(got) == [
        ("Ben", True),
        ("Ben", False),
        ("Carol", True),
        ("Anna", True),
        ("Ben", True),
        ("Carol", False),
    ]


def test_an_archived_room_is_archived_last_and_has_an_owner_who_can_sign_in(tmp_path: Path) -> None:
    channel = {
        **CHANNELS[0],
        "is_archived": True,
        "creator": "gone",
        "members": [BOT, BEN],
        "pins": None,
    }
    got = slack(tmp_path, [said(1, BEN, "x")], channels__json=[channel])
    events = [each for each in got.lines if hasattr(each, "author")]
    assert isinstance(events[-1], RoomChanged) and events[-1].archived
    assert [each.archived for each in events if isinstance(each, RoomChanged)] == [False, True]
    roles = {each.user.name: each.role for each in events if isinstance(each, MemberJoined)}
    assert roles == {"Deployer": "member", "Ben": "owner"}


def test_two_direct_rooms_of_a_pair_are_one(tmp_path: Path) -> None:
    rooms = [
        {"id": DIRECT, "members": [ANNA, BEN]},
        {"id": "D00000002", "members": [BEN, ANNA]},
        {"id": "D00000003", "members": [ANNA]},
    ]
    same = said(1, ANNA, "the same id")
    got = slack(
        tmp_path,
        [],
        dms__json=rooms,
        **{
            f"{DIRECT}/2024-01-01.json": [same, said(3, BEN, "third")],
            "D00000002/2024-01-01.json": [said(2, BEN, "", subtype="channel_join"), same],
            "D00000003/2024-01-01.json": [said(4, ANNA, "a note")],
        },
    )
    assert got.report.counts["direct rooms"] == 2
    assert got.bodies() == ["the same id", "the same id", "third", "a note"]
    assert len({each.room for each in got.posted()}) == 2
    direct = [each for each in got.lines if getattr(each, "room", "").startswith("d")]
    joined = [each.seq for each in direct if isinstance(each, MemberJoined)]
    assert joined == [2, 3, 2]  # before anything is said


def test_changes_have_their_own_times(tmp_path: Path) -> None:
    got = slack(
        tmp_path,
        [
            said(1, ANNA, "new text", edited={"user": ANNA, "ts": ts(50)}),
            said(2, BEN, "before the change"),
            said(3, BEN, "changed before it was written", edited={"user": BEN, "ts": ts(-100)}),
        ],
    )
    first = got.posted()[0]
    assert first.redacted and first.body == ""
    edits = [each for each in got.lines if isinstance(each, MessageEdited)]
    assert [(each.at[17:19], each.body) for each in edits] == [
        ("23", "changed before it was written"),
        ("10", "new text"),
    ]
    assert edits[1].seq > got.posted()[1].seq


def test_a_reaction_counts_once_and_has_to_be_one(tmp_path: Path) -> None:
    got = slack(
        tmp_path,
        [
            said(
                1,
                ANNA,
                "x",
                reactions=[
                    {"name": "tada", "users": [BEN, BEN]},
                    {"name": "a\u0007", "users": [BEN]},
                ],
            )
        ],
    )
    assert [each.emoji for each in got.lines if isinstance(each, ReactionAdded)] == ["🎉"]
    assert got.left_out["reactions that are no emoji"] == 1


def test_a_room_has_at_most_a_hundred_pins(tmp_path: Path) -> None:
    pins = [{"id": ts(number), "created": 0, "user": ANNA} for number in range(105)]
    day = [said(number, ANNA, f"{number}") for number in range(105)]
    got = slack(tmp_path, day, channels__json=[{**CHANNELS[0], "pins": pins}])
    assert sum(isinstance(each, PinAdded) for each in got.lines) == 100
    assert got.left_out["pins of rooms that have more than 100"] == 5


def test_a_reply_without_its_beginning_stands_in_the_room(tmp_path: Path) -> None:
    got = slack(tmp_path, [said(2, ANNA, "x", thread_ts=ts(1), subtype="thread_broadcast")])
    [posted] = got.posted()
    assert (posted.thread, posted.broadcast) == (None, False)


def test_addresses_count_if_they_are_confirmed_and_of_people(tmp_path: Path) -> None:
    users = [
        user(ANNA, "anna"),
        user(BEN, "ben", is_email_confirmed=False),
        user(BOT, "deployer", is_bot=True),
    ]
    got = slack(tmp_path, [said(5, ANNA, "x")], users__json=users)
    found = [each for each in got.lines if isinstance(each, Record) and each.space == EMAILS]
    assert [each.value for each in found] == [b"anna@chat.example"]
    assert got.users()["anna"].at == "2023-11-14T22:13:25.000Z"  # the oldest time that is known


def test_a_content_is_in_the_archive_once(tmp_path: Path) -> None:
    files = [{"id": "F00000001", "name": "a.png"}, {"id": "F00000002", "name": "b.png"}]
    got = slack(
        tmp_path,
        [said(1, ANNA, "x", files=files)],
        **{"up/F00000001.png": PNG, "up/F00000002.png": PNG},
    )
    starts = [each for each in got.lines if isinstance(each, FileStart)]
    assert [bool(each.same) for each in starts] == [False, True]


def test_rooms_of_several_teams_have_their_teams_name(tmp_path: Path) -> None:
    more = [
        line("team", {"name": "other", "display_name": "Other"}),
        line(
            "channel",
            {"team": "other", "name": "town-square", "display_name": "Town Square", "type": "O"},
        ),
    ]
    content = lines(*mattermost_export.LINES[:3], *more, *mattermost_export.LINES[3:])
    got = Converted(
        foldered(tmp_path / "export", {"m.jsonl": content}), "mattermost", tmp_path / "a.jsonl"
    )
    names = {each.name for each in got.lines if isinstance(each, RoomChanged)}
    assert {"Town Square (Team)", "Town Square (Other)", "Staff (Team)"} <= names


def test_a_room_of_discord_is_one_with_its_threads(tmp_path: Path) -> None:
    got = Converted(
        foldered(tmp_path / "export", discord_export.export()), "discord", tmp_path / "a.jsonl"
    )
    assert got.report.counts["private rooms"] == 2
    assert "rooms that are in the export twice" not in got.left_out
    posted = [each for each in got.lines if isinstance(each, MessagePosted)]
    assert len({each.client_id for each in posted}) == len(posted)
