"""The part of the Autobahn suite that fits into a test run, and what judges it."""

import json
from pathlib import Path

import pytest

from tests.autobahn import suite


def _report(folder: Path, **behaviours: tuple[str, str]) -> Path:
    index = folder / "index.json"
    cases = {
        name: {"behavior": behaviour, "behaviorClose": close}
        for name, (behaviour, close) in behaviours.items()
    }
    index.write_text(json.dumps({"chatserver": cases}))
    return index


def test_a_bad_closing_handshake_is_a_failure(tmp_path: Path) -> None:
    index = _report(
        tmp_path, a=("OK", "OK"), b=("NON-STRICT", "OK"), c=("OK", "FAILED"), d=("FAILED", "OK")
    )
    verdicts = suite.judge(index)
    assert suite.failures(verdicts) == {"c": "close FAILED", "d": "FAILED"}


def test_an_unimplemented_case_is_a_failure(tmp_path: Path) -> None:
    assert suite.failures(suite.judge(_report(tmp_path, a=("UNIMPLEMENTED", "OK"))))


def test_a_missing_report_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(suite.SuiteError):
        suite.judge(tmp_path / "index.json")


def test_quick_cases(tmp_path: Path) -> None:
    python = suite.find_python()
    if python is None:
        pytest.skip("no Python 2.7 at hand")
    wstest = suite.install(python, Path(".venv/autobahn").resolve())
    verdicts = suite.run(wstest, suite.QUICK_CASES, tmp_path)
    assert not suite.failures(verdicts), suite.summary(verdicts)
    assert len(verdicts) == suite.QUICK_COUNT
