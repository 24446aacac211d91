"""The contents of the logs, their format, and the data that never gets into them."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from chatserver.config import LoggingConfig
from chatserver.errors import StartupError
from chatserver.logging import connection_id, request_id, setup
from chatserver.logging.text import redact
from chatserver.logging.writer import LogFile, Writer
from chatserver.version import __version__

Start = Callable[..., Writer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts logging to files in the test's folder, and puts everything back afterwards."""
    writers = []
    root = logging.getLogger()
    before = (root.handlers[:], root.level)

    def begin(stream: io.StringIO | None = None, /, **settings: Any) -> Writer:
        settings = {"folder": str(tmp_path), "console": "off"} | settings
        writers.append(setup(LoggingConfig(**settings), console=stream, environ={}))
        return writers[-1]

    yield begin
    for writer in writers:
        writer.close()
    logger.remove()
    logging.captureWarnings(False)
    root.handlers[:], level = before
    root.setLevel(level)
    logging.getLogger("tornado.access").disabled = False


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_entry_has_the_agreed_fields(start: Start, tmp_path: Path) -> None:
    writer = start(version="1.2")
    logger.info("hello {}", "there")
    writer.close()
    [entry] = entries(tmp_path / "combined.log")
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "level": "info",
        "message": "hello there",
        "service": "chatserver",
        "version": "1.2",
        "logger": __name__,
    }


def test_without_app_version_it_is_the_servers_own(start: Start, tmp_path: Path) -> None:
    writer = start()
    logger.info("x")
    writer.close()
    assert entries(tmp_path / "combined.log")[0]["version"] == __version__


def test_errors_are_in_both_files_the_rest_in_one(start: Start, tmp_path: Path) -> None:
    writer = start()
    for level in ("debug", "info", "warning", "error", "critical"):
        logger.log(level.upper(), level)
    writer.close()
    assert [e["message"] for e in entries(tmp_path / "combined.log")] == [
        "info",
        "warning",
        "error",
        "critical",
    ]
    assert [e["message"] for e in entries(tmp_path / "error.log")] == ["error", "critical"]


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_logs_are_closed_to_others(start: Start, tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "error.log").touch(0o644)
    before = os.umask(umask)
    try:
        start(folder=str(tmp_path / "new" / "logs")).close()
        writer = start(folder=str(folder), rotation_mb=1)
        for _ in range(300):
            logger.error("x" * 7000)
        writer.close()
    finally:
        os.umask(before)
    files = [file.stat().st_mode & 0o777 for file in folder.iterdir()]
    assert len(files) > 2
    assert set(files) <= {0o640, 0o640 & ~umask}
    assert (tmp_path / "new" / "logs").stat().st_mode & 0o777 == 0o750 & ~umask


def test_request_and_connection_ids_come_along(start: Start, tmp_path: Path) -> None:
    writer = start()

    def inside_a_request() -> None:
        connection_id.set("c1")
        request_id.set("r1")
        logger.info("x")

    copy_context().run(inside_a_request)
    logger.info("y")
    writer.close()
    inside, outside = entries(tmp_path / "combined.log")
    assert (inside["connection"], inside["request"]) == ("c1", "r1")
    assert "request" not in outside


def test_an_error_has_its_stack_but_no_values(start: Start, tmp_path: Path) -> None:
    def fail(given: str) -> None:
        raise ValueError("broken")

    writer = start()
    try:
        fail("hunter" + "2")
    except ValueError:
        logger.exception("failed")
    writer.close()
    text = (tmp_path / "error.log").read_text()
    error = json.loads(text)["error"]
    assert (error["type"], error["message"]) == ("ValueError", "broken")
    assert "in fail" in error["stack"]
    assert "hunter2" not in text


def test_an_exception_that_cannot_be_shown_is_logged_all_the_same(
    start: Start, tmp_path: Path
) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    writer = start()
    try:
        raise Mute
    except Mute:
        logger.exception("failed")
    writer.close()
    assert entries(tmp_path / "error.log")[0]["message"] == "failed"


