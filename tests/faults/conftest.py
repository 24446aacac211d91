"""The table of figures at the end of a run."""

from typing import Any

from tests.faults import figures


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    if not figures.rows():
        return
    terminalreporter.section("figures of the faults")
    terminalreporter.write_line(figures.text())
    if exitstatus == 0 and figures.write_page():
        terminalreporter.write_line(f"written to {figures.PAGE}")
