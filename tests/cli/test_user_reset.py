"""`chatserver user reset`: for somebody who lost the phone with their one-time codes."""

import asyncio
from pathlib import Path

from chatserver.app import Server
from chatserver.config import load
from chatserver.testing.running import PASSWORD
from tests.forking import ran


async def reset(data: Path, *arguments: str) -> tuple[int, str]:
    """The exit status and what was said."""
    settings = (f"server.data={data}", "plugins.enabled=sqlite,password,totp")
    options = [f"--set={each}" for each in settings]
    done = await asyncio.to_thread(ran, "user", "reset", *arguments, *options)
    return done.returncode, done.stdout + done.stderr


async def test_an_operator_removes_what_somebody_enrolled(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = {
        "server.data": str(data),
        "logging.folder": "",
        "plugins.enabled": ["sqlite", "password", "totp"],
    }
    async with Server(load(overrides=settings, environ={})).opened() as server:
        ada = await server.service.accounts.add("ada", PASSWORD)
        record = b'{"secret": "AAAA", "last": 1, "recovery": []}'
        await server.store.put("plugin/totp", f"user/{ada.id}", record)
    assert await reset(data, "ada", "totp") == (0, "ada has nothing enrolled with totp any more.\n")
    assert await reset(data, "ada", "totp") == (0, "ada has nothing enrolled with totp.\n")
    status, said = await reset(data, "bob", "totp")
    assert status == 1 and "There is no such user." in said
    status, said = await reset(data, "ada", "password")
    assert status == 1 and "There is no method password" in said
    async with Server(load(overrides=settings, environ={})).opened() as server:
        assert await server.store.get("plugin/totp", f"user/{ada.id}") is None
