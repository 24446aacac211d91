"""What all tests share."""

from collections.abc import Iterator

import pytest
from tornado.ioloop import IOLoop

# Here, before any test imports it: the contract suites are part of the product, and assert.
pytest.register_assert_rewrite("chatserver.testing")


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """The loop that pytest-tornasync runs a test on, made without calls that Tornado retires."""
    loop = IOLoop(make_current=False)
    yield loop
    loop.close()
