"""`chatserver blobs`, and what other commands say of files, as an operator types it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from click.testing import CliRunner, Result

from chatserver.app import Server
from chatserver.blobs.model import Blob
from chatserver.blobs.service import BlobService
from chatserver.cli import main
from chatserver.cluster.jobs import LastRun
from chatserver.config import load
from chatserver.errors import ChatError
from chatserver.testing.blobs import given
from tests.waiting import until

T = TypeVar("T")


class Installation:
    """A server with files on a disk, which runs only within `act`."""

    def __init__(self, folder: Path, name: str, blobs: Path | None = None) -> None:
        self.blobs = blobs or folder / name / "disk_blobs"
        self.config = folder / f"{name}.toml"
        self.config.write_text(
            f'[server]\ndata = "{folder / name}"\n\n[logging]\nfolder = ""\n\n'
            f'[plugins]\nenabled = ["sqlite", "password", "disk_blobs"]\n\n'
            f'[backup]\nfolder = "{folder / name}-backups"\n\n'
            f'[plugin.disk_blobs]\npath = "{self.blobs}"\nmin_free_percent = 0.0\n'
        )

    def act(self, action: Callable[[BlobService], Awaitable[T]]) -> T:
        async def run() -> T:
            server = Server(load(str(self.config), environ={}))
            async with server.opened():
                return await action(server.service.blobs)

        return asyncio.run(run())

    def take(self, content: bytes = b"content") -> Blob:
        async def action(blobs: BlobService) -> Blob:
            blob = await blobs.take("ada", given([content]))
            return await blobs.refer(blob.id, "message")

        return self.act(action)

    def content(self, blob: Blob) -> bytes:
        async def action(blobs: BlobService) -> bytes:
            found = await blobs.get(blob.id)
            return b"".join([part async for part in blobs.read(found)])

        return self.act(action)

    def takes(self) -> bool:
        """Whether it takes a file."""
        try:
            self.take(b"one more")
        except ChatError as error:
            assert error.code == "blob.unavailable"
            return False
        return True


def chatserver(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="chatserver")


def copied(source: Installation, target: Installation) -> str:
    done = chatserver("blobs", "copy", "--from", source.config, "--to", target.config)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_copy_has_everything_and_goes_on(tmp_path: Path) -> None:
    source, target = Installation(tmp_path, "source"), Installation(tmp_path, "target")
    first = source.take(bytes(300_000))
    assert "Copied 2 " in copied(source, target)  # with the owner's mark
    source.take(b"second")
    assert "Copied 1 " in copied(source, target)
    assert "Copied 0 " in copied(source, target)
    there = target.blobs / first.pieces[0].key[:2] / first.pieces[0].key
    assert there.read_bytes() == bytes(300_000)


def test_a_copy_that_differs_is_an_error(tmp_path: Path) -> None:
    source, target = Installation(tmp_path, "source"), Installation(tmp_path, "target")
    blob = source.take(b"content")
    copied(source, target)
    key = blob.pieces[0].key
    (target.blobs / key[:2] / key).write_bytes(b"cont")
    done = chatserver("blobs", "copy", "--from", source.config, "--to", target.config)
    assert done.exit_code == 1
    assert f"{key}: the target has 4 bytes, the source 7" in done.output


def test_a_move_of_store_and_files_goes_on_at_the_new_place(tmp_path: Path) -> None:
    source, target = Installation(tmp_path, "source"), Installation(tmp_path, "target")
    blob = source.take()
    copied(source, target)
    moved = chatserver("move", "--from", source.config, "--to", target.config)
    assert moved.exit_code == 0, moved.output
    assert target.content(blob) == b"content"
    assert target.takes()


def test_a_restore_claims_the_place(tmp_path: Path) -> None:
    source = Installation(tmp_path, "source")
    blob = source.take()
    made = chatserver("backup", "-c", source.config)
    assert made.exit_code == 0, made.output
    assert "1 files (0.0 MB new)" in made.output
    restored = Installation(tmp_path, "restored", source.blobs)
    done = chatserver("restore", f"{tmp_path}/source-backups", "-c", restored.config)
    assert done.exit_code == 0, done.output
    assert "1 of 1 files are in their place, 0 of them from the backup" in done.output
    assert "has another owner" in done.output
    assert restored.content(blob) == b"content"
    assert not restored.takes()
    claimed = chatserver("blobs", "claim", "-c", restored.config)
    assert claimed.exit_code == 0, claimed.output
    assert restored.takes()
    assert not source.takes()


def test_an_installation_without_files_is_told_so(tmp_path: Path) -> None:
    here = Installation(tmp_path, "here")
    here.take()
    for arguments in (
        ("copy", "--from", here.config, "--to", tmp_path / "none.toml"),
        ("claim", "-c", tmp_path / "none.toml"),
    ):
        (tmp_path / "none.toml").write_text(
            f'[server]\ndata = "{tmp_path / "none"}"\n[plugins]\nenabled = ["sqlite", "password"]\n'
        )
        chatserver("migrate", "-c", tmp_path / "none.toml")
        done = chatserver("blobs", *arguments)
        assert done.exit_code == 1
        assert "no plugin provides a back end of blobs" in done.output


async def test_the_jobs_run_on_a_server(tmp_path: Path) -> None:
    here = Installation(tmp_path, "here")
    server = Server(load(str(here.config), environ={}, overrides={"server.port": 0}))
    async with server.opened(), server.working():

        async def have_run() -> bool:
            runs = {job.name: run for job, run in await server.jobs.last_runs()}
            return all(runs[name] is not None for name in ("blobs.collect", "blobs.sweep"))

        await until(have_run)
        for _, run in await server.jobs.last_runs():
            assert not isinstance(run, LastRun) or run.failures == 0


def test_a_check_tells_of_a_place_that_does_not_answer(tmp_path: Path) -> None:
    here = Installation(tmp_path, "here")
    answers = chatserver("check", "--connect", "-c", here.config, "--set", "server.port=0")
    assert answers.exit_code == 0, answers.output
    assert "does not answer" not in answers.output
    gridfs = [
        *("--set", "plugins.enabled=sqlite,password,gridfs"),
        *("--set", "plugin.gridfs.uri=mongodb://127.0.0.1:9/"),
        *("--set", "plugin.gridfs.timeout_ms=200"),
    ]
    away = chatserver("check", "--connect", "-c", here.config, "--set", "server.port=0", *gridfs)
    assert away.exit_code == 0, away.output
    assert "The place of the files does not answer: 127.0.0.1:9" in away.output


def test_files_are_there_after_a_restart_and_the_jobs_are_listed(tmp_path: Path) -> None:
    here = Installation(tmp_path, "here")
    blob = here.take()
    assert here.content(blob) == b"content"
    jobs = chatserver("jobs", "-c", here.config)
    assert "blobs.collect" in jobs.output
    assert "blobs.sweep" in jobs.output
