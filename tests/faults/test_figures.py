"""The figures of several runs add up in a file."""

from pathlib import Path

import pytest

from tests.faults import figures


@pytest.fixture(autouse=True)
def nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides the measurements of other tests of this run, and puts them back afterwards."""
    monkeypatch.setattr(figures, "_rows", {})
    monkeypatch.setattr(figures, "_trials", [])


def measure(fault: str, value: str, *, store: str = "MongoDB", control: bool = False) -> None:
    figures.record(fault, "pause", value)
    trial = figures.Trial(
        fault=fault,
        store=store,
        seed=1,
        acknowledged=1000,
        findings=0,
        gap=0.5,
        caught_up=0.25,
        memory=1 << 20,
        is_control=control,
    )
    figures.record_trial(trial)


def test_a_sheet_collects_what_several_runs_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(figures.SHEET, str(tmp_path / "sheet.json"))
    for fault, value in (("9 one", "1 s"), ("10 other", "2 s"), ("9 one", "3 s")):
        monkeypatch.setattr(figures, "_rows", {})
        monkeypatch.setattr(figures, "_trials", [])
        measure(fault, value)
        figures.collect()
    assert figures.rows() == [("9 one", "pause", "1 s · 3 s"), ("10 other", "pause", "2 s")]
    assert [row[:4] for row in figures.trials()] == [
        ("9 one", "MongoDB", "1", "1,000"),
        ("9 one", "MongoDB", "1", "1,000"),
        ("10 other", "MongoDB", "1", "1,000"),
    ]
    assert figures.totals() == [("MongoDB", "3,000")]


def test_figures_of_another_process_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    measure("9 one", "1 s")
    theirs = figures.sheet()
    monkeypatch.setattr(figures, "_rows", {})
    monkeypatch.setattr(figures, "_trials", [])
    measure("9 one", "2 s")
    figures.add(theirs)
    assert figures.rows() == [("9 one", "pause", "2 s · 1 s")]
    assert figures.totals() == [("MongoDB", "2,000")]


def test_the_ways_to_run_a_store_count_together() -> None:
    measure("9 one", "1 s")
    measure("9 two", "1 s", store="MongoDB, three members")
    assert figures.totals() == [("MongoDB", "2,000")]


def test_controls_do_not_count(tmp_path: Path) -> None:
    measure("9 one", "1 s", control=True)
    assert figures.totals() == []
