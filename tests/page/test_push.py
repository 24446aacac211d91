"""Notices while the page is closed: switched on and off in the settings, and the way to their message."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.waiting import until

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

NOW = datetime(2030, 3, 4, 10, tzinfo=ZoneInfo("Asia/Tokyo"))
KEPT = "async () => 'page.notify.until' in ((await (await fetch('/api/v1/me/preferences')).json()).account ?? {})"


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
    until(page, "async () => !(await (await fetch('/api/v1/push')).json()).devices[0].texts")
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


def test_a_notice_that_is_clicked_leads_the_window_to_its_message(
    person: PersonFactory, server: Server
) -> None:
    """What the worker does is tried in push-worker.test.mjs: DevTools ends it with each push."""
    ben = person(server).sign_up("ben", "Ben")
    ben.create_room("Lounge")
    room = ben.page.url.rpartition("room=")[2]
    ben.say("Where the notice leads")
    ben.create_room("Elsewhere")
    opened(ben.page)  # so the plugin's module is there
    ben.page.evaluate(
        """(pushed) => navigator.serviceWorker.dispatchEvent(new MessageEvent("message", { data: { pushed } }))""",
        {"room": room, "seq": 3},
    )
    ben.in_room("Lounge")
    ben.sees("Where the notice leads")


def test_hours_without_notices_and_words_are_kept_with_the_account(
    person: PersonFactory, server: Server
) -> None:
    dan = person(server, timezone_id="Asia/Tokyo").sign_up("dan", "Dan")
    page = dan.page
    opened(page)
    pause, on = page.get_by_test_id("quiet-until"), page.get_by_test_id("quiet-on")
    expect(page.get_by_test_id("quiet-end")).to_be_hidden()
    page.get_by_test_id("quiet.hour").click()
    expect(pause).to_contain_text("Nothing is shown until")
    expect(page.get_by_test_id("quiet-from")).to_be_hidden()
    on.check()
    page.get_by_test_id("quiet-from").fill("21:30")
    page.get_by_label("Sun", exact=True).uncheck()
    page.get_by_test_id("told-words").fill("cake\n\n cake \n会議、tea")
    page.get_by_test_id("words-save").click()
    kept: dict[str, str] = {}
    for _ in range(600):  # it is sent half a second later
        told = page.request.get(f"{server.url}/api/v1/me/preferences").json()
        kept = told.get("account", {})
        if "page.notify.words" in kept:
            break
        page.wait_for_timeout(100)
    assert kept["page.notify.schedule"] == "123456 21:30 07:00 Asia/Tokyo"
    assert kept["page.notify.words"] == "cake\n会議\ntea"
    page.reload()
    expect(on).to_be_checked()
    expect(page.get_by_test_id("quiet-from")).to_have_value("21:30")
    expect(page.get_by_test_id("told-words")).to_have_value("cake\n会議\ntea")
    page.get_by_test_id("quiet-end").click()
    expect(pause).not_to_contain_text("Nothing is shown until")


@pytest.mark.parametrize(
    ("locale", "said"),
    [("en-GB", "Do not disturb until 11:00"), ("ja-JP", "11:00 までおやすみモード")],
)
def test_a_mark_at_ones_own_name_says_until_when_one_is_not_to_be_disturbed(
    person: PersonFactory, server: Server, locale: str, said: str
) -> None:
    one = person(server, locale=locale, timezone_id="Asia/Tokyo")
    one.page.clock.install(time=NOW)
    one.sign_up(f"fay-{locale[:2]}", "Fay")
    page = one.page
    mark = page.get_by_test_id("quiet-mark")
    opened(page)
    page.get_by_test_id("quiet.hour").click()
    page.get_by_test_id("settings-close").click()
    expect(mark).to_be_visible()
    expect(mark).to_have_attribute("title", said)
    expect(page.get_by_test_id("user-menu")).to_have_accessible_name(re.compile(f"Fay.*{said}"))
    until(page, KEPT)
    page.reload()
    expect(mark).to_have_attribute("aria-label", said)
    page.get_by_test_id("user-menu").click()
    expect(page.get_by_test_id("menu-notifications")).to_contain_text(said)
    page.clock.fast_forward("01:01:00")
    expect(mark).to_have_count(0)
