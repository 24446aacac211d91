"""Each mistake refuses to start, and is named with its path."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.config import Config, load
from chatserver.config.sections import Section
from chatserver.config.settings import convert
from chatserver.config.text import sections, toml_value
from chatserver.errors import StartupError


def refusal(
    source: str | None = None, environ: dict[str, str] | None = None, **set_: object
) -> str:
    overrides = {key.replace("__", "."): value for key, value in set_.items()}
    with pytest.raises(StartupError) as caught:
        load(source, environ=environ or {}, overrides=overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1", "server.prot: unknown key (did you mean port?)"),
        ("[sever]\nport = 1", "sever: unknown key (did you mean server?)"),
        ("[server]\nport = '4000'", "server.port: expected a whole number from 0 to 65535, got '4000'"),
        ("[server]\nport = 65536", "server.port: expected a whole number from 0 to 65535, got 65536"),
        ("[server]\nport = true", "server.port: expected a whole number from 0 to 65535, got True"),
        ("[server]\nhost = 5", "server.host: expected text, got 5"),
        ("[server]\ndata = ''", "server.data: expected text, not empty, got ''"),
        ("[server]\nregistration = 'no'", "server.registration: expected one of open, closed, got 'no'"),
        ("[server]\ndebug = 'yes'", "server.debug: expected true or false, got 'yes'"),
        ("[server]\ntrusted_proxies = [5]", "server.trusted_proxies: expected a list of text, got [5]"),
        ("[server]\ntrusted_proxies = ['x']", "server.trusted_proxies: 'x' is not an address or network"),
        (
            "[server]\nallowed_origins = ['*']",
            "server.allowed_origins: expected an origin such as https://chat.example.org, got '*'",
        ),
        ("[server]\ntls_key = 'k'", "server.tls_certificate: required, TLS needs both tls_certificate and tls_key"),
        ("[limits]\nslow_seconds = nan", "limits.slow_seconds: expected a number above 0, got nan"),
        ("[limits]\nbuffer_soft_bytes = 2000000", "limits.buffer_soft_bytes: may not be above buffer_hard_bytes"),
        ("server = 5", "server: expected a table, got 5"),
        ("plugin = 5", "plugin: expected a table, got 5"),
        ("plugin.mongo = 5", "plugin.mongo: expected a table, got 5"),
        ("[server]\nhost = {}", "server.host: expected text, got a table"),
    ],
)  # fmt: skip
def test_a_wrong_value_in_a_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "chat.toml"
    path.write_text(text)
    assert refusal(str(path)) == f"{path}: {message}"


def test_a_setting_that_was_renamed_is_refused_with_its_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = {
        "server.address": "server.host",
        "plugin.web.hooks.NAME.to": "plugin.web.out.NAME.uri",
    }
    monkeypatch.setattr("chatserver.config.renamed.RENAMED", renamed)
    path = tmp_path / "chat.toml"
    path.write_text("[server]\naddress = 'x'\nport = 1\n[plugin.web.hooks.ci]\nto = 'x'\n")
    assert refusal(str(path)).splitlines() == [
        f"{path}: server.address: it is called server.host now",
        f"{path}: plugin.web.hooks.ci.to: it is called plugin.web.out.ci.uri now",
    ]
    variable = "CHATSERVER_SERVER__ADDRESS"
    expected = f"{variable}: it is called CHATSERVER_SERVER__HOST now"
    assert refusal(environ={variable: "x"}) == expected
    expected = "command line: server.address: it is called server.host now"
    assert refusal(server__address="x") == expected


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "chat.toml"
    path.write_text("[server]\nprot = 1\nhost = 2\n[limits]\nconnections = 0\n")
    assert len(refusal(str(path)).splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n[server\n", "Expected ']' at the end of a table declaration (at line 2, column 8)"),
        (b"a = '\xff'", "not UTF-8 at byte 5"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "chat.toml"
    if content is not None:
        path.write_bytes(content)
    assert refusal(str(path)) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SERVER__PORT", "x", "expected a whole number from 0 to 65535, got 'x'"),
        ("SERVER__PORT", "", "expected a whole number from 0 to 65535, got ''"),
        ("LIMITS__SLOW_SECONDS", "inf", "expected a number above 0, got 'inf'"),
        ("SERVER__TRUSTED_PROXIES", "[5", "expected a list of text, got '[5'"),
        ("SERVER__PROT", "1", "unknown key (did you mean port?)"),
        ("SERVER_PORT", "1", "unknown variable (did you mean CHATSERVER_SERVER__PORT?)"),
        ("PORT", "4000", "unknown variable (did you mean CHATSERVER_SERVER__PORT?)"),
        ("PLUGIN__MONGO", "1", "unknown variable, expected CHATSERVER_SECTION__KEY"),
        ("SERVER__", "1", "unknown variable, expected CHATSERVER_SECTION__KEY"),
        ("SERVER__NAME_FILE", "/nowhere", "/nowhere: No such file or directory"),
    ],
)
def test_a_wrong_variable(name: str, value: str, message: str) -> None:
    assert refusal(environ={f"CHATSERVER_{name}": value}) == f"CHATSERVER_{name}: {message}"


def test_a_variable_may_not_be_given_twice(tmp_path: Path) -> None:
    environ = {"CHATSERVER_SERVER__NAME": "a", "CHATSERVER_SERVER__NAME_FILE": "/b"}
    assert refusal(environ=environ) == (
        "CHATSERVER_SERVER__NAME_FILE: CHATSERVER_SERVER__NAME is set too, expected one of them"
    )


def test_a_wrong_log_level_is_named_by_its_variable() -> None:
    assert refusal(environ={"LOG_LEVEL": "loud"}).startswith("LOG_LEVEL: expected one of trace,")


def test_a_wrong_value_on_the_command_line() -> None:
    assert refusal(server__port="x") == (
        "command line: server.port: expected a whole number from 0 to 65535, got 'x'"
    )


class Settings(Section, frozen=True, kw_only=True):
    uri: str
    pool: Annotated[int, msgspec.Meta(ge=1)] = 10
    key: str = ""


def test_a_plugins_section_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "chat.toml"
    path.write_text("[plugin.mongo]\nuri = 5\n")
    loaded = load(str(path), environ={"CHATSERVER_PLUGIN__MONGO__POOL": "many"})
    with pytest.raises(StartupError) as caught:
        convert(loaded.config.plugin["mongo"], Settings, "plugin.mongo")
    assert str(caught.value).splitlines() == [
        f"{path}: plugin.mongo.uri: expected text, got 5",
        "CHATSERVER_PLUGIN__MONGO__POOL: expected a whole number at least 1, got 'many'",
    ]


def test_a_plugins_section_that_lacks_a_key() -> None:
    with pytest.raises(StartupError, match=r"^plugin\.mongo\.uri: required, expected text$"):
        convert({}, Settings, "plugin.mongo")


def test_a_secret_of_the_wrong_type_is_not_shown() -> None:
    with pytest.raises(StartupError, match=r"^p\.key: expected text, got \*\*\*$"):
        convert({"uri": "", "key": 1234}, Settings, "p")


KNOWN = [(name, field.name) for name, kind in sections() for field in msgspec.structs.fields(kind)]


@given(
    section=st.sampled_from([name for name, _ in sections()]),
    key=st.text(st.characters(categories=("L", "N"), include_characters="_-"), min_size=1),
    value=st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text()),
)
def test_any_unknown_key_is_named(section: str, key: str, value: object) -> None:
    if (section, key) in KNOWN:
        return
    with pytest.raises(StartupError) as caught:
        convert({section: {key: value}}, Config)
    assert str(caught.value).startswith(f"{section}.{key}: unknown key")


@given(st.recursive(st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(), st.lists))
def test_values_written_as_toml_read_back(value: object) -> None:
    import tomllib

    assert tomllib.loads(f"key = {toml_value(value)}")["key"] == value
