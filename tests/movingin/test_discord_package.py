"""Discord's data packages: what users find over HTTP, and what becomes of what is odd in one."""

import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign import csvs
from chatserver.copies.foreign.discordtexts import ms
from chatserver.model import MemberJoined, RoomChanged
from tests.movingin import discord_export, discord_package
from tests.movingin.converted import Converted, dry_run
from tests.movingin.discord_package import ANNA, BEN, GUILD, said, table
from tests.movingin.home import Home
from tests.movingin.packing import foldered, zipped

AT = "2023-05-06 07:08:09"
NAMED = {"Account/user.json": discord_package.person(ANNA, "anna", "Anna")}


def package(folder: Path, *messages: Any, **more: Any) -> Converted:
    """A converted package with these messages in one channel."""
    files = {
        **NAMED,
        "Messages/c500/channel.json": {"id": "500", "type": "GUILD_TEXT", "name": "general"},
        "Messages/c500/messages.json": list(messages),
        **more,
    }
    return Converted(foldered(folder / "export", files), "discord", folder / "a.jsonl")


def test_packages_of_two_people_are_imported_as_one(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    export = foldered(tmp_path / "export", discord_package.both())
    done = home.moved_in(export, "discord", "--owner", "anna")
    assert done.returncode == 0, done.stderr
    again = home.moved_in(export, "discord", "--owner", "anna")
    assert (again.returncode, again.stdout) == (0, done.stdout)
    home.let_in("anna", "ben", "carol")
    with home:
        anna, ben, carol = map(home.login, ("anna", "ben", "carol"))
        rooms = home.rooms(anna)
        assert {name: room["kind"] for name, room in rooms.items()} == {
            "general (Guild)": "private",
            "about it (Guild)": "private",
            "general (Other)": "private",
            "ben": "direct",
            "unknown-601": "direct",
            "Carol, unknown-1004": "direct",
        }
        general = rooms["general (Guild)"]["id"]
        hi, so, *seconds, files = home.messages(ben, general)
        assert hi["body"] == "Hi @ben, @carol and @room *now* 🎉 :parrot2: #about it `<@1002>`"
        assert hi["at"] == "2023-11-14T22:13:21.000Z"
        assert (so["author"]["name"], so["body"]) == ("ben", 'so, "quoted"\nand\r\nlines')
        assert so["at"] == "2023-11-14T22:13:24.500Z"
        assert [each["body"] for each in seconds] == ["earlier", "later in this second"]
        assert files["body"] == "two files\n📎 a b.png\n📎 plan.pdf"
        assert home.said(ben, rooms["ben"]["id"]) == ["Anna: psst", "ben: ?"]
        three = rooms["Carol, unknown-1004"]["id"]
        assert home.said(carol, three) == ["Anna: we three"]
        for id in (general, rooms["ben"]["id"]):
            assert home.get(f"/api/v1/rooms/{id}/messages", carol).status_code == 404
    report = {text.strip() for text in done.stdout.splitlines()}
    assert {
        "11 messages",
        "1 e-mail addresses",
        "2 files that the export does not have: a b.png, plan.pdf",
        "1 channels without messages: anna/Nachrichten/c503/",
        "2 data packages: each has what one person wrote, without replies, threads, reactions and"
        " pins: anna, ben",
    } <= report


def test_a_package_may_be_a_zip_of_any_depth(tmp_path: Path) -> None:
    for number, depth in enumerate(("", "package/", "a/b/")):
        files = {f"{depth}{name}": content for name, content in discord_package.ben().items()}
        export = zipped(tmp_path / f"{number}.zip", files)
        got = Converted(export, "discord", tmp_path / f"{number}.jsonl")
        assert got.bodies() == ['so, "quoted"\nand\r\nlines', "?"]


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-11-14 22:13:20", 1_700_000_000_000),
        ("2023-11-14 22:13:20.123000+00:00", 1_700_000_000_123),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500),
        ("0001-01-01T00:00:00+23:59", 0),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_times_without_a_zone_are_in_utc(text: str, expected: int) -> None:
    assert ms(text) == expected


