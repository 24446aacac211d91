"""A command that another system answers, as people use it: typed by one, answered to all, its button pressed by another."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

BUTTON = {"kind": "button", "id": "yes", "label": "Deploy it", "style": "primary"}


class System(ThreadingHTTPServer):
    """It asks back with a button, and takes that away when it was pressed."""

    got: list[dict[str, Any]]


class Handler(BaseHTTPRequestHandler):
    server: System

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append(told)
        asked = {"text": f"**{told.get('text')}**: now?", "to": "room", "buttons": [BUTTON]}
        done = {"text": f"It is on its way, {told['user']['name']}.", "buttons": []}
        body = json.dumps(asked if told["type"] == "command" else done).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is said."""


@pytest.fixture
def system() -> Iterator[System]:
    system = System(("127.0.0.1", 0), Handler)
    system.got = []
    thread = Thread(target=system.serve_forever)
    thread.start()
    yield system
    system.shutdown()
    thread.join()
    system.server_close()


@pytest.fixture
def server(tmp_path: Path, system: System) -> Iterator[Server]:
    place = "plugin.webhooks.commands.deploy"
    settings = {
        "plugins.enabled": "memory,password,webhooks",
        f"{place}.uri": f"http://127.0.0.1:{system.server_port}/chat",
        f"{place}.secret": "a secret of some length",
        f"{place}.about": "Deploy a version.",
        f"{place}.name": "Deployments",
        f"{place}.allowed_networks": '["127.0.0.0/8"]',
    }
    server = Server(tmp_path / "server", "memory", settings)
    server.start()
    yield server
    server.stop()


def test_one_types_it_and_another_presses_its_button(
    person: PersonFactory, server: Server, system: System
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    ben = person(
        server,
        locale="ja-JP",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    ).sign_up("ben", "Ben")
    aya.create_room("Releases")
    ben.join_room("Releases")
    composer = aya.page.get_by_test_id("composer")
    composer.press_sequentially("/dep")
    expect(aya.page.get_by_test_id("suggestion")).to_contain_text("Deploy a version.")
    composer.fill("/deploy shop 7")
    composer.press("Enter")
    message = ben.page.get_by_test_id("message")
    expect(message.get_by_test_id("author")).to_contain_text("Deployments")
    expect(message.locator("strong").filter(has_text="shop 7")).to_be_visible()
    message.get_by_role("button", name="Deploy it").tap()
    expect(message.get_by_test_id("note")).to_have_text("It is on its way, Ben.")
    expect(ben.page.get_by_role("button", name="Deploy it")).to_have_count(0)
    expect(aya.page.get_by_test_id("parts")).to_have_count(0)
    assert [(told["type"], told["user"]["username"]) for told in system.got] == [
        ("command", "aya"),
        ("button", "ben"),
    ]
