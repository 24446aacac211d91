"""Whatever the server refuses, the page says why in its reader's language, without a dialog in the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from chatserver.errors import CODES
from tests.page.people import AWAY, Person, PersonFactory, Server
from tests.page.test_browser import fresh

pytestmark = pytest.mark.long

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a plugin that refuses messages, and fails with any code."""
    settings = {
        "plugins.folder": str(HERE / "plugins"),
        "plugins.enabled": '["memory", "password", "refusing"]',
        "server.debug": "true",  # its modules can be imported
    }
    server = Server(tmp_path_factory.mktemp("refusing"), "memory", settings)
    server.start()
    yield server
    server.stop()


LEARN = 'import("/static/lib/i18n.js").then(({ learnEnglish }) => learnEnglish())'  # as after some seconds
FAIL = """async ([code, text]) => {
  const { errorText } = await import("/static/lib/i18n.js");
  const { connection } = document.querySelector("chat-app");
  return connection.request("refusing.fail", { code, text }).then(() => "nothing refused", errorText);
}"""


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_no_reason_of_any_code_is_lost(
    refusing: Server, person: PersonFactory, locale: str
) -> None:
    aya = person(refusing, locale=locale).sign_up(fresh("aya"), "Aya")
    aya.page.evaluate(LEARN)
    reason = "The moon is not full."
    told = {code: aya.page.evaluate(FAIL, [code, reason]) for code in CODES}
    lost = {code for code, text in told.items() if reason not in text}
    # Its own text says all there is: which command it was, the reader has just typed.
    assert lost <= {"command.unknown"}
    plain = {code: aya.page.evaluate(FAIL, [code, ""]) for code in CODES}
    if locale == "en-GB":
        assert plain == {code: meaning.text for code, meaning in CODES.items()}
    else:  # the meaning of a code is not said twice
        assert [code for code, text in plain.items() if text.isascii() or "（" in text] == []


# What a person can bring about: a call of the page, and why it is refused, for both readers.
PROVOKED = {
    "a room without a name": (
        'session.create({ kind: "public", name: "\\u200b" })',
        "1 to 200",
        "名前は 1～200 文字",
    ),
    "a name that is too long": (
        'session.create({ kind: "public", name: "n".repeat(300) })',
        "length <= 200",
        "length <= 200",
    ),
    "an invitation of nobody": (
        'session.inviteByName(room, "nobody-at-all")',
        "no such user",
        "ユーザーが見つかりません",
    ),
    "a search for nothing": ('session.search("  ")', "word to look for", "検索する言葉"),
    "a reaction that shows nothing": (
        'session.react(room, message, "\\u0000", true)',
        "printable",
        "表示できる文字",
    ),
    "a message that is gone": (
        'session.edit(room, "gone", "x")',
        "no such message",
        "メッセージが見つかりません",
    ),
    "an edit without a text": ('session.edit(room, message, "  ")', "needs a text", "入力して"),
    "a room that is not there": ('session.join("gone")', "no such room", "ルームが見つかりません"),
    "leaving as the last owner": ("session.leave(room)", "last one", "最後のオーナー"),
    "an unknown command": (
        'session.runCommand(room, "/nothing")',
        "no command /nothing here",
        "コマンドはありません",
    ),
    "a weak password": (
        'api.changePassword({ old: "correct horse battery staple", new: "abc" })',
        "at least 8",
        "8 文字以上",
    ),
    "a wrong password": (
        'api.changePassword({ old: "wrong", new: "nobody guesses this one" })',
        "not valid",
        "正しくありません",
    ),
    "mail without a sender": (
        'api.setEmail("aya@example.org")',
        "sends no mail",
        "メールを送信しません",
    ),
    "an act of the staff": ('api.users("", "")', "role does not allow", "権限がありません"),
    "another's plugin": ('session.interact(room, message, "no part", {})', "no such", "ありません"),
    "a plugin's refusal": (
        'connection.request("send", { room, client_id: "loud", body: "loud" })',
        "It is night.",
        "夜です。",
    ),
    "a refusal in one language": (
        'connection.request("send", { room, client_id: "rude", body: "rude" })',
        "Say please.",
        "Say please.",
    ),
}

