"""The audit log: complete, in order, private, of bounded size, and without what was said."""

import asyncio
import json
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from chatserver import (
    AccountChange,
    Actor,
    LoginAttempt,
    Look,
    MemberChanged,
    MemberJoined,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    Posting,
    ReactionAdded,
    RoomChanged,
    RoomKind,
    RoomRole,
    ServerRole,
    UserRef,
)
from chatserver.config import load
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.loading import Plugins
from chatserver.hooks.types import Deed, Outcome, Sight
from chatserver.runtime.measure import Measures
from chatserver.testing.personal import held_by
from chatserver.testing.running import Person, running
from chatserver_plugins import audit
from chatserver_plugins.audit import AuditPlugin, reader
from chatserver_plugins.audit.entry import ADMINISTRATION
from chatserver_plugins.audit.file import RotatingFile
from chatserver_plugins.audit.reader import BLOCK, LogReader
from tests.waiting import until

ADA, BOB = UserRef("u1", "Ada SECRET"), UserRef("u2", "Bob SECRET")
AT = "2026-01-02T03:04:05.678Z"


def head(seq: int):
    return {"room": "r1", "seq": seq, "at": AT, "author": ADA}


EVENTS = [
    RoomChanged(**head(1), name="SECRET", kind=RoomKind.PRIVATE, topic="SECRET"),
    MemberJoined(**head(2), user=BOB, role=RoomRole.MEMBER),
    MessagePosted(**head(3), id="r1-3", body="SECRET", client_id="SECRET", mentions=("u2",)),
    MessageEdited(**head(4), message="r1-3", body="SECRET"),
    ReactionAdded(**head(5), message="r1-3", emoji="SECRET"),
    PinAdded(**head(6), message="r1-3"),
    MemberChanged(**head(7), user=BOB, role=RoomRole.ADMIN),
    MessageDeleted(**head(8), message="r1-3"),
]


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def post(seq: int) -> MessagePosted:
    return MessagePosted(**head(seq), id=f"r1-{seq}", body="", client_id=str(seq))


async def test_a_line_says_who_may_write_from_then_on_if_not_everyone(tmp_path: Path) -> None:
    plugin = AuditPlugin(AuditPlugin.Config(), data=tmp_path)
    await plugin.startup()
    for seq, posting in enumerate(Posting, 1):
        event = RoomChanged(**head(seq), name="News", kind=RoomKind.PUBLIC, posting=posting)
        await plugin.on_event(event)
    await plugin.shutdown()
    written = lines(tmp_path / "audit.log")
    assert [entry.get("posting") for entry in written] == [None, "moderators"]


async def test_a_line_says_that_a_room_is_deleted(tmp_path: Path) -> None:
    plugin = AuditPlugin(AuditPlugin.Config(), data=tmp_path)
    await plugin.startup()
    for seq, deleted in enumerate((False, True), 1):
        event = RoomChanged(**head(seq), name=None, kind=RoomKind.PRIVATE, deleted=deleted)
        await plugin.on_event(event)
    await plugin.shutdown()
    written = lines(tmp_path / "audit.log")
    assert [entry.get("deleted") for entry in written] == [None, True]


