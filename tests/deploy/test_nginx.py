"""The nginx site: its syntax, then a real nginx with it in front of a small upstream server."""

import asyncio
import os
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import tornado.web
import trustme
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.websocket import WebSocketHandler, websocket_connect

from tests.servers import free_port

NeedTool = Callable[[str], str]
HOST = "chat.example.org"


@dataclass(frozen=True)
class Site:
    """A copy of the site that listens on free ports of loopback, and the nginx.conf around it."""

    nginx: str
    config: Path
    http: int
    https: int
    upstream: socket.socket
    authority: trustme.CA

    def url(self, path: str, scheme: str = "https") -> str:
        return f"{scheme}://localhost:{self.https}{path}"

    def client_tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


@pytest.fixture
def site(need_tool: NeedTool, deploy: Path, tmp_path: Path) -> Iterator[Site]:
    nginx = need_tool("nginx")
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST, "localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "fullchain.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    (upstream,) = bind_sockets(0, "127.0.0.1")
    http, https = free_port(), free_port()

    text = (deploy / "nginx/chatserver.conf").read_text()
    for old, new in {
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl;\n": "",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "server 127.0.0.1:4000 ": f"server 127.0.0.1:{upstream.getsockname()[1]} ",
        f"/etc/letsencrypt/live/{HOST}": str(tmp_path),
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    (tmp_path / "site.conf").write_text(text)

    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp = "\n".join(f"{name}_temp_path {tmp_path}/{name};" for name in names)
    # Root's nginx would become `nobody`, who can't look into a private temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes 1; pid {tmp_path}/pid; error_log stderr notice;\n"
        f"events {{}} http {{ access_log off; {temp} include {tmp_path}/site.conf; }}\n"
    )
    yield Site(nginx, tmp_path / "nginx.conf", http, https, upstream, authority)
    upstream.close()


