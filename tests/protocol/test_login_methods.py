"""Signing in by steps over HTTP: cookies and secrets, ways back into the page, challenges on every interface."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.protocol.running import PASSWORD, Running
from tests.protocol.test_accounts import cookie

SETTINGS = {
    "plugins.enabled": ["memory", "password", "graphql", "riddles"],
    "plugins.folder": str(Path(__file__).parent / "login_plugins"),
    "server.public_url": "https://chat.example.org",
    "server.trusted_proxies": ["127.0.0.1"],
}
RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
TLS = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("riddles"), SETTINGS) as running:
        yield running


async def begin(server: Running, method: str = "riddle", **given: Any) -> httpx.Response:
    headers = given.pop("headers", {})
    body = {"method": method, **given}
    return await server.http("POST", "/api/v1/login/begin", body, headers=headers)


async def proceed(
    server: Running, flow: str, answer: dict[str, str] | None, **given: Any
) -> httpx.Response:
    headers = given.pop("headers", {})
    body = {"flow": flow, "answer": answer, **given}
    return await server.http("POST", "/api/v1/login/proceed", body, headers=headers)


def held(answer: httpx.Response, name: str = "chat_login") -> dict[str, str]:
    return {"Cookie": f"{name}={cookie(answer, name)['value']}"}


async def test_the_methods_are_listed_to_everybody(server: Running) -> None:
    answer = await server.http("GET", "/api/v1/login/methods")
    assert [(each["name"], each["label"], each["kind"]) for each in answer.json()["methods"]] == [
        ("password", {"en": "Password", "ja": "パスワード"}, "form"),
        ("riddle", "Riddle", "form"),
        ("elsewhere", "Elsewhere", "redirect"),
        ("broken", "Broken", "form"),
    ]


async def test_a_browser_signs_in_with_its_cookie_and_no_other_does(server: Running) -> None:
    first = await begin(server)
    assert first.status_code == 200 and set(first.json()) == {"flow", "method", "step"}
    given = cookie(first, "chat_login")
    assert given["httponly"] and given["samesite"] == "Lax" and given["max-age"] == "600"
    assert first.json()["step"]["fields"][0] == {
        "name": "name",
        "label": "Name",
        "kind": "username",
    }
    right = {"name": "browser", "word": "sesame"}
    for headers in ({}, {"Cookie": f"chat_login={'x' * 43}"}, {"Cookie": "chat_login="}):
        answer = await proceed(server, first.json()["flow"], right, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "auth.flow")
        assert "chat_session" not in str(answer.headers)
    # A page that was loaded again asks for the step once more.
    again = await proceed(server, first.json()["flow"], None, headers=held(first))
    assert again.json() == first.json()
    answer = await proceed(server, first.json()["flow"], right, headers=held(first))
    assert answer.status_code == 200 and set(answer.json()) == {"user", "token"}
    session = {"Cookie": f"chat_session={cookie(answer)['value']}"}
    me = await server.http("GET", "/api/v1/me", headers=session)
    assert me.json()["username"] == "browser"
    assert cookie(answer, "chat_device")["value"]


async def test_two_tabs_of_a_browser_sign_in_beside_each_other(server: Running) -> None:
    first = await begin(server)
    second = await begin(server, headers=held(first))
    assert held(second) == held(first)
    for each in (first, second):
        right = {"name": "tabs", "word": "sesame"}
        answer = await proceed(server, each.json()["flow"], right, headers=held(second))
        assert answer.status_code == 200


async def test_over_tls_the_cookie_is_one_that_no_neighbour_can_plant(server: Running) -> None:
    first = await begin(server, headers=TLS)
    assert cookie(first, "__Host-chat_login")["secure"]
    right = {"name": "tls", "word": "sesame"}
    planted = held(first, "__Host-chat_login")["Cookie"].replace("__Host-", "")
    answer = await proceed(server, first.json()["flow"], right, headers=TLS | {"Cookie": planted})
    assert answer.json()["error"]["code"] == "auth.flow"
    answer = await proceed(
        server, first.json()["flow"], right, headers=TLS | held(first, "__Host-chat_login")
    )
    assert answer.status_code == 200


async def test_a_program_gets_a_secret_and_no_cookie(server: Running) -> None:
    first = await begin(server, secret=True)
    assert "set-cookie" not in first.headers
    found = first.json()
    wrong = {"name": "program", "word": "no"}
    answer = await proceed(server, found["flow"], wrong, secret=found["secret"])
    assert answer.json()["step"]["error"] == "Wrong."
    assert answer.json()["secret"] == found["secret"] and answer.json()["flow"] != found["flow"]
    right = {"name": "program", "word": "sesame"}
    answer = await proceed(server, answer.json()["flow"], right, secret=found["secret"])
    assert answer.json()["user"]["username"] == "program"


async def test_pages_of_other_origins_begin_and_answer_nothing(server: Running) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert (await begin(server, headers=foreign)).json()["error"]["code"] == "request.origin"
    first = await begin(server)
    answer = await proceed(server, first.json()["flow"], {}, headers=held(first) | foreign)
    assert answer.json()["error"]["code"] == "request.origin"


async def test_a_browser_that_comes_back_is_led_into_the_page(server: Running) -> None:
    first = await begin(server, "elsewhere", back="/x")
    url = httpx.URL(first.json()["step"]["url"])
    assert url.params["state"] == first.json()["flow"] and "keep" not in first.json()["step"]
    path = f"/api/v1/login/return?state={url.params['state']}&code=pilgrim"
    stranger = await server.http("GET", path)
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/#login=failed")
    assert "chat_session" not in str(stranger.headers)
    answer = await server.http("GET", path, headers=held(first))
    assert (answer.status_code, answer.headers["location"]) == (303, "/x")
    assert answer.headers["referrer-policy"] == "no-referrer"
    session = {"Cookie": f"chat_session={cookie(answer)['value']}"}
    me = await server.http("GET", "/api/v1/me", headers=session)
    assert me.json()["username"] == "pilgrim"
    again = await server.http("GET", path, headers=held(first))
    assert again.headers["location"] == "/#login=failed"


async def test_another_server_may_post_a_form(server: Running) -> None:
    """Its page is of another site, so the browser brings no cookie, and is sent on to bring it."""
    first = await begin(server, "elsewhere")
    state = first.json()["flow"]
    form = {"state": state, "code": "päul & co", "x": ""}
    foreign = {"Origin": "https://login.example.org"}
    url = f"http://127.0.0.1:{server.port}/api/v1/login/return"
    async with httpx.AsyncClient() as client:
        posted = await client.post(url, data=form, headers=foreign)
        assert posted.status_code == 303 and "set-cookie" not in posted.headers
        assert dict(httpx.URL(posted.headers["location"]).params) == form
        assert posted.headers["location"].startswith("/api/v1/login/return?")
        for body in (b"state=%FF", b"\xff", b"&".join(b"%d=" % number for number in range(40))):
            refused = await client.post(url, content=body, headers=foreign)
            assert (refused.status_code, refused.json()["error"]["code"]) == (
                400,
                "request.invalid",
            )
    answer = await server.http("GET", posted.headers["location"], headers=held(first))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_reason_comes_with_its_name_for_translations(server: Running) -> None:
    for error, status, code in (("stale", 403, "auth.refused"), ("away", 503, "auth.unavailable")):
        first = await begin(server, "elsewhere")
        path = f"/api/v1/login/return?state={first.json()['flow']}&error={error}"
        answer = await server.http("GET", path, headers=held(first))
        flow = answer.headers["location"].removeprefix("/#login=")
        shown = await proceed(server, flow, None, headers=held(first))
        assert (shown.status_code, shown.json()["error"]["code"]) == (status, code)
        found = shown.json()["error"].get("detail")
        assert found == ({"field": "password", "reason": "long"} if error == "stale" else None)


async def test_a_browser_that_was_refused_elsewhere_learns_why_in_the_page(server: Running) -> None:
    first = await begin(server, "elsewhere")
    path = f"/api/v1/login/return?state={first.json()['flow']}&error=denied"
    answer = await server.http("GET", path, headers=held(first))
    flow = answer.headers["location"].removeprefix("/#login=")
    assert "Denied" not in answer.headers["location"]
    shown = await proceed(server, flow, None, headers=held(first))
    assert shown.status_code == 403
    assert shown.json()["error"]["code"] == "auth.refused"
    assert shown.json()["error"]["message"] == "Denied there."


async def test_after_another_server_a_challenge_waits_in_the_page(server: Running) -> None:
    first = await begin(server, "elsewhere")
    path = f"/api/v1/login/return?state={first.json()['flow']}&code=guarded-pilgrim"
    answer = await server.http("GET", path, headers=held(first))
    assert "chat_session" not in str(answer.headers)
    flow = answer.headers["location"].removeprefix("/#login=")
    shown = await proceed(server, flow, None, headers=held(answer))
    assert shown.json()["method"] == "second"
    done = await proceed(server, flow, {"word": "open"}, headers=held(answer))
    assert done.json()["user"]["username"] == "guarded-pilgrim"


@pytest.mark.parametrize("interface", ["login", "register", "GraphQL login", "GraphQL register"])
async def test_no_interface_opens_a_session_before_the_second_step(
    server: Running, interface: str
) -> None:
    name = f"guarded-{interface.replace(' ', '-').lower()}"
    if "login" in interface:
        await server.run(lambda it: it.service.accounts.add(name, PASSWORD))
    given = {"username": name, "password": PASSWORD}
    operation = interface.rpartition(" ")[2]
    if interface.startswith("GraphQL"):
        fields = ", ".join(f"{key}: {json.dumps(value)}" for key, value in given.items())
        query = f"mutation {{ {operation}(input: {{{fields}}}) {{ token }} }}"
        answer = await server.http("POST", "/graphql", {"query": query})
        assert answer.json()["data"] == {operation: None}
        error = answer.json()["errors"][0]["extensions"]
    else:
        answer = await server.http("POST", f"/api/v1/{operation}", given)
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert cookie(answer, "chat_login")["value"] == error["detail"]["secret"]
    assert error["code"] == "auth.challenge"
    assert "chat_session" not in str(answer.headers)
    user = await server.run(lambda it: it.service.accounts.by_name(name))
    assert user is not None
    rows = await server.run(lambda it: it.service.accounts.list_sessions(user.id, "", 9))
    assert list(rows) == []
    detail = error["detail"]
    assert detail["method"] == "second" and detail["step"]["kind"] == "form"
    wrong = await proceed(server, detail["flow"], {"word": "no"}, secret=detail["secret"])
    done = await proceed(server, wrong.json()["flow"], {"word": "open"}, secret=detail["secret"])
    assert done.json()["user"]["username"] == name


async def test_a_method_that_fails_signs_nobody_in(server: Running) -> None:
    first = await begin(server, "broken")
    answer = await proceed(
        server, first.json()["flow"], {"name": "a", "word": "b"}, headers=held(first)
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "plugin.failed")
    assert any("riddles" in error for error in server.take_errors())


@pytest.mark.parametrize(
    "body",
    [{}, {"method": 5}, {"method": ""}, {"method": "x" * 99}, {"method": "riddle", "purpose": "challenge"},
     {"method": "second"}, {"method": "riddle", "back": "//evil.example"}, {"method": "riddle", "back": 1}],
)  # fmt: skip
async def test_invalid_beginnings_are_refused(server: Running, body: Any) -> None:
    answer = await server.http("POST", "/api/v1/login/begin", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")


# -- the user's own ----------------------------------------------------------------------------------


async def test_sessions_are_listed_and_ended_one_by_one(server: Running) -> None:
    anna = await server.person("anna")
    given = {"username": anna.username, "password": PASSWORD}
    agent = {"User-Agent": "Mozilla/5.0 (X11)"}
    other = await server.http("POST", "/api/v1/login", given, headers=agent)
    found = (await anna.http("GET", "/api/v1/me/sessions")).json()["sessions"]
    assert [each["current"] for each in found].count(True) == 1 and len(found) == 2
    current = next(each for each in found if each["current"])
    second = next(each for each in found if not each["current"])
    assert (second["agent"], second["method"]) == ("Mozilla/5.0 (X11)", "password")
    assert second["address"] == "127.0.0.1" and second["created"] < second["expires"]
    assert re.fullmatch(RFC_3339, second["created"]) and re.fullmatch(RFC_3339, second["expires"])
    assert anna.token not in json.dumps(found) and other.json()["token"] not in json.dumps(found)

    ben = await server.person("ben")
    refused = await ben.http("DELETE", f"/api/v1/me/sessions/{second['id']}")
    assert refused.json()["error"]["code"] == "request.not_found"
    async with anna.connect() as stays:
        headers = {"Authorization": f"Bearer {other.json()['token']}"}
        assert (await server.http("GET", "/api/v1/me", headers=headers)).status_code == 200
        answer = await anna.http("DELETE", f"/api/v1/me/sessions/{second['id']}")
        assert answer.status_code == 200
        assert (await server.http("GET", "/api/v1/me", headers=headers)).status_code == 401
        await stays.ok("ping")
    left = (await anna.http("GET", "/api/v1/me/sessions")).json()["sessions"]
    assert [each["id"] for each in left] == [current["id"]]


async def test_an_ended_session_closes_its_connections_and_no_others(server: Running) -> None:
    anna = await server.person("anna")
    given = {"username": anna.username, "password": PASSWORD}
    token = (await server.http("POST", "/api/v1/login", given)).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    found = (await server.http("GET", "/api/v1/me/sessions", headers=headers)).json()["sessions"]
    first = next(each["id"] for each in found if not each["current"])
    async with anna.connect() as client:
        await server.http("DELETE", f"/api/v1/me/sessions/{first}", headers=headers)
        assert await client.closed() == 4451


async def test_a_password_is_changed_with_the_old_one_and_other_sessions_end(
    server: Running,
) -> None:
    anna = await server.person("anna")
    given = {"username": anna.username, "password": PASSWORD}
    token = (await server.http("POST", "/api/v1/login", given)).json()["token"]
    other = {"Authorization": f"Bearer {token}"}
    new = "another good battery"
    for old, chosen, code in (
        ("wrong", new, "auth.invalid"),
        (PASSWORD, "short", "request.invalid"),
    ):
        answer = await anna.http("PUT", "/api/v1/me/password", {"old": old, "new": chosen})
        assert answer.json()["error"]["code"] == code
    assert (await server.http("GET", "/api/v1/me", headers=other)).status_code == 200
    answer = await anna.http("PUT", "/api/v1/me/password", {"old": PASSWORD, "new": new})
    assert answer.status_code == 200
    assert (await anna.http("GET", "/api/v1/me")).status_code == 200
    assert (await server.http("GET", "/api/v1/me", headers=other)).status_code == 401
    assert (await server.http("POST", "/api/v1/login", given)).status_code == 401
    given["password"] = new
    assert (await server.http("POST", "/api/v1/login", given)).status_code == 200


async def test_identities_are_linked_listed_and_removed(server: Running) -> None:
    anna = await server.person("anna")
    first = await anna.http(
        "POST", "/api/v1/login/begin", {"method": "riddle", "purpose": "link", "secret": True}
    )
    found = first.json()
    right = {"name": "linked-anna", "word": "sesame"}
    done = await proceed(server, found["flow"], right, secret=found["secret"])
    assert done.json() == {"done": "link"}
    listed = (await anna.http("GET", "/api/v1/me/identities")).json()
    assert listed["has_password"] and listed["identities"][0]["name"] == "linked-anna"
    name = listed["identities"][0]["id"]
    assert (await anna.http("DELETE", f"/api/v1/me/identities/{name}")).status_code == 200
    assert (await anna.http("GET", "/api/v1/me/identities")).json()["identities"] == []
    nobody = await begin(server, "riddle", purpose="link")
    assert nobody.json()["error"]["code"] == "auth.required"


async def test_graphql_has_methods_sessions_and_the_password(server: Running) -> None:
    anna = await server.person("anna")

    async def ask(query: str, **options: Any) -> Any:
        answer = await anna.http("POST", "/graphql", {"query": query}, **options)
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    methods = await server.http("POST", "/graphql", {"query": "{ loginMethods { name kind } }"})
    assert {"name": "riddle", "kind": "form"} in methods.json()["data"]["loginMethods"]
    given = {"username": anna.username, "password": PASSWORD}
    await server.http("POST", "/api/v1/login", given)
    query = "{ me { bot } mySessions { id current created expires method address agent } }"
    found = await ask(query)
    assert found["me"] == {"bot": False}
    assert [each["current"] for each in found["mySessions"]].count(True) == 1
    other = next(each["id"] for each in found["mySessions"] if not each["current"])
    await ask(f'mutation {{ endSession(input: {{sessionId: "{other}"}}) {{ sessionId }} }}')
    assert len((await ask(query))["mySessions"]) == 1
    change = f'old: "{PASSWORD}", new: "another good battery"'
    await ask(f"mutation {{ changePassword(input: {{{change}}}) {{ user {{ id }} }} }}")
    assert (await server.http("POST", "/api/v1/login", given)).status_code == 401


async def test_a_plugin_knows_tls_and_sets_several_cookies(server: Running) -> None:
    answer = await server.http("GET", "/riddles", headers=TLS | {"Cookie": "one=before"})
    secure, one, public, bot = answer.json()
    assert (secure, one, public) == (True, "before", "https://chat.example.org")
    assert cookie(answer, "one")["secure"] and cookie(answer, "one")["max-age"] == "60"
    two = cookie(answer, "two")
    assert two["samesite"] == "Strict" and two["path"] == "/riddles" and two["httponly"]
    plain = await server.http("GET", "/riddles")
    assert plain.json()[:2] == [False, None] and "secure" not in cookie(plain, "one")
    assert plain.json()[3] == bot
    owner = await server.person("anna")
    shown = await owner.http("GET", "/api/v1/users/helper")
    assert shown.json()["bot"] is True and shown.json()["name"] == "Helper"
    assert "bot" not in (await owner.http("GET", "/api/v1/me")).json()