CASES = ",\n".join(f'"{name}": async () => {call}' for name, (call, *_) in PROVOKED.items())
PROVOKE = """async ([call, room, message]) => {
  const { errorText } = await import("/static/lib/i18n.js");
  await import("/static/elements/settings/security.js"); // where passwords are changed, with the texts of their refusals
  const { session, connection, api } = document.querySelector("chat-app");
  const run = { CASES };
  return run[call]().then(() => "nothing refused", errorText);
}""".replace("CASES", CASES)


@pytest.mark.parametrize(("locale", "told_in"), [("en-GB", 1), ("ja-JP", 2)])
def test_what_a_person_brings_about_is_refused_with_the_reason(
    refusing: Server, person: PersonFactory, locale: str, told_in: int
) -> None:
    ben = person(refusing).sign_up(fresh("ben"), "Ben")
    aya = person(refusing, locale=locale).sign_up(fresh("aya"), "Aya")
    aya.expected.append(r"(40\d|501) \(.*/api/v1/")
    name = fresh("Refused ")
    aya.create_room(name)
    aya.say("a message")
    aya.sees("a message")
    ben.join_room(name)
    room = aya.page.locator("room-view").get_attribute("data-room")
    message = aya.page.get_by_test_id("message").get_attribute("data-id")
    for case, expected in PROVOKED.items():
        told = aya.page.evaluate(PROVOKE, [case, room, message])
        assert expected[told_in] in told, case


def test_a_failure_is_told_without_a_dialog(refusing: Server, person: PersonFactory) -> None:
    hugo = person(refusing).sign_up(fresh("hugo"), "Hugo")
    hugo.create_room(fresh("Left "))
    leave(hugo)
    page = hugo.page
    row = page.get_by_test_id("notice-row")
    expect(row).to_contain_text("Say goodbye first.")
    expect(page.locator("notice-list")).to_have_attribute("role", "status")
    expect(page.get_by_role("dialog")).to_have_count(0)
    leave(hugo)
    expect(row).to_have_count(1)  # the same is there once
    page.get_by_test_id("composer").focus()
    page.keyboard.press("Escape")
    expect(row).to_have_count(0)
    expect(page.get_by_test_id("composer")).to_be_focused()
    # By its button: the focus goes back to where it was.
    leave(hugo)
    page.get_by_test_id("composer").focus()
    page.get_by_test_id("notice-close").focus()
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
    expect(page.get_by_test_id("composer")).to_be_focused()


def leave(person: Person) -> None:
    person.page.get_by_test_id("room-menu").click()
    person.page.get_by_test_id("leave-room").click()
    ask = person.page.get_by_test_id("ask")
    expect(ask.get_by_role("button")).to_have_text(["Cancel", "Leave room"])
    person.page.get_by_test_id("ask-yes").click()


def test_at_most_a_few_notices_stand_there(refusing: Server, person: PersonFactory) -> None:
    page = person(refusing).sign_up(fresh("aya"), "Aya").page
    page.evaluate(
        """async () => {
          const { tellError } = await import("/static/elements/toasts.js");
          for (let at = 1; at <= 9; at += 1) tellError({ code: "room.forbidden", message: `Reason ${at}.` });
        }"""
    )
    rows = page.get_by_test_id("notice-row")
    expect(rows).to_have_count(4)
    expect(rows.last).to_have_text("Reason 9.")


def test_that_the_server_is_away_is_told_until_it_is_back(
    refusing: Server, person: PersonFactory
) -> None:
    hugo = person(refusing).sign_up(fresh("hugo"), "Hugo")
    hugo.create_room(fresh("Away "))
    hugo.say("a message")
    hugo.sees("a message")
    hugo.expected.append(AWAY)
    page = hugo.page
    hugo.context.set_offline(True)
    expect(page.get_by_test_id("connection-status")).to_contain_text("You are offline.")
    row = page.get_by_test_id("message")
    row.hover()
    row.get_by_role("button", name="👍").first.click()
    expect(page.get_by_test_id("notice-row")).to_have_text("The server cannot be reached.")
    hugo.context.set_offline(False)
    hugo.connected()
    expect(page.get_by_test_id("notice-row")).to_have_count(0)
