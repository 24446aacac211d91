"""Every view of the page keeps to what axe-core can check of WCAG 2.2 AA: in both languages, and in every theme."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.page.people import Server
from tests.page.tools import axe_script
from tests.page.views import Tour, populate, server_with_all

pytestmark = pytest.mark.long(minutes=4)

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}
THEMES: dict[str, dict[str, str]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "light contrast": {"color_scheme": "light", "contrast": "more"},
    "dark contrast": {"color_scheme": "dark", "contrast": "more"},
}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, axe: str
) -> Iterator[Server]:
    server = server_with_all(tmp_path_factory.mktemp("views"))
    try:
        populate(browser, server)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def axe() -> str:
    return axe_script()


def findings(page: Page, axe: str, rules: list[str] | None = None) -> list[str]:
    """What axe finds: the rule, and the node. Run by the debugger, which the page's policy does not concern."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe)
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    return page.evaluate(
        """async (runOnly) => {
          // On a phone, the list of rooms is shown without the main part, and settings without their list.
          const rules = { "landmark-one-main": { enabled: false }, "page-has-heading-one": { enabled: false } };
          // Of all else, axe names one node each: finding names for all takes a third of its time.
          const { violations } = await axe.run(document, { runOnly, rules, resultTypes: ["violations"] });
          // The keys of the text field move through its suggestions, and scroll them.
          const isMoved = (id, html) => id === "scrollable-region-focusable" && html.startsWith('<ul id="suggestions"');
          return violations.flatMap(({ id, nodes }) =>
            nodes.filter(({ html }) => !isMoved(id, html)).map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`));
        }""",
        only,
    )


def test_axe_finds_what_is_there(browser: Browser, server: Server, axe: str) -> None:
    page = browser.new_page()
    page.goto(server.url)
    page.evaluate("document.body.append(document.createElement('button'))")
    assert any(found.startswith("button-name: <button>") for found in findings(page, axe))
    page.close()


# Colours know no language (test_styles.py), so one is enough for all themes.
@pytest.mark.parametrize(
    ("language", "themes"),
    [("en-GB", list(THEMES)), ("ja-JP", ["light"])],
    ids=["en-GB", "ja-JP"],
)
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(
    browser: Browser, server: Server, axe: str, language: str, themes: list[str], size: str
) -> None:
    tour = Tour(browser, server, locale=language, viewport=SIZES[size], has_touch=size == "phone")
    found: list[str] = []
    seen = []
    for view in tour.views():
        seen.append(view)
        for theme in themes:
            tour.page.emulate_media(**{"contrast": "no-preference", **THEMES[theme]})
            rules = None if theme == "light" else ["color-contrast"]
            found += [f"{view}, {theme}: {each}" for each in findings(tour.page, axe, rules)]
    tour.close()
    assert len(seen) > 25
    assert found == [], "\n\n".join(found)
