"""Hours without notices, and words that count as mentions: as on the page, of which the cases are."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chatserver_plugins.push.wishes import MOST_WORDS, folded, is_quiet, pattern_of

CASES = json.loads((Path(__file__).parents[1] / "page/wishes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES["quiet"], ids=str)
def test_quiet_hours(case: dict[str, Any]) -> None:
    names = {"schedule": "page.notify.schedule", "until": "page.notify.until"}
    preferences = {names[key]: case[key] for key in names if key in case}
    assert is_quiet(preferences, datetime.fromisoformat(case["at"]).timestamp()) is case["is"]


@pytest.mark.parametrize("case", CASES["words"], ids=str)
def test_words(case: dict[str, Any]) -> None:
    pattern = pattern_of(case["words"])
    assert (pattern is not None and bool(pattern.search(folded(case["text"])))) is case["is"]


def test_a_zone_that_does_not_exist_is_that_of_the_server() -> None:
    for zone in ("No/Where", "../etc/passwd", "/etc/passwd", "x" * 64):
        assert is_quiet({"page.notify.schedule": f"1234567 00:00 00:00 {zone}"}, 0.0)


def test_words_beyond_the_most_do_not_count() -> None:
    pattern = pattern_of("\n".join(f"w{number}" for number in range(MOST_WORDS + 1)))
    assert pattern is not None
    assert pattern.search("w49") and not pattern.search("w50")
