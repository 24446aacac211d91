"""What the page sends when a message is forwarded: names in the quote reach nobody, and no text gets out of the quote."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.service.texts import mentioned_names
from tests.formatting.test_formatting import PARTS, json_of

LINK = "https://chat.example/m/a-1"
NAMES = [
    "@ben",
    "@room",
    "@here",
    "@大久保",
    "@é",
    "@_",
    "@²",
    "\u2060",
    "\u0301",
    ".@a",
    "https://a.b/@c",
]
TEXTS = st.lists(st.sampled_from([*PARTS, *NAMES]), max_size=30).map("".join)
PEOPLE = st.lists(st.sampled_from(["Anna", "@ben", "**", "||", "`", "[a](b)", "#", ">", "\\", "大"]), min_size=1, max_size=6).map("".join)  # fmt: skip

Forward = Callable[[str, str, str], str]


@pytest.fixture(scope="module")
def forward() -> Iterator[Forward]:
    """The page's own function, in node."""
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    script = Path(__file__).parent / "forwarding.mjs"
    with subprocess.Popen([node, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None

        def ask(name: str, body: str, comment: str) -> str:
            process.stdin.write(json.dumps([name, body, comment]).encode() + b"\n")
            process.stdin.flush()
            return str(json.loads(process.stdout.readline()))

        yield ask
        process.stdin.close()


@settings(max_examples=400, deadline=None)
@given(name=PEOPLE, text=TEXTS, comment=TEXTS)
def test_the_server_finds_the_names_of_the_comment_alone(
    forward: Forward, name: str, text: str, comment: str
) -> None:
    body = forward(name, text, comment)
    assert mentioned_names(body) == mentioned_names(comment)


@settings(max_examples=400, deadline=None)
@given(name=PEOPLE, text=TEXTS, comment=TEXTS)
def test_the_quote_and_the_link_are_the_last_two_blocks(
    forward: Forward, name: str, text: str, comment: str
) -> None:
    *_, quote, link = json_of(forward(name, text, comment))
    assert quote["kind"] == "quote"
    assert link["children"][0]["href"] == LINK
