"""The vault as an operator meets it: commands, refusals, copies."""

import asyncio
import base64
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chatserver.cli import main
from chatserver.copies.backup.sealedfile import MAGIC
from chatserver_plugins.sqlite import SqlitePlugin, SqliteStore
from chatserver_plugins.vault.masters import from_file
from tests.vault.sealing import Hand, caretaker, opened, sealed

NAME = "zugvogelnest"
ACCOUNT = b'"role":"owner"'  # a part of the record of an account


class Place:
    """A folder with an installation on SQLite, and its keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("master", "other", "backup"):
            (folder / f"{name}.key").write_text(base64.b64encode(os.urandom(32)).decode())

    def key(self, name: str) -> str:
        return str(self.folder / f"{name}.key")

    def given(self, *, vault: bool = True, data: str = "data", **settings: str) -> dict[str, str]:
        found = {
            "plugins.enabled": f"sqlite,password{',vault' if vault else ''}",
            "server.data": str(self.folder / data),
            "backup.folder": str(self.folder / "backups"),
            **({"plugin.vault.key_file": self.key("master")} if vault else {}),
        }
        return found | {name.replace("__", "."): value for name, value in settings.items()}

    def run(
        self, *arguments: str, vault: bool = True, data: str = "data", **settings: str
    ) -> Result:
        given = self.given(vault=vault, data=data, **settings)
        options = [f"--set={key}={value}" for key, value in given.items()]
        at = 2 if arguments[:2] == ("plugin", "run") else len(arguments)
        command = [*arguments[:at], *options, *arguments[at:]]
        return CliRunner().invoke(
            main, command, prog_name="chatserver", input="a long passphrase\n"
        )

    def fill(self) -> None:
        assert self.run("migrate").exit_code == 0
        added = self.run("user", "add", "ada", "--name", NAME, "--password-file", "-")
        assert added.exit_code == 0, added.output


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    found.fill()
    yield found


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "command",
    [
        ["user", "list"],
        ["user", "add", "ben", "--password-file", "-"],
        ["migrate"],
        ["export", "--to", "OUT"],
        ["export", "--plain", "--to", "OUT"],
        ["backup"],
        ["backup", "--plain"],
        ["jobs"],
        ["timers", "list"],
        ["serve"],
        ["check", "--connect"],
        ["plugin", "run", "vault", "status"],
    ],
    ids=" ".join,
)
def test_no_command_opens_the_store_without_its_key(place: Place, command: list[str]) -> None:
    out = place.folder / "out"
    command = [str(out) if each == "OUT" else each for each in command]
    before = files(place.folder / "data/sqlite")
    wrong = place.run(*command, plugin__vault__key_file=place.key("other"))
    assert wrong.exit_code != 0
    assert "is missing: the keys of this store are wrapped with it" in wrong.output
    if "vault" not in command:
        off = place.run(*command, vault=False)
        assert off.exit_code != 0
        assert "enable vault, with its settings" in off.output
    assert not out.exists() and not (place.folder / "backups").exists()
    assert len(files(place.folder / "data/sqlite")) == len(before)
    assert place.run("user", "list").exit_code == 0


def test_a_move_and_a_restore_fill_no_sealed_store_without_its_key(place: Place) -> None:
    assert place.run("backup", "--plain").exit_code == 0
    (made,) = (place.folder / "backups").glob("chatserver-*")
    for arguments in (["restore", str(made)], ["import", str(place.folder / "a.jsonl")]):
        if arguments[0] == "import":
            assert place.run("export", "--plain", "--to", arguments[1]).exit_code == 0
        off = place.run(*arguments, vault=False)
        assert off.exit_code == 1 and "enable vault" in off.output


def test_backups_and_archives_are_sealed_unless_said_otherwise(place: Place) -> None:
    refused = place.run("backup")
    assert refused.exit_code == 1 and "backup.key_file: required" in refused.output
    path = place.folder / "a.jsonl"
    refused = place.run("export", "--to", str(path))
    assert refused.exit_code == 1 and "backup.key_file: required" in refused.output
    refused = place.run("serve", backup__every_hours="1")
    assert refused.exit_code == 1 and "backup.key_file: required" in refused.output
    key = {"backup__key_file": place.key("backup")}
    assert place.run("backup", **key).exit_code == 0
    assert place.run("export", "--to", str(path), **key).exit_code == 0
    assert path.read_bytes().startswith(MAGIC)
    assert ACCOUNT not in files(place.folder / "backups") + path.read_bytes()
    plain = place.folder / "plain.jsonl"
    assert place.run("export", "--plain", "--to", str(plain)).exit_code == 0
    assert _has_name(plain)


@pytest.mark.parametrize("sealed", [True, False])
def test_the_scratch_store_of_an_encrypted_backup_is_sealed(
    place: Place, sealed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a plain one it is in clear, so the search finds what is there."""
    settings = {"backup__key_file": place.key("backup")} if sealed else {}
    assert place.run("backup", *([] if sealed else ["--plain"]), **settings).exit_code == 0
    scratch, seen = place.folder / "scratch", []
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    close = SqliteStore.close

    async def closing(store: SqliteStore) -> None:
        await close(store)
        seen.append(files(scratch))

    monkeypatch.setattr(SqliteStore, "close", closing)
    assert place.run("backup", "verify", **settings).exit_code == 0
    assert len(seen[0]) > 10_000 and (ACCOUNT in seen[0]) is not sealed


