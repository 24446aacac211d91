"""Adds up the processor time of the tests by folder, and says at the end which were the dearest.

The suite is bound by the processor: `make test` keeps its promised time only while these figures stay small.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests import forking

SHOWN = 10
KEY = "processor_seconds"  # in what a process of pytest-xdist hands over at its end
OTHER = "importing, ending"  # what belongs to no test

lasting = 0.0  # seconds of processes that go on from test to test, set by those who keep them


class ProcessorTime:
    """A plugin of pytest. Processes that a test started count once they have ended and been waited for.

    The browser that tests share counts at the end of each module that uses it.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seconds: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        before = used()
        answer = yield
        self._seconds[folder_of(item.nodeid)] += used() - before
        return answer

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if self._config.pluginmanager.has_plugin("dsession"):
            return  # its processes do the work
        self._seconds[OTHER] += used() - self._seconds.total()
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[KEY] = dict(self._seconds)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        self._seconds.update(getattr(node, "workeroutput", {}).get(KEY, {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(summary(self._seconds))


def used() -> float:
    """Seconds of processor time of this process, of its children and forks that have ended, and of those that last."""
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    return own + forking.seconds + lasting


def folder_of(nodeid: str) -> str:
    """The name of the folder in tests/, or of the file there."""
    return Path(nodeid.partition("::")[0]).parts[:2][-1]


def summary(seconds: Counter[str]) -> str:
    dearest = ", ".join(f"{name} {spent:.0f}" for name, spent in seconds.most_common(SHOWN))
    return f"processor time: {seconds.total():.0f} s; {dearest}"
