"""HTTP in general: requests refused before anything is done, and the headers of every answer."""

import json
from pathlib import Path

import httpx
import pytest

from tests.protocol.conftest import Start
from tests.protocol.running import PASSWORD, Running

LOGIN = {"username": "nobody", "password": PASSWORD}
SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def parse(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_security_headers_are_on_every_answer(server: Running) -> None:
    for path in ("/", "/static/app.js", "/health", "/api/v1/me", "/nowhere", "/metrics", "/ws"):
        answer = await server.http("GET", path)
        for name, value in SECURITY.items():
            assert answer.headers[name] == value, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "tornado" not in answer.headers["server"].lower()
        kind = answer.headers["content-type"]
        if kind.startswith(("text/javascript", "application/json")):  # no document, nor a worker
            assert policy == "default-src 'none'"
        else:
            assert "script-src 'self'" in policy, (path, kind)


async def test_the_worker_has_the_policy_of_the_page(server: Running) -> None:
    page, worker = [await server.http("GET", path) for path in ("/", "/static/service-worker.js")]
    policy = page.headers["content-security-policy"]
    assert worker.status_code == 200
    assert worker.headers["content-security-policy"] == policy
    assert "connect-src 'self' ws: wss:" in policy and "media-src 'self'" in policy


async def test_ready_made_and_assembled_heads_are_the_same(server: Running) -> None:
    anna = await server.person("anna")
    ready_made = await anna.http("GET", "/api/v1/me")
    assembled = await anna.http("GET", "/api/v1/me", headers={"Connection": "close"})
    assert ready_made.content == assembled.content
    for answer in (ready_made, assembled):
        del answer.headers["date"], answer.headers["x-request-id"]
    assert assembled.headers.pop("connection") == "close"
    assert ready_made.headers == assembled.headers


PLUGIN = """
from chatserver import Reply, Route, hookimpl

TYPES = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "odd": 'text/plain; charset="utf-8"',
    "split": "text/plain\\r\\nX-Split: 1",
}


class Plugin:
    def __init__(self, config):
        pass

    @hookimpl
    def register_routes(self, context):
        async def answer(request):
            kind = request.parameters["kind"]
            if kind == "headed":
                return Reply(body=b"{}", headers={"X-Own": "1"})
            if kind == "created":
                return Reply(body=b"{}", status=201)
            return Reply(body=request.body or b"{}", content_type=TYPES[kind])
        return [Route(path="/answers/{kind}", get=answer, post=answer)]
"""


@pytest.fixture
def answering(start: Start, tmp_path: Path) -> Running:
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "answering.py").write_text(PLUGIN)
    plugins = ["memory", "password", "answering"]
    return start({"plugins.folder": str(tmp_path / "answers"), "plugins.enabled": plugins})