def _has_name(archive: Path) -> bool:
    lines = [json.loads(line) for line in archive.read_text().splitlines()]
    return any(ACCOUNT in base64.b64decode(each.get("value", "")) for each in lines)


def test_a_backup_is_restored_into_another_vault_and_moved_out_of_it(place: Place) -> None:
    key = {"backup__key_file": place.key("backup")}
    assert place.run("backup", **key).exit_code == 0
    (made,) = (place.folder / "backups").glob("chatserver-*")
    other = {"plugin__vault__key_file": place.key("other")}
    restored = place.run("restore", str(made), data="restored", **key, **other)
    assert restored.exit_code == 0, restored.output
    assert ACCOUNT not in files(place.folder / "restored/sqlite")
    assert NAME in place.run("user", "list", data="restored", **other).output
    assert place.run("user", "list", data="restored").exit_code == 1, "the first vault's key"
    assert place.run("backup", "verify", str(made), **key).exit_code == 0
    (place.folder / "data").rename(place.folder / "sealed")
    for name, vault in (("sealed", True), ("clear", False)):
        given = place.given(vault=vault, data=name)
        lines = [
            f"{key} = {json.dumps(value)}"
            for key, value in given.items()
            if key != "plugins.enabled"
        ]
        enabled = json.dumps(given["plugins.enabled"].split(","))
        text = "\n".join([f"plugins.enabled = {enabled}", *lines])
        (place.folder / f"{name}.toml").write_text(text)
    moved = CliRunner().invoke(
        main,
        [
            "move",
            "--from",
            str(place.folder / "sealed.toml"),
            "--to",
            str(place.folder / "clear.toml"),
        ],
    )
    assert moved.exit_code == 0, moved.output
    assert NAME in place.run("user", "list", data="clear", vault=False).output
    assert ACCOUNT in files(place.folder / "clear/sqlite")


def test_the_keys_are_rotated_by_commands(place: Place) -> None:
    new = {"plugin__vault__key_file": place.key("other")}
    both = {**new, "plugin__vault__old_key_files": place.key("master")}
    status = place.run("plugin", "run", "vault", "status", **both)
    assert "rotate-master is due" in status.output
    rotated = place.run("plugin", "run", "vault", "rotate-master", **both)
    assert rotated.exit_code == 0 and "(the present one)" in rotated.output
    assert NAME in place.run("user", "list", **new).output
    assert place.run("user", "list").exit_code == 1
    assert place.run("plugin", "run", "vault", "rotate-data", **new).exit_code == 0
    assert "turn           1" in place.run("plugin", "run", "vault", "status", **new).output


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"plugin__vault__key_file": "/none"}, "plugin.vault.key_file: /none: No such file"),
        ({"plugin__vault__key_file": ""}, "key_file: expected it, or key"),
        ({"plugin__vault__kms_key_id": "alias/x"}, "master: expected one of file, kms"),
        ({"plugin__vault__master": "kms"}, "master: kms is not configured, only file"),
        (
            {"plugin__vault__key": "short", "plugin__vault__key_file": ""},
            "plugin.vault.key: expected 32 random bytes",
        ),
        (
            {"plugin__vault__transit_url": "https://x"},
            "transit_key_name: expected it with transit_url",
        ),
    ],
)
def test_wrong_settings_are_named(place: Place, settings: dict[str, str], said: str) -> None:
    refused = place.run("user", "list", **settings)
    assert refused.exit_code == 1 and said in refused.output, refused.output


def test_what_a_person_wrote_is_destroyed_by_a_command(place: Place) -> None:
    async def seal() -> None:
        plugin = SqlitePlugin(SqlitePlugin.Config(), place.folder / "data/sqlite")
        master, hand = from_file(place.key("master"), "key_file"), Hand()
        async with opened(sealed(plugin.provide_store(), master, clock=hand)) as store:
            user = (await store.get("username", "ada") or b"").decode()
            await store.put("plugin/profiles", user, b"of Ada")
            assert await caretaker(store, hand).seal(60)

    def shred(*arguments: str) -> Result:
        return place.run("plugin", "run", "vault", "shred", *arguments)

    for wrong in ([], ["--user", "ada", "room"]):
        assert "expected either a room or --user" in shred(*wrong, "--yes").output
    early = shred("--user", "ada", "--yes")
    assert early.exit_code == 1 and "sealed with the keys of its authors yet" in early.output
    asyncio.run(seal())
    unknown = shred("--user", "nobody", "--yes")
    assert unknown.exit_code == 1 and "there is no user nobody" in unknown.output
    asked = place.run("plugin", "run", "vault", "shred", "--user", "ada")
    assert "Destroy everything that ada has written?" in asked.output and asked.exit_code == 1
    status = place.run("plugin", "run", "vault", "status")
    assert "what 0 people had written" in status.output
    done = shred("--user", "Ada", "--yes")
    assert done.exit_code == 0 and "destroyed 1 keys of the user" in done.output, done.output
    status = place.run("plugin", "run", "vault", "status")
    assert "what 1 people had written" in status.output
    assert NAME in place.run("user", "list").output, "the account stays"
