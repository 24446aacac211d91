"""Settings of plugins, which an owner changes on the page while others write."""

import json
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.people import PASSWORD, Person, PersonFactory, Server
from tests.page.test_settings import opened

pytestmark = pytest.mark.long

PLUGIN = """
import os
from typing import Annotated, Literal

from msgspec import Meta

import chatserver


class Post(chatserver.Settings, frozen=True, kw_only=True):
    uri: Annotated[str, Meta(title="Address", max_length=100)]
    secret: Annotated[str, Meta(min_length=8)]
    per_minute: Annotated[float, Meta(title="Rate", gt=0)] = 60.0
    is_quiet: Annotated[bool, Meta(title="Quiet")] = False
    signs: dict[str, str] = {}
    networks: Annotated[list[str], Meta(extra={"operator": True})] = []

    def __post_init__(self):
        if not self.uri.startswith("https://"):
            raise ValueError("uri: expected https://…")


class Door(chatserver.Settings, frozen=True, kw_only=True):
    path_file: str


class Plugin:
    class Config(chatserver.Settings, frozen=True, kw_only=True):
        count: Annotated[int, Meta(title="Count", description="How many.", ge=1, le=9)] = 3
        pause_seconds: float = 1.5
        loud: bool = False
        mood: Literal["calm", "lively"] = "calm"
        api_token: str = ""
        list_file: str = ""
        port: int = 1
        signs: Annotated[dict[str, Annotated[int, Meta(ge=1)]], Meta(title="Signs")] = {}
        posts: Annotated[dict[chatserver.TableName, Post], Meta(title="Posts")] = {}
        doors: dict[chatserver.TableName, Door] = {}

        def __post_init__(self):
            if self.mood == "lively" and not self.loud:
                raise ValueError("mood: a lively one is loud")

    def __init__(self, config):
        pass
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("plugin-settings")
    (folder / "local").mkdir()
    (folder / "local" / "dials.py").write_text(PLUGIN)
    settings = {
        "plugins.folder": str(folder / "local"),
        "plugins.enabled": json.dumps(
            ["sqlite", "password", "metrics", "wordfilter", "webhooks", "dials"]
        ),
    }
    environ = {"CHATSERVER_PLUGIN__DIALS__PORT": "7"}
    server = Server(folder, "sqlite", settings, environ)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def owner(server: Server, browser: object) -> Iterator[Person]:
    """The first account, which owns the server."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")  # type: ignore[arg-type]
    yield olga
    olga.context.close()


def form(page: Page, plugin: str) -> Locator:
    """The settings of a plugin, opened anew."""
    opened(page, "profile")
    opened(page, "plugins")
    row = page.get_by_test_id(f"plugin-{plugin}")
    row.get_by_test_id("plugin-settings").locator("summary").click()
    found = row.get_by_test_id(f"settings-of-{plugin}")
    expect(found.get_by_test_id("settings-lead")).to_be_visible()
    return found


def setting(found: Locator, key: str) -> Locator:
    return found.locator(f"[data-setting={key}]")


def saved(found: Locator, text: str) -> None:
    found.get_by_test_id("settings-save").click()
    expect(found.get_by_test_id("settings-done")).to_contain_text(text)


