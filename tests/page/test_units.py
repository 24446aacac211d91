"""Runs the unit tests of the page's modules in node, and compares facts the page repeats from the server."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STATIC = HERE.parent.parent / "static"


def test_modules() -> None:
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "node (20 or newer) is not installed"
        )
    tests = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    done = subprocess.run(
        [node, "--test", *tests], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_japanese_has_a_text_for_every_error_of_the_server() -> None:
    errors = pytest.importorskip("chatserver.errors")
    texts = (STATIC / "texts" / "ja.js").read_text(encoding="utf-8")
    translated = set(re.findall(r'"error\.([\w.]+)":', texts)) - {"unknown", "connection.lost"}
    assert translated == set(errors.CODES)


def test_english_has_the_texts_of_the_server_s_errors() -> None:
    """By these the page tells what a server says beyond the meaning of a code."""
    errors = pytest.importorskip("chatserver.errors")
    texts = (STATIC / "texts" / "errors-en.js").read_text(encoding="utf-8")
    ours = dict(re.findall(r'"error\.([\w.]+)": "((?:[^"\\]|\\.)*)"', texts))
    del ours["unknown"], ours["connection.lost"]
    assert ours == {code: meaning.text for code, meaning in errors.CODES.items()}


def test_the_page_stops_at_the_same_close_codes_as_the_protocol() -> None:
    errors = pytest.importorskip("chatserver.errors")
    socket = (STATIC / "lib" / "socket.js").read_text(encoding="utf-8")
    match = re.search(r"FATAL_CLOSE = (\d+)", socket)
    assert match and int(match[1]) == errors.CLOSE_BAD_FRAME
    texts = (STATIC / "texts" / "en.js").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r'"status\.(\d+)"', texts)}
    fatal = {
        value for name, value in vars(errors).items() if name.startswith("CLOSE_") and value >= 4450
    }
    assert told == fatal - {errors.CLOSE_REJECTED}  # that one leads back to the sign-in


def test_no_markup_is_ever_built_from_text() -> None:
    """The pages' own rule: nodes and text only, nothing a Content-Security-Policy would have to stop."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|setAttribute\(\"style\""
    )
    for path in STATIC.rglob("*.js"):
        assert not forbidden.search(path.read_text(encoding="utf-8")), path.name
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", html)


def test_every_file_the_page_names_exists() -> None:
    sources = [STATIC / "index.html", STATIC / "manifest.webmanifest", *STATIC.rglob("*.js")]
    for source in sources:
        text = source.read_text(encoding="utf-8")
        for name in re.findall(r'["\']/static/([\w./-]+)["\']', text):
            assert (STATIC / name).is_file(), f"{source.name}: {name}"
        for name in re.findall(r'(?:from|import) "(\.[\w./-]+)"', text):
            assert (source.parent / name).is_file(), f"{source.name}: {name}"


def test_the_page_on_places_lists_all_of_them_and_all_of_the_interface() -> None:
    written = (STATIC.parent / "docs/plugins/page.md").read_text(encoding="utf-8")
    places = (STATIC / "lib" / "places.js").read_text(encoding="utf-8")
    there = set(re.findall(r'^  "([\w.]+/v\d+)":', places, re.MULTILINE))
    assert set(re.findall(r"^\| `([\w.]+/v\d+)` \|", written, re.MULTILINE)) == there
    plugins = (STATIC / "lib" / "plugins.js").read_text(encoding="utf-8")
    inside = plugins[plugins.index("return Object.freeze({") : plugins.index("/** One line in the")]
    names = set(re.findall(r"^      (\w+)[:,]", inside, re.MULTILINE))
    rows = re.findall(r"^\| `page\.[^/\n]*`.*", written, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`page\.(\w+)", row)} == names
