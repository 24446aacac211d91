"""A provider, and a browser for the tests of the page."""

from collections.abc import Iterator

import pytest

from tests.oidc.provider import Provider, providing
from tests.page.conftest import browser, person

__all__ = ["browser", "person", "provider"]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found
