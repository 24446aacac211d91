"""Pages are fetched from where it is allowed alone, and whatever a server does, it costs little."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from foreign_site import Site, head, page

from chatserver_plugins.link_previews import fetching
from chatserver_plugins.link_previews.address import Address, Gate, Refused
from chatserver_plugins.link_previews.fetching import AT_ONCE, AT_ONE_HOST, Fetcher, Page
from chatserver_plugins.link_previews.reading import PAGE_BYTES
from tests.waiting import until

HERE = ["127.0.0.0/8"]
LONG = 600.0


@asynccontextmanager
async def fetching_from(
    site: Site,
    *,
    networks: list[str] | None = None,
    ports: list[int] | None = None,
    blocked: list[str] | None = None,
    tls: ssl.SSLContext | None = None,
    seconds: float = LONG,
) -> AsyncIterator[Fetcher]:
    made = Fetcher(
        Gate([site.port] if ports is None else ports, blocked or []),
        networks=HERE if networks is None else networks,
        tls=tls or ssl.create_default_context(),
        agent="tester",
        seconds=seconds,
    )
    async with site.serving():
        try:
            yield made
        finally:
            made.close()


async def got(site: Site, path: str = "/", **given: Any) -> Page | str:
    """The page at a path of the site, or the reason why there is none."""
    async with fetching_from(site, **given) as fetcher:
        try:
            return await fetcher.page(site.url + path)
        except Refused as refused:
            return refused.reason


@pytest.fixture
def site() -> Iterator[Site]:
    """One that `fetching_from` starts."""
    made = Site()
    yield made
    made.close()


def endless(piece: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def made() -> AsyncIterator[bytes]:
        while True:
            yield piece

    return made


def then_silent(*pieces: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def made() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece
        await asyncio.Event().wait()

    return made


# -- what is asked, and what is taken -----------------------------------------------------------------


async def test_nothing_is_said_of_who_asks(site: Site) -> None:
    site.answers["/a?b=%20%C3%A4"] = head(Set_Cookie="a=b") + b"x"
    for _ in range(2):
        assert await got(site, "/a?b=%20ä#c") == Page("127.0.0.1", b"x", "utf-8")
    assert site.requests[0] == site.requests[1]
    first, *lines = site.requests[0].strip().split("\r\n")
    assert first == "GET /a?b=%20%C3%A4 HTTP/1.1"
    assert dict(line.split(": ") for line in lines) == {
        "Host": f"127.0.0.1:{site.port}",
        "User-Agent": "tester",
        "Accept": "text/html,application/xhtml+xml",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }


CHUNKED = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
TAKEN = {
    "whole": (head(Content_Length="3") + b"abc", b"abc"),
    "until the end": (head() + b"abc", b"abc"),
    "in chunks": (head(Transfer_Encoding="chunked") + CHUNKED, b"abcde"),
    "compressed": (head(Content_Encoding="gzip") + gzip.compress(b"abc"), b"abc"),
    "cut compressed": (head(Content_Encoding="gzip") + gzip.compress(b"abc" * 9)[:-8], b"abc" * 9),
    "shorter than announced": (head(Content_Length="900") + b"abc", b"abc"),
    "longer than announced": (head(Content_Length="3") + b"abcdef", b"abc"),
    "huge as announced": (head(Content_Length="10000000000") + b"abc", b"abc"),
    "after a hint": (b"HTTP/1.1 103 Early Hints\r\n\r\n" + head() + b"abc", b"abc"),
    "empty": (head(Content_Length="0"), b""),
    "of another kind of HTML": (head(kind="Application/XHTML+xml") + b"abc", b"abc"),
}


@pytest.mark.parametrize("name", TAKEN)
async def test_a_page_is_taken(site: Site, name: str) -> None:
    site.answers["/"], content = TAKEN[name]
    found = await got(site)
    assert isinstance(found, Page), found
    assert found.content == content


NOT_TAKEN = {
    "no HTTP": (b"SSH-2.0-x\r\n\r\n", "answer"),
    "nothing": (b"", "answer"),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", "answer"),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, "answer"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "kind",
    ),
    "no page": (head("404 Not Found") + page(), "status"),
    "a fault": (head("500 Oops") + page(), "status"),
    "no new place": (head("302 Found") + page(), "status"),
    "a part": (head("206 Partial Content") + page(), "status"),
    "a picture": (head(kind="image/png") + page(), "kind"),
    "no kind": (b"HTTP/1.1 200 OK\r\n\r\n" + page(), "kind"),
    "an unknown compression": (head(Content_Encoding="br") + page(), "kind"),
    "compressed twice": (head(Content_Encoding="gzip, gzip") + page(), "kind"),
    "wrongly compressed": (head(Content_Encoding="gzip") + page(), "answer"),
    "only hints": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50, "answer"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_TAKEN)
async def test_what_is_no_page_is_not_taken(site: Site, name: str) -> None:
    site.answers["/"], reason = NOT_TAKEN[name]
    assert await got(site) == reason


# -- what a server may do ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begin", [head(), head(Content_Length=str(10 * 1000**3)), head(Transfer_Encoding="chunked")]
)
async def test_no_more_is_read_than_is_wanted(site: Site, begin: bytes) -> None:
    piece = b"a" * 50_000
    in_chunks = b"chunked" in begin
    site.answers["/"] = begin
    site.more["/"] = endless(b"c350\r\n" + piece + b"\r\n" if in_chunks else piece)
    found = await got(site)
    assert isinstance(found, Page)
    assert found.content == b"a" * PAGE_BYTES
    assert site.sent < 40 * PAGE_BYTES  # what the system keeps for a connection is a few MB


async def test_a_compressed_page_becomes_no_longer_than_another(site: Site) -> None:
    site.answers["/"] = head(Content_Encoding="gzip") + gzip.compress(bytes(100_000_000))
    found = await got(site)
    assert isinstance(found, Page)
    assert found.content == bytes(PAGE_BYTES)


@pytest.mark.parametrize(
    "pieces",
    [(), (b"HTTP/1.1 200 OK\r\n",), (head(), b"<title>a"), (head(Content_Length="9"), b"a")],
)
async def test_a_server_that_falls_silent_is_given_up(
    site: Site, pieces: tuple[bytes, ...]
) -> None:
    site.answers["/"] = b""
    site.more["/"] = then_silent(*pieces)
    assert await got(site, seconds=0.3) == "time"


async def test_a_server_that_never_begins_is_given_up_sooner(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "HEAD_SHARE", 0.3 / 1e6)
    site.answers["/"] = b""
    site.more["/"] = then_silent()
    assert await got(site, seconds=1e6) == "time"


async def test_a_server_that_drips_is_given_up(site: Site) -> None:
    async def drops() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b"<meta>"

    site.answers["/"] = head()
    site.more["/"] = drops
    assert await got(site, seconds=0.5) == "time"


async def test_nobody_at_a_port_is_no_fault(site: Site) -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with fetching_from(site, ports=[port]) as fetcher:
            with pytest.raises(Refused, match="network"):
                await fetcher.page(f"http://127.0.0.1:{port}/")


# -- redirects ---------------------------------------------------------------------------------------


def elsewhere(location: str, status: str = "302 Found") -> bytes:
    return head(status, Location=location)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(site: Site, status: int) -> None:
    site.answers["/a"] = elsewhere("/b?c", f"{status} Elsewhere")
    site.answers["/b?c"] = elsewhere("d", f"{status} Elsewhere")
    site.answers["/d"] = elsewhere(f"//localhost:{site.port}/e#f", f"{status} Elsewhere")
    site.answers["/e"] = head() + b"x"
    assert await got(site, "/a") == Page("localhost", b"x", "utf-8")
    assert site.asked == ["/a", "/b?c", "/d", "/e"]


async def test_redirects_in_a_circle_end(site: Site) -> None:
    site.answers["/"] = elsewhere("/")
    assert await got(site) == "redirects"
    assert site.asked == ["/"] * 4


async def test_all_redirects_together_have_the_time_of_one_page(site: Site) -> None:
    def slowly(location: str) -> Callable[[], AsyncIterator[bytes]]:
        async def made() -> AsyncIterator[bytes]:
            await asyncio.sleep(0.3)
            yield elsewhere(location)

        return made

    for place in range(3):
        site.answers[f"/{place}"] = b""
        site.more[f"/{place}"] = slowly(f"/{place + 1}")
    site.answers["/3"] = head() + b"x"
    assert await got(site, "/0", seconds=0.8) == "time"  # however long a machine takes


INWARD = {
    "file:///etc/passwd": "address",
    "ftp://127.0.0.1/": "address",
    "//user:pw@127.0.0.1:PORT/": "address",
    "http://127.0.0.1:22/": "address",
    "http://127.0.0.1:PORT/ a": "address",
    "http://[::1]:PORT/": "network",
    "http://10.0.0.1:PORT/": "network",
    "http://[::ffff:10.0.0.1]:PORT/": "network",
    "http://169.254.169.254:PORT/latest": "network",
    "http://blocked.test:PORT/": "blocked",
}


@pytest.mark.parametrize("location", INWARD)
async def test_each_redirect_is_judged_like_the_link(site: Site, location: str) -> None:
    site.answers["/"] = elsewhere(location.replace("PORT", str(site.port)))
    assert await got(site, blocked=["blocked.test"]) == INWARD[location]
    assert site.asked == ["/"]


# -- where may be asked -------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
async def test_this_machine_is_not_asked_unless_it_is_allowed(site: Site, host: str) -> None:
    site.answers["/"] = head() + b"x"
    async with fetching_from(site, networks=[]) as fetcher:
        with pytest.raises(Refused, match="network"):
            await fetcher.page(f"http://{host}:{site.port}/")
    assert site.asked == []


async def test_the_checked_address_is_the_one_that_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere at each look is looked up once, and judged by what was found then."""
    answers = iter(("127.0.0.1", "10.0.0.1", "127.0.0.1"))
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, *given: Any, **more: Any) -> Any:
        if host != "turning.test":
            return real(host, *given, **more)
        asked.append(host)
        return real(next(answers), *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    site.answers["/"] = head() + b"x"
    async with fetching_from(site) as fetcher:
        url = f"http://turning.test:{site.port}/"
        assert (await fetcher.page(url)).content == b"x"
        assert len(asked) == 1
        with pytest.raises(Refused, match="network"):
            await fetcher.page(url)
        assert len(asked) == 2
    assert site.requests[0].split("\r\n")[1] == f"Host: turning.test:{site.port}"


ADDRESSES = {
    "http://example.org": Address(False, "example.org", 80, "/"),
    "HTTPS://Example.ORG./a b".replace(" ", "%20"): Address(True, "example.org.", 443, "/a%20b"),
    "https://example.org:443/?q=ä&r=<": Address(True, "example.org", 443, "/?q=%C3%A4&r=%3C"),
    "http://例え.テスト/日": Address(False, "xn--r8jz45g.xn--zckzah", 80, "/%E6%97%A5"),
    "http://a_b.example.org/": Address(False, "a_b.example.org", 80, "/"),
    "http://[2001:DB8::1]/": Address(False, "2001:db8::1", 80, "/"),
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_addresses_of_pages(url: str) -> None:
    assert Gate([80, 443], []).address(url) == ADDRESSES[url]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org",
        "http:example.org",
        "http://",
        "http:///a",
        "http://.",
        "http://-a.org",
        "ftp://example.org",
        "gopher://example.org",
        "http://user@example.org",
        "http://user:pw@example.org",
        "http://@example.org",
        "http://example.org:8080",
        "http://example.org:0",
        "http://example.org:99999",
        "http://example.org:a",
        "http://exa mple.org",
        "http://example.org/a\r\nX: y",
        "http://example.org\\@evil.example",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://exa%6dple.org",
        "http://a,b.org",
        f"http://{'a' * 300}.org",
        f"http://{'ä' * 100}.org",
        f"http://example.org/{'a' * 2000}",
        "javascript:alert(1)",
        "http://example.org/\0",
    ],
)
def test_what_is_no_address_of_a_page(url: str) -> None:
    with pytest.raises(Refused, match="address"):
        Gate([80, 443], []).address(url)


