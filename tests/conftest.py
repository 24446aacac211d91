"""What all tests share."""

from collections.abc import Iterator

import pytest
from tornado.ioloop import IOLoop


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """The loop that pytest-tornasync runs a test on, made without calls that Tornado retires."""
    loop = IOLoop(make_current=False)
    yield loop
    loop.close()
