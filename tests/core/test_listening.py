"""The connection that a plugin may tell of something: told nothing where nothing can arrive."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chatserver.delivery.subscriber import News, Subscriber
from chatserver.hooks import listening
from chatserver.hooks.listening import NOTICE_BYTES, Listener, listener


def connection(**state: bool) -> tuple[Subscriber, list[Any]]:
    heard: list[Any] = []

    def hear(news: News) -> None:
        heard.append(news.payload)

    made = SimpleNamespace(closed=False, is_lagging=False, user=None, hear=hear)
    made.__dict__.update(state)
    return cast(Subscriber, made), heard


@pytest.mark.parametrize("state", [{"closed": True}, {"is_lagging": True}])
def test_a_connection_that_is_gone_or_does_not_read_is_told_nothing(state: dict[str, bool]) -> None:
    subscriber, heard = connection(**state)
    one = Listener("tea", subscriber)
    assert one.tell("ready") is False
    assert one.is_gone is state.get("closed", False)
    assert heard == []


def test_a_notice_has_the_name_of_its_plugin_and_is_bounded() -> None:
    subscriber, heard = connection()
    one = Listener("tea", subscriber)
    assert one.tell("ready", {"cups": 2}) is True
    (notice,) = heard
    assert (notice.plugin, notice.name, notice.payload) == ("tea", "ready", {"cups": 2})
    for name, payload in (("No", None), ("", None), ("ready", "x" * NOTICE_BYTES)):
        with pytest.raises(ValueError, match="a notice"):
            one.tell(name, payload)
    assert len(heard) == 1


def test_an_operation_knows_its_connection_while_it_runs() -> None:
    (first, _), (second, _) = connection(), connection()
    assert listener("tea") is None
    with listening.entered(first):
        one = listener("tea")
        assert one == Listener("tea", first)
        assert len({one, Listener("tea", first)}) == 1
        with listening.entered(second):
            assert listener("tea") != one
        assert listener("tea") == one
    assert listener("tea") is None