@pytest.mark.parametrize(
    ("host", "is_blocked"),
    [
        ("example.org", True),
        ("EXAMPLE.org.", True),
        ("a.b.example.org", True),
        ("notexample.org", False),
        ("example.org.evil.test", False),
        ("10.1.2.3", True),
        ("110.1.2.3", False),
    ],
)
def test_blocked_hosts(host: str, is_blocked: bool) -> None:
    gate = Gate([80], ["Example.org", "10.1.2.3"])
    if is_blocked:
        with pytest.raises(Refused, match="blocked"):
            gate.address(f"http://{host}/")
    else:
        gate.address(f"http://{host}/")


# -- TLS, and how much at once -----------------------------------------------------------------------


async def test_certificates_are_checked(authority: trustme.CA) -> None:
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(served)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    site = Site(served)
    site.answers["/"] = head() + b"x"
    url = f"https://localhost:{site.port}/"
    for tls, name, is_fine in (
        (trusting, "localhost", True),
        (trusting, "127.0.0.1", False),
        (ssl.create_default_context(), "localhost", False),
    ):
        async with fetching_from(site, tls=tls) as fetcher:
            try:
                found: object = (await fetcher.page(url.replace("localhost", name))).content
            except Refused as refused:
                found = refused.reason
        assert found == (b"x" if is_fine else "network"), name
    site.close()


async def test_one_host_has_few_requests_at_once(site: Site) -> None:
    site.answers["/"] = head() + b"x"
    site.held.clear()
    async with fetching_from(site) as fetcher:
        pages = [asyncio.ensure_future(fetcher.page(site.url)) for _ in range(6)]
        await until(lambda: len(site.asked) == AT_ONE_HOST)
        site.held.set()
        assert [found.content for found in await asyncio.gather(*pages)] == [b"x"] * 6
        assert site.most_open == AT_ONE_HOST
        assert not fetcher._hosts


async def test_a_node_has_few_requests_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, *given: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host.endswith(".test") else host, *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    site.answers["/"] = head() + b"x"
    site.held.clear()
    async with fetching_from(site) as fetcher:
        urls = [f"http://host{number}.test:{site.port}/" for number in range(AT_ONCE + 4)]
        pages = [asyncio.ensure_future(fetcher.page(url)) for url in urls]
        await until(lambda: len(site.asked) == AT_ONCE)
        site.held.set()
        await asyncio.gather(*pages)
    assert len(site.asked) == len(urls)
    assert site.most_open == AT_ONCE
