"""A message is sent while its files are being uploaded: it comes when they are there."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, Route, expect

from tests.page.people import AWAY, Person, PersonFactory, Server
from tests.page.waiting import until_told

CONTENT = b"line of notes\n" * 200_000  # three parts
FILE: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": CONTENT}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": "memory,password,metrics,audit,disk_blobs,uploads,attachments"}
    server = Server(tmp_path_factory.mktemp("sent"), "memory", settings)
    server.start()
    yield server
    server.stop()


class Line:
    """A slow line of a person: parts of files wait until the test lets them through."""

    def __init__(self, person: Person) -> None:
        self.waiting: list[Route] = []
        self.is_open = False
        self.begun = 0
        person.page.route("**/api/v1/uploads/*", self._hold)
        person.page.route("**/api/v1/uploads", self._count)

    def _hold(self, route: Route) -> None:
        if self.is_open or route.request.method != "PATCH":
            route.continue_()
        else:
            self.waiting.append(route)

    def _count(self, route: Route) -> None:
        self.begun += 1
        route.continue_()

    def open(self) -> None:
        self.is_open = True
        for route in self.waiting:
            route.continue_()


def attach(person: Person) -> None:
    with person.page.expect_file_chooser() as chosen:
        person.page.get_by_role("button", name="Attach files").click()
    chosen.value.set_files([FILE])
    expect(person.page.get_by_test_id("chip")).to_have_attribute("data-state", "waiting")


def test_what_is_sent_during_an_upload_comes_with_the_file_and_holds_nothing_back(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-enter", "Aya")
    ben = person(server).sign_up("ben-enter", "Ben")
    aya.create_room("Entered")
    ben.join_room("Entered")
    aya.create_room("Elsewhere")
    aya.open_room("Entered")
    line = Line(aya)
    attach(aya)
    aya.page.get_by_test_id("composer").fill("Here they are")
    aya.page.get_by_test_id("composer").press("Enter")
    expect(aya.page.get_by_test_id("chip")).to_have_count(0)
    expect(aya.page.get_by_test_id("composer")).to_have_value("")
    expect(aya.page.get_by_test_id("upload-state")).to_contain_text("Uploading: 0%")
    aya.say("and what do you think?")
    ben.sees("and what do you think?")
    aya.open_room("Elsewhere")  # it goes on
    line.open()
    ben.sees("Here they are")
    link = ben.page.get_by_role("link", name="notes.txt (2.8 MB)")
    expect(link).to_be_visible()
    address = link.get_attribute("href")
    assert ben.page.request.get(f"{server.url}{address}").body() == CONTENT
    assert line.begun == 1  # the upload that the chip began went on
    aya.open_room("Entered")
    expect(aya.page.get_by_test_id("message")).to_have_count(2)
    expect(aya.page.get_by_test_id("upload-state")).to_have_count(0)


def test_a_file_without_a_text_is_sent_under_its_name_and_an_upload_can_be_cancelled(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-cancels", "Aya")
    aya.create_room("Cancelled")
    line = Line(aya)
    attach(aya)
    aya.page.get_by_test_id("send").click()
    message = aya.page.get_by_test_id("message")
    expect(message.get_by_test_id("message-body")).to_have_text("notes.txt")
    with aya.page.expect_response(lambda answer: answer.request.method == "DELETE") as answered:
        message.get_by_test_id("upload-cancel").click()
    assert answered.value.status == 204  # the server keeps nothing of it
    expect(message).to_have_count(0)
    line.open()
    aya.say("never mind")
    expect(message).to_have_count(1)
    aya.page.reload()
    expect(message).to_have_count(1)


def test_it_outlasts_the_page_and_says_why_a_file_is_refused(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-stays", "Aya")
    aya.expected.append(AWAY)
    aya.create_room("Stays")
    Line(aya)
    attach(aya)
    aya.page.get_by_test_id("composer").fill("Here they are")
    aya.page.get_by_test_id("composer").press("Enter")
    message = aya.page.get_by_test_id("message")
    expect(message).to_have_attribute("data-kept", "browser")
    aya.page.unroute_all(behavior="ignoreErrors")
    aya.page.reload()
    expect(message).to_have_attribute("data-state", "posted")
    expect(aya.page.get_by_role("link", name="notes.txt (2.8 MB)")).to_be_visible()
    error = {"error": {"code": "limit.space", "message": "No space.", "retry": "never"}}
    line = Line(aya)
    attach(aya)
    aya.page.get_by_test_id("composer").fill("And again")
    aya.page.get_by_test_id("composer").press("Enter")
    expect(message).to_have_count(2)
    until_told(aya.page, lambda: line.waiting)
    line.waiting[0].fulfill(status=413, json=error)
    failed = aya.page.locator("[data-testid=message][data-state=failed]")
    expect(failed).to_contain_text("And again")
    aya.page.unroute_all(behavior="ignoreErrors")
    failed.get_by_role("button", name=re.compile("Try again|Send again")).click()
    expect(aya.page.get_by_role("link", name="notes.txt (2.8 MB)")).to_have_count(2)