def test_a_channel_has_the_name_that_some_package_knows(tmp_path: Path) -> None:
    files = discord_package.both()
    files["ben/messages/500/channel.json"] = {"id": "500", "type": 0}
    files["anna/Nachrichten/c501/channel.json"] = {"id": "500", "type": 0}
    export = foldered(tmp_path / "export", files)
    got = Converted(export, "discord", tmp_path / "a.jsonl")
    names = {each.name for each in got.lines if isinstance(each, RoomChanged)}
    assert names == {"general (Guild)", "general (Other)", None}
    assert "two files\n📎 a b.png\n📎 plan.pdf" in got.bodies()


def test_odd_messages_are_left_out_and_said(tmp_path: Path) -> None:
    got = package(
        tmp_path,
        said("1", AT, "one"),
        said("2", AT, " \n"),
        said("3", "yesterday", "x"),
        said("", AT, "x"),
        said("4", AT, None),
        {"ID": 5, "Contents": "x"},
        {"ID": {}, "Timestamp": AT, "Contents": "x"},
        ["no object"],
        said("1", AT, "the same id"),
        said("6", "2021-03-04 05:06:07.123000+00:00", "first"),
        said(7, AT, "", "https://e.example/attachments/1/2/"),
        said("٣", AT, "other digits"),
        said("9" * 5000, AT, "many digits"),
    )
    assert got.bodies() == ["first", "one", "📎 2", "other digits", "many digits"]
    assert [each.at for each in got.posted()][:2] == [
        "2021-03-04T05:06:07.123Z",
        "2023-05-06T07:08:09.000Z",
    ]
    assert got.left_out["messages without a text or a file"] == 2
    assert got.left_out["messages that cannot be read"] == 5
    assert got.left_out["messages whose id the room has already"] == 1
    assert any("Messages/c500/messages.json: message 3: " in line for line in got.report.lines())


def test_odd_rows_of_csv_are_left_out_and_said(tmp_path: Path) -> None:
    rows = table(said("1", AT, "one"), said("2", AT, "two")) + (
        b"\r\n3,too few\r\n4,2023-05-06 07:08:09,too,many,fields\n"
        b'5,2023-05-06 07:08:09,"three ""\r\n,",\r\n'
    )
    got = package(
        tmp_path,
        said("1", AT, "one, too"),
        **{"Messages/c500/messages.csv": b"\xef\xbb\xbf" + rows},
    )
    assert got.bodies() == ["one, too", "two", 'three "\r\n,']
    assert got.left_out["messages that cannot be read"] == 2
    assert got.left_out["messages whose id the room has already"] == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"ID,Time\n1,2\n", "line 1: expected the columns ID, Timestamp, Contents"),
        (table(said("1", AT, "x")) + b'2,x,"a\nb', "line 3: broken CSV: unexpected end of data"),
        (table(said("1", AT, "x")) + b'2,"x"y,a,\n', "line 3: broken CSV: "),
        (table(said("1", AT, "x" * 200_000)), "line 2: broken CSV: field larger than"),
        (table(said("1", AT, "x")) + b"\xff", "the file is not in UTF-8"),
        (table(said("1", AT, "x" * (csvs.LINE_CHARS + 1))), "line 2: it is too long"),
    ],
    ids=["columns", "truncated", "quote", "field", "latin", "line"],
)
def test_broken_csv_is_named_with_its_file_and_line(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match=expected) as refused:
        package(tmp_path, **{"Messages/c500/messages.csv": content})
    assert "Messages/c500/messages.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "line 1: "),
        (b"{}", "line 1: expected a list"),
        (b'[\n{"ID": 1},\n{"ID"', "line 3: broken JSON"),
        (b'[{"ID": 1}', "line 1: broken JSON: the list has no end"),
        (b"[" * 100_000, "line 1: broken JSON: it is nested too deeply"),
    ],
    ids=["empty", "object", "truncated", "open", "deep"],
)
def test_broken_json_is_named_with_its_file_and_line(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match=f"Messages/c500/messages.json: {expected}"):
        package(tmp_path, **{"Messages/c500/messages.json": content})


