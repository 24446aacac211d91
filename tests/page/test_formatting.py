"""Marks in messages, in two browsers: what others see, and how one sets them."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.people import IS_MEMBER, Person, Server
from tests.page.waiting import NOTE_TEXT, until, until_late_parts, until_told

pytestmark = pytest.mark.long

EVERYTHING = """これは**重要**です *em* ~~old~~ `a *b*` snake_case_name ||the `end` of it||
[guide](https://example.org/a_(b)) [example.com](https://example.org/) [x](javascript:alert(1)) https://example.org/b_c

# Head
> said
> > before
3. three
   - [x] done
```js
const wide = "WIDE";
**no** https://example.org :x:
```
| a | b |
|:-:|--:|
| **1** | WIDE |
---
<b>end</b>""".replace("WIDE", "wide" * 40)
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
HOSTILE = [
    "[a](javascript:alert(1)) [a](JAVASCRIPT:alert(1)) [a](data:text/html,<script>alert(1)</script>)",
    '[a](https://a.b/"onmouseover="alert(1)) ![a](x"onerror="alert(1))',
    "```<script>\n</code></pre><img src=x onerror=alert(1)>\n```",
    "|<img src=x onerror=alert(1)>|\n|-|\n|`<script>alert(1)</script>`|",
    "**<svg/onload=alert(1)>** ||<iframe srcdoc=x>||",
]


@pytest.fixture(scope="module")
def two(server: Server, browser: Browser) -> Iterator[tuple[Person, Person]]:
    """Two people in one room."""
    aya = Person(browser, server.url).sign_up("aya", "Aya")
    ben = Person(browser, server.url).sign_up("ben", "Ben")
    aya.create_room("Marks")
    ben.join_room("Marks")
    yield aya, ben
    for each in (aya, ben):
        complaints = each.complaints()
        each.context.close()
        assert complaints == []


def last(page: Page) -> Locator:
    return page.get_by_test_id("message-body").last


def composer(page: Page) -> Locator:
    """The empty field, when what sees to marks is loaded."""
    field = page.get_by_test_id("composer")
    field.fill("")
    field.press("Shift")
    expect(field).to_have_attribute("data-marks", "")
    return field


def test_others_see_each_mark_as_what_it_means(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.post_over_http(["plain"])
    aya.post_over_http([EVERYTHING])
    body = last(ben.page)
    expect(body.locator("strong").first).to_have_text("重要")
    expect(body.locator("em")).to_have_text("em")
    expect(body.locator("del")).to_have_text("old")
    expect(body.locator("p > code")).to_have_text("a *b*")
    expect(body.locator("p").first).to_contain_text("snake_case_name")
    expect(body.locator("blockquote blockquote")).to_have_text("before")
    expect(body.get_by_role("heading", level=2)).to_have_text("Head")
    expect(body.locator("ol")).to_have_attribute("start", "3")
    expect(body.locator("ol > li")).to_have_css("display", "list-item")
    expect(body.locator("ol > li")).to_have_css("list-style-type", "decimal")
    expect(body.get_by_role("img", name="Done:")).to_have_text("☑")
    expect(body.locator("pre")).to_contain_text("**no** https://example.org :x:")
    expect(body.locator("pre a, pre strong")).to_have_count(0)
    expect(body.locator("pre .code-word")).to_have_text("const")
    expect(body.locator("pre .code-string")).to_have_text(f'"{"wide" * 40}"')
    expect(body.get_by_role("cell", name="1", exact=True)).to_have_class("center")
    expect(body.locator("hr")).to_have_count(1)
    expect(body.locator("p").last).to_have_text("<b>end</b>")
    expect(body.get_by_role("link")).to_have_text(
        ["guide", "example.com", "https://example.org/b_c"]
    )
    guide = body.get_by_role("link", name="guide")
    expect(guide).to_have_attribute("href", "https://example.org/a_(b)")
    expect(guide).to_have_attribute("title", "https://example.org/a_(b)")
    expect(guide).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(body).to_contain_text("example.com (https://example.org/)")
    expect(body).to_contain_text("[x](javascript:alert(1))")


def test_items_have_bullets_and_tasks_their_boxes_alone(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.post_over_http(["- beans\n- [ ] peas"])
    items = last(ben.page).locator("ul > li")
    expect(items).to_have_text(["beans", "☐peas"])
    expect(items.first).to_have_css("display", "list-item")
    expect(items.first).to_have_css("list-style-type", "disc")
    expect(items.last).to_have_css("display", "flex")


def test_names_stand_out_where_somebody_is_mentioned(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.post_over_http(["write to aya@ben.example, @ben-x"])  # nobody has this name
    expect(last(ben.page)).to_have_text("write to aya@ben.example, @ben-x")
    expect(last(ben.page).locator(".mention")).to_have_count(0)
    for text in ("Ask @ben, not aya@ben.example: `@ben`", "Ask @ben, not aya@ben.example"):
        aya.post_over_http([text])
        expect(last(ben.page)).to_have_text(text.replace("`", ""))
        expect(last(ben.page).locator(".mention")).to_have_text(["@ben"])
        rows = [each.page.get_by_test_id("message").last for each in (aya, ben)]
        expect(rows[0].locator(".mention")).to_have_text(["@ben"])
        expect(rows[1]).to_have_class(re.compile(r"\bmentioned\b"))
        expect(rows[0]).not_to_have_class(re.compile(r"\bmentioned\b"))


def test_a_mention_opens_the_card_of_the_person(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.post_over_http(["Ask **@Ben** or @nobody-x, `@ben`, [@ben](https://example.org/)"])
    expect(last(ben.page)).to_have_text("Ask @Ben or @nobody-x, @ben, @ben")
    expect(last(ben.page).locator(".mention")).to_have_text(["@Ben"])  # nobody has the other name
    mention = last(aya.page).get_by_role("button", name="@Ben")
    mention.click()
    card = aya.page.get_by_test_id("person-card")
    expect(card.get_by_role("heading", name="Ben")).to_be_visible()
    aya.page.keyboard.press("Escape")
    expect(mention).to_be_focused()
    mention.press("Enter")
    expect(card).to_be_visible()
    pressed = mention.element_handle()
    assert pressed is not None
    room, id = ben.page.evaluate(
        "[document.querySelector('room-view').dataset.room, [...document.querySelectorAll('[data-id]')].at(-1).dataset.id]"
    )
    liked = f"{ben.rooms}/{room}/messages/{id}/reactions"
    assert ben.context.request.post(liked, data={"emoji": "👍"}).ok  # the row is made anew
    expect(aya.page.get_by_test_id("reaction")).to_have_count(1)
    assert not pressed.evaluate("(node) => node.isConnected")
    aya.page.keyboard.press("Escape")
    expect(mention).to_be_focused()
    expect(mention).not_to_have_attribute("tabindex", "-1")  # it is open to Tab, as it was
    row = aya.page.get_by_test_id("message").last
    row.focus()
    expect(mention).not_to_have_attribute("tabindex", "-1")  # a stop of Tab in the row
    mention.press("Enter")
    expect(card).to_be_visible()
    aya.page.keyboard.press("Escape")
    aya.post_over_http(["@room, @ben"])  # everybody is marked, but has no card
    expect(last(aya.page).locator(".mention")).to_have_text(["@room", "@ben"])
    expect(last(aya.page).get_by_test_id("mention")).to_have_text(["@ben"])


def test_the_name_of_a_room_of_the_reader_leads_there(two: tuple[Person, Person]) -> None:
    aya, ben = two
    made = aya.context.request.post(aya.rooms, data={"name": "Tools <b>", "kind": "private"})
    assert made.status == 201
    until(aya.page, IS_MEMBER, made.json()["id"])
    text = "See #tools <b>, #Marks, #Marksmen, `#Marks` [#Marks](https://example.org/)"
    aya.post_over_http([text])
    shown = "See #tools <b>, #Marks, #Marksmen, #Marks #Marks"
    expect(last(aya.page)).to_have_text(shown)
    expect(last(aya.page).get_by_test_id("room-mention")).to_have_text(["#tools <b>", "#Marks"])
    expect(last(ben.page)).to_have_text(shown)
    expect(last(ben.page).get_by_test_id("room-mention")).to_have_text(["#Marks"])
    last(aya.page).get_by_role("link", name="#tools <b>").press("Enter")
    aya.in_room("Tools <b>")
    aya.page.go_back()
    aya.in_room("Marks")


def test_of_very_many_names_none_leads_anywhere(two: tuple[Person, Person]) -> None:
    """They are marked, but neither asked for nor compared with all rooms: any text may hold thousands."""
    aya, ben = two
    text = "@ben #Marks " * 25
    aya.post_over_http([text, text + "@ben"])
    rows = ben.page.get_by_test_id("message")
    expect(rows.nth(-2).get_by_test_id("room-mention")).to_have_count(25)
    expect(rows.nth(-2).get_by_test_id("mention")).to_have_count(25)
    expect(rows.last.locator(".mention")).to_have_count(26)
    expect(rows.last.locator("a, button.mention")).to_have_count(0)
    many = "".join(f"*@n{number}* #m{number} " for number in range(450))
    aya.post_over_http([f"@ben {many}"])
    expect(rows.last).to_contain_text("#m449")
    expect(rows.last.locator("button.mention")).to_have_count(0)


def test_a_spoiler_is_opened_by_the_keyboard_and_stays_open(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.post_over_http(["Who did it? ||the **gardener**||"])
    row = ben.page.get_by_test_id("message").filter(has_text="Who did it?")
    expect(row.get_by_role("button", name="Spoiler")).to_be_visible()
    expect(row).not_to_contain_text("gardener")
    expect(ben.page.get_by_test_id("announcer")).to_contain_text("Who did it? ▒▒▒")
    row.focus()
    row.get_by_role("button", name="Spoiler").press("Enter")
    shown = row.get_by_test_id("spoiler")
    expect(shown).to_have_text("the gardener")
    expect(shown.locator("strong")).to_have_text("gardener")
    expect(shown).to_be_focused()
    row.hover()
    row.get_by_role("button", name="React with 👍").click()
    expect(row.get_by_test_id("reaction")).to_be_visible()  # the row was made anew
    expect(shown).to_have_text("the gardener")


def test_a_quote_and_what_is_answered_have_no_marks(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.post_over_http(["**Lunch** at `noon`, ||pizza||?"])
    row = ben.page.get_by_test_id("message").filter(has_text="Lunch at noon")
    row.hover()
    row.get_by_test_id("reply").click()
    expect(ben.page.get_by_test_id("composer-context")).to_contain_text("Lunch at noon, ▒▒▒?")
    ben.say("Yes")
    expect(aya.page.get_by_test_id("quote").last).to_have_text("AyaLunch at noon, ▒▒▒?")


def test_no_message_becomes_markup(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.post_over_http([*HOSTILE, "**that was all**"])
    expect(last(ben.page)).to_have_text("that was all")
    made = (
        "message-list :is(script, img, iframe, svg:not(.icon), [onerror], [onload], [onmouseover])"
    )
    assert ben.page.locator(made).count() == 0
    targets = "() => [...document.querySelectorAll('message-list a')].map((a) => a.protocol)"
    assert set(ben.page.evaluate(targets)) <= {"https:", "http:", "mailto:"}


def test_wide_code_and_tables_scroll_by_themselves_on_a_phone(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.post_over_http([f"On a phone\n{EVERYTHING}"])
    ben.page.set_viewport_size({"width": 320, "height": 640})
    expect(last(ben.page)).to_contain_text("On a phone")
    for part in ("pre", ".table-scroller"):
        region = last(ben.page).locator(part)
        assert region.evaluate("(node) => node.scrollWidth > node.clientWidth")
        assert region.evaluate("(node) => node.getBoundingClientRect().right <= innerWidth")
    sideways = "() => document.scrollingElement.scrollWidth > innerWidth"
    assert not ben.page.evaluate(sideways)
    ben.page.set_viewport_size({"width": 1280, "height": 720})
    row = ben.page.get_by_test_id("message").last
    row.focus()
    expect(row.locator("pre")).to_have_attribute("tabindex", "0")
    ben.page.get_by_test_id("composer").focus()
    expect(row.locator("pre")).to_have_attribute("tabindex", "-1")


def test_code_is_copied(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ben.context.grant_permissions(["clipboard-read", "clipboard-write"])
    aya.post_over_http(["```\na  <b>\n\tb\n```"])
    expect(last(ben.page).locator("pre")).to_contain_text("<b>")
    until_late_parts(ben.page)
    button = last(ben.page).get_by_test_id("copy-code")
    button.evaluate(NOTE_TEXT)
    button.click()
    until(ben.page, "() => window.noted === 'Copied'")
    assert ben.page.evaluate("() => navigator.clipboard.readText()") == "a  <b>\n\tb"


def test_rows_that_are_drawn_before_the_parser_is_here_keep_their_place(
    server: Server, browser: Browser, two: tuple[Person, Person]
) -> None:
    aya, _ = two
    aya.create_room("Late")
    aya.post_over_http([f"line {number}\n- **a**\n- b\n\n# c" for number in range(40)])
    cleo = Person(browser, server.url).sign_up("cleo", "Cleo")
    waiting = []
    cleo.page.route("**/elements/formatted.js", lambda route: waiting.append(route))
    cleo.join_room("Late")
    row = cleo.page.get_by_test_id("message").filter(has_text="line 30")
    expect(row).to_contain_text("**a**")
    row.evaluate("(node) => node.scrollIntoView({ block: 'start' })")
    cleo.page.get_by_test_id("scroller").evaluate("(node) => node.scrollBy(0, 9)")
    cleo.page.evaluate(TWO_FRAMES)  # by then the list knows where one reads
    top = "(node) => node.getBoundingClientRect().top"
    before = row.evaluate(top)
    until_told(cleo.page, lambda: waiting)
    for route in waiting:
        route.continue_()
    expect(row.get_by_role("listitem").first).to_have_text("a")
    cleo.page.evaluate(TWO_FRAMES)
    assert abs(row.evaluate(top) - before) <= 2
    cleo.context.close()
    aya.open_room("Marks")


def test_keys_set_and_take_away_marks_which_the_browser_can_undo(
    two: tuple[Person, Person],
) -> None:
    field = composer(two[0].page)
    field.fill("some word here")
    for keys, marked in (
        ("Control+b", "some **word** here"),
        ("Control+i", "some *word* here"),
        ("Control+Shift+X", "some ~~word~~ here"),
        ("Control+e", "some `word` here"),
    ):
        field.evaluate("(node) => node.setSelectionRange(5, 10)")  # with a space behind it
        field.press(keys)
        expect(field).to_have_value(marked)
        field.press(keys)
        expect(field).to_have_value("some word here")
        field.press("Control+z")
        expect(field).to_have_value(marked)
        field.press("Control+z")
        expect(field).to_have_value("some word here")
    field.fill("")
    field.press("Control+b")
    expect(field).to_have_value("****")
    field.press_sequentially("a")
    expect(field).to_have_value("**a**")
    field.fill("")


def paste(field: Locator, text: str, editor: str = "") -> None:
    field.evaluate(
        """(node, [text, editor]) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          if (editor) clipboardData.setData("vscode-editor-data", editor);
          const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
          node.focus();
          // The browser itself does nothing for an event that a script makes.
          if (node.dispatchEvent(event)) document.execCommand("insertText", false, text);
        }""",
        [text, editor],
    )


def test_code_that_is_pasted_becomes_a_block_which_one_undo_takes_back(
    two: tuple[Person, Person],
) -> None:
    field = composer(two[0].page)
    paste(field, "if (a) {\n  b();\n}\n")
    expect(field).to_have_value("```\nif (a) {\n  b();\n}\n```")
    field.press("Control+z")
    expect(field).to_have_value("")
    paste(field, "x = 1\ny = '```'", '{"mode": "python"}')
    expect(field).to_have_value("````python\nx = 1\ny = '```'\n````")
    for text in ("Dear all,\nhow are you?", "- a\n  - b\n  - c"):
        field.fill("")
        paste(field, text)
        expect(field).to_have_value(text)
    field.fill("see ")
    paste(field, "a;\nb;")
    expect(field).to_have_value("see a;\nb;")
    field.fill("")


def test_enter_makes_a_line_in_an_open_fence_and_sends_after_it(
    two: tuple[Person, Person],
) -> None:
    aya, ben = two
    field = composer(aya.page)
    field.press_sequentially("```js")
    field.press("Enter")
    field.press_sequentially("a();")
    field.press("Enter")
    field.press_sequentially("```")
    expect(field).to_have_value("```js\na();\n```")
    field.press("Enter")
    expect(field).to_have_value("")
    expect(last(ben.page).locator("pre")).to_have_text("a();")
    field.press_sequentially("```")
    field.press("Enter")
    field.press_sequentially("b")
    field.press("Control+Enter")
    expect(field).to_have_value("")
    expect(last(ben.page).locator("pre")).to_have_text("b")