def test_a_word_that_an_owner_forbids_is_refused_at_once_and_after_a_restart(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    tom = person(server).sign_up("tom", "Tom")
    tom.create_room("Lounge")
    tom.expected.append("ERR_|502|503")
    owner.expected.append("ERR_|502|503")
    una = person(server).sign_up("una", "Una")
    una.expected.append("ERR_|502|503")
    una.join_room("Lounge")
    tom.say("plugh is a word")
    page = owner.page
    words = setting(form(page, "wordfilter"), "words")
    words.get_by_role("textbox", name="Words").fill("plugh\nxyzzy")
    expect(words).to_contain_text("not saved")
    found = page.get_by_test_id("settings-of-wordfilter")
    saved(found, "In use now: Words.")
    expect(words).to_contain_text("changed")

    def refused(who: Person, text: str) -> None:
        who.page.get_by_test_id("composer").fill(text)
        who.page.get_by_test_id("composer").press("Enter")
        row = who.page.get_by_test_id("message").filter(has_text=text)
        expect(row).to_contain_text("not wanted here")

    refused(tom, "xyzzy at once")
    server.stop()
    server.start()
    una.connected()
    owner.connected()
    refused(una, "xyzzy after the restart")
    found = form(page, "wordfilter")
    words = setting(found, "words")
    expect(words.get_by_role("textbox")).to_have_value("plugh\nxyzzy")
    words.get_by_test_id("setting-back").click()
    expect(words.get_by_role("textbox")).to_be_focused()
    expect(words.get_by_role("textbox")).to_have_value("")
    saved(found, "In use now: Words.")
    expect(words.get_by_test_id("setting-back")).to_be_hidden()
    vera = person(server).sign_up("vera", "Vera")
    vera.join_room("Lounge")
    vera.say("xyzzy is a word again")
    una.sees("xyzzy is a word again")


def test_a_wrong_value_is_said_beside_its_field(owner: Person) -> None:
    found = form(owner.page, "dials")
    count, mood = setting(found, "count"), setting(found, "mood")
    count.get_by_role("spinbutton", name="Count").fill("12")
    found.get_by_test_id("settings-save").click()
    expect(count.locator("[data-fault=count]")).to_have_text(
        "A whole number is needed. Allowed: 1 to 9."
    )
    expect(count.get_by_role("spinbutton")).to_be_focused()
    expect(count.get_by_role("spinbutton")).to_have_attribute("aria-invalid", "true")
    count.get_by_role("spinbutton").fill("4")
    expect(count.locator("[data-fault=count]")).to_be_empty()
    mood.get_by_role("combobox", name="mood").select_option("lively")
    found.get_by_test_id("settings-save").click()  # the plugin's own rule
    expect(mood.locator("[data-fault=mood]")).to_have_text("a lively one is loud")
    expect(mood.get_by_role("combobox")).to_be_focused()
    setting(found, "loud").get_by_role("checkbox", name="loud").check()
    setting(found, "pause_seconds").get_by_role("spinbutton").fill("0.25")
    saved(found, "In use now: Count, pause_seconds, loud, mood.")
    expect(found.get_by_test_id("settings-save")).to_be_focused()
    found.get_by_test_id("settings-save").click()
    expect(found.get_by_test_id("settings-done")).to_have_text("Nothing has changed.")


def test_secrets_are_replaced_unseen_and_what_is_given_elsewhere_is_fixed(owner: Person) -> None:
    found = form(owner.page, "dials")
    token = setting(found, "api_token")
    expect(token).to_contain_text("It is not set.")
    token.locator("input").fill("quite secret")
    saved(found, "In use now: api_token.")
    expect(token).to_contain_text("It is set, and not shown.")
    expect(token.locator("input")).to_have_value("")
    assert "quite secret" not in owner.page.content()
    token.get_by_test_id("setting-back").click()
    saved(found, "In use now: api_token.")
    expect(token).to_contain_text("It is not set.")
    port = setting(found, "port")
    expect(port).to_contain_text("Given by the variable CHATSERVER_PLUGIN__DIALS__PORT")
    expect(port.locator("code")).to_have_text("7")
    expect(setting(found, "list_file")).to_contain_text("chatserver plugins set dials list_file=")
    for key in ("port", "list_file"):
        expect(setting(found, key).locator("input")).to_have_count(0)
    password = form(owner.page, "password")
    expect(password.get_by_test_id("settings-lead")).to_contain_text("and restart")
    expect(password.locator("input")).to_have_count(0)
    expect(password.get_by_test_id("settings-save")).to_be_hidden()


def test_rows_of_a_map_are_added_changed_and_removed(owner: Person) -> None:
    found = form(owner.page, "dials")
    signs = setting(found, "signs")
    names = signs.get_by_role("textbox", name="Name")
    values = signs.get_by_role("spinbutton", name="Value")
    for row, (name, value) in enumerate([("α", "1"), ("β", "0")]):
        signs.get_by_test_id("setting-add").click()
        expect(names.nth(row)).to_be_focused()
        names.nth(row).fill(name)
        values.nth(row).fill(value)
    found.get_by_test_id("settings-save").click()
    expect(values.nth(1)).to_be_focused()
    expect(signs).to_contain_text("A whole number is needed. Allowed: at least 1.")
    values.nth(1).fill("2")
    expect(signs).not_to_contain_text("A whole number is needed.")
    saved(found, "In use now: Signs.")
    signs.get_by_role("button", name="Remove α").click()
    expect(names).to_be_focused()
    expect(signs).to_contain_text("not saved")
    saved(found, "In use now: Signs.")
    expect(names).to_have_value("β")
    signs.get_by_test_id("setting-back").click()
    saved(found, "In use now: Signs.")
    expect(names).to_have_count(0)


def test_tables_are_added_changed_and_removed_without_their_secrets(owner: Person) -> None:
    found = form(owner.page, "dials")
    posts = setting(found, "posts")
    name = posts.get_by_role("textbox", name="Name of another one")
    name.fill("Two words")
    name.press("Enter")
    expect(posts).to_contain_text("This cannot be a name here.")
    expect(name).to_be_focused()
    name.fill("ci")
    name.press("Enter")
    expect(name).to_have_value("")
    table = posts.locator("[data-table=ci]")
    address, secret = table.get_by_label("Address"), table.get_by_label("secret")
    expect(address).to_be_focused()
    address.fill("http://ci.example/?token=hush")
    secret.fill("quite secret")
    table.get_by_label("Rate").fill("0")
    found.get_by_test_id("settings-save").click()
    expect(table.get_by_label("Rate")).to_be_focused()
    expect(table.locator("[data-fault=per_minute]")).to_have_text(
        "A number is needed. Allowed: more than 0."
    )
    table.get_by_label("Rate").fill("5")
    found.get_by_test_id("settings-save").click()  # the server's own rule
    expect(address).to_be_focused()
    expect(table.locator("[data-fault=uri]")).to_have_text("expected https://…")
    address.fill("https://ci.example/?token=hush")
    table.get_by_role("checkbox", name="Quiet").check()
    saved(found, "In use now: Posts.")
    table.locator("summary").click()
    expect(address).to_have_value("")
    expect(table).to_contain_text("Now: https://ci.example/?token=***")
    expect(table.get_by_label("Rate")).to_have_value("5")
    assert "hush" not in owner.page.content()
    table.get_by_label("Rate").fill("7")
    saved(found, "In use now: Posts.")  # the secrets have stayed
    table.locator("summary").click()
    table.get_by_role("button", name="Remove ci").click()
    expect(name).to_be_focused()
    saved(found, "In use now: Posts.")
    expect(table).to_have_count(0)
    expect(setting(found, "doors")).to_contain_text("The operator adds others, on the machine.")
    expect(setting(found, "doors").locator("input")).to_have_count(0)


def test_an_owner_adds_a_webhook_at_which_others_post_at_once(
    server: Server, owner: Person
) -> None:
    page = owner.page
    opened(page, "profile")
    page.goto(server.url)
    owner.create_room("Builds")
    room = page.locator("room-view").get_attribute("data-room")
    assert room is not None
    found = form(page, "webhooks")
    incoming = setting(found, "incoming")
    incoming.locator(".setting-new input").fill("builds")
    incoming.get_by_test_id("setting-add").click()
    table = incoming.locator("[data-table=builds]")
    expect(table.get_by_test_id("setting-address")).to_have_count(0)  # nobody can post there yet
    table.locator("[name=room]").fill("#builds")
    expect(table.get_by_test_id("setting-room")).to_have_text("Builds")
    table.locator("[name=name]").fill("Build bot")
    table.get_by_test_id("setting-make").click()
    token = table.get_by_test_id("setting-made").input_value()
    found.get_by_test_id("settings-save").click()
    expect(found.get_by_test_id("settings-done")).to_contain_text("In use now")
    expect(found.get_by_test_id("settings-done")).to_be_in_viewport()
    address = found.get_by_test_id("settings-done").get_by_test_id("setting-address")
    expect(address).to_have_value(f"{server.url}/hooks/builds")
    expect(address).to_have_accessible_name("Where others post to builds")
    post = Request(address.input_value(), json.dumps({"body": "Build 7 is green"}).encode())
    post.add_header("Authorization", f"Bearer {token}")
    with urlopen(post) as answer:
        assert answer.status == 201
    page.goto(f"{server.url}/#room={room}")
    owner.sees("Build 7 is green")
    table = setting(form(page, "webhooks"), "incoming").locator("[data-table=builds]")
    table.locator("summary").click()
    expect(table.locator("[name=room]")).to_have_value(room)
    expect(table.get_by_test_id("setting-room")).to_have_text("Builds")
    expect(table.get_by_test_id("setting-address")).to_have_value(f"{server.url}/hooks/builds")
    table.locator("[name=name]").fill("Builder")
    found = page.get_by_test_id("settings-of-webhooks")
    saved(found, "In use now")
    expect(found.get_by_test_id("settings-done").get_by_test_id("setting-address")).to_have_count(0)


def test_a_japanese_owner_reads_the_plugins_own_texts_where_there_are_some(
    browser: Browser, server: Server
) -> None:
    olga = Person(browser, server.url, locale="ja-JP")
    page = olga.page
    page.goto(server.url)
    page.get_by_test_id("username").fill("olga")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    olga.connected()
    words = setting(form(page, "wordfilter"), "words")
    expect(words.get_by_role("textbox", name="言葉")).to_be_visible()
    expect(words.locator("[lang=en]")).to_have_count(0)
    metrics = form(page, "metrics")
    expect(metrics.get_by_role("textbox", name="パス")).to_be_visible()
    expect(metrics.locator("[lang=en]")).to_have_count(0)
    found = form(page, "dials")
    count = setting(found, "count")
    expect(count.locator("[lang=en]").last).to_have_text("How many.")
    count.get_by_role("spinbutton").fill("12")
    found.get_by_test_id("settings-save").click()
    expect(count.locator("[data-fault=count]")).to_have_text(
        "整数を入力してください。 使える値：1～9"
    )
    assert olga.complaints() == []
    olga.context.close()
