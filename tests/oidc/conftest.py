"""A provider, and a browser for the tests of the page."""

from collections.abc import Iterator

import pytest

from tests.oidc.provider import Provider, providing
from tests.page.conftest import person

__all__ = ["person", "provider"]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found
