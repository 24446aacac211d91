"""`chatserver upgrade-check`: older versions and data, and configurations that the new version refuses."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from chatserver import PendingStep, StoreFacts
from chatserver.config import Config
from chatserver.upgrade import settings
from chatserver.upgrade.check import of_backups, of_facts, of_python, of_version
from chatserver.upgrade.findings import Finding, UpgradeReport
from chatserver.upgrade.releases import Release, numbers, releases
from chatserver.version import __version__
from chatserver_plugins.mongo.facts import states, too_old
from chatserver_plugins.sqlite.schema import MIGRATIONS
from tests.faults.server import ChatServer

from .conftest import Run


def report(run: Run, *arguments: str) -> tuple[int, UpgradeReport]:
    done = run("upgrade-check", "--json", *arguments)
    assert done.exit_code in (0, 1), done.output
    return done.exit_code, msgspec.json.decode(done.stdout, type=UpgradeReport, strict=True)


def codes(found: UpgradeReport | list[Finding], level: str = "blocker") -> list[str]:
    findings = found.findings if isinstance(found, UpgradeReport) else found
    return [finding.code for finding in findings if finding.level == level]


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The options for data of an older schema: three steps behind, with 4,000 events."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data/sqlite/chat.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for step in MIGRATIONS[:2]:
            for statement in step.statements:
                file.execute(statement)
        file.execute("PRAGMA user_version = 2")
        file.execute("BEGIN")
        file.executemany(
            "INSERT INTO events (room, seq, event) VALUES (1, ?, '{}')",
            ((seq,) for seq in range(1, 4001)),
        )
        file.execute("COMMIT")
    return ("--data", "data", "--set", "plugins.enabled=sqlite,password")


def test_migrations_of_older_data_are_listed_with_their_rows_and_nothing_is_changed(
    run: Run, old: tuple[str, ...]
) -> None:
    before = Path("data/sqlite/chat.db").read_bytes()
    code, found = report(run, *old)
    assert Path("data/sqlite/chat.db").read_bytes() == before
    assert [step.rows for step in found.migrations] == [0, 4000, 4000]
    assert found.seconds > 0 and found.bytes_needed > 4000
    # A migration cannot be undone, so there must be a backup.
    assert (code, found.ok, codes(found)) == (1, False, ["backup.missing"])
    backup = Path(f"data/backups/chatserver-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    backup.mkdir(parents=True)
    assert codes(report(run, *old)[1]) == ["backup.unverified"]
    (backup / "verified").write_text("2026-11-25T10:00:00Z\n")
    code, found = report(run, *old)
    assert (code, found.ok, codes(found)) == (0, True, [])
    shown = run("upgrade-check", *old)
    assert "4,000" in shown.stdout and "Nothing prevents the upgrade." in shown.stdout


def test_the_version_in_use_is_found_at_the_servers_and_in_their_folder(
    tmp_path: Path,
) -> None:
    with ChatServer(tmp_path, store="sqlite") as server:
        beside = json.loads(server.command("upgrade-check", "--json"))
        assert (beside["from"], beside["to"]) == (__version__, __version__)
        server.stop()
        assert json.loads(server.command("upgrade-check", "--json"))["from"] == __version__
        (server.folder / "data/.version").write_text("0.0.9\n")
        assert json.loads(server.command("upgrade-check", "--json"))["from"] == "0.0.9"


def test_data_of_a_newer_version_is_a_blocker(run: Run, old: tuple[str, ...]) -> None:
    with closing(sqlite3.connect("data/sqlite/chat.db")) as file:
        file.execute("PRAGMA user_version = 1000")
    code, found = report(run, *old, "--from", "99.0.0")
    assert code == 1
    assert {"store.away", "version.older"} <= set(codes(found))
    assert any("start the newer server" in finding.text for finding in found.findings)


def test_what_this_version_refuses_is_named(run: Run, old: tuple[str, ...]) -> None:
    code, found = report(run, *old, "--set", "server.prot=1")
    assert (code, codes(found)) == (1, ["config.invalid"])
    assert codes(report(run, *old, "--set", "plugins.enabled=sqlite,password,gone")[1]) == [
        "plugin.problem"
    ]


class Case(NamedTuple):
    """A change between two versions, and what is said about a configuration."""

    before: dict[str, Any]
    after: dict[str, Any]
    given: dict[str, str]
    said: list[tuple[str, str]]


CASES = {
    "removed": Case(
        {"server.a": 1, "server.b": 2},
        {"server.b": 2},
        {"server.a": "chat.toml", "server.b": "chat.toml"},
        [("setting.removed", "chat.toml: server.a no longer exists.")],
    ),
    "removed but not set": Case({"server.a": 1}, {}, {}, []),
    "renamed": Case(
        {"server.old": 1},
        {"server.new": 1},
        {"server.old": "CHATSERVER_SERVER__OLD"},
        [("setting.renamed", "CHATSERVER_SERVER__OLD: server.old is called server.new now.")],
    ),
    "another default": Case(
        {"limits.x": 1},
        {"limits.x": 2},
        {},
        [("setting.default", "limits.x was 1 by default, and is 2 now.")],
    ),
    "another default of a setting that is set": Case(
        {"limits.x": 1}, {"limits.x": 2}, {"limits.x": "chat.toml"}, []
    ),
    "another default of a plugin that is off": Case(
        {"plugin.off.x": 1}, {"plugin.off.x": 2}, {}, []
    ),
    "another default of a plugin that is on": Case(
        {"plugin.on.x": "a"},
        {"plugin.on.x": ""},
        {},
        [("setting.default", 'plugin.on.x was "a" by default, and is "" now.')],
    ),
    "a new setting that is required": Case(
        {},
        {"plugin.on.x": settings.REQUIRED},
        {},
        [("setting.required", "plugin.on.x is new, and has no default.")],
    ),
    "required in a named table that nobody has": Case(
        {}, {"plugin.on.hooks.NAME.x": settings.REQUIRED}, {}, []
    ),
    "removed from a named table": Case(
        {"plugin.on.hooks.NAME.x": 1},
        {"plugin.on.hooks.NAME.y": 1},
        {"plugin.on.hooks.tickets.x": "chat.toml"},
        [("setting.removed", "chat.toml: plugin.on.hooks.tickets.x no longer exists.")],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_changed_for_a_configuration(case: Case) -> None:
    old = Release(version="1", python=">=3.11", plugins=["on"], settings=case.before)
    new = Release(version="2", python=">=3.11", plugins=["on"], settings=case.after)
    found = settings.changes(old, new, case.given, ["on"], {"server.old": "server.new"})
    assert [(finding.code, finding.text) for finding in found] == case.said


def test_an_enabled_plugin_that_is_gone_is_named() -> None:
    old = Release(version="1", python="", plugins=["a", "b"], settings={})
    new = Release(version="2", python="", plugins=["a"], settings={})
    found = [*settings.changes(old, new, {}, ["a", "b", "local"], {})]
    assert [(finding.code, finding.text) for finding in found] == [
        ("plugin.removed", "plugins.enabled: b no longer exists.")
    ]


def test_python_the_version_and_the_disk_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert codes([*of_python(">=3.14", (3, 13, 2))]) == ["python.version"]
    assert [*of_python(">=3.11,<4", (3, 11, 0))] == []
    known = releases()
    assert codes([*of_version("", known)], "notice") == ["version.unknown"]
    assert codes([*of_version("0.99.0", known)]) == ["version.older"]
    assert [*of_version(__version__, known)] == []
    step = PendingStep("x: index", 10_000_000, 12.0)
    facts = StoreFacts("X 1", 1, 2, pending=[step], bytes_needed=1 << 60, folder=str(tmp_path))
    assert codes([*of_facts(facts)]) == ["disk.full"]
    assert codes([*of_facts(facts._replace(bytes_needed=1))]) == []
    elsewhere = facts._replace(folder="", warnings=["too old"])
    assert codes([*of_facts(elsewhere)]) == ["database.version"]
    assert codes([*of_facts(elsewhere)], "notice") == ["migration", "disk.unknown"]
    assert "10,000,000 rows, about 12 s" in next(of_facts(facts)).text


def test_an_old_backup_blocks_only_a_migration(tmp_path: Path) -> None:
    (tmp_path / "chatserver-20200101T000000Z").mkdir()
    config = msgspec.convert({"backup": {"folder": str(tmp_path)}}, Config)
    expected = ["backup.old", "backup.unverified"]
    assert codes([*of_backups(config, True)]) == expected
    assert codes([*of_backups(config, False)], "notice") == expected


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ((8, 0, 24), False),
        ((8, 0, 23), True),
        ((8, 2, 1), False),
        ((7, 0, 35), False),
        ((7, 0, 34), True),
        ((6, 0, 30), True),
        ((9, 0, 0), False),
    ],
)
def test_versions_of_mongodb(version: tuple[int, ...], is_old: bool) -> None:
    assert bool([*too_old(version)]) is is_old


def test_members_of_a_replica_set_have_their_lag() -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 1, 1, tzinfo=UTC)
    found = states(
        [
            {"name": "a", "state": 1, "health": 1.0, "optimeDate": now},
            {"name": "b", "state": 2, "health": 1.0, "optimeDate": now - timedelta(seconds=40)},
            {"name": "c", "state": 8, "health": 0.0, "optimeDate": datetime.fromtimestamp(0, UTC)},
        ]
    )
    assert [(each.role, each.healthy, each.lag_seconds) for each in found] == [
        ("primary", True, None),
        ("secondary", True, 40.0),
        ("other", False, None),
    ]


def test_the_present_version_has_its_record() -> None:
    (present,) = (each for each in releases() if each.version == __version__)
    assert present.settings["server.drain_seconds"] == 5.0
    assert {"mongo", "sqlite", "webhooks"} <= set(present.plugins)
    assert "plugin.webhooks.outgoing.NAME.uri" in present.settings
    assert numbers("0.10.0") > numbers("0.9.1")
