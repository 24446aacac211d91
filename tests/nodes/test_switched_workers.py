"""Plugins are switched on all workers of a node by one command, and a worker that is restarted follows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.faults.server import ChatServer, http
from tests.waiting import wait_until

DOOR = """
import chatserver
from chatserver import hookimpl

class Plugin:
    class Config(chatserver.Settings):
        word: str = "one"

    def __init__(self, config):
        self.word = config.word

    @hookimpl
    def register_routes(self, context):
        async def word(request):
            return chatserver.Reply(body=f"{self.word} {context.worker}".encode())

        return [chatserver.Route(path="/word", get=word)]
"""


def switch(server: ChatServer, do: str, *settings: str) -> dict[str, Any]:
    done: dict[str, Any] = json.loads(server.command("plugins", do, "door", *settings, "--json"))
    assert not [each for each in done["nodes"] if each.get("problem")], done
    return done


def answers(server: ChatServer) -> set[str]:
    """The answers of both workers, or the status."""
    found = [http.get(server.url + "/word") for _ in range(30)]
    return {each.text if each.status_code == 200 else str(each.status_code) for each in found}


def test_all_workers_follow_also_one_that_is_restarted(
    tmp_path: Path, on_mongo: dict[str, object]
) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "door.py").write_text(DOOR)
    settings = {**on_mongo, "plugins__folder": str(tmp_path / "local")}
    names = str(settings.pop("plugins__enabled", "mongo,password,metrics"))
    settings["plugins__enabled"] = f"{names},door"
    environment = {"CHATSERVER_CONFIG": str(tmp_path / "chat.toml")}
    (tmp_path / "chat.toml").write_text('[plugin.door]\nword = "one"\n')
    with ChatServer(tmp_path, workers=2, environment=environment, **settings) as server:
        wait_until(lambda: answers(server) == {"one 1", "one 2"})
        (tmp_path / "chat.toml").write_text('[plugin.door]\nword = "two"\n')
        done = switch(server, "reload")
        assert len(done["nodes"]) == 2
        assert answers(server) == {"two 1", "two 2"}
        assert switch(server, "off")["kept"] == "stored"
        assert answers(server) == {"404"}
        worker = next(child for child in server.process.children() if _is_worker(child))
        worker.kill()
        wait_until(lambda: worker.pid not in [each.pid for each in server.process.children()])
        wait_until(lambda: server.metric("chatserver_worker_up") == 2)
        assert answers(server) == {"404"}
        assert switch(server, "on")["kept"] == "configured"
        wait_until(lambda: answers(server) == {"two 1", "two 2"})
        assert switch(server, "set", "word=three")["changed"] == ["word"]
        assert answers(server) == {"three 1", "three 2"}
        worker = next(child for child in server.process.children() if _is_worker(child))
        worker.kill()
        wait_until(lambda: worker.pid not in [each.pid for each in server.process.children()])
        wait_until(lambda: server.metric("chatserver_worker_up") == 2)
        wait_until(lambda: answers(server) == {"three 1", "three 2"})


def _is_worker(process: psutil.Process) -> bool:
    return "chatserver" in " ".join(process.cmdline())


def test_a_command_without_a_server_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chatserver", "plugins", "off", "door", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert f"no server runs on {tmp_path}" in done.stderr