@pytest.mark.parametrize("content", [None, b"", b"ID,Timestamp,Contents,Attachments\n"])
def test_channels_without_messages_are_said(content: bytes | None, tmp_path: Path) -> None:
    files: dict[str, Any] = {**NAMED, "Messages/c1/channel.json": {"id": "1", "type": 0}}
    if content is not None:
        files["Messages/c1/messages.csv"] = content
    report = dry_run(foldered(tmp_path / "export", files), "discord")
    assert report.left_out == {"channels without messages": 1}


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    name = "messages/500/messages.csv"
    path = zipped(tmp_path / "export.zip", discord_package.ben())
    with zipfile.ZipFile(path) as pack:
        place = pack.getinfo(name).header_offset + 30 + len(name) + 5
    raw = bytearray(path.read_bytes())
    raw[place] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(ArchiveError, match=f"export.zip: {name}: "):
        dry_run(path, "discord")


def test_other_files_of_a_package_are_left_alone(tmp_path: Path) -> None:
    more = {
        "Servers/1/guild.json": {"guild": GUILD},
        "Servers/1/x.json": [{"guild": {}, "channel": {}}],
    }
    assert package(tmp_path, said("1", AT, "x"), **more).bodies() == ["x"]


def test_types_of_channels_are_numbers_or_names(tmp_path: Path) -> None:
    types: dict[Any, Any] = {
        **dict.fromkeys((0, "0", "GUILD_TEXT", 2, 5, "GUILD_ANNOUNCEMENT", 11, 12, 15), "private"),
        **dict.fromkeys(("PUBLIC_THREAD", "PRIVATE_THREAD", "GROUP_DM", 3), "private"),
        **dict.fromkeys(("DM", 1), "direct"),
        **dict.fromkeys((4, 99, "LOBBY", "guild_text"), None),
    }
    files: dict[str, Any] = dict(NAMED)
    for number, type in enumerate(types, 500):
        files |= {
            f"Messages/c{number}/channel.json": {"id": str(number), "type": type},
            f"Messages/c{number}/messages.json": [said(number, AT, str(type))],
        }
    files["Messages/c600/channel.json"] = {"id": "600", "type": ["DM"]}
    got = Converted(foldered(tmp_path / "export", files), "discord", tmp_path / "a.jsonl")
    kinds = {each.room: each.kind for each in got.lines if isinstance(each, RoomChanged)}
    found = {each.body: kinds[each.room].value for each in got.posted()}
    assert found == {str(type): kind for type, kind in types.items() if kind}
    assert got.left_out["channels of a type that is not known"] == 4
    assert got.left_out["channels that cannot be read"] == 1


def test_rooms_have_the_best_names_that_there_are(tmp_path: Path) -> None:
    channels: dict[str, tuple[dict[str, Any], str | None]] = {
        "1": ({"name": "general", "guild": GUILD}, "general in Guild"),
        "2": ({}, "old in Guild"),
        "3": ({"guild": GUILD}, "Unknown channel in Guild"),
        "4": ({}, "None"),
        "5": ({"type": "GROUP_DM", "name": "Crew"}, None),
        "6": ({"type": "GROUP_DM", "name": "Two", "recipients": [ANNA, BEN]}, None),
        "7": ({"name": "general", "guild": {"id": "2", "name": "Other"}}, "general in Other"),
    }
    files: dict[str, Any] = {
        **NAMED,
        "Messages/index.json": {id: title for id, (_, title) in channels.items()},
    }
    for id, (more, _) in channels.items():
        files[f"Messages/c{id}/channel.json"] = {"id": id, "type": "GUILD_TEXT", **more}
        files[f"Messages/c{id}/messages.json"] = [said(id, AT, "<#1> <#2> <#99>")]
    got = Converted(foldered(tmp_path / "export", files), "discord", tmp_path / "a.jsonl")
    names = [each.name for each in got.lines if isinstance(each, RoomChanged)]
    assert sorted(filter(None, names)) == [
        "Crew",
        "Two",
        "Unknown channel in Guild",
        "general (Guild)",
        "general (Other)",
        "old in Guild",
        "room-4",
    ]
    assert set(got.bodies()) == {"#general #2 #99"}


