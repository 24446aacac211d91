"""The line about processor time at the end of `make test`."""

from collections import Counter
from types import SimpleNamespace

import pytest

from tests.processor_time import KEY, ProcessorTime, folder_of, summary


def test_the_dearest_ten_are_shown() -> None:
    spent = Counter({f"folder{number}": number + 0.4 for number in range(12)})
    shown = ", ".join(f"folder{number} {number}" for number in range(11, 1, -1))
    assert summary(spent) == f"processor time: 71 s; {shown}"


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests/core/test_a.py::test_b[tests/x/y]", "core"),
        ("tests/page/plugins/test_a.py::test_b", "page"),
        ("tests/test_name.py::test_a", "test_name.py"),
    ],
)
def test_a_test_counts_for_its_folder(nodeid: str, name: str) -> None:
    assert folder_of(nodeid) == name


def test_what_several_processes_spent_is_added_up(pytestconfig: pytest.Config) -> None:
    written: list[str] = []
    whole = ProcessorTime(pytestconfig)
    for spent in ({"core": 2.0}, {"core": 3.0, "page": 1.0}):
        whole.pytest_testnodedown(SimpleNamespace(workeroutput={KEY: spent}))
    whole.pytest_testnodedown(SimpleNamespace())  # one that crashed
    whole.pytest_terminal_summary(SimpleNamespace(write_line=written.append))
    assert written == ["processor time: 6 s; core 5, page 1"]
