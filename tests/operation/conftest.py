"""Fixtures that the tests of tests/operation share."""

from collections.abc import Iterator

import pytest

from tests import tools
from tests.operation import images


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[images.Engine]:
    """buildah and podman, with a storage that is removed at the end of the session."""
    tools.need_root()
    for tool in ("buildah", "mmdebstrap", "podman", "runc"):
        tools.need_tool(tool)
    made = images.Engine(tmp_path_factory.mktemp("engine"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def base_image(engine: images.Engine) -> str:
    """The name of an image of Debian with its Python."""
    return images.make_base(engine)


@pytest.fixture(scope="session")
def server_image(engine: images.Engine, base_image: str) -> str:
    """The name of the server's image, built from this checkout on `base_image`."""
    return images.make_server(engine)
