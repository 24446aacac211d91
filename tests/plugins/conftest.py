"""Fixtures that the tests of the plugins share."""

import pytest
from dict_records import DictRecords


@pytest.fixture
def records() -> DictRecords:
    return DictRecords()


@pytest.fixture(autouse=True)
def quiet_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A week on a `FakeClock` is not 10,000 looks for deleted rooms, which took most of the time of these tests."""
    monkeypatch.setattr("chatserver.service.deletion.EVERY", 3600.0)