async def test_every_event_login_and_look_is_logged_without_texts(tmp_path: Path) -> None:
    plugin = AuditPlugin(AuditPlugin.Config(events="all"), data=tmp_path / "audit")
    await plugin.startup()
    for event in EVENTS:
        await plugin.on_event(event)
    await plugin.on_login(LoginAttempt(user="u1", address="192.0.2.1", ok=True))
    await plugin.on_login(
        LoginAttempt(user=None, address="192.0.2.1", ok=False, outcome="limited", times=7)
    )
    by_ada = Actor(user="u1", address="192.0.2.1")
    await plugin.on_account(
        AccountChange(
            what="role", user="u2", by=by_ada, role=ServerRole.ADMIN, was=ServerRole.GUEST
        )
    )
    await plugin.on_account(AccountChange(what="locked", user="u2", by=Actor(operator="root")))
    await plugin.on_look(Look(user="u1", address="192.0.2.1", what="events", room="r1"))
    await plugin.shutdown()
    path = tmp_path / "audit" / "audit.log"
    assert "SECRET" not in path.read_text()
    written = lines(path)
    common = {"at": AT, "room": "r1", "author": "u1"}
    assert written[:8] == [
        common | {"kind": "room.changed", "seq": 1, "visibility": "private"},
        common | {"kind": "member.joined", "seq": 2, "user": "u2", "role": "member"},
        common | {"kind": "message.posted", "seq": 3, "message": "r1-3"},
        common | {"kind": "message.edited", "seq": 4, "message": "r1-3"},
        common | {"kind": "reaction.added", "seq": 5, "message": "r1-3"},
        common | {"kind": "pin.added", "seq": 6, "message": "r1-3"},
        common | {"kind": "member.changed", "seq": 7, "user": "u2", "role": "admin"},
        common | {"kind": "message.deleted", "seq": 8, "message": "r1-3"},
    ]
    for entry in written[8:]:
        assert str(entry.pop("at")).endswith("Z")
    assert written[8:] == [
        {"kind": "login", "user": "u1", "address": "192.0.2.1", "ok": True, "outcome": "ok"},
        {
            "kind": "login",
            "user": None,
            "address": "192.0.2.1",
            "ok": False,
            "outcome": "limited",
            "times": 7,
        },
        {
            "kind": "account.role",
            "user": "u2",
            "role": "admin",
            "was": "guest",
            "by": "u1",
            "address": "192.0.2.1",
        },
        {"kind": "account.locked", "user": "u2", "operator": "root"},
        {"kind": "look", "user": "u1", "address": "192.0.2.1", "what": "events", "room": "r1"},
    ]


@pytest.mark.parametrize(
    ("events", "written"),
    [
        ("administration", ["room.changed", "member.joined", "member.changed", "message.deleted"]),
        ("none", []),
        ("all", [event.__struct_config__.tag for event in EVENTS]),
    ],
)
async def test_only_the_configured_room_events_are_logged(
    events: str, written: list[str], tmp_path: Path
) -> None:
    settings = {"plugins.enabled": ["memory", "password", "audit"], "plugin.audit.events": events}
    config = load(environ={}, overrides={**settings, "server.data": str(tmp_path)}).config
    plugins = Plugins(config, tmp_path)
    hooks = HookCalls(plugins.calls(), config.plugins, Measures())
    await hooks.startup(lambda plugin: None)
    for event in EVENTS:
        hooks.on_event(event)
    await hooks.shutdown()
    assert [line["kind"] for line in lines(tmp_path / "audit" / "audit.log")] == written


@pytest.mark.parametrize("folder", ["", "elsewhere/node-1"])
async def test_the_log_is_in_its_folder(folder: str, tmp_path: Path) -> None:
    configured = str(tmp_path / folder) if folder else ""
    plugin = AuditPlugin(AuditPlugin.Config(folder=configured), data=tmp_path / "data/audit")
    await plugin.startup()
    await plugin.on_login(LoginAttempt(user="u1", address="192.0.2.1", ok=True))
    await plugin.shutdown()
    written = tmp_path / (folder or "data/audit") / "audit.log"
    assert written.stat().st_mode & 0o077 == written.parent.stat().st_mode & 0o077 == 0
    assert [line["kind"] for line in lines(written)] == ["login"]
    assert (tmp_path / "data/audit").exists() == (not folder)


def test_two_processes_write_one_file_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    one, other = RotatingFile(path, 1000, 1000), RotatingFile(path, 1000, 1000)
    for number in range(300):
        (one, other)[number % 3 == 0].write(b"line %d\n" % number)
    one.close()
    other.close()
    files = sorted(tmp_path.iterdir(), key=lambda file: -int(file.suffix[1:].replace("log", "0")))
    assert len(files) > 2
    assert all(file.stat().st_size <= 1000 for file in files)
    assert "".join(file.read_text() for file in files).splitlines() == [
        f"line {number}" for number in range(300)
    ]