@pytest.mark.parametrize("kind", ["json", "text", "odd", "headed", "created"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_answers_of_plugins_have_the_same_head_in_both_ways(
    answering: Running, method: str, kind: str
) -> None:
    path, body = f"/answers/{kind}", {"json": {"a": 1}} if method == "POST" else {}
    ready_made = await answering.http(method, path, **body)
    assembled = await answering.http(method, path, headers={"Connection": "close"}, **body)
    assert ready_made.status_code == assembled.status_code == 201 if kind == "created" else 200
    assert ready_made.content == assembled.content
    assert bool(ready_made.headers.get("x-own")) == (kind == "headed")
    for answer in (ready_made, assembled):
        del answer.headers["date"], answer.headers["x-request-id"]
    assert assembled.headers.pop("connection") == "close"
    assert ready_made.headers == assembled.headers


async def test_no_plugin_splits_an_answer_by_its_content_type(answering: Running) -> None:
    answer = await answering.http("GET", "/answers/split")
    assert answer.status_code == 500
    assert "x-split" not in answer.headers


async def test_answers_with_data_are_not_cached(server: Running) -> None:
    anna = await server.person("anna")
    for path in ("/api/v1/me", "/api/v1/rooms", "/health"):
        assert (await anna.http("GET", path)).headers["cache-control"] == "no-store"


async def test_unknown_addresses(server: Running) -> None:
    for path in ("/nowhere", "/api/v1", "/api/v1/", "/api/v2/me", "/api/v1/me/", "/%00", "/ws/x"):
        for method in ("GET", "POST", "DELETE"):
            answer = await server.http(method, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (
                404,
                "request.not_found",
            )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/me", "GET, HEAD, PATCH"),
        ("GET", "/api/v1/login", "POST"),
        ("OPTIONS", "/api/v1/rooms", "GET, HEAD, POST"),
        ("POST", "/health", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("HEAD", "/api/v1/login", "POST"),
        ("BREW", "/api/v1/me", "GET, HEAD, PATCH"),
        ("TRACE", "/", "GET, HEAD"),
    ],
)
async def test_a_method_that_an_address_does_not_have(
    server: Running, method: str, path: str, allowed: str
) -> None:
    answer = await server.http(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    if method != "HEAD":
        assert answer.json()["error"]["code"] == "request.method"


async def test_head_is_get_without_the_body(server: Running) -> None:
    for path in ("/", "/health/live", "/static/app.js", "/metrics"):
        head = await server.http("HEAD", path)
        get = await server.http("GET", path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]


async def test_no_page_of_another_site_is_let_in_by_cors(server: Running) -> None:
    answer = await server.http(
        "OPTIONS",
        "/api/v1/me",
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"},
    )
    assert answer.status_code >= 400
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1.evil.example",
        "http://evil.example:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "file://127.0.0.1:{port}",
        "http://user@127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "",
    ],
)
async def test_a_foreign_origin_changes_nothing(server: Running, origin: str) -> None:
    anna = await server.person("anna")
    answer = await anna.http(
        "POST",
        "/api/v1/rooms",
        {"name": "theirs"},
        headers={"Origin": origin.format(port=server.port)},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "request.origin")


async def test_the_server_s_own_origin_and_configured_ones_may(start: Start) -> None:
    server = start({"server.allowed_origins": ["https://chat.example.org"]})
    anna = await server.person("anna")
    for origin in (f"http://127.0.0.1:{server.port}", "https://chat.example.org"):
        answer = await anna.http("POST", "/api/v1/rooms", {"name": "x"}, headers={"Origin": origin})
        assert answer.status_code == 201


ELSEWHERE = "https://chat.example.org"


def cors(answer: httpx.Response) -> dict[str, str]:
    names = [name for name in answer.headers if name.startswith("access-control-")]
    return {name.removeprefix("access-control-"): answer.headers[name] for name in names}


async def test_a_page_of_a_configured_origin_reads_all_answers_and_no_other_does(
    start: Start,
) -> None:
    server = start({"server.allowed_origins": [ELSEWHERE]})
    anna = await server.person("anna")
    room = (await anna.http("POST", "/api/v1/rooms", {"name": "x"})).json()["id"]
    readable = {
        "allow-origin": ELSEWHERE,
        "allow-credentials": "true",
        "expose-headers": "Retry-After, X-Request-Id",
    }
    for path, status in (
        ("/api/v1/me", 200),
        (f"/api/v1/rooms/{room}/messages", 200),
        ("/api/v1/rooms/nowhere", 404),
        ("/nowhere", 404),
    ):
        answer = await anna.http("GET", path, headers={"Origin": ELSEWHERE})
        assert (answer.status_code, cors(answer)) == (status, readable), path
        assert answer.headers["vary"] == "Origin"
        for foreign in ("https://evil.example", f"{ELSEWHERE}.evil.example", "null"):
            answer = await anna.http("GET", path, headers={"Origin": foreign})
            assert (cors(answer), answer.headers["vary"]) == ({}, "Origin"), path
        assert cors(await anna.http("GET", path)) == {}
    refused = await server.http("POST", "/api/v1/rooms", {}, headers={"Origin": ELSEWHERE})
    assert (refused.status_code, cors(refused)) == (401, readable)


async def test_a_page_of_a_configured_origin_may_ask_before(start: Start) -> None:
    server = start({"server.allowed_origins": [ELSEWHERE]})

    async def ask(origin: str, **headers: str) -> httpx.Response:
        return await server.http("OPTIONS", "/api/v1/rooms", headers={"Origin": origin, **headers})

    asking = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    yes = await ask(ELSEWHERE, **asking)
    assert (yes.status_code, yes.content, yes.headers["vary"]) == (204, b"", "Origin")
    assert cors(yes) == {
        "allow-origin": ELSEWHERE,
        "allow-credentials": "true",
        "allow-methods": "GET, HEAD, POST",
        "allow-headers": "Authorization, Content-Type, X-Request-Id",
        "max-age": "600",
        "expose-headers": "Retry-After, X-Request-Id",
    }
    assert (await ask(ELSEWHERE)).status_code == 405
    foreign = await ask("https://evil.example", **asking)
    assert (foreign.status_code, cors(foreign)) == (403, {})
    own = await ask(f"http://127.0.0.1:{server.port}", **asking)
    assert (own.status_code, cors(own)) == (405, {})


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_only_json_is_read(server: Running, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await server.http(
        "POST", "/api/v1/login", content=json.dumps(LOGIN).encode(), headers=headers
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "request.media_type")


async def test_json_may_name_its_charset(server: Running) -> None:
    answer = await server.http(
        "POST",
        "/api/v1/login",
        content=json.dumps(LOGIN).encode(),
        headers={"Content-Type": "Application/JSON; charset=utf-8"},
    )
    assert answer.json()["error"]["code"] == "auth.invalid"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b"{}",
        b'{"username": 1, "password": "x"}',
        b'{"username": {"$ne": ""}, "password": {"$ne": ""}}',
        b'{"username": "\xff", "password": "x"}',
        b'{"username": "\\ud800", "password": "x"}',
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b"NaN",
        b'{"username": "x", "password": NaN}',
        b"\xef\xbb\xbf{}",
    ],
)
async def test_a_body_that_is_not_what_it_should_be(server: Running, body: bytes) -> None:
    answer = await server.http(
        "POST", "/api/v1/login", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")


async def test_unknown_fields_are_ignored(server: Running) -> None:
    answer = await server.http("POST", "/api/v1/login", {**LOGIN, "$where": "1", "extra": [{}]})
    assert answer.json()["error"]["code"] == "auth.invalid"


@pytest.mark.parametrize("size", [65_537, 200_000, 1_000_000])
async def test_a_body_over_the_limit_is_refused_as_such(server: Running, size: int) -> None:
    body = b'{"username": "' + b"x" * size + b'"}'
    answer = await server.http(
        "POST", "/api/v1/login", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request.too_large")


async def test_a_body_that_does_not_say_its_length_is_refused_over_the_limit(
    server: Running,
) -> None:
    async def chunks(size: int):  # type: ignore[no-untyped-def]
        for _ in range(size):
            yield b" " * 10_000

    headers = {"Content-Type": "application/json"}
    answer = await server.http("POST", "/api/v1/login", content=chunks(20), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request.too_large")
    answer = await server.http("POST", "/api/v1/login", content=chunks(2), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")


async def test_a_body_beyond_all_measure_is_cut_off(server: Running) -> None:
    head = b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    answer = await server.raw(head + b"Content-Length: 99999999999999\r\n\r\n")
    assert parse(answer)[0] in (400, 413)


async def test_a_connection_goes_on_after_a_refusal(server: Running) -> None:
    answer = await server.raw(
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 70000\r\n\r\n" + b" " * 70_000 + b"GET /health/live HTTP/1.1\r\n"
        b"Host: x\r\nConnection: close\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1 413 ") == 1 and answer.count(b"HTTP/1.1 200 ") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/static/../setup.cfg",
        "/static/%2e%2e/setup.cfg",
        "/static/..%2fsetup.cfg",
        "/static/..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/lib/../../setup.cfg",
        "/static/lib/..",
        "/static/lib",
        "/static/.",
        "/static/./app.js",
        "/static/lib//api.js",
        "/static/app.js/",
        "/static/app.js%00",
        "/static/__init__.py",
        "/static/" + "a" * 300,
        "/static/" + "a/" * 3000,
    ],
)
async def test_static_serves_its_own_files_and_nothing_else(server: Running, path: str) -> None:
    status, body = parse(
        await server.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    )
    assert (status, json.loads(body)["error"]["code"]) == (404, "request.not_found")


async def test_the_page_and_its_files(server: Running) -> None:
    page = await server.http("GET", "/")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    script = await server.http("GET", "/static/app.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    icon = await server.http("GET", "/static/icon.svg")
    assert icon.headers["content-type"] == "image/svg+xml; charset=utf-8"
    again = await server.http(
        "GET", "/static/app.js", headers={"If-None-Match": script.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


async def test_text_in_an_address_that_is_no_utf8(server: Running) -> None:
    anna = await server.person("anna")
    for path in ("/api/v1/rooms/%ff", "/api/v1/users/%c3%28", "/static/%ff"):
        answer = await anna.http("GET", path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")


async def test_over_tls_a_page_that_came_in_plain_text_is_foreign(start: Start) -> None:
    server = start({"server.trusted_proxies": ["127.0.0.1"]})
    anna = await server.person("anna")
    for scheme, status in (("https", 201), ("http", 403)):
        headers = {"X-Forwarded-Proto": "https", "Origin": f"{scheme}://127.0.0.1:{server.port}"}
        answer = await anna.http("POST", "/api/v1/rooms", {"name": "x"}, headers=headers)
        assert answer.status_code == status