def test_the_standard_library_goes_the_same_way(start: Start, tmp_path: Path) -> None:
    writer = start(level="debug")
    logging.getLogger("pymongo.topology").warning("lost %s", "{node}")
    logging.getLogger("pymongo.command").debug("the document")
    logging.getLogger("chatserver_plugins.mongo").debug("ours")
    logging.getLogger("tornado.access").warning("GET /?token=x")
    writer.close()
    assert [(e["logger"], e["message"]) for e in entries(tmp_path / "combined.log")] == [
        ("pymongo.topology", "lost {node}"),
        ("chatserver_plugins.mongo", "ours"),
    ]


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: basic {SECRET}",
        f"Cookie: a=b; chat_session={SECRET}",
        f"{{'Set-Cookie': 'chat_session={SECRET}; Path=/'}}",
        f"mongodb://root:{SECRET}@db/chat",
        f"mongodb+srv://root:{SECRET}/x@db/chat",
        f"GET /x?token={SECRET}&y=1",
        f'{{"password": "{SECRET} {SECRET}"}}',
        f"password={SECRET}",
        f"client_secret: {SECRET}",
        f"batch op errors occurred, full error: {{'op': {{'body': '{SECRET}'}}}}",
    ],
)
def test_text_that_looks_like_a_credential_is_masked(
    text: str, start: Start, tmp_path: Path
) -> None:
    assert SECRET not in redact(text)
    console = io.StringIO()
    writer = start(console, console="pretty")
    try:
        raise ValueError(text)
    except ValueError as error:
        logger.bind(detail=text).opt(exception=error).error("{}", text)
    writer.close()
    assert SECRET not in (tmp_path / "combined.log").read_text() + console.getvalue()


def test_a_field_named_as_a_secret_is_hidden(start: Start, tmp_path: Path) -> None:
    writer = start()
    logger.bind(token=SECRET).info("x")
    writer.close()
    assert entries(tmp_path / "combined.log")[0]["token"] == "***"


FORGED = "a\n2026 ERROR b\r\x1b[2J\x85\u2028\u202e\ud800\x00"


@pytest.mark.parametrize("form", ["pretty", "json"])
def test_no_text_can_forge_a_line_or_command_the_terminal(form: str, start: Start) -> None:
    console = io.StringIO()
    writer = start(console, console=form, folder="")
    logger.bind(field=FORGED).info(FORGED.replace("{", "{{"))
    writer.close()
    text = console.getvalue()
    assert len(text.splitlines()) == 1
    assert text[:-1].isprintable()


def test_auto_is_json_where_there_is_no_terminal(start: Start) -> None:
    console = io.StringIO()
    writer = start(console, console="auto", folder="")
    logger.info("x")
    writer.close()
    assert json.loads(console.getvalue())["message"] == "x"


def test_a_file_that_another_process_has_renamed_is_not_renamed_again(tmp_path: Path) -> None:
    old, new = (LogFile(tmp_path / "a.log", size=40, keep=2) for _ in range(2))
    old.write("a" * 30)
    new.write("b" * 30)  # renames the file in which the other still writes
    old.write("c" * 30)
    old.close()
    new.close()
    assert (tmp_path / "a.log").read_text() == f"{'b' * 30}\n{'c' * 30}\n"
    assert (tmp_path / "a.log.1").read_text() == f"{'a' * 30}\n"


def test_files_are_rotated_and_only_so_many_kept(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a.log", size=100, keep=2)
    for number in range(20):
        file.write(f"{number:040}\n")
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]
    assert f"{19:040}" in (tmp_path / "a.log").read_text()


def test_size_and_number_come_from_the_settings(start: Start, tmp_path: Path) -> None:
    writer = start(rotation_mb=1, keep=1)
    for _ in range(400):
        logger.info("x" * 7000)
    writer.close()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sorted(sizes) == ["combined.log", "combined.log.1", "error.log"]
    assert 900_000 < sizes["combined.log.1"] <= 1_000_000


def test_a_folder_that_cannot_be_written_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=r"^logging\.folder: .*/file/logs: Not a directory$"):
        setup(LoggingConfig(folder=str(tmp_path / "file/logs"), console="off"))


def test_lines_beyond_the_bound_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("chatserver.logging.writer.MOST_WAITING", 0)
    writer = Writer([])
    writer.write("x\n", [])
    writer.close()
    assert capsys.readouterr().err == "chatserver: 1 log lines were dropped\n"


def test_everything_is_written_at_exit(tmp_path: Path) -> None:
    program = (
        "from chatserver.logging import setup; from chatserver.config import LoggingConfig\n"
        "from loguru import logger\n"
        f"setup(LoggingConfig(folder={str(tmp_path)!r}, console='json'))\n"
        "for n in range(5000): logger.info(n)\n"
        "raise SystemExit(3)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 5000
    assert entries(tmp_path / "combined.log")[-1]["message"] == "4999"


def test_a_console_that_was_closed_stops_nothing(start: Start, tmp_path: Path) -> None:
    console = io.StringIO()
    writer = start(console, console="json")
    console.close()
    logger.info("x")
    writer.close()
    assert len(entries(tmp_path / "combined.log")) == 1
