"""Files that a real clamd looks at before anybody can download them; and what becomes of them without it."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from chatserver import ChatError, StartupError
from chatserver.testing.blobs import given
from chatserver.testing.running import Chat, Person, running
from chatserver_plugins.clamav import ClamavPlugin
from chatserver_plugins.clamav.clamd import Away, TooLarge, Unclear
from chatserver_plugins.clamav.clamd import Clamd as Client
from tests.clamd import LARGEST, MARKER, NAME, Clamd, speaking
from tests.waiting import until

VIRUS = b"before " + MARKER + b" after"


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    made = Clamd(tmp_path_factory.mktemp("clamd"))
    made.start()
    yield made
    made.stop()


# -- the protocol --------------------------------------------------------------------------------


async def test_it_finds_what_its_signatures_name_by_either_socket(clamd: Clamd) -> None:
    for address in (clamd.unix, clamd.tcp):
        client = Client(address)
        await client.ping()
        assert await client.scan(given([b"clean"])) is None
        assert await client.scan(given([])) is None
        # In many parts, one of them over the end of a chunk.
        cut = [VIRUS[:9], VIRUS[9:20], VIRUS[20:]]
        assert await client.scan(given(cut)) == NAME
        assert await client.scan(given([b"x" * 1_000_000 + VIRUS, b"y" * 300_000])) == NAME
        with pytest.raises(TooLarge):
            await client.scan(given([b"x" * 500_000] * (3 * LARGEST // 500_000)))


async def test_what_is_no_answer_is_told_from_what_is_none() -> None:
    async def answering(answer: bytes, reader: StreamReader, writer: StreamWriter) -> None:
        command = await reader.readuntil(b"\0")
        if answer and command == b"zINSTREAM\0":
            await reader.readexactly(13)  # "clean" and the end of the file
            writer.write(answer)
            await writer.drain()

    cases: dict[bytes, type[Exception]] = {
        b"stream: Can't open file ERROR\0": Unclear,
        b"INSTREAM size limit exceeded. ERROR\0": TooLarge,
        b"x" * 10_000: Away,
        b"stream: OK": Away,
        b"": Away,
    }
    for answer, error in cases.items():
        async with speaking(lambda *ends, a=answer: answering(a, *ends)) as address:  # type: ignore[misc]
            with pytest.raises(error):
                await Client(address).scan(given([b"clean"]))
            with pytest.raises(Away):
                await Client(address).ping()
    with pytest.raises(Away):
        await Client(address).ping()


async def test_an_error_of_the_file_is_raised_as_it_is(clamd: Clamd) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ChatError("blob.unavailable")

    with pytest.raises(ChatError, match=r"blob\.unavailable"):
        await Client(clamd.unix).scan(broken())


@pytest.mark.parametrize("address", ["", "clamd", "unix:relative", "tcp://host", "http://host:1/"])
def test_an_address_that_is_none_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(StartupError, match=r"plugin\.clamav\.address"):
        ClamavPlugin(ClamavPlugin.Config(address=address))


# -- on a server ---------------------------------------------------------------------------------


class Scene(NamedTuple):
    chat: Chat
    ada: Person

    async def take(self, content: bytes) -> str:
        blob = await self.chat.service.blobs.take(self.ada.id, given([content]), name="a.txt")
        return blob.id

    async def begin(self, content: bytes) -> str:
        """Upload all but the last byte."""
        uploads = self.chat.service.blobs.uploads
        upload = await uploads.create(self.ada.id, len(content), name="a.txt")
        await uploads.append(upload.id, self.ada.id, 0, given([content[:-1]]))
        return upload.id

    async def end(self, upload: str, content: bytes) -> None:
        found = await self.chat.service.blobs.uploads.find(upload, self.ada.id)
        parts = given([content[found.offset :]])
        await self.chat.service.blobs.uploads.append(upload, self.ada.id, found.offset, parts)

    async def health(self) -> bool:
        found = (await self.chat.http("GET", "/health")).json["checks"]["clamav"]["answers"]
        assert isinstance(found, bool)
        return found


@asynccontextmanager
async def scene(clamd: Clamd | str, **settings: object) -> AsyncIterator[Scene]:
    address = clamd if isinstance(clamd, str) else clamd.unix
    named = {f"plugin.clamav.{name}": value for name, value in settings.items()}
    named["plugin.clamav.address"] = address
    async with running("disk_blobs", "uploads", "clamav", settings=named) as chat:
        yield Scene(chat, await chat.user("ada"))


async def refused(call: object) -> ChatError:
    with pytest.raises(ChatError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_a_file_with_a_virus_is_refused_and_nothing_of_it_stays(clamd: Clamd) -> None:
    async with scene(clamd) as s:
        assert await s.take(b"clean")
        upload = await s.begin(b"clean")
        await s.end(upload, b"clean")
        before = await s.chat.service.blobs.usage(s.ada.id)
        upload = await s.begin(VIRUS)
        for call in (s.take(VIRUS), s.end(upload, VIRUS)):
            error = await refused(call)
            assert error.code == "action.refused"
            assert "A virus was found in this file." in str(error.text)
        for gone in (s.chat.service.blobs.get(upload), s.end(upload, VIRUS)):
            assert (await refused(gone)).code == "blob.not_found"
        assert await s.chat.service.blobs.usage(s.ada.id) == before


async def test_a_large_file_is_refused_or_passes_by_the_setting(clamd: Clamd) -> None:
    large = b"x" * (3 * LARGEST)
    async with scene(clamd) as s:
        error = await refused(s.take(large))
        assert error.code == "action.refused" and "too large" in str(error.text)
    async with scene(clamd, when_unclear="pass") as s:
        assert await s.take(large)
        assert (await refused(s.take(VIRUS))).code == "action.refused"


async def test_without_clamd_files_are_held_back_until_it_is_there(tmp_path: Path) -> None:
    clamd = Clamd(tmp_path)
    async with scene(clamd) as s:
        assert await s.health() is False
        upload = await s.begin(VIRUS)
        good = await s.begin(b"clean")
        for call in (s.take(b"clean"), s.end(upload, VIRUS), s.end(good, b"clean")):
            error = await refused(call)
            assert (error.code, error.meaning.status) == ("blob.unavailable", 503)
        assert (await refused(s.chat.service.blobs.get(good))).code == "blob.not_found"
        await asyncio.to_thread(clamd.start)
        try:
            await s.end(good, b"clean")
            assert (await refused(s.end(upload, VIRUS))).code == "action.refused"
            await until(s.health)
        finally:
            clamd.stop()
    async with scene(clamd, when_away="pass") as s:
        assert await s.take(VIRUS)


async def test_a_clamd_that_hangs_counts_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver_plugins.clamav.clamd.CONNECT_SECONDS", 0.2)

    async def hang(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read()

    async with speaking(hang) as address, scene(address, seconds=0.2) as s:
        error = await refused(s.take(b"clean"))
        assert error.code == "blob.unavailable"


async def test_a_file_may_take_longer_than_other_judgements() -> None:
    """`plugins.deadline_seconds` is for messages; that of a file is the plugin's own."""

    async def slow(reader: StreamReader, writer: StreamWriter) -> None:
        command = await reader.readuntil(b"\0")
        if command == b"zINSTREAM\0":
            await asyncio.sleep(2.0)
            writer.write(b"stream: OK\0")
        else:
            writer.write(b"PONG\0")
        await writer.drain()
        await reader.read()

    async with speaking(slow) as address:
        named = {"plugins.deadline_seconds": 1.0, "plugin.clamav.address": address}
        async with running("disk_blobs", "uploads", "clamav", settings=named) as chat:
            ada = await chat.user("ada")
            assert (await chat.service.blobs.take(ada.id, given([b"clean"]))).size == 5
