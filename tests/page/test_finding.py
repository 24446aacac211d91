"""Rooms and people are found on the page however many there are: the directory, lists of members, the quick switcher."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.page.people import PASSWORD, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.waiting import has_focus, until, until_told

pytestmark = pytest.mark.long

ROOMS = 620  # more than the first page of public rooms
MEMBERS = 120  # more than two pages of the list


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with many public rooms, one of them with many members; `zoe` is the last of both."""
    settings = {
        "plugin.password.memory_kib": "8",
        "plugin.password.passes": "1",
        "limits.registrations_per_hour": "0",
        "limits.invitations_per_hour": "0",
    }
    server = Server(tmp_path_factory.mktemp("crowded"), "memory", settings)
    server.start()
    owner = call(server, "register", account("olga"))
    token = owner["token"]
    people = [
        call(server, "register", account(f"member{at}"))["user"]["id"] for at in range(MEMBERS)
    ]
    people.append(call(server, "register", account("zoe", "Zoë Last"))["user"]["id"])
    call(server, "rooms", {"name": "The crowd", "kind": "public", "members": people}, token)
    for at in range(ROOMS):
        call(server, "rooms", {"name": f"Room {at}", "kind": "public"}, token)
    last = {"name": "Ünique place", "kind": "public", "topic": "where nobody looks"}
    call(server, "rooms", last, token)
    yield server
    server.stop()


def account(username: str, name: str = "") -> dict[str, object]:
    return {"username": username, "password": PASSWORD, "name": name or username.title()}


