"""Which addresses of a body count as its links."""

import pytest

from chatserver import body_links

A, B = "https://a.example/x", "http://b.example"
LINKS = {
    f"{A} and {B}.": [A, B],
    f"{A}\n\n{A} {B}": [A, B],
    f"See [this]({A}), **{B}**": [A, B],
    f"> {A}\n\n- [ ] _{B}_": [A, B],
    f"| {A} | b |\n|---|---|\n| ~~{B}~~ |": [A, B],
    f"# {A}\n1. {B}": [A, B],
    f"`{A}` {B}": [B],
    f"```\n{A}\n```\n{B}": [B],
    f"||{A}|| {B}": [B],
    f"**||{A}||** {B}": [B],
    f"<{A}> {B}": [B],
    f"*<{A}>* {B}": [B],
    f"<[this]({A})> {B}": [B],
    f"<b> {A} </b>": [A],
    f"<{A} {B}>": [A, B],
    f"a < {A} > b": [A],
    "mailto:anna@example.org [Anna](mailto:anna@example.org)": [],
    "HTTPS://A.example ftp://b.example": ["HTTPS://A.example"],
    "": [],
    "http:// https://": [],
}


@pytest.mark.parametrize("body", LINKS)
def test_links_of_a_body(body: str) -> None:
    assert body_links(body) == LINKS[body]
