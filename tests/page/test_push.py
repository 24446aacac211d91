"""Notices while the page is closed: switched on in the settings, shown by the worker, and the way to their message."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Worker, expect

from tests.page.people import Person, PersonFactory, Server

pytestmark = pytest.mark.long
# The Chromium of tests has no push service and shows no notices; what they would answer is put in their place.
SUBSCRIBED = """
  Object.defineProperty(Notification, "permission", { get: () => "granted" });
  Notification.requestPermission = async () => "granted";
  const keys = { p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", auth: "BTBZMqHH6r4Tts7J_aSIgg" };
  const own = (options) => ({
    endpoint: "https://push.example.org/1", options, toJSON: () => ({ endpoint: "https://push.example.org/1", keys }),
    unsubscribe: async () => { localStorage.removeItem("pushed"); return true; },
  });
  PushManager.prototype.subscribe = async (options) => { localStorage.setItem("pushed", "1"); return own(options); };
  PushManager.prototype.getSubscription = async () => localStorage.getItem("pushed") ? own({}) : null;
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": json.dumps(["memory", "password", "push"])}
    server = Server(tmp_path_factory.mktemp("push"), "memory", settings)
    server.start()
    yield server
    server.stop()


def permitted(person: Person) -> Page:
    person.context.add_init_script(SUBSCRIBED)
    person.page.reload()
    return person.page


def opened(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#settings=notifications")
    expect(page.get_by_test_id("push-here")).to_be_visible()


def until(page: Page, condition: Callable[[], bool], tries: int = 600) -> None:
    """Ask again until the condition holds, of what is not in the page; ten times a second at most."""
    for _ in range(tries):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("never true")


SHOWING = """() => {
  self.shown = new Map();
  registration.showNotification = async (title, options) => {
    shown.set(options.tag, { title, ...options, close: () => shown.delete(options.tag) });
  };
  registration.getNotifications = async ({ tag } = {}) => [...shown.values()].filter((each) => !tag || each.tag === tag);
}"""
CLICKED = """() => {
  const [notification] = shown.values();
  self.dispatchEvent(Object.assign(new Event("notificationclick"), { notification, waitUntil: () => {} }));
}"""


def worker_of(person: Person) -> Worker:
    """The worker of the person's browser, once it runs."""
    until(person.page, lambda: any("/push/" in each.url for each in person.context.service_workers))
    found = next(each for each in person.context.service_workers if "/push/" in each.url)
    found.evaluate(SHOWING)
    return found


def deliver(person: Person, server: Server, notice: dict[str, Any]) -> None:
    """A push reaches the browser: DevTools hands it to the worker."""
    cdp = person.context.new_cdp_session(person.page)
    found: list[str] = []

    def on_registration(event: dict[str, Any]) -> None:
        found.extend(
            each["registrationId"]
            for each in event["registrations"]
            if each["scopeURL"].endswith("/push/")
        )

    cdp.on("ServiceWorker.workerRegistrationUpdated", on_registration)
    cdp.send("ServiceWorker.enable")
    until(person.page, lambda: bool(found))
    message = {"origin": server.url, "registrationId": found[-1], "data": json.dumps(notice)}
    cdp.send("ServiceWorker.deliverPushMessage", message)
    cdp.detach()


def shows(person: Person, worker: Worker, body: str) -> dict[str, Any]:
    """The only notice that is shown, once it has this text."""

    def shown() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = worker.evaluate(
            "() => [...shown.values()].map(({ close, ...rest }) => rest)"
        )
        return found

    until(person.page, lambda: [each["body"] for each in shown()] == [body])
    return shown()[0]


def test_a_device_is_switched_on_listed_and_switched_off(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server, service_workers="allow").sign_up("aya", "Aya")
    page = permitted(aya)
    opened(page)
    here, texts = page.get_by_test_id("push-here"), page.get_by_test_id("push-texts")
    expect(here).not_to_be_checked()
    expect(texts).to_be_hidden()
    here.check()
    row = page.locator(".push-devices li")
    expect(row).to_contain_text("this device")
    texts.uncheck()
    page.reload()
    expect(here).to_be_checked()
    expect(texts).not_to_be_checked()
    here.uncheck()
    expect(row).to_have_count(0)
    expect(here).not_to_be_checked()


def test_a_browser_that_does_not_allow_it_says_so(person: PersonFactory, server: Server) -> None:
    eri = person(server, locale="ja-JP").sign_up("eri", "Eri")
    eri.context.add_init_script(
        "Object.defineProperty(Notification, 'permission', { get: () => 'denied' })"
    )
    eri.page.reload()
    opened(eri.page)
    expect(eri.page.get_by_test_id("push-here")).to_be_disabled()
    expect(eri.page.locator("plugin-parts")).to_contain_text("許可していません")


def test_a_push_is_shown_and_leads_to_its_message(person: PersonFactory, server: Server) -> None:
    ben = person(server, service_workers="allow").sign_up("ben", "Ben")
    room = ben.create_room("Lounge")
    ben.say("Where the notice leads")
    ben.create_room("Elsewhere")
    page = permitted(ben)
    opened(page)
    page.get_by_test_id("push-here").check()
    expect(page.locator(".push-devices li")).to_have_count(1)
    worker = worker_of(ben)
    notice = {"title": "Cat in Lounge", "room": room, "url": f"/m/{room}-3", "language": "en"}
    deliver(ben, server, {**notice, "body": "First", "seq": 3})
    assert shows(ben, worker, "First")["renotify"] is True
    deliver(ben, server, {**notice, "body": "Second", "seq": 4})
    told = shows(ben, worker, "Second")
    assert (told["title"], told["tag"], told["lang"]) == ("Cat in Lounge", room, "en")
    worker.evaluate(CLICKED)
    ben.in_room("Lounge")
    ben.sees("Where the notice leads")
    assert worker.evaluate("() => shown.size") == 0
