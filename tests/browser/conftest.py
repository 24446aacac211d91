"""The data browser over the stores that are tested with it."""

from collections.abc import Iterator

import pytest

from tests.browser.world import World
from tests.protocol.running import Running
from tests.servers import Mongod


def over(store: str, tmp_path_factory: pytest.TempPathFactory, **more: object) -> Iterator[World]:
    plugins = [store, "password", "metrics", "audit", "browser"]
    overrides = {"plugins.enabled": plugins, "plugin.audit.flush_seconds": 0.05, **more}
    with Running(tmp_path_factory.mktemp(store), overrides) as running:
        yield World(running)


@pytest.fixture(scope="package")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from over("sqlite", tmp_path_factory)


@pytest.fixture(scope="package")
def on_mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    mongod.start()
    yield from over("mongo", tmp_path_factory, **{"plugin.mongo.uri": mongod.uri})
    mongod.stop()


@pytest.fixture(params=["on_sqlite", "on_mongo"], ids=["sqlite", "mongo"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world over each store in turn. No request may cause an error in the server."""
    found: World = request.getfixturevalue(request.param)
    found.server.take_errors()  # those of other servers, which ran beside it
    yield found
    assert not found.server.take_errors()
