"""Requests of commands to the server that has the store to itself."""

import asyncio
import stat
from pathlib import Path

import pytest

from chatserver import StartupError, StoreUnavailable
from chatserver_plugins.vault import requests
from chatserver_plugins.vault.requests import Asked, Desk, ask


async def test_a_request_is_done_once_and_answered(tmp_path: Path) -> None:
    folder, seen = tmp_path / "vault" / "requests", []
    (tmp_path / "vault").mkdir()

    async def do(asked: Asked) -> list[str]:
        seen.append(asked)
        return ["one", f"about {asked.room}"]

    desk = Desk(folder, do)
    desk.start()
    try:
        wishes = [Asked("shred", f"r{number}") for number in range(3)]
        found = await asyncio.gather(*(asyncio.to_thread(ask, folder, each) for each in wishes))
    finally:
        await desk.stop()
    assert found == [["one", f"about r{number}"] for number in range(3)]
    assert sorted(seen, key=lambda each: each.room) == wishes
    assert list(folder.iterdir()) == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreUnavailable(reason="the disk is full"), "the disk is full"),
        (StartupError("the key is missing"), "the key is missing"),
        (RuntimeError("secret"), "the server made a mistake; see its log"),
    ],
)
async def test_an_error_is_that_of_the_command(tmp_path: Path, error: Exception, said: str) -> None:
    async def do(asked: Asked) -> list[str]:
        raise error

    desk = Desk(tmp_path, do)
    desk.start()
    try:
        with pytest.raises(StartupError) as caught:
            await asyncio.to_thread(ask, tmp_path, Asked("status"))
    finally:
        await desk.stop()
    assert str(caught.value) == said


async def test_what_is_no_request_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "bad.asked").write_text("nonsense")

    async def do(asked: Asked) -> list[str]:
        return [asked.do]

    desk = Desk(tmp_path, do)
    desk.start()
    try:
        assert await asyncio.to_thread(ask, tmp_path, Asked("status")) == ["status"]
    finally:
        await desk.stop()
    assert not (tmp_path / "bad.asked").exists()


def test_a_server_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 0.1)
    with pytest.raises(StartupError, match="does not answer"):
        ask(tmp_path, Asked("status"))
    assert list(tmp_path.iterdir()) == [], "so that nobody does it later"
