"""What is held about oneself, on the page: shown, and downloaded after a confirmation."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_staff import found

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def owner(server: Server, browser: Browser) -> Iterator[Person]:
    """The first account, which owns the server."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")
    yield olga
    olga.context.close()


def test_one_sees_what_is_held_and_downloads_it(
    person: PersonFactory, server: Server, tmp_path: Path
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("Garden")
    aya.say("The plums are ripe")
    page = aya.page
    page.goto(f"{server.url}/#settings=security")
    page.get_by_test_id("my-data-show").click()
    row = page.get_by_test_id("my-data-table").get_by_role("row").filter(has_text="Messages")
    expect(row.first).to_contain_text("1")
    with page.expect_download() as begun:
        page.get_by_test_id("my-data-download").click()
    expect(page.get_by_test_id("my-data-said")).to_contain_text("begins")
    place = tmp_path / begun.value.suggested_filename
    begun.value.save_as(place)
    assert place.name == "my-data.zip"
    with zipfile.ZipFile(place) as archive:
        archive.extractall(tmp_path)
        assert archive.testzip() is None
    page.goto((tmp_path / "index.html").as_uri())  # it opens from the disk
    expect(page.locator("body")).to_contain_text("The plums are ripe")
    expect(page.get_by_role("heading", name="Messages", exact=True)).to_be_visible()


def test_the_page_is_in_japanese_too(person: PersonFactory, server: Server) -> None:
    aya = person(server, locale="ja-JP").sign_up("mari", "Mari")
    page = aya.page
    page.goto(f"{server.url}/#settings=security")
    page.get_by_test_id("my-data-show").click()
    expect(page.get_by_test_id("my-data-table")).to_contain_text("アカウント")


def test_staff_sees_how_much_is_held_about_somebody(
    owner: Person, person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up("ben-held", "Ben")
    ben.create_room("Shed")
    ben.say("A secret of mine")
    found(owner.page, "ben-held")
    owner.page.get_by_test_id("user-more").locator("summary").click()
    owner.page.get_by_test_id("data-of-show").click()
    table = owner.page.get_by_test_id("data-of-held").get_by_test_id("my-data-table")
    row = table.get_by_role("row").filter(has_text="Messages")
    expect(row.first).to_contain_text("1")
    expect(table).not_to_contain_text("A secret of mine")
