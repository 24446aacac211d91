"""The example of a sign-in that leads away and back, with its site, in a browser."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import expect

from tests.docs.examples import EXAMPLES, found_path
from tests.page.people import PersonFactory, Server
from tests.servers import free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.long

SECRET = "a secret that both sites know, and nobody else"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("portal"), free_port()
    path = found_path("portal", folder / "found")
    settings = {
        "plugins.enabled": json.dumps(["memory", "password", "portal"]),
        "plugin.portal.address": f"http://127.0.0.1:{port}/sign-in",
        "plugin.portal.secret": SECRET,
    }
    server = Server(folder, "memory", settings, {"PYTHONPATH": path})
    settings["server.public_url"] = server.url
    site = subprocess.Popen(
        [sys.executable, "site.py", str(port), SECRET],
        cwd=EXAMPLES / "portal",
        env=os.environ | {"PYTHONPATH": path},
    )

    def listens() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60):
            return True
        return False

    try:
        wait_until(listens)
        server.start()
        yield server
        server.stop()
    finally:
        site.terminate()
        site.wait(60)


def test_the_portal_signs_people_in(person: PersonFactory, server: Server) -> None:
    found = person(server)
    found.expected.append(r"403 \(Forbidden\).*/api/v1/login|favicon\.ico")
    page = found.page
    page.goto(server.url)
    button = page.get_by_test_id("login-portal")
    expect(button).to_have_text("Portal")
    button.click()
    page.locator("#no").click()
    expect(page.get_by_test_id("sign-in-error")).to_contain_text("cancelled at the portal")
    page.get_by_test_id("login-portal").click()
    page.get_by_label("Your name").fill("grace")
    page.locator("#yes").click()
    expect(page.get_by_test_id("my-name")).to_have_text("grace")
    page.reload()
    expect(page.get_by_test_id("my-name")).to_have_text("grace")