@pytest.mark.parametrize(
    ("recipients", "title", "name", "locked"),
    [
        ([ANNA, BEN], "Direct Message with ben#0", "ben", False),
        ([BEN, ANNA], "Direct Message with ben.b#1234", "ben.b", False),
        ([int(ANNA), int(BEN)], "Direct Message with ben", "ben", False),
        ([ANNA, BEN], "Direct Message with Unknown Participant", f"unknown-{BEN}", True),
        ([ANNA, BEN], None, f"unknown-{BEN}", True),
        ([ANNA, "Deleted User"], "Direct Message with Deleted User#0000", "unknown-7", True),
        (None, "Direct Message with ben#0", "ben", True),
    ],
)
def test_the_other_one_in_a_direct_channel(
    recipients: list[Any] | None, title: str | None, name: str, locked: bool, tmp_path: Path
) -> None:
    files = {
        **NAMED,
        "Messages/index.json": {"7": title},
        "Messages/c7/channel.json": {"id": 7, "type": "DM", "recipients": recipients},
        "Messages/c7/messages.json": [said(1, AT, "x")],
    }
    got = Converted(foldered(tmp_path / "export", files), "discord", tmp_path / "a.jsonl")
    users = got.users()
    assert set(users) == {"anna", name} and users[name].disabled is locked
    joined = [each.user.id for each in got.lines if isinstance(each, MemberJoined)]
    assert sorted(joined) == sorted(user.id for user in users.values())


def test_names_of_other_people_are_those_of_the_account(tmp_path: Path) -> None:
    known = [
        {"id": "2", "user": discord_package.person("2", "helper", "Helper", bot=True)},
        {"id": "3", "user": {"id": "3"}},
        "no object",
        {"id": "4", "user": discord_package.person("4", "eve", "")},
    ]
    account = NAMED["Account/user.json"] | {"relationships": known}
    got = package(
        tmp_path, said("1", AT, "<@2> <@3> <@&9> <@1001>"), **{"Account/user.json": account}
    )
    assert got.bodies() == ["@helper @unknown-3 @role @anna"]
    users = got.users()
    assert set(users) == {"anna", "helper", "unknown-3"}  # whoever appears nowhere gets no account
    assert users["helper"].name == "Helper" and users["helper"].bot
    assert got.left_out["names of users that cannot be read"] == 2


def test_lists_of_names_are_read_if_they_are_some(tmp_path: Path) -> None:
    got = package(
        tmp_path,
        said("1", AT, "x"),
        **{"Messages/index.json": ["500"], "Servers/index.json": {"1": 7}},
    )
    assert got.bodies() == ["x"]
    assert got.left_out["lists of names that cannot be read"] == 2


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"readme.txt": b"x"}, "no data package .*there are readme.txt$"),
        ({}, "there are no files$"),
        (NAMED, "there are Account/user.json$"),
        ({f"{n}.bin": b"" for n in range(5)}, "there are 0.bin, 1.bin, 2.bin, …$"),
        (
            discord_export.export() | discord_package.ben(),
            r"data packages \(messages/\) and files of DiscordChatExporter"
            r" \(out/direct.json, out/forum.json, out/general.json, …\): import one",
        ),
        (
            {"c1/channel.json": {}, "general.json": discord_export.GENERAL},
            r"data packages \(\./\) and files of DiscordChatExporter \(general.json\)",
        ),
        (
            {"Messages/c1/channel.json": {"id": "1", "type": 0}},
            "Messages/: the folder of the account, with user.json, is missing beside it",
        ),
        ({"c1/channel.json": {"id": "1", "type": 0}}, "messages: the folder of the account"),
        (
            {"M/c1/channel.json": {}, "A/user.json": {"id": "1"}},
            "A/user.json: Object missing required field `username`",
        ),
    ],
    ids=[
        "other",
        "empty",
        "account",
        "many",
        "mixed",
        "at the top",
        "messages",
        "inside",
        "nobody",
    ],
)
def test_what_is_no_package_or_not_only_one_is_refused(
    files: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    export = tmp_path / "export"
    export.mkdir()
    with pytest.raises(ArchiveError, match=expected):
        dry_run(foldered(export, files), "discord")


def test_files_of_the_exporter_are_known_however_they_are_written(tmp_path: Path) -> None:
    text = json.dumps(discord_export.FORUM, indent=1, sort_keys=True).encode()
    files = {"forum.json": b"\xef\xbb\xbf \n" + text}
    assert dry_run(foldered(tmp_path / "export", files), "discord").counts["messages"] == 2


def test_messages_are_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.copies.foreign.jsons.PART_BYTES", 7)
    got = package(tmp_path, *(said(n, AT, "é" * n) for n in range(1, 30)))
    assert got.bodies() == ["é" * n for n in range(1, 30)]
