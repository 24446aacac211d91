"""Hours without notices, and words that count as mentions: as on the page, of which the cases are."""

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chatserver.service.notifying.wishes import (
    MOST_WORDS,
    folded,
    is_quiet,
    pattern_of,
    quiet_until,
)

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


@pytest.mark.parametrize(
    "at, schedule, until, end",
    [
        ("2023-11-14T12:00Z", "", "", None),
        ("2023-11-14T12:00Z", "2 13:00 14:00 UTC", "", None),
        ("2023-11-14T13:30Z", "2 13:00 14:00 UTC", "", "2023-11-14T14:00Z"),
        ("2023-11-14T23:30Z", "2 23:00 07:00 UTC", "", "2023-11-15T07:00Z"),
        ("2023-11-15T06:30Z", "2 23:00 07:00 UTC", "", "2023-11-15T07:00Z"),
        ("2023-11-14T22:30Z", "2 23:00 07:00 Europe/Berlin", "", "2023-11-15T06:00Z"),
        ("2023-11-14T12:00Z", "", "2023-11-14T15:00Z", "2023-11-14T15:00Z"),
        ("2023-11-14T12:00Z", "2 14:00 16:00 UTC", "2023-11-14T15:00Z", "2023-11-14T16:00Z"),
        ("2023-11-14T12:00Z", "2 11:00 13:00 UTC", "2023-11-14T15:00Z", "2023-11-14T15:00Z"),
        ("2023-11-13T00:00Z", "12345 00:00 00:00 UTC", "", "2023-11-18T00:00Z"),
        ("2023-11-13T12:00Z", "1234567 00:00 00:00 UTC", "", "never"),
    ],
)
def test_quiet_hours_end(at: str, schedule: str, until: str, end: str | None) -> None:
    preferences = {"page.notify.schedule": schedule, "page.notify.until": until}
    found = quiet_until(preferences, datetime.fromisoformat(at).timestamp())
    expected = {None: None, "never": math.inf}
    assert found == (
        expected[end] if end in expected else datetime.fromisoformat(end or "").timestamp()
    )