def test_files_made_by_root_belong_to_the_owner_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[Path, tuple[int, int]] = {}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *ids: given.update({path: ids}))
    file = RotatingFile(tmp_path / "audit" / "audit.log", 50, 3)
    for number in range(20):
        file.write(b"line %d\n" % number)
    file.close()
    assert given.keys() == {tmp_path / "audit", tmp_path / "audit" / "audit.log"}
    assert set(given.values()) == {(tmp_path.stat().st_uid, tmp_path.stat().st_gid)}


async def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    data = tmp_path / "audit"
    data.mkdir()
    (data / "audit.log").touch(0o644)
    plugin = AuditPlugin(AuditPlugin.Config(max_bytes=1024), data=data)
    await plugin.startup()
    for start in range(0, 40, 10):
        for seq in range(start, start + 10):
            await plugin.on_event(post(seq))
        await plugin._writer.flush()
    await plugin.shutdown()
    files = list(data.iterdir())
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_an_entry_is_written_soon_without_further_ones(tmp_path: Path) -> None:
    plugin = AuditPlugin(AuditPlugin.Config(flush_seconds=0.01), data=tmp_path)
    await plugin.startup()
    file = plugin._writer._file
    write, done = file.write, asyncio.Event()

    loop = asyncio.get_running_loop()

    def noting(data: bytes) -> None:
        write(data)
        loop.call_soon_threadsafe(done.set)

    file.write = noting
    await plugin.on_event(post(1))
    await done.wait()
    assert len(lines(tmp_path / "audit.log")) == 1
    await plugin.shutdown()


async def test_many_entries_are_written_in_order_over_restarts(tmp_path: Path) -> None:
    for start in (0, 2500):
        plugin = AuditPlugin(AuditPlugin.Config(), data=tmp_path)
        await plugin.startup()
        for seq in range(start, start + 2500):
            await plugin.on_event(post(seq))
        await plugin.shutdown()
    assert [entry["seq"] for entry in lines(tmp_path / "audit.log")] == list(range(5000))


async def test_entries_that_could_not_be_written_are_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = AuditPlugin(AuditPlugin.Config(), data=tmp_path)
    await plugin.startup()
    await plugin.on_event(post(1))
    with monkeypatch.context() as patched:
        write = os.write
        fail = iter([False, True])

        def full(file: int, data: memoryview) -> int:
            if next(fail):
                raise OSError(28, "No space left on device")
            return write(file, data[:20])

        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            await plugin._writer.flush()
    assert (tmp_path / "audit.log").read_text() == ""
    await plugin.on_event(post(2))
    await plugin.shutdown()
    assert [entry["seq"] for entry in lines(tmp_path / "audit.log")] == [1, 2]


async def test_lines_that_cannot_be_written_do_not_fill_the_memory(tmp_path: Path) -> None:
    plugin = AuditPlugin(AuditPlugin.Config(), data=tmp_path)
    await plugin.startup()

    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    write, plugin._writer._file.write = plugin._writer._file.write, full
    refused = 0
    for seq in range(1200):
        try:
            await plugin.on_event(post(seq))
        except OSError:
            refused += 1
    assert refused == 200
    plugin._writer._file.write = write
    await plugin.shutdown()
    assert len(lines(tmp_path / "audit.log")) == 1000


async def test_a_folder_that_cannot_be_made_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "audit").touch()
    plugin = AuditPlugin(AuditPlugin.Config(), data=tmp_path / "audit")
    with pytest.raises(OSError):
        await plugin.startup()


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_only_the_newest_files_are_kept(tmp_path: Path, keep: int) -> None:
    file = RotatingFile(tmp_path / "audit.log", 10, keep)
    for number in range(8):
        file.write(f"line {number}\n".encode())
    file.close()
    names = ["audit.log", *(f"audit.log.{number}" for number in range(1, keep + 1))]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for age, name in enumerate(names):
        assert (tmp_path / name).read_text() == f"line {7 - age}\n"


def pages(reader: LogReader, kinds: list[str], user: str | None, limit: int) -> list[object]:
    """The fields `n` of the entries of all pages."""
    found: list[object] = []
    before = None
    while True:
        page = reader.page(kinds, user, before, limit)
        assert len(page.lines) <= limit
        found += [json.loads(line)["n"] for line in page.lines]
        before = page.before
        if before is None:
            return found


