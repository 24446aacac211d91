"""Signing in by steps over GraphQL, as over HTTP: first and second steps, linking, confirming, and their errors."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from chatserver_plugins.totp import codes
from tests.docs.pages import ROOT
from tests.graphql.asker import Asker
from tests.graphql.conftest import SETTINGS, Start
from tests.protocol.running import PASSWORD, Running

PAYLOAD = """{
  flow secret method alternatives token done user { username }
  step { __typename
    ... on LoginForm { text error fields { name label kind required value data } }
    ... on LoginRedirect { url } } }"""
BEGIN = f"mutation ($input: BeginLoginInput!) {{ beginLogin(input: $input) {PAYLOAD} }}"
PROCEED = f"mutation ($input: ProceedLoginInput!) {{ proceedLogin(input: $input) {PAYLOAD} }}"
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { token } }"
Found = dict[str, Any]


@pytest.fixture
def server(start: Start) -> Running:
    return start(
        {
            "plugins.enabled": [*SETTINGS["plugins.enabled"], "totp", "riddles"],  # type: ignore[misc]
            "plugins.folder": str(ROOT / "tests/protocol/login_plugins"),
            "server.public_url": "https://chat.example.org",
        }
    )


async def begin(asker: Asker, method: str, **more: str) -> Found:
    answer = await asker.ask(BEGIN, input={"method": method, **more})
    found: Found = answer["beginLogin"]
    return found


async def proceed(asker: Asker, found: Mapping[str, Any], **answer: str) -> Found:
    given = {"flow": found["flow"], "secret": found["secret"], "answer": answer}
    done: Found = (await asker.ask(PROCEED, input=given))["proceedLogin"]
    return done


async def refused(asker: Asker, found: Mapping[str, Any], **more: Any) -> str:
    given = {"flow": found["flow"], "secret": found["secret"], **more}
    return await asker.code(PROCEED, input=given)


async def test_a_method_is_listed_begun_and_answered(server: Running) -> None:
    nobody = Asker(server)
    listed = await nobody.ask("{ loginMethods { name } }")
    assert "riddle" in [each["name"] for each in listed["loginMethods"]]
    confirming = await nobody.ask("{ loginMethods(purpose: CONFIRM) { name } }")
    assert "totp" in [each["name"] for each in confirming["loginMethods"]]
    found = await begin(nobody, "riddle")
    over_http = await server.http(
        "POST", "/api/v1/login/begin", {"method": "riddle", "secret": True}
    )
    theirs = over_http.json()["step"]["fields"]
    fields = found["step"]["fields"]
    assert [each["name"] for each in fields] == [each["name"] for each in theirs]
    assert found["token"] is None and found["alternatives"] == []
    wrong = await proceed(nobody, found, name="rita", word="wrong")
    assert wrong["step"]["error"] == "Wrong." and wrong["flow"] != found["flow"]
    assert await refused(nobody, found, answer={"name": "rita", "word": "sesame"}) == "auth.flow"
    stolen = wrong | {"secret": "another"}
    assert await refused(nobody, stolen, answer={"name": "rita", "word": "sesame"}) == "auth.flow"
    looked = await nobody.ask(PROCEED, input={k: wrong[k] for k in ("flow", "secret")})
    assert looked["proceedLogin"] == wrong
    given = {"flow": wrong["flow"], "secret": wrong["secret"]}
    answer = await nobody.send(
        PROCEED, input=given | {"answer": {"name": "rita", "word": "sesame"}}
    )
    done = answer.json()["data"]["proceedLogin"]
    assert done["user"] == {"username": "rita"} and done["step"] is None
    assert f"chat_session={done['token']};" in answer.headers["Set-Cookie"]


async def test_a_redirect_is_answered_by_a_program(server: Running) -> None:
    nobody = Asker(server)
    found = await begin(nobody, "elsewhere")
    while found["step"]["__typename"] == "LoginForm":
        found = await proceed(nobody, found, word="open")
    assert found["step"]["url"].startswith("https://login.example.org/")
    done = await proceed(nobody, found, code="pia", state=found["flow"])
    assert done["user"]["username"].startswith("pia") and done["token"]


async def test_a_second_step_a_confirmation_and_their_errors(server: Running) -> None:
    ada = Asker(server, await server.person("ada"))
    found = await begin(ada, "totp", purpose="LINK")
    secret, address, _ = found["step"]["fields"]
    assert address["data"]["qr"]["size"] > 20
    now = int(time.time() // codes.PERIOD)
    shown = await proceed(ada, found, code=codes.code_at(secret["value"], now))
    recovery = shown["step"]["fields"][0]["value"].split()
    assert (await proceed(ada, shown))["done"] == "LINK"

    nobody = Asker(server)
    given = {"username": ada.username, "password": PASSWORD}
    challenged = (await nobody.send(LOGIN, input=given)).json()["errors"][0]["extensions"]
    assert challenged["code"] == "auth.challenge"
    detail = challenged["detail"]
    wrong = await proceed(nobody, detail, code="000000")
    assert wrong["step"]["error"] == "This code is not valid." and wrong["method"] == "totp"
    done = await proceed(nobody, wrong, code=recovery[0])
    assert done["user"]["username"] == ada.username and done["token"]

    confirming = await begin(ada, "totp", purpose="CONFIRM")
    assert (await proceed(ada, confirming, code=recovery[1]))["done"] == "CONFIRM"
    for purpose in ("LINK", "CONFIRM"):
        code = await nobody.code(BEGIN, input={"method": "totp", "purpose": purpose})
        assert code == "auth.required"
    assert await nobody.code(BEGIN, input={"method": "nothing"}) == "request.invalid"
    assert await nobody.code(BEGIN, input={"method": "riddle", "back": "//x"}) == "request.invalid"
    again = await begin(nobody, "riddle")
    assert await refused(nobody, again, method="totp") == "request.invalid"
    assert await refused(nobody, again, answer={"name": 1}) == "request.invalid"
    assert await refused(nobody, again, answer=[]) == "request.invalid"
    assert await refused(nobody, again, answer={}) == "request.invalid"


async def test_wrong_answers_over_graphql_and_http_count_together(server: Running) -> None:
    nobody = Asker(server)
    wrong = {"name": "rita", "word": "wrong"}
    found = await begin(nobody, "riddle")
    for _ in range(5):
        found = await proceed(nobody, found, **wrong)
    over_http = found
    for _ in range(5):
        body = {"flow": over_http["flow"], "secret": over_http["secret"], "answer": wrong}
        answer = await server.http("POST", "/api/v1/login/proceed", body)
        if answer.status_code == 429:
            break
        over_http = answer.json() | {"secret": found["secret"]}
    assert await refused(nobody, over_http, answer=wrong) == "limit.rate"


async def test_the_session_shows_the_client(server: Running) -> None:
    nobody = Asker(server)
    done = await proceed(nobody, await begin(nobody, "riddle"), name="rita", word="sesame")
    headers = {"Authorization": f"Bearer {done['token']}"}
    sessions = await server.http("GET", "/api/v1/me/sessions", headers=headers)
    (session,) = sessions.json()["sessions"]
    assert session["method"] == "riddle" and session["agent"]
