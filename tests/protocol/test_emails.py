"""The e-mail addresses of users, and links by mail, on every interface, with a real mail server."""

import json
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from chatserver import ServerRole
from tests.plugins.mailserver import MailServer, mail_server
from tests.protocol.running import Person, Running
from tests.protocol.test_passwords import command, login, proceed
from tests.waiting import until

NEW = "a brand new password"
JA = {"Accept-Language": "ja"}


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mails")) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mails: MailServer) -> Iterator[Running]:
    settings = {
        "plugins.enabled": ["memory", "password", "graphql", "smtp"],
        "server.public_url": "https://chat.example.org",
        "plugin.smtp.host": "localhost",
        "plugin.smtp.port": mails.port,
        "plugin.smtp.security": "none",
        "plugin.smtp.sender": "chat@example.org",
    }
    with Running(tmp_path_factory.mktemp("emails"), settings) as found:
        yield found
        assert not found.take_errors()


async def boss(server: Running) -> Person:
    person = await server.person("boss")
    await server.run(lambda it: it.service.accounts.set_role(person.username, ServerRole.OWNER))
    return person


async def graphql(server: Running, query: str, person: Person | None = None) -> Any:
    ask = server.http if person is None else person.http
    return (await ask("POST", "/graphql", {"query": query})).json()


async def mail_to(mails: MailServer, address: str) -> EmailMessage:
    def found() -> list[EmailMessage]:
        return [mail for mail in mails.mails if mail["To"] == address]

    await until(found)
    return found()[-1]


def code_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text.partition("https://chat.example.org/#")[2].partition("=")[2].split()[0]


async def test_an_address_is_set_confirmed_and_removed_by_its_user(
    server: Running, mails: MailServer
) -> None:
    anna = await server.person("anna")
    path = "/api/v1/me/email"
    assert (await anna.http("GET", path)).json() == {"email": None, "pending": None}
    wrong = await anna.http("PUT", path, {"email": "anna"})
    assert wrong.json()["error"]["detail"] == {"field": "email", "reason": "form"}
    made = await anna.http("PUT", path, {"email": "anna@example.org"}, headers=JA)
    assert made.json() == {"email": None, "pending": "anna@example.org"}
    mail = await mail_to(mails, "anna@example.org")
    assert "メールアドレスの確認" in mail["Subject"]
    # The link may be opened in a browser where nobody is signed in.
    confirm = "/api/v1/email/confirm"
    refused = await server.http("POST", confirm, {"code": f"{anna.id}.guessed"})
    assert refused.json()["error"]["code"] == "auth.refused"
    assert (await server.http("POST", confirm, {"code": code_in(mail)})).status_code == 200
    assert (await anna.http("GET", path)).json()["email"] == "anna@example.org"
    shown = await anna.http("GET", "/api/v1/me")
    ben = await server.person("ben")
    seen = await ben.http("GET", f"/api/v1/users/{anna.username}")
    assert "anna@example.org" not in shown.text + seen.text
    refused = await ben.http("GET", f"/api/v1/users/{anna.username}/email")
    assert refused.json()["error"]["code"] == "user.forbidden"
    assert (await anna.http("PUT", path, {"email": None})).json()["email"] is None


async def test_graphql_has_the_same(server: Running, mails: MailServer) -> None:
    carla, staff = await server.person("carla"), await boss(server)
    setting = 'mutation { setEmail(input: {email: "carla@example.org"}) { email pending } }'
    answer = await carla.http("POST", "/graphql", {"query": setting}, headers=JA)
    assert answer.json()["data"]["setEmail"]["pending"] == "carla@example.org"
    mail = await mail_to(mails, "carla@example.org")
    assert "メールアドレスの確認" in mail["Subject"]
    code = code_in(mail)
    confirming = f"mutation {{ confirmEmail(input: {{code: {json.dumps(code)}}}) {{ confirmed }} }}"
    assert (await graphql(server, confirming))["data"]["confirmEmail"]["confirmed"]
    again = (await graphql(server, confirming))["errors"][0]["extensions"]
    assert again["code"] == "auth.refused"
    mine = await graphql(server, "{ myEmail { email pending } }", carla)
    assert mine["data"]["myEmail"] == {"email": "carla@example.org", "pending": None}
    query = f'{{ userEmail(username: "{carla.username}") {{ email }} }}'
    seen = await graphql(server, query, staff)
    assert seen["data"]["userEmail"]["email"] == "carla@example.org"
    assert "errors" in await graphql(server, query, carla)
    setting = (
        f'mutation {{ setUserEmail(input: {{username: "{carla.username}", '
        'email: "c@example.org"}) { email } }'
    )
    assert "errors" in await graphql(server, setting, carla)
    done = await graphql(server, setting, staff)
    assert done["data"]["setUserEmail"]["email"] == "c@example.org"


async def test_whoever_forgot_the_password_gets_a_link(server: Running, mails: MailServer) -> None:
    staff, dora = await boss(server), await server.person("dora")
    path = f"/api/v1/users/{dora.username}/email"
    done = await staff.http("PUT", path, {"email": "dora@example.org"})
    assert done.json()["email"] == "dora@example.org"
    methods = (await server.http("GET", "/api/v1/login/methods")).json()["methods"]
    assert [each["name"] for each in methods] == ["password", "forgotten"]
    answers = []
    for name in (dora.username, "nobody-at-all"):
        body = {"method": "forgotten", "secret": True}
        begun = await server.http("POST", "/api/v1/login/begin", body, headers=JA)
        given = {"answer": {"username": name}, **{k: begun.json()[k] for k in ("flow", "secret")}}
        answer = await server.http("POST", "/api/v1/login/proceed", given, headers=JA)
        answers.append((answer.status_code, answer.json()["step"]))
    assert answers[0] == answers[1]
    mail = await mail_to(mails, "dora@example.org")
    assert "パスワードの再設定" in mail["Subject"]
    begun = await server.http("POST", "/api/v1/login/begin", {"method": "reset", "secret": True})
    step = (await proceed(server, begun.json(), code=code_in(mail))).json()
    done = await proceed(server, step, password=NEW)
    assert done.json()["user"]["id"] == dora.id
    assert (await dora.http("GET", "/api/v1/me")).status_code == 401
    assert (await login(server, dora.username, NEW)).status_code == 200


async def test_a_server_without_mail_says_so(shared_server: Running) -> None:
    anna = await shared_server.person("anna")
    refused = await anna.http("PUT", "/api/v1/me/email", {"email": "anna@example.org"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (501, "mail.none")
    methods = (await shared_server.http("GET", "/api/v1/login/methods")).json()["methods"]
    assert "forgotten" not in [each["name"] for each in methods]


async def test_an_operator_shows_and_sets_an_address(tmp_path: Path) -> None:
    from chatserver.testing.running import running

    data = tmp_path / "data"
    async with running(store="sqlite", settings={"server.data": str(data)}) as chat:
        await chat.user("ada")
    assert command(data, "email", "ada")[:2] == (0, "ada has no e-mail address.\n")
    assert command(data, "email", "ada", "ada@example.org")[:2] == (0, "ada@example.org\n")
    status, shown, _ = command(data, "email", "ada", "--json")
    assert (status, json.loads(shown)) == (0, {"email": "ada@example.org", "pending": None})
    assert command(data, "email", "ada", "ada")[0] == 1
    assert command(data, "email", "ada", "x@example.org", "--remove")[0] == 2
    assert command(data, "email", "ada", "--remove")[:2] == (0, "ada has no e-mail address.\n")
