"""The Japanese texts for staff, against the codes that the server sends."""

import re
from pathlib import Path

from chatserver.status.problems import CODES

TEXTS = Path(__file__).parents[2] / "static" / "texts" / "staff" / "ja.js"


def test_japanese_has_a_text_for_every_problem_of_an_installation() -> None:
    written = TEXTS.read_text(encoding="utf-8")
    assert set(re.findall(r'"error\.([\w.]+)":', written)) == set(CODES)
