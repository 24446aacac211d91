"""The server finds who is quoted in what the page forwards, and takes them out when they are erased."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chatserver.privacy.quotes import quote_in, without_author

ROOT = Path(__file__).parents[2]
FORWARDING = ROOT / "static/lib/forwarding.js"
LINK = "https://chat.example/m/06h30615rnn3sq8636xs-12"


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "node (20 or newer) is not installed"
        )
    return found


def forwarded(node: str, author: str, body: str, comment: str = "") -> str:
    """The text that the page sends."""
    program = f"""
        import {{ forwarded }} from {json.dumps(FORWARDING.as_uri())};
        const given = {json.dumps([{"author": {"name": author}, "body": body}, comment, LINK])};
        process.stdout.write(forwarded(...given).body);
    """
    done = subprocess.run(
        [node, "--input-type=module", "-e", program], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("comment", ["", "Look:\n\n> what I quote myself"])
@pytest.mark.parametrize(
    "body", ["hello", "two\n\nparagraphs\n", "> a quote\n> within", "x\n" * 50]
)
def test_what_the_page_forwards_is_found(node: str, body: str, comment: str) -> None:
    text = forwarded(node, "Ada *Lovelace*", body, comment)
    quote = quote_in(text)
    assert quote is not None
    assert quote.message == "06h30615rnn3sq8636xs-12"
    assert quote.before == (f"{comment}\n\n" if comment else "")
    named = without_author(quote, keeps_text=True)
    assert "Lovelace" in text
    assert "Lovelace" not in named
    assert named.splitlines()[-1] == LINK
    assert named.replace("> **deleted**", quote.lines[0]) == text, "the rest is as it was"
    assert without_author(quote, keeps_text=False) == f"{quote.before}> **deleted**\n\n{LINK}"