def write(path: Path, keep: int, count: int, start: int = 0) -> None:
    """Entries that fill several files; every third is of `u1`, every fifth a login."""
    file = RotatingFile(path, 2000, keep)
    for number in range(start, start + count):
        kind = "login" if number % 5 == 0 else "account.role"
        user = "u1" if number % 3 == 0 else "u2"
        entry = {"at": AT, "kind": kind, "user": user, "by": "u9", "n": number}
        file.write(json.dumps(entry).encode() + b"\n")
    file.close()


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_the_log_is_read_back_newest_first_over_all_files(limit: int, tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    write(path, 100, 200)
    assert len(list(tmp_path.iterdir())) > 3
    reader = LogReader(path, 100)
    assert pages(reader, [], None, limit) == [*range(199, -1, -1)]
    third = [number for number in range(199, -1, -1) if number % 3 == 0]
    assert pages(reader, [], "u1", limit) == third
    logins = [number for number in range(199, -1, -1) if number % 5 == 0]
    assert pages(reader, ["login"], None, limit) == logins
    assert pages(reader, ["account"], "u9", limit) == [
        number for number in range(199, -1, -1) if number % 5
    ]
    assert pages(reader, ["acc"], None, limit) == []


def test_a_page_goes_on_where_the_last_one_ended_though_the_file_was_rotated(
    tmp_path: Path,
) -> None:
    path = tmp_path / "audit.log"
    write(path, 100, 30)
    reader = LogReader(path, 100)
    first = reader.page([], None, None, 10)
    write(path, 100, 100, start=30)
    second = reader.page([], None, first.before, 10)
    assert [json.loads(line)["n"] for line in second.lines] == [*range(19, 9, -1)]
    for each in tmp_path.iterdir():
        each.unlink()
    gone = reader.page([], None, first.before, 10)
    assert (gone.lines, gone.before) == ([], None)
    for wrong in ("", "x", "1", "1-", "-1-2", "1-2-3"):
        with pytest.raises(ValueError, match="before"):
            reader.page([], None, wrong, 10)


def test_lines_longer_than_a_block_and_broken_ones_are_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    entries = [
        {"kind": "login", "n": number, "x": "é" * (BLOCK // 2 + number)} for number in range(9)
    ]
    lines = [json.dumps(entry, ensure_ascii=False).encode() for entry in entries]
    path.write_bytes(b"\n".join([lines[0], b"\xff{", b"[]", b"", *lines[1:], b'{"kind": "lo']))
    assert pages(LogReader(path, 0), [], None, 100) == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert pages(LogReader(tmp_path / "nothing", 0), [], None, 100) == []


async def test_staff_reads_the_log_over_http_and_nobody_else() -> None:
    async with running("audit", settings={"plugin.audit.flush_seconds": 0.01}) as chat:
        # The first account owns the server.
        boss, ada = await chat.user("boss"), await chat.user("ada")
        refused = await ada.http("GET", "/api/v1/audit")
        assert refused.json["error"]["code"] == "user.forbidden"
        await boss.http("PUT", "/api/v1/users/ada", {"disabled": True})

        async def read(query: str = "") -> list[dict[str, object]]:
            return (await boss.http("GET", f"/api/v1/audit?{query}")).json["entries"]

        async with asyncio.timeout(30):
            while not await read("kind=account.locked"):
                await asyncio.sleep(0.01)
        found = (await boss.http("GET", "/api/v1/audit?kind=account&user=ada")).json
        assert found["entries"][0]["kind"] == "account.locked"
        assert found["users"][boss.user.id] == {"username": "boss", "name": "boss"}
        assert {entry["user"] for entry in found["entries"]} == {ada.user.id}
        assert len(await read("limit=1")) == 1
        for query, code in (
            ("user=nobody", "user.not_found"),
            ("limit=0", "request.invalid"),
            ("limit=x", "request.invalid"),
            ("before=x", "request.invalid"),
        ):
            answer = await boss.http("GET", f"/api/v1/audit?{query}")
            assert answer.json["error"]["code"] == code


async def test_people_get_what_they_did_and_it_stays_when_they_are_erased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "DEEDS", 2)
    async with running("audit", settings={"plugin.audit.flush_seconds": 0.01}) as chat:
        boss, ada = await chat.user("boss"), await chat.user("ada")
        for name in ("one", "two", "three"):
            await ada.create_room(name)
        await boss.http("PUT", "/api/v1/users/ada", {"disabled": True})

        async def told(person: Person) -> list[dict[str, object]]:
            found = await held_by(chat, person)
            return found.get("audit", [])

        async with asyncio.timeout(30):
            while "account.locked" not in {each["kind"] for each in await told(boss)}:
                await asyncio.sleep(0.01)
        kinds = [each["kind"] for each in await told(ada)]
        assert kinds.count("room.changed") == 3
        assert "account.locked" not in kinds, "it is what somebody else did"
        assert all(ada.id in each.values() for each in await told(ada))
        await chat.service.privacy.parts.erase(ada.id)
        assert [each["kind"] for each in await told(ada)][-len(kinds) :] == kinds


def test_the_page_has_a_sentence_for_every_kind_in_both_languages() -> None:
    texts = (Path(audit.__file__).parent / "page" / "texts.js").read_text(encoding="utf-8")
    kinds = {f"account.{what}" for what in get_args(Deed)}
    kinds |= {f"login.{outcome}" for outcome in get_args(Outcome)}
    kinds |= {f"look.{what}" for what in get_args(Sight)}
    kinds |= {f"plugin.{do}" for do in ("on", "off", "reload")} | ADMINISTRATION
    for language in re.split(r"^  ja: ", texts, flags=re.MULTILINE):
        assert kinds - set(re.findall(r'^    "([\w.]+)":', language, re.MULTILINE)) == set()


def dated(day: int, number: int) -> bytes:
    at = f"2026-01-{day:02}T00:00:00.{number:03}Z"
    return json.dumps({"kind": "login", "at": at, "n": number}).encode() + b"\n"


def test_lines_from_before_a_time_go_from_all_files(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    file = RotatingFile(path, max_bytes=4 * len(dated(1, 1)), keep=3)
    for day in range(1, 15):
        file.write(dated(day, day))
    other = RotatingFile(path, max_bytes=10_000, keep=3)
    other.open()
    assert file.drop_before("2026-01-01T00:00:00.000Z") == 0
    assert file.drop_before("2026-01-07T00:00:00.007Z") == 6
    left = [path.with_name("audit.log.2"), path.with_name("audit.log.1"), path]
    assert sorted(tmp_path.iterdir()) == sorted(left), "a file without lines is gone"
    lines = b"".join(each.read_bytes() for each in left)
    assert lines == b"".join(dated(day, day) for day in range(7, 15))
    assert file.drop_before("2027") == 8
    assert [each.name for each in tmp_path.iterdir()] == ["audit.log"]
    for number, writer in enumerate((other, file)):
        writer.write(dated(20, number))
    assert path.read_bytes() == dated(20, 0) + dated(20, 1), "the other one found the new file"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file.close()
    other.close()


def test_a_line_that_was_not_written_whole_goes_with_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(dated(1, 1) + b'{"at": "2026-01-09\n' + dated(2, 2) + b"x\n" + dated(3, 3))
    file = RotatingFile(path, max_bytes=10_000, keep=1)
    assert file.drop_before("2026-01-02T00:00:00.002Z") == 2
    assert path.read_bytes() == dated(2, 2) + b"x\n" + dated(3, 3)
    file.close()


async def test_old_entries_go_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    new = json.dumps({"at": now}).encode() + b"\n"
    path.write_bytes(dated(1, 1) + new)
    plugin = AuditPlugin(AuditPlugin.Config(keep_days=30, flush_seconds=0.01), tmp_path)
    await plugin.startup()
    try:
        await until(lambda: path.read_bytes() == new)
        await plugin.on_event(EVENTS[0])
        await until(lambda: path.read_bytes().count(b"\n") == 2)
    finally:
        await plugin.shutdown()
    forever = AuditPlugin(AuditPlugin.Config(flush_seconds=0.01), tmp_path)
    path.write_bytes(dated(1, 1))
    await forever.startup()
    await forever.on_event(EVENTS[0])
    await forever.shutdown()
    assert path.read_bytes().startswith(dated(1, 1))
