"""GraphiQL in a real browser, under the policy of all pages, with nothing loaded from elsewhere."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.protocol.running import Running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test if it logs a complaint or loads anything from another host."""
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    yield page
    context.close()
    assert complaints == []
    assert hosts <= {"127.0.0.1", ""}


def test_a_query_in_the_explorer(page: Page, server: Running) -> None:
    url = f"http://127.0.0.1:{server.port}"
    register = {"username": "explorer", "password": "correct horse battery"}
    signed_up = page.request.post(f"{url}/api/v1/register", data=register)
    assert signed_up.status == 201  # its cookie is the browser's now
    answer = page.goto(f"{url}/graphql")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page.get_by_role("button", name="Execute query").click()
    expect(page.locator(".result-window")).to_contain_text('"name": "explorer"')
    page.get_by_role("button", name="Show Documentation Explorer").click()
    expect(page.get_by_role("link", name="MessageConnection")).to_be_visible()


def test_a_subscription_in_the_explorer(page: Page, server: Running) -> None:
    url = f"http://127.0.0.1:{server.port}"
    account = {"username": "listener", "password": "correct horse battery"}
    assert page.request.post(f"{url}/api/v1/register", data=account).status == 201
    room = page.request.post(f"{url}/api/v1/rooms", data={"name": "Lounge"}).json()["id"]
    fields = "... on RoomLogEntry { seq } ... on MessagePosted { message { body } }"
    text = f'subscription {{ roomEvents(roomId: "{room}") {{ {fields} }} }}'
    page.goto(f"{url}/graphql")
    editor = page.locator(".graphiql-query-editor .CodeMirror")
    editor.evaluate("(element, text) => element.CodeMirror.setValue(text)", text)
    page.wait_for_timeout(1000)  # the editor reads the text when nobody has typed for a moment
    page.get_by_role("button", name="Execute query").click()
    sent = 0
    while sent < 100 and "was heard" not in (page.locator(".result-window").text_content() or ""):
        body = {"client_id": f"c{sent}", "body": "was heard"}
        assert page.request.post(f"{url}/api/v1/rooms/{room}/messages", data=body).status == 201
        page.wait_for_timeout(100)  # until the socket stands, nothing is heard
        sent += 1
    expect(page.locator(".result-window")).to_contain_text("was heard")
