"""Without a terminal, a long command reports its progress every few seconds on standard error."""

from types import SimpleNamespace

import pytest

from chatserver.cli import progress


def test_a_line_when_it_is_due(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    with progress.progress("copied") as show:
        for done, at in ((1, 104.9), (20_000, 105.0), (30_000, 109.9), (1_000_000, 111.0)):
            clock.now = at
            show(done, 1_000_000)
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "copied: 20,000 of 1,000,000",
        "copied: 1,000,000 of 1,000,000",
    ]
    assert said.out == ""