def call(server: Server, path: str, body: dict[str, object], token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    if not token:
        del headers["Authorization"]
    request = urllib.request.Request(
        f"{server.url}/api/v1/{path}", json.dumps(body).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_room_past_the_first_five_hundred_is_found_and_joined(
    crowded: Server, person: PersonFactory
) -> None:
    aya = person(crowded).sign_up(fresh("aya"), "Aya")
    page = aya.page
    expect(page.get_by_test_id("room")).to_have_count(500)
    expect(page.get_by_test_id("room").filter(has_text="Ünique place")).to_have_count(0)
    page.get_by_test_id("directory").focus()
    page.keyboard.press("Enter")
    rows = page.get_by_test_id("directory-room")
    expect(rows).to_have_count(50)
    page.get_by_test_id("directory-rooms-more").click()
    expect(rows).to_have_count(100)
    has_focus(page, "directory-join")  # the first of the new ones
    page.get_by_test_id("directory-rooms-search").fill("NOBODY looks")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Ünique place")
    page.get_by_test_id("directory-rooms-search").fill("nothing like it")
    expect(page.get_by_test_id("directory-rooms-status")).to_have_text(
        "No such room that you could join."
    )
    page.get_by_test_id("directory-rooms-search").fill("unique")
    expect(rows).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    aya.in_room("Ünique place")
    page.get_by_test_id("room-filter").fill("uniq")
    expect(page.get_by_test_id("room").filter(has_text="Ünique place")).to_be_visible()
    page.get_by_test_id("room-filter").fill("")
    page.get_by_test_id("composer").press_sequentially("#uniq")
    expect(page.get_by_role("option").filter(has_text="#Ünique place")).to_be_visible()


def test_a_member_is_found_by_either_name_and_the_list_has_pages(
    crowded: Server, person: PersonFactory
) -> None:
    aya = person(crowded).sign_up(fresh("aya"), "Aya")
    page = aya.page
    aya.join_room("The crowd")
    page.get_by_test_id("people").click()
    members = page.get_by_test_id("members").locator(".person")
    expect(members).to_have_count(50)
    page.get_by_test_id("members-more").click()
    expect(members).to_have_count(100)
    page.get_by_test_id("members-more").click()
    expect(members).to_have_count(MEMBERS + 3)
    expect(page.get_by_test_id("members-more")).to_be_hidden()
    search = page.get_by_test_id("members-search")
    search.focus()
    page.keyboard.press("Tab")  # the list is one stop, with arrows inside
    expect(members.locator(":focus")).to_have_count(1)
    page.keyboard.press("Home")
    expect(members.first.get_by_test_id("talk")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(members.nth(1).get_by_test_id("talk")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    expect(members.first.get_by_test_id("person-menu")).to_be_focused()
    page.keyboard.press("Tab")
    has_focus(page, "invite-name")
    for text in ("zoe", "ZOË"):
        search.fill(text)
        expect(members).to_have_count(1)
        expect(members).to_contain_text("Zoë Last")
        expect(members).to_contain_text("@zoe")
    members.get_by_test_id("talk").press("Enter")
    aya.in_room("Zoë Last")


def test_the_members_of_a_small_room_stand_by_name(crowded: Server, person: PersonFactory) -> None:
    first = person(crowded).sign_up("wanda-small", "Wanda")
    first.create_room("Small")
    for name in ("Élodie", "amir"):
        person(crowded).sign_up(f"{name.lower().replace('é', 'e')}-small", name).join_room("Small")
    first.page.get_by_test_id("people").click()
    names = first.page.get_by_test_id("members").locator(".person-name > :first-child")
    expect(names).to_have_text(["amir", "Élodie", "Wanda"])


@pytest.mark.parametrize(
    ("locale", "page_name"), [("en-GB", "Settings: Notif"), ("ja-JP", "設定：通知")]
)
def test_the_quick_switcher_finds_rooms_people_and_pages(
    crowded: Server, person: PersonFactory, locale: str, page_name: str
) -> None:
    aya = person(crowded, locale=locale).sign_up(fresh("aya"), "Aya")
    page = aya.page
    aya.create_room(fresh("Switch "))
    aya.page.get_by_test_id("composer").focus()
    page.keyboard.press("Control+k")
    has_focus(page, "room-filter")
    page.keyboard.type("@zoe")
    page.keyboard.press("Enter")
    aya.in_room("Zoë Last")

    page.keyboard.press("Control+k")
    has_focus(page, "room-filter")
    page.keyboard.type(page_name)
    page.keyboard.press("ArrowDown")
    has_focus(page, "switch-act")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("settings-notifications")).to_have_attribute("aria-current", "page")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("settings-notifications")).to_have_count(0)

    page.keyboard.press("Control+k")
    has_focus(page, "room-filter")
    page.keyboard.type("nobody looks")
    page.get_by_test_id("switch-act").last.press("Enter")
    expect(page.get_by_test_id("directory-room")).to_contain_text("Ünique place")
    page.keyboard.press("Escape")  # clears the field
    expect(page.get_by_test_id("directory-rooms-search")).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("directory-dialog")).to_have_count(0)
    has_focus(page, "room-filter")  # not the page


def test_the_quick_switcher_finds_those_who_wrote(crowded: Server, person: PersonFactory) -> None:
    aya = person(crowded).sign_up(fresh("aya"), "Aya")
    room = fresh("Wrote ")
    aya.create_room(room)
    ben = person(crowded).sign_up(fresh("ben"), "Benno Quist")
    ben.join_room(room)
    ben.say("hello")
    aya.sees("hello")
    page = aya.page
    for _ in range(2):  # the second time as a room
        page.keyboard.press("Control+k")
        has_focus(page, "room-filter")
        page.keyboard.type("quist")
        expect(page.locator("room-list").get_by_role("button", name="Benno Quist")).to_have_count(1)
        page.keyboard.press("Enter")
        aya.in_room("Benno Quist")


def test_nobody_by_that_name_is_told_in_a_notice(crowded: Server, person: PersonFactory) -> None:
    aya = person(crowded).sign_up(fresh("aya"), "Aya")
    aya.expected.append(r"404 \(.*/users/no-such-user")
    page = aya.page
    page.get_by_test_id("room-filter").fill("@no-such-user")
    page.get_by_test_id("room-filter").press("Enter")
    expect(page.get_by_test_id("notice-row")).to_contain_text("There is no such user.")


def test_names_are_completed_while_one_writes(crowded: Server, person: PersonFactory) -> None:
    aya = person(crowded).sign_up(fresh("aya"), "Aya")
    page = aya.page
    aya.join_room("The crowd")
    composer = page.get_by_test_id("composer")
    suggestions = page.get_by_test_id("suggestion")
    composer.press_sequentially("hello @Zoë")
    expect(suggestions).to_have_count(1)
    expect(suggestions).to_contain_text("@zoe")
    expect(suggestions).to_contain_text("Zoë Last")
    composer.press("Enter")
    expect(composer).to_have_value("hello @zoe ")
    expect(suggestions).to_have_count(0)
    composer.press_sequentially("and @member11")
    expect(suggestions.first).to_be_visible()
    composer.press("Escape")  # closes the list alone
    expect(suggestions).to_have_count(0)
    composer.fill("")
    composer.press_sequentially("see #the")
    expect(suggestions).to_have_text("#The crowd")
    composer.press("Tab")
    expect(composer).to_have_value("see #The crowd ")
    composer.press("Enter")
    aya.sees("see #The crowd")
    # A name that is typed in full does not take the Enter that sends.
    composer.press_sequentially("hi @zoe")
    expect(suggestions).to_have_count(1)
    composer.press("Enter")
    aya.sees("hi @zoe")
    expect(suggestions).to_have_count(0)
    # Nor does an e-mail address ask for anybody.
    composer.press_sequentially("mail to a@zoe")
    until(page, "() => document.querySelector('[data-testid=composer]').value.endsWith('zoe')")
    expect(suggestions).to_have_count(0)


def test_who_names_everybody_is_asked_first_where_that_tells_many(
    crowded: Server, person: PersonFactory
) -> None:
    olga = person(crowded)
    account = {"username": "olga", "password": PASSWORD}
    assert olga.context.request.post(f"{crowded.url}/api/v1/login", data=account).ok
    page = olga.page
    page.goto(crowded.url)
    olga.signed_in("Olga")
    page.get_by_test_id("room-filter").fill("The crowd")
    page.get_by_test_id("room").filter(has_text="The crowd").click()
    composer = page.get_by_test_id("composer")
    suggestions = page.get_by_test_id("suggestion")
    composer.press_sequentially("Lunch, @roo")
    expect(suggestions).to_have_text("@roomeverybody in the room")
    composer.press("Tab")
    expect(composer).to_have_value("Lunch, @room ")
    composer.press("Enter")
    question = page.get_by_test_id("ask")
    expect(question).to_contain_text("people in this room?")
    question.get_by_role("button", name="Cancel").click()
    expect(composer).to_have_value("Lunch, @room ")
    composer.press("Enter")
    page.get_by_test_id("ask-yes").click()
    olga.sees("Lunch, @room")
    expect(composer).to_have_value("")
    # Whoever may not tell all is neither offered it nor asked.
    aya = person(crowded).sign_up(fresh("aya"), "Aya")
    aya.join_room("The crowd")
    aya.page.get_by_test_id("composer").fill("@here is text")
    aya.page.get_by_test_id("composer").press("Enter")
    aya.sees("@here is text")


def test_lists_have_a_look_while_they_load_and_say_what_failed(
    crowded: Server, person: PersonFactory
) -> None:
    """The first answer is held back, the second one refuses, the third one comes."""
    aya = person(crowded).sign_up(fresh("aya"), "Aya")
    page = aya.page
    held: list[Any] = []
    asked: list[int] = []

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame.get("op") == "rooms" and "text" in frame:
                asked.append(frame["id"])
                if len(asked) == 1:
                    held.append(lambda: socket.send(refusal(frame["id"])))
                    return
            server.send(text)

        socket.on_message(to_server)

    page.route_web_socket("**/ws", route)
    page.reload()
    aya.connected()
    expect(page.get_by_test_id("room")).to_have_count(500)
    page.get_by_test_id("directory").click()
    rooms = page.get_by_test_id("directory-rooms")
    expect(rooms).to_have_attribute("aria-busy", "true")
    expect(rooms.locator(".skeleton")).to_have_count(5)
    expect(page.get_by_test_id("directory-rooms-status")).to_have_text("Searching…")
    until_told(page, lambda: held)
    held[0]()
    expect(page.get_by_test_id("directory-rooms-status")).to_have_text("The store is on holiday.")
    expect(rooms.locator(".skeleton")).to_have_count(0)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("directory-room")).to_have_count(50)
    expect(page.get_by_test_id("directory-rooms-status")).to_have_text("")


def refusal(number: int) -> str:
    error = {"code": "store.unavailable", "message": "The store is on holiday.", "retry": "later"}
    return json.dumps({"re": number, "error": error})
