"""Translations on the page: below the message of which somebody asked for one, formatted, and gone with the text."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.test_browser import fresh
from tests.page.tools import axe_script

pytestmark = pytest.mark.long


class Translator(BaseHTTPRequestHandler):
    """As LibreTranslate; its translations are in capitals."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = ["".join(map(upper, re.split("(<[^>]*>)", text))) for text in asked["q"]]
        is_refused = any("UNSPEAKABLE" in text for text in texts)
        found = [{"language": "de", "confidence": 90}] * len(texts)
        answer = json.dumps({"translatedText": texts, "detectedLanguage": found}).encode()
        self.send_response(400 if is_refused else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *given: object) -> None:
        pass


def upper(part: str) -> str:
    return part if part.startswith("<") else part.upper()


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of a translation service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Translator) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, service: str) -> Iterator[Server]:
    settings = {
        "plugins.enabled": json.dumps(["memory", "password", "translation"]),
        "plugin.translation.url": service,
        "plugin.translation.per_minute": "1000",
        "plugin.translation.timeout_seconds": "25",
    }
    server = Server(tmp_path_factory.mktemp("translation"), "memory", settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def owner(server: Server, browser: Browser) -> Iterator[Person]:
    """The first account, of the staff: the others are members like most."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")
    yield olga
    olga.context.close()


@pytest.fixture
def two(owner: Person, person: PersonFactory, server: Server) -> tuple[Person, Person]:
    """Aya, who owns a room, and Ben, who is in it."""
    aya, ben = (person(server).sign_up(fresh(name), name.title()) for name in ("aya", "ben"))
    room = fresh("Garden ")
    aya.create_room(room)
    ben.join_room(room)
    return aya, ben


def message(person: Person, text: str) -> Locator:
    return person.page.get_by_test_id("message").filter(has_text=text)


def translate(person: Person, text: str) -> Locator:
    """The translation below the message with this text."""
    row = message(person, text)
    row.hover()
    row.get_by_test_id("place-translation.translate").click()
    return row.get_by_test_id("translation")


def test_a_message_is_shown_in_the_readers_language_below_its_text(
    two: tuple[Person, Person],
) -> None:
    aya, ben = two
    aya.say("Guten **Morgen**, `code` <b>")
    shown = translate(ben, "Guten")
    expect(shown.get_by_test_id("translation-text")).to_have_text("GUTEN MORGEN, code <B>")
    expect(shown.locator("strong")).to_have_text("MORGEN")
    expect(shown.locator("code")).to_have_text("code")
    expect(shown).to_contain_text("Translated from German by LibreTranslate · Show original")
    expect(shown.get_by_test_id("translation-text")).to_have_attribute("lang", "en")
    expect(message(ben, "Guten").get_by_test_id("message-body")).to_contain_text("Guten Morgen")
    expect(aya.page.get_by_test_id("translation")).to_have_count(0)
    assert findings(ben.page, axe_script()) == []
    shown.get_by_test_id("translation-hide").click()
    expect(shown).to_have_count(0)


def test_the_action_hides_what_it_has_shown(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.say("Guten Abend")
    expect(translate(ben, "Guten Abend")).to_be_visible()
    action = message(ben, "Guten Abend").get_by_test_id("place-translation.translate")
    expect(action).to_have_attribute("title", "Show original")
    expect(translate(ben, "Guten Abend")).to_have_count(0)
    expect(action).to_have_attribute("title", "Translate")


def test_a_translation_goes_when_the_text_changes(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.say("Erster Text")
    shown = translate(ben, "Erster Text")
    expect(shown).to_contain_text("ERSTER TEXT")
    row = message(aya, "Erster Text")
    row.focus()
    row.get_by_test_id("edit").press("Enter")
    aya.page.get_by_test_id("composer").fill("Zweiter Text")
    aya.page.get_by_test_id("send").click()
    expect(message(ben, "Zweiter Text")).to_be_visible()
    expect(ben.page.get_by_test_id("translation")).to_have_count(0)
    expect(translate(ben, "Zweiter Text")).to_contain_text("ZWEITER TEXT")


def test_it_stays_with_a_reaction_and_goes_with_the_message(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.say("Guten Tag")
    shown = translate(ben, "Guten Tag")
    expect(shown).to_contain_text("GUTEN TAG")
    row = message(aya, "Guten Tag")
    row.hover()
    row.locator("[data-do=react]").first.click()
    expect(message(ben, "Guten Tag").get_by_test_id("reaction")).to_be_visible()
    expect(shown).to_contain_text("GUTEN TAG")
    row.focus()
    row.get_by_test_id("delete").press("Enter")
    aya.page.get_by_test_id("ask-yes").click()
    expect(ben.page.get_by_test_id("translation")).to_have_count(0)


def test_why_there_is_none_is_said_in_the_readers_language(
    two: tuple[Person, Person],
) -> None:
    aya, ben = two
    aya.say("unspeakable")
    aya.say("`code`")
    ben.expected.append("422")
    for text, why in (("unspeakable", "does not translate this"), ("code", "nothing to translate")):
        translate(ben, text)
        fault = message(ben, text).get_by_test_id("translation-fault")
        expect(fault).to_contain_text(why)
        expect(fault).to_have_attribute("role", "alert")


def test_a_reader_of_japanese_gets_japanese(
    person: PersonFactory, server: Server, two: tuple[Person, Person]
) -> None:
    aya, _ = two
    aya.say("Guten Morgen")
    room = aya.page.locator("room-view").get_attribute("data-room")
    mika = person(server, locale="ja-JP")
    mika.sign_up(fresh("mika"), "Mika")
    mika.page.goto(f"{server.url}/#room={room}")
    mika.page.evaluate("(room) => document.querySelector('chat-app').session.join(room)", room)
    row = message(mika, "Guten Morgen")
    row.hover()
    action = row.get_by_test_id("place-translation.translate")
    expect(action).to_have_attribute("title", "翻訳")
    action.click()
    shown = row.get_by_test_id("translation")
    expect(shown).to_contain_text("LibreTranslate によるドイツ語からの翻訳")
    expect(shown.get_by_test_id("translation-text")).to_have_attribute("lang", "ja")


def test_ones_own_messages_are_not_offered(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.say("Von mir")
    expect(translate(ben, "Von mir")).to_be_visible()  # the module is loaded for Ben …
    ben.say("Von Ben")
    row = message(ben, "Von Ben")
    row.hover()
    expect(row.locator(".actions")).to_be_visible()
    expect(row.get_by_test_id("place-translation.translate")).to_have_count(0)  # … and for this row


def test_a_long_translation_fits_a_phone(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.say(f"Wort{'e' * 300} `{'x' * 300}` https://a.example/{'y' * 300}")
    shown = translate(ben, "Wort")
    expect(shown.get_by_test_id("translation-text")).to_contain_text("WORT")
    ben.page.set_viewport_size({"width": 390, "height": 800})
    expect(shown.get_by_test_id("translation-text")).to_contain_text("WORT")
    scroller = ben.page.get_by_test_id("scroller")
    assert scroller.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    assert findings(ben.page, axe_script()) == []
