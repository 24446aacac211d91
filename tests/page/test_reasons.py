"""A Japanese reader is told every reason for refusing a request in Japanese."""

import re
from typing import get_args

from chatserver_plugins.password.strength import Reason
from chatserver_plugins.pictures.desk import WORDS
from tests.docs.pages import ROOT

DETAIL = re.compile(r'"field": "(\w+)", "reason": "(\w+)"')
REFUSED = re.compile(r'\b_?refused\(\s*"(\w+)",\s*"(\w+)"')
LINE = re.compile(r'clean_line\(.+?, "(\w+)", "')
TIMES = re.compile(r'_refused\(field, "(\w+)"')
CLAIMED = re.compile(r'\.claim\([^)]*, "(\w+)"[,)]')


def test_every_reason_has_a_text() -> None:
    texts = "".join(file.read_text() for file in (ROOT / "static" / "texts").rglob("ja.js"))
    there = set(re.findall(r'"why\.(\w+\.\w+)":', texts))
    said = {f"password.{reason}" for reason in get_args(Reason)}
    folders = (ROOT / "chatserver", ROOT / "plugins")
    for file in sorted(file for folder in folders for file in folder.rglob("*.py")):
        source = file.read_text()
        said |= {".".join(found) for found in DETAIL.findall(source) + REFUSED.findall(source)}
        said |= {f"{field}.length" for field in LINE.findall(source)}
        said |= {f"{field}.similar" for field in CLAIMED.findall(source)}
        said |= {f"at.{reason}" for reason in TIMES.findall(source)}
    said |= {f"picture.{reason}" for reason in WORDS}
    # Two words of one name of a user; both fields are checked alike.
    said.add("username.scripts")
    said.add("name.scripts")
    assert len(said) > 20
    assert said == there
