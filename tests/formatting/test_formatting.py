"""What texts are shown as: the cases that the page's parser is held to, too, and what no text can do."""

import gc
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.formatting import body_html, body_plain
from chatserver.formatting.blocks import MOST_PARTS, parse

HERE = Path(__file__).parent
CASES = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
HOSTILE = json.loads((HERE / "hostile.json").read_text(encoding="utf-8"))
PARTS = [
    *("*", "**", "***", "_", "__", "~", "~~", "|", "||", "`", "``", "```", "~~~", "[", "]", "(", ")", "]("),
    *("[a](http://a.b)", "[x.yz](https://a.b/c)", "https://a.b", "HTTP://", "mailto:a@b.c", "\\", "<", ">"),
    *("- ", "1. ", "2) ", "* ", "> ", ">>", "# ", "---", "|a|b|", "\n|-|\n", ":-:", "[x] ", "[ ] "),
    *(" ", "    ", "\n", "\n\n", "\t", "\r", "\r\n", "a", "b2", "snake_case", "a.", ",", '"', "'", "&", "@", "%"),
    *("重要", "、", "「", "」", "。", "é", "ſ", "😀", "\u3000", "\u00a0", "\u2028", "\u0085", "\ufeff", "\x1c"),
    "¯\\_(ツ)_/¯",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), max_size=40).map("".join)
ALLOWED = {
    **dict.fromkeys(["p", "br", "strong", "em", "del", "blockquote", "ul", "li", "hr", "pre"], ()),
    **dict.fromkeys(["table", "thead", "tbody", "tr", "h3", "h4", "h5"], ()),
    "a": ("href", "title", "rel"),
    "code": ("class",),
    "span": ("class",),
    "ol": ("start",),
    "th": ("align",),
    "td": ("align",),
}  # fmt: skip
ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "\tjavascript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "&#106;avascript:alert(1)",
    "//evil.example",
    "https:javascript:alert(1)",
    'https://a.b/"onmouseover="alert(1)',
    "https://a.b/'onmouseover='alert(1)",
    "https://a.b/`onmouseover=alert(1)",
    "https://a.b\\@evil.example",
    "https://a.b/><script>alert(1)</script>",
    "mailto:a@b.c\"onclick='alert(1)'",
]
AROUND = [
    "{}",
    "[a]({})",
    "[{}](https://a.b)",
    "`{}`",
    "```{}\n{}\n```",
    "||{}||",
    "|{}|\n|-|\n|{}|",
]


def json_of(text: str) -> Any:
    return json.loads(msgspec.json.encode(parse(text)))


@pytest.mark.parametrize("case", CASES, ids=[case["text"][:40] for case in CASES])
def test_texts_are_shown_as_the_cases_say(case: dict[str, Any]) -> None:
    assert json_of(case["text"]) == case["tree"]
    assert body_plain(case["text"]) == case["plain"]
    assert body_html(case["text"]) == case["html"]


@pytest.fixture(scope="module")
def page() -> Iterator[Callable[[str], Any]]:
    """The page's parser, in node."""
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    with subprocess.Popen(
        [node, HERE / "same.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def ask(text: str) -> Any:
            process.stdin.write(json.dumps(text).encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


@settings(max_examples=400, deadline=None)
@given(text=TEXTS)
def test_the_page_makes_the_same_of_any_text(page: Callable[[str], Any], text: str) -> None:
    assert page(text) == [json_of(text), body_plain(text)]


@pytest.mark.parametrize("piece", ["*a* ", "- a\n", "a\n\n", "> - **a**\n", "|a|b|\n|-|-|\n" * 3])
def test_both_stop_at_the_same_part_of_a_text_with_too_many(
    page: Callable[[str], Any], piece: str
) -> None:
    text = piece * (MOST_PARTS + 10)
    assert page(text) == [json_of(text), body_plain(text)]


def test_a_text_has_no_more_parts_than_a_page_can_draw() -> None:
    for piece in ("*a* ", "- a\n", "a\n\n", "`a` ", "https://a.b ", "|a|\n|-|\n", "|a|b|\n"):
        text = "|a|b|\n|-|-|\n" + piece * (2 * MOST_PARTS)
        assert 300 < body_html(text).count("</") <= MOST_PARTS + 10, piece


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(html: str) -> None:
    """All elements are those that this makes, and are closed in order; links lead to addresses alone."""
    elements = Elements()
    elements.feed(html)
    elements.close()
    assert elements.open == []
    for tag, attributes in elements.found:
        assert set(attributes) <= set(ALLOWED[tag]), (tag, attributes)
        if tag == "a":
            assert attributes["rel"] == "noopener noreferrer nofollow"
            target = (attributes["href"] or "").lower()
            assert target.startswith(("https://", "http://", "mailto:")), target


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_becomes_markup(attack: str) -> None:
    for around in AROUND:
        check(body_html(around.replace("{}", attack)))


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_html_is_whole_and_of_few_elements(text: str) -> None:
    check(body_html(text))


@contextmanager
def no_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds(text: str) -> float:
    """The least processor time of some tries."""
    tries = []
    for _ in range(3):
        begun = time.process_time()
        body_html(text)
        body_plain(text)
        tries.append(time.process_time() - begun)
    return min(tries)


@pytest.mark.parametrize("seed", HOSTILE, ids=ascii)
def test_time_grows_with_the_length_alone(seed: str) -> None:
    text = seed * (16_000 // len(seed))
    with no_collection():
        assert seconds(text) < 10 * max(seconds(text[: len(text) // 4]), 0.0005)
