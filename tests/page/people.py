"""A server process, and people who use its page in a browser."""

import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from chatserver.web.access import COOKIE
from tests.chromium import WAIT_MS
from tests.forking import Forked
from tests.page.waiting import until, until_told
from tests.servers import free_port

START_SECONDS = 60
MOST_DRAWN = 50  # messages that are posted over HTTP while their author's page is open
PASSWORD = "correct horse battery staple"
SETTINGS = {
    "server.unique_names": "false",  # each test has an Aya of its own
    "server.debug": "false",  # the page is joined, as in production: a third of the work of loading its modules
}
IS_MEMBER = "(room) => document.querySelector('chat-app').store.rooms.get(room)?.joined"
# The page asks who is signed in; before that somebody is, the browser logs the 401 by itself.
EXPECTED_CONSOLE = r"401 \(Unauthorized\).*/api/v1/(me|rooms)"
# What Playwright lets it say where service workers are blocked.
BLOCKED = "Service Worker registration blocked"
# What the console says while a server or the network is away, whatever was being loaded at that moment.
AWAY = r"net::ERR_|WebSocket connection to|Failed to fetch|/api/v1/"


class Server:
    """`chatserver dev` as its own process; killed and started again on the same port and data."""

    def __init__(
        self,
        data: Path,
        store: str,
        settings: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self._environ = os.environ | dict(environ or {})
        self._settings = settings or {}
        self.url = f"http://127.0.0.1:{self.port}"
        self._data = data
        self._store = store
        self._process: Forked | None = None
        self.log = data / "server.log"

    def start(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        command = ["chatserver", "dev", "--no-reload"]
        command += ["--store", self._store, "--port", str(self.port)]
        command += ["--data", str(self._data / "data")]
        for key, value in {**SETTINGS, **self._settings}.items():
            command += ["--set", f"{key}={value}"]
        with Path(os.devnull).open("rb") as nothing, self.log.open("ab") as log:
            self._process = Forked(command, [nothing, log, log], self._data, self._environ)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health/ready", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        pytest.fail(
            f"the server does not get ready:\n{self.log.read_text(errors='replace')[-4000:]}"
        )

    def kill(self) -> None:
        """As a power cut: nothing is finished, nothing is said."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)


class Person:
    """One browser context: its own cookies, language and screen. Collects what the console complains about.

    Has no service worker, which loads the whole page once more, unless it is to have: `service_workers="allow"`.
    """

    def __init__(self, browser: Browser, url: str, **options: object) -> None:
        self.url = url
        self.rooms = f"{url}/api/v1/rooms"
        options = {"locale": "en-GB", "service_workers": "block", **options}
        self.context: BrowserContext = browser.new_context(**options)  # type: ignore[arg-type]
        self.context.set_default_timeout(WAIT_MS)
        self.expected = [EXPECTED_CONSOLE, BLOCKED]
        self._complaints: list[str] = []
        self.username = ""
        self.page: Page = self.new_page()

    def new_page(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self._complaints.append(f"page error: {error}"))
        page.on(
            "console",
            lambda message: self._note(message.type, message.text, message.location.get("url", "")),
        )
        return page

    def _note(self, kind: str, text: str, url: str) -> None:
        if kind in ("error", "warning"):
            self._complaints.append(f"{text} {url}")

    def complaints(self) -> list[str]:
        return [
            text
            for text in self._complaints
            if not any(re.search(known, text) for known in self.expected)
        ]

    def sign_up(self, username: str, name: str) -> "Person":
        """Make an account over HTTP, and open the page: a third of what the form takes of the processor."""
        self.username = username
        account = {"username": username, "name": name, "password": PASSWORD}
        made = self.context.request.post(f"{self.url}/api/v1/register", data=account)
        assert made.status == 201, made.text()  # its cookie is the context's now
        self.page.goto(self.url)
        return self.signed_in(name)

    def sign_up_by_form(self, username: str, name: str) -> "Person":
        self.username = username
        self.page.goto(self.url)
        self.page.get_by_test_id("switch-mode").click()
        self.page.get_by_test_id("username").fill(username)
        self.page.get_by_test_id("name").fill(name)
        self.page.get_by_test_id("password").fill(PASSWORD)
        self.page.get_by_test_id("submit").click()
        return self.signed_in(name)

    def signed_in(self, name: str) -> "Person":
        expect(self.page.get_by_test_id("my-name")).to_have_text(name)
        self.connected()
        return self

    def connected(self) -> None:
        """Before that, all but messages is refused."""
        status = self.page.get_by_test_id("connection-status")
        expect(status).to_have_attribute("data-status", "open")

    def create_room(self, name: str, kind: str = "public") -> None:
        """Make a room over HTTP, and open it: less than half of what the dialog takes of the processor."""
        made = self.context.request.post(self.rooms, data={"name": name, "kind": kind})
        assert made.status == 201, made.text()
        self._show_room(made.json()["id"], name)

    def create_room_by_dialog(self, name: str, kind: str = "public") -> None:
        self.page.get_by_test_id("new-room").click()
        self.page.get_by_test_id("room-name").fill(name)
        self.page.get_by_test_id(f"kind-{kind}").check()
        self.page.get_by_test_id("create-room").click()
        self.in_room(name)

    def open_room(self, name: str) -> None:
        """Looking for a room also brings those that others have made since."""
        self.page.get_by_test_id("room-filter").click()
        self.page.get_by_test_id("room").filter(has_text=name).click()
        expect(self.page.get_by_test_id("room-title")).to_have_text(name)

    def join_room(self, name: str) -> None:
        """Join a public room over HTTP, and open it."""
        self._show_room(self.become_member(name), name)

    def become_member(self, name: str) -> str:
        """Join a public room over HTTP, as on another device; its id."""
        found = self.context.request.get(self.rooms, params={"text": name}).json()["rooms"]
        (room,) = (each["id"] for each in found if each["name"] == name)
        joined = self.context.request.post(f"{self.rooms}/{room}/join", data={})
        assert joined.status == 200, joined.text()
        return str(room)

    def _show_room(self, room: str, name: str) -> None:
        """Open a room that this person has come into elsewhere, once the page has been told."""
        until(self.page, IS_MEMBER, room)
        self.page.evaluate("(room) => (location.hash = new URLSearchParams({ room }))", room)
        self.in_room(name)

    def join_room_by_button(self, name: str) -> None:
        self.open_room(name)
        self.page.get_by_test_id("join-room").click()
        self.in_room(name)

    def in_room(self, name: str) -> None:
        expect(self.page.get_by_test_id("room-title")).to_have_text(name)
        expect(self.page.get_by_test_id("composer")).to_be_visible()

    def say(self, text: str) -> None:
        composer = self.page.get_by_test_id("composer")
        composer.fill(text)
        composer.press("Enter")
        expect(composer).to_have_value("")

    def post_over_http(self, bodies: list[str]) -> None:
        """Many messages into the open room, by this person's own login.

        Meanwhile the page of somebody who posts more than a few is left: it would draw each of them.
        """
        room = self.page.locator("room-view").get_attribute("data-room")
        address = self.page.url
        if len(bodies) > MOST_DRAWN:
            self.page.goto("about:blank")
        (session,) = (each["value"] for each in self.context.cookies() if each["name"] == COOKIE)
        with httpx.Client(base_url=self.rooms, cookies={COOKIE: session}) as client:
            for index, body in enumerate(bodies):
                message = {"client_id": f"bulk-{index}-{body}"[:60], "body": body}
                client.post(f"{room}/messages", json=message).raise_for_status()
        if len(bodies) > MOST_DRAWN:
            self.page.goto(address)
            self.connected()

    def sees(self, text: str) -> None:
        """The message stands there exactly once, and the server has it."""
        message = self.page.get_by_test_id("message").filter(
            has=self.page.get_by_text(text, exact=True)
        )
        expect(message).to_have_count(1)
        expect(message).to_have_attribute("data-state", "posted")


def act(row: Locator, action: str) -> None:
    """Do something with a message whose row has the focus: by its own button, or by the menu of the rarer ones."""
    expect(row.locator(".actions")).to_be_visible()
    if (more := row.get_by_test_id("message-more")).count():
        more.press("Enter")
    row.get_by_test_id(action).press("Enter")


def in_head(page: Page, name: str) -> None:
    """Press what stands in a room's head, or in its menu where the head has no room for it: `people`, `room-settings`, …"""
    buttons = page.locator(f"[data-testid={name}], [data-testid=place-{name}]")
    expect(buttons).to_have_count(1)
    if buttons.is_visible():
        buttons.click()
        return
    page.get_by_test_id("room-menu").click()
    page.get_by_test_id(f"menu-{name}").click()


def sign_out(page: Page) -> None:
    """By the menu in the user's corner."""
    page.get_by_test_id("user-menu").click()
    page.get_by_test_id("sign-out").click()


def sent_twice(page: Page, address: str, button: Locator) -> None:
    """Press a button twice before the server has answered."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route(address, hold)
    button.press("Enter")
    button.press("Enter")
    until_told(page, lambda: held)
    page.wait_for_timeout(300)  # for the second one, which should not come
    for route in held:
        route.continue_()
    page.unroute(address)


PersonFactory = Callable[..., Person]
