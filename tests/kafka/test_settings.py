"""Mistakes are named with their path, and secrets are not shown."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from chatserver import StartupError
from chatserver.config.settings import convert, is_secret
from chatserver_plugins.kafka import KafkaPlugin
from chatserver_plugins.kafka.client import options

BROKERS = {"brokers": ["a.example.org:9092", "[::1]:9093"]}

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"brokers": []}, "brokers: expected at least one"),
    ({"brokers": ["example.org"]}, "brokers: expected host:port, got 'example.org'"),
    ({"topic": "my topic"}, "topic: expected 1 to 249 of"),
    ({"topic": "chat.{kind}"}, "topic: expected 1 to 249 of"),
    ({"rooms": ["my room"]}, "rooms: 'my room' is not the id of a room"),
    ({"room_kinds": ["secret"]}, "room_kinds: expected a list of one of public, private, direct"),
    ({"ca_file": "ca.pem"}, "tls: must be true for ca_file"),
    ({"sasl": "plain", "username": "u", "password": "p"}, "sasl: plain sends the password"),
    ({"sasl": "scram-sha-512", "username": "u"}, "sasl: scram-sha-512 needs username and password"),
    ({"password": "p"}, "sasl: none does not use"),
    ({"timeout_ms": 10}, "timeout_ms: expected a whole number from 1000 to 300000, got 10"),
    ({"topics": []}, "topics: unknown key (did you mean topic?)"),
]


@pytest.mark.parametrize(("change", "text"), MISTAKES)
def test_mistakes_are_named_with_their_path(change: dict[str, Any], text: str) -> None:
    with pytest.raises(StartupError) as caught:
        convert(BROKERS | change, KafkaPlugin.Config, "plugin.kafka")
    assert f"plugin.kafka.{text}" in str(caught.value)


def test_the_password_is_not_shown() -> None:
    assert is_secret("password")


def test_an_invalid_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for key in ("ca_file", "certificate_file"):
        for name in ("missing.pem", "empty.pem"):
            config = KafkaPlugin.Config(tls=True, **BROKERS, **{key: str(tmp_path / name)})
            with pytest.raises(StartupError, match=rf"plugin\.kafka\.{key}: "):
                options(config)


def test_tls_checks_the_name_of_the_broker() -> None:
    context = options(KafkaPlugin.Config(tls=True, **BROKERS))["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
