"""Session cookies over GraphQL, as over the rest of HTTP, and the form of its errors at all times."""

import pytest

from chatserver.app import Server
from tests.graphql.asker import PATH, Asker
from tests.graphql.conftest import People, Start
from tests.protocol.running import PASSWORD, Running

LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { token } }"
REGISTER = "mutation ($input: RegisterInput!) { register(input: $input) { token } }"
LOGOUT = "mutation { logout { user { id } } }"


async def test_signing_in_sets_the_cookie_that_http_sets(people: People, nobody: Asker) -> None:
    (ada,) = await people("ada")
    given = {"username": ada.username, "password": PASSWORD}
    over_http = await nobody.server.http("POST", "/api/v1/login", given)
    over_graphql = await nobody.send(LOGIN, input=given)
    token = over_graphql.json()["data"]["login"]["token"]
    cookie = over_graphql.headers["Set-Cookie"]
    assert f"chat_session={token};" in cookie
    theirs = over_http.headers.get_list("Set-Cookie")[0].replace(over_http.json()["token"], token)
    assert attributes(cookie) == attributes(theirs)
    new = await nobody.send(
        REGISTER, input={"username": f"{ada.username}-again", "password": PASSWORD}
    )
    assert new.json()["data"]["register"]["token"] in new.headers["Set-Cookie"]
    wrong = await nobody.send(LOGIN, input={**given, "password": "another password"})
    assert "Set-Cookie" not in wrong.headers


def attributes(cookie: str) -> set[str]:
    """All attributes but the expiry, which is exact to the second."""
    return {part.strip() for part in cookie.split(";") if "expires" not in part.lower()}


async def test_signing_out_takes_the_cookie_away(people: People, nobody: Asker) -> None:
    (ada,) = await people("ada")
    assert ada.person is not None
    headers = {"Cookie": f"chat_session={ada.person.token}", "Content-Type": "application/json"}
    answer = await nobody.server.http("POST", PATH, {"query": LOGOUT}, headers=headers)
    assert answer.json()["data"]["logout"]["user"]["id"] == ada.id
    assert "chat_session=;" in answer.headers["Set-Cookie"]
    bob = Asker(nobody.server, await nobody.server.person("bob"))
    assert "Set-Cookie" not in (await bob.send(LOGOUT)).headers  # a program has none
    assert "Set-Cookie" not in (await ada.send("{ __typename }")).headers


async def test_a_batch_that_signs_in_sets_the_cookie(people: People, nobody: Asker) -> None:
    (ada,) = await people("ada")
    variables = {"input": {"username": ada.username, "password": PASSWORD}}
    batch = [{"query": "{ __typename }"}, {"query": LOGIN, "variables": variables}]
    answer = await nobody.server.http("POST", PATH, batch)
    assert answer.json()[1]["data"]["login"]["token"] in answer.headers["Set-Cookie"]


# -- errors that come before GraphQL is asked ----------------------------------------------------------


def code_of(answer: object) -> str:
    """The code of an answer that is an error of GraphQL, and nothing else."""
    body = answer.json()  # type: ignore[attr-defined]
    assert body.keys() == {"errors"}
    (error,) = body["errors"]
    assert error["message"]
    code: str = error["extensions"]["code"]
    return code


@pytest.mark.parametrize(
    ("method", "headers", "size", "status", "code"),
    [
        ("PUT", {}, 10, 405, "request.method"),
        ("POST", {}, 3 << 20, 413, "request.too_large"),
        ("POST", {"Content-Type": "text/plain"}, 10, 415, "request.media_type"),
        ("POST", {"Origin": "https://evil.example"}, 10, 403, "request.origin"),
        ("POST", {"Accept": "image/png"}, 10, 406, "graphql.not_acceptable"),
        ("POST", {}, 10, 400, "request.invalid"),
    ],
)
async def test_an_error_of_http_has_the_form_of_graphql(
    server: Running,
    method: str,
    headers: dict[str, str],
    size: int,
    status: int,
    code: str,
) -> None:
    body = "x" * size
    answer = await server.http(method, PATH, body, headers=headers)
    assert (answer.status_code, code_of(answer)) == (status, code)
    elsewhere = await server.http("PUT", "/api/v1/me", "x")
    assert elsewhere.json()["error"]["code"] == "request.method"


async def test_too_many_requests_and_a_server_that_stops_say_so_too(start: Start) -> None:
    server = start({"limits.requests_per_second": 1.0})
    for _ in range(10):
        answer = await server.http("POST", PATH, {"query": "{ __typename }"})
        if answer.status_code != 200:
            break
    assert (answer.status_code, code_of(answer)) == (429, "limit.rate")
    assert answer.headers["Retry-After"]

    async def drain(running: Server) -> None:
        running._gate.draining = True

    await server.run(drain)
    answer = await server.http("POST", PATH, {"query": "{ __typename }"})
    assert (answer.status_code, code_of(answer)) == (503, "server.draining")
