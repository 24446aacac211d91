"""The broker that most tests share; each has a topic of its own."""

import secrets
from collections.abc import Iterator

import pytest

from tests.kafka.broker import Broker


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def broker(shared_broker: Broker) -> Broker:
    """A running broker, even if the test before stopped it."""
    shared_broker.kill()
    shared_broker.start()
    return shared_broker


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"events.{secrets.token_hex(4)}"
    broker.add_topic(name)
    return name
