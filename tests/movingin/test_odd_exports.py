"""What is damaged, hostile or only odd in an export: an error with its place, or a line in the report."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign import packs
from chatserver.copies.foreign.converting import Options
from tests.movingin import (
    discord_export,
    mattermost_export,
    rocketchat_export,
    slack_export,
    zulip_export,
)
from tests.movingin.converted import OPTIONS, Converted, dry_run
from tests.movingin.packing import PNG, as_bytes, foldered, lines, zipped
from tests.movingin.slack_export import ANNA, BEN, CHANNELS, said, user

DAY = "general/2024-01-01.json"
DIGITS = b"1" * 5000  # more than Python reads as a number


def slack(folder: Path, day: Any, name: str = "archive.jsonl", **files: Any) -> Converted:
    """A converted export of Slack with this content of one day."""
    content = {"users.json": slack_export.USERS, "channels.json": CHANNELS, DAY: day}
    more = {key.replace("__", "."): value for key, value in files.items()}
    return Converted(foldered(folder / "export", content | more), "slack", folder / name)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (b'[\n{"ts": "1",}\n]', f"{DAY}: line 2: broken JSON"),
        (b'[{"ts": "1700000000.1"}', f"{DAY}: line 1: broken JSON"),
        (b'[\n"\xff\xfe"]', f"{DAY}: line 2: the file is not in UTF-8"),
        (b"", f"{DAY}: line 1: broken JSON"),
        (b"[" * 100_000, f"{DAY}: line 1: broken JSON: it is nested too deeply"),
        (b'[{"ts": %s}]' % DIGITS, f"{DAY}: line 1: broken JSON: Exceeds the limit"),
        (b"{}", f"{DAY}: expected a list"),
    ],
    ids=["comma", "truncated", "latin", "empty", "deep", "digits", "object"],
)
def test_broken_json_is_named_with_its_file_and_line(
    day: bytes, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError) as refused:
        slack(tmp_path, day)
    assert expected in str(refused.value)
    assert not (tmp_path / "archive.jsonl").exists()


def test_one_message_of_another_shape_does_not_stop_the_others(tmp_path: Path) -> None:
    got = slack(
        tmp_path,
        [
            said(1, ANNA, "one"),
            {"type": "message", "ts": {"a": 1}, "user": BEN, "text": "two"},
            ["no object"],
            said(3, ANNA, "three", reactions="none"),
            {**said(4, BEN, "four"), "ts": "yesterday"},
            said(5, BEN, "five"),
        ],
    )
    assert got.bodies() == ["one", "five"]
    assert got.left_out["messages that cannot be read"] == 4
    assert any(f"{DAY}: message 2: Expected `str`" in line for line in got.report.lines())


def test_odd_texts_are_kept_as_far_as_they_can_be(tmp_path: Path) -> None:
    raw = b'[{"ts":"1700000001.1","user":"%s","text":"half \\ud83d, nul \\u0000, bidi \\u202e"}]'
    got = slack(tmp_path, raw % ANNA.encode())
    assert got.bodies() == ["half \ufffd, nul \ufffd, bidi \u202e"]


def test_odd_names_become_valid_ones(tmp_path: Path) -> None:
    users = [
        user("U1", "Ben", profile={"display_name": "\u202eevil\u200b"}),
        user("U2", "ben"),
        user("U3", "BEN"),
        user("U4", "bEn smith!"),
        user("U5", "\u202e\u0000"),
        user("U6", "x" * 100, profile={"display_name": "\u0000", "email": "no address"}),
    ]
    rooms = [
        {**CHANNELS[0], "name": "\u202ea\u0007b", "members": ["U1"], "topic": {"value": "t" * 2000}}
    ]
    got = slack(tmp_path, [], users__json=users, channels__json=rooms)
    accounts = got.users()
    assert {"ben", "ben-2", "ben-3", "ben-smith", "user"} <= set(accounts)
    assert all(len(name) <= 32 for name in accounts)
    assert accounts["ben"].name == "evil"
    [described] = [line for line in got.lines if getattr(line, "kind", None) == "public"]
    assert described.name == "a b" and len(described.topic) == 1000
    assert got.report.renamed["BEN"] == "ben-3"
    assert got.left_out["e-mail addresses of another form than ours"] == 3
    text = "\n".join(got.report.lines())
    assert "\u202e" not in text and "\0" not in text and "\a" not in text


def test_times_without_sense_are_in_order_all_the_same(tmp_path: Path) -> None:
    got = slack(
        tmp_path,
        [
            {**said(0, ANNA, "late"), "ts": "99999999999999.0"},
            said(5, ANNA, "second"),
            said(1, ANNA, "a reply before its beginning", thread_ts=slack_export.ts(9)),
            said(9, BEN, "the beginning"),
            {**said(0, ANNA, "early"), "ts": "0.001"},
        ],
    )
    assert got.bodies() == [
        "early",
        "a reply before its beginning",
        "second",
        "the beginning",
        "late",
    ]
    events = [line for line in got.lines if hasattr(line, "author")]
    for room in {event.room for event in events}:
        times = [event.at for event in events if event.room == room]
        assert times == sorted(times)
    assert got.posted()[1].thread is None
    assert any("replies whose thread has no beginning" in line for line in got.report.lines())


def test_a_message_of_a_stranger_has_an_author(tmp_path: Path) -> None:
    got = slack(
        tmp_path,
        [
            said(1, "UNKNOWN01", "who am I"),
            {"type": "message", "ts": slack_export.ts(2), "text": "and I"},
            said(
                3, ANNA, "<@UNKNOWN02> may know", reactions=[{"name": "x", "users": ["UNKNOWN03"]}]
            ),
        ],
    )
    users = got.users()
    assert users["unknown-unknown01"].disabled and users["unknown-unknown03"].disabled
    assert got.posted()[2].body == "@unknown-unknown02 may know"
    assert got.posted()[1].author.name == "somebody"


def test_days_of_a_room_that_is_in_no_list_are_counted(tmp_path: Path) -> None:
    files = {"users.json": slack_export.USERS, "channels.json": [], DAY: [said(1, ANNA, "x")]}
    report = dry_run(foldered(tmp_path / "export", files), "slack")
    assert report.left_out["files of days whose room is in no list"] == 1


def test_files_that_are_empty_or_too_large(tmp_path: Path) -> None:
    day = [said(1, ANNA, "look", files=[{"id": f"F0000000{n}", "name": f"{n}"} for n in (1, 2, 3)])]
    files: Mapping[str, Any] = {
        **{key: value for key, value in slack_export.export().items() if key.endswith("s.json")},
        DAY: day,
        "up/F00000001/1": b"",
        "up/F00000002/2": b"x" * ((1 << 20) + 1),
        "up/F00000003/3": PNG,
    }
    got = Converted(zipped(tmp_path / "a.zip", files), "slack", tmp_path / "a.jsonl")
    [posted] = [event for event in got.posted() if "look" in event.body]
    assert [file["size"] for file in posted.data["attachments"]["files"]] == [0, len(PNG)]
    assert posted.body == "look\n📎 2"
    assert got.left_out["files that are larger than blobs.largest_mb"] == 1


def test_more_files_than_a_message_can_have(tmp_path: Path) -> None:
    files = [{"id": f"F000000{n}", "name": f"{n}.png"} for n in range(10, 35)]
    content = {f"up/{file['id']}/{file['name']}": PNG for file in files}
    got = slack(tmp_path, [said(1, ANNA, "many", files=files)], **content)
    shown = [len(event.data["attachments"]["files"]) for event in got.posted()]
    assert shown == [10, 10, 5]
    assert len({line.blob for line in got.lines if hasattr(line, "same")}) == 25


def test_names_that_lead_out_of_a_zip_are_left_out(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "export.zip", slack_export.export() | {"../up.json": [], "/root.json": []}
    )
    report = dry_run(path, "slack")
    assert report.left_out["files of the export whose names lead out of it"] == 2


def test_links_in_a_tar_are_left_out_and_nothing_is_written_beside(tmp_path: Path) -> None:
    path = tmp_path / "export.tar"
    with tarfile.open(path, "w") as pack:
        for name, content in {**zulip_export.export(), "../../evil": b"x"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(as_bytes(content))
            pack.addfile(info, io.BytesIO(as_bytes(content)))
        link = tarfile.TarInfo("zulip-export-1/uploads/passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        pack.addfile(link)
    report = dry_run(path, "zulip")
    assert report.left_out["files of the export that are links or devices"] == 1
    assert report.left_out["files of the export whose names lead out of it"] == 1
    assert [each.name for each in tmp_path.iterdir()] == ["export.tar"]


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    export = foldered(tmp_path / "export", slack_export.export())
    (export / "F00000002-lost.txt").symlink_to(tmp_path / "secret")
    assert dry_run(export, "slack").counts["files"] == 1


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_export_that_unpacks_to_far_too_much_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "SPARE_BYTES", 1 << 20)
    monkeypatch.setattr(packs, "MOST_TIMES", 10)
    path = tmp_path / f"export.{kind}"
    zeros = b"\0" * (16 << 20)
    if kind == "zip":
        zipped(path, {"users.json": zeros})
    else:
        with tarfile.open(path, "w:gz") as pack:
            info = tarfile.TarInfo("users.json")
            info.size = len(zeros)
            pack.addfile(info, io.BytesIO(zeros))
    with pytest.raises(ArchiveError, match="far more than an export does"):
        dry_run(path, "slack")


def test_a_document_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "DOCUMENT_BYTES", 1 << 20)
    with pytest.raises(ArchiveError, match=r"2024-01-01.json: the file has more than 1 MiB"):
        slack(tmp_path, b" " * (2 << 20) + b"[]")
    long = lines(*mattermost_export.LINES) + b'{"type":"post","x":"' + b"x" * (2 << 20) + b'"}\n'
    with pytest.raises(ArchiveError, match=r"m.jsonl: line \d+: it is too long"):
        dry_run(foldered(tmp_path / "m", {"m.jsonl": long}), "mattermost")


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "export.zip", slack_export.export())
    with zipfile.ZipFile(path) as pack:
        info = pack.getinfo("__uploads/F00000001/dot.png")
        place = info.header_offset + 30 + len(info.filename) + 5
    raw = bytearray(path.read_bytes())
    raw[place] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(ArchiveError, match=r"dot.png: it is damaged"):
        dry_run(path, "slack")
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ArchiveError, match=r"export.zip"):
        dry_run(path, "slack")


@pytest.mark.parametrize(
    ("form", "missing"),
    [
        ("slack", "users.json is missing: this is no export of Slack"),
        ("mattermost", "a .jsonl is missing: this is no export of Mattermost"),
        ("zulip", "realm.json is missing: this is no export of Zulip"),
        ("rocketchat", "users.bson is missing: this is no dump of Rocket.Chat"),
        ("discord", "this is no export of DiscordChatExporter .* there are readme.txt"),
    ],
)
def test_an_export_of_something_else_is_refused(form: str, missing: str, tmp_path: Path) -> None:
    for path in (
        foldered(tmp_path / "folder", {"readme.txt": b"x"}),
        zipped(tmp_path / "other.zip", {"readme.txt": b"x"}),
    ):
        with pytest.raises(ArchiveError, match=missing):
            dry_run(path, form)
    with pytest.raises(ArchiveError, match="there is no such file or folder"):
        dry_run(tmp_path / "nothing", form)


def test_an_owner_has_to_be_in_the_export(tmp_path: Path) -> None:
    export = foldered(tmp_path / "export", slack_export.export())
    for owner in ("nobody", "deployer", "anna-2"):
        with pytest.raises(ArchiveError, match=f"--owner: the export has no user {owner} who can"):
            dry_run(export, "slack", Options(owners=(owner,)))


def test_lines_of_mattermost_are_named(tmp_path: Path) -> None:
    content = (
        lines(*mattermost_export.LINES[:8]) + b'\n{"type":"post","post":{"user":1}}\n{"type":\n'
    )
    with pytest.raises(ArchiveError, match=r"m.jsonl: line 11: broken JSON"):
        dry_run(foldered(tmp_path / "m", {"m.jsonl": content}), "mattermost")
    odd = lines(*mattermost_export.LINES[:8], {"type": "post", "post": {"user": "anna"}})
    report = dry_run(foldered(tmp_path / "n", {"m.jsonl": odd}), "mattermost")
    assert report.left_out["posts that cannot be read"] == 1
    other = lines({"type": "version", "version": 2})
    with pytest.raises(ArchiveError, match="expected a version 1"):
        dry_run(foldered(tmp_path / "o", {"m.jsonl": other}), "mattermost")


def test_a_dump_whose_parts_are_longer_than_the_whole_is_refused(tmp_path: Path) -> None:
    files = rocketchat_export.dumped()
    raw = bytearray(files["dump/meteor/rocketchat_message.bson"])
    raw[raw.index(b"_id\0") + 4 : raw.index(b"_id\0") + 8] = b"\xff\xff\xff\x7f"
    files["dump/meteor/rocketchat_message.bson"] = bytes(raw)
    with pytest.raises(ArchiveError, match="document 1 is damaged: a part is longer"):
        dry_run(foldered(tmp_path / "export", files), "rocketchat")


@pytest.mark.parametrize("cut", [3, 40, -3])
def test_a_truncated_dump_is_refused(cut: int, tmp_path: Path) -> None:
    files = rocketchat_export.dumped()
    files["dump/meteor/rocketchat_message.bson"] = files["dump/meteor/rocketchat_message.bson"][
        :cut
    ]
    with pytest.raises(ArchiveError, match=r"rocketchat_message.bson: document \d+ is damaged"):
        dry_run(foldered(tmp_path / "export", files), "rocketchat")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text[:-50], "line 1: broken JSON"),
        (lambda text: text.replace(b'"messages"', b'"mess"'), "there is no list messages"),
        (lambda text: text.replace(b"below it", b"\xff"), "the file is not in UTF-8"),
        (lambda text: text.replace(b'"below it"', DIGITS), "line 1: broken JSON: Exceeds"),
    ],
    ids=["truncated", "no messages", "latin", "digits"],
)
def test_a_channel_of_discord_that_is_broken(change: Any, expected: str, tmp_path: Path) -> None:
    broken = change(json.dumps(discord_export.BEGUN).encode())
    files = discord_export.export() | {"out/thread.json": broken}
    with pytest.raises(ArchiveError, match=expected) as refused:
        dry_run(foldered(tmp_path / "export", files), "discord")
    assert "out/thread.json" in str(refused.value)


def test_a_broken_item_is_named_with_its_line(tmp_path: Path) -> None:
    text = json.dumps(discord_export.FORUM, indent=1)
    begins = text.index('"602"')
    broken = text[:begins] + "oops" + text[begins:]
    line = text.count("\n", 0, begins) + 1
    files = {"forum.json": broken.encode()}
    with pytest.raises(ArchiveError, match=f"forum.json: line {line}: broken JSON"):
        dry_run(foldered(tmp_path / "export", files), "discord")


def test_long_items_of_discord_are_read_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.copies.foreign.jsons.PART_BYTES", 7)
    channel = discord_export.channel(
        "500",
        "GuildTextChat",
        "general",
        *(discord_export.said(str(n), n, discord_export.ANNA, "é" * 10 * n) for n in range(1, 20)),
    )
    text = json.dumps(channel, indent=1, ensure_ascii=False).encode()
    got = Converted(
        foldered(tmp_path / "export", {"c.json": text}), "discord", tmp_path / "a.jsonl", OPTIONS
    )
    assert got.bodies() == ["é" * 10 * n for n in range(1, 20)]