def test_nginx_accepts_the_site(site: Site) -> None:
    run = subprocess.run(
        [site.nginx, "-t", "-e", "stderr", "-c", str(site.config)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert "[warn]" not in run.stderr, run.stderr


class _Echo(WebSocketHandler):
    """Echoes; the Origin check is Tornado's own, which compares Origin and Host."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class _Headers(tornado.web.RequestHandler):
    def get(self) -> None:
        self.set_header("Strict-Transport-Security", "max-age=1")  # as the server may itself
        self.write(dict(self.request.headers))

    def post(self) -> None:
        self.write({"length": len(self.request.body)})


@asynccontextmanager
async def _running(site: Site) -> AsyncIterator[None]:
    server = HTTPServer(tornado.web.Application([("/ws", _Echo), ("/.*", _Headers)]))
    server.add_socket(site.upstream)
    nginx = await asyncio.create_subprocess_exec(
        site.nginx, "-e", "stderr", "-c", str(site.config), stderr=asyncio.subprocess.PIPE
    )
    try:
        assert nginx.stderr is not None
        async for line in nginx.stderr:
            if b"start worker process " in line:
                break
        else:
            pytest.fail("nginx did not start")
        yield
    finally:
        nginx.terminate()
        await nginx.communicate()
        server.stop()
        await server.close_all_connections()


def _drive(site: Site, scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with _running(site), asyncio.timeout(30):
            await scenario()

    asyncio.run(run())


async def _fetch(site: Site, path: str, **options: object) -> HTTPResponse:
    request = HTTPRequest(site.url(path), ssl_options=site.client_tls(), **options)
    return await AsyncHTTPClient().fetch(request, raise_error=False)


def test_a_websocket_passes_over_tls_with_its_origin(site: Site) -> None:
    async def scenario() -> None:
        request = HTTPRequest(
            site.url("/ws", "wss"),
            headers={"Origin": f"https://localhost:{site.https}"},
            ssl_options=site.client_tls(),
        )
        connection = await websocket_connect(request)
        await connection.write_message("こんにちは")
        assert await connection.read_message() == "こんにちは"
        connection.close()
        assert await connection.read_message() is None

    _drive(site, scenario)


def _handshake(site: Site, context: ssl.SSLContext) -> tuple[str | None, str | None]:
    """The TLS version and the protocol that nginx chooses."""
    with (
        socket.create_connection(("127.0.0.1", site.https), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return tls.version(), tls.selected_alpn_protocol()


def test_tls_1_3_is_the_least_and_http_2_is_offered(site: Site) -> None:
    async def scenario() -> None:
        old = site.client_tls()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(_handshake, site, old)

        new = site.client_tls()
        new.set_alpn_protocols(["h2", "http/1.1"])
        assert await asyncio.to_thread(_handshake, site, new) == ("TLSv1.3", "h2")

    _drive(site, scenario)


def test_plain_http_is_sent_to_https(site: Site) -> None:
    async def scenario() -> None:
        response = await AsyncHTTPClient().fetch(
            f"http://127.0.0.1:{site.http}/r/general?x=1",
            headers={"Host": HOST},
            follow_redirects=False,
            raise_error=False,
        )
        assert response.code == 301
        assert response.headers["Location"] == f"https://{HOST}/r/general?x=1"

    _drive(site, scenario)


def test_programs_that_speak_plain_http_are_refused_and_not_redirected(site: Site) -> None:
    async def scenario() -> None:
        for path in ("/api/v1/me", "/ws", "/graphql", "/graphql/explorer/react.js"):
            response = await AsyncHTTPClient().fetch(
                f"http://127.0.0.1:{site.http}{path}",
                headers={"Host": HOST, "Authorization": "Bearer secret"},
                follow_redirects=False,
                raise_error=False,
            )
            assert (response.code, "Location" in response.headers) == (403, False), path

    _drive(site, scenario)


def test_the_server_learns_the_true_address_and_no_claimed_one(site: Site) -> None:
    async def scenario() -> None:
        claims = {
            "X-Forwarded-For": "10.9.9.9",
            "X-Real-Ip": "10.9.9.9",
            "Forwarded": "for=10.9.9.9",
            "X-Request-Id": "claimed",
        }
        response = await _fetch(site, "/", headers={**claims, "Upgrade": "h2c"})
        seen = tornado.escape.json_decode(response.body)
        assert seen["X-Forwarded-For"] == seen["X-Real-Ip"] == "127.0.0.1"
        assert seen["X-Forwarded-Proto"] == "https"
        assert seen["Host"] == f"localhost:{site.https}"
        assert "Forwarded" not in seen and "Upgrade" not in seen
        assert re.fullmatch(r"[0-9a-f]{32}", seen["X-Request-Id"])
        assert len(response.headers.get_list("Strict-Transport-Security")) == 1

    _drive(site, scenario)


@pytest.mark.parametrize(
    "path", ["/metrics", "/%6detrics", "//metrics", "/x/../metrics", "/_admin", "/_admin/data"]
)
def test_the_inside_pages_are_not_reached_from_outside(site: Site, path: str) -> None:
    async def scenario() -> None:
        assert (await _fetch(site, path)).code == 404

    _drive(site, scenario)


def test_a_large_body_is_refused_before_the_server_sees_it(site: Site) -> None:
    async def scenario() -> None:
        assert (await _fetch(site, "/", method="POST", body=b"x" * 1000)).code == 200
        assert (await _fetch(site, "/", method="POST", body=b"x" * (2 << 20))).code == 413

    _drive(site, scenario)


class _Restarting(tornado.web.RequestHandler):
    def prepare(self) -> None:
        self.set_status(503)
        self.finish()


def test_while_a_node_restarts_the_next_one_is_asked(site: Site) -> None:
    (restarting,) = bind_sockets(0, "127.0.0.1")
    pages = site.config.with_name("site.conf")
    # It is asked every second time, however often it has refused.
    nodes = f"upstream chatserver {{\nserver 127.0.0.1:{restarting.getsockname()[1]} max_fails=0;\n"
    pages.write_text(pages.read_text().replace("upstream chatserver {\n", nodes))

    async def scenario() -> None:
        node = HTTPServer(tornado.web.Application([("/.*", _Restarting)]))
        node.add_socket(restarting)
        url = site.url("/ws", "wss")
        for _ in range(4):
            assert (await _fetch(site, "/api/v1/rooms")).code == 200
            sent = await _fetch(site, "/api/v1/rooms/01j/messages", method="POST", body="{}")
            assert sent.code == 200
            line = await websocket_connect(HTTPRequest(url, ssl_options=site.client_tls()))
            line.close()
            assert await line.read_message() is None
        made = [await _fetch(site, "/api/v1/rooms", method="POST", body="{}") for _ in range(4)]
        assert {each.code for each in made} == {200, 503}, "what is done once was asked for twice"
        node.stop()
        await node.close_all_connections()

    _drive(site, scenario)
