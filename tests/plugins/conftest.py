"""Fixtures that the tests of the plugins share."""

import pytest
from dict_records import DictRecords


@pytest.fixture
def records() -> DictRecords:
    return DictRecords()
