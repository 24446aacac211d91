"""Powers of a plugin: what it uses that its hooks do not show, as its author declares it."""

import difflib
from collections.abc import Iterator
from typing import Any

import msgspec

from chatserver.errors import StartupError

CONFIGURED, DISCOVERED, ANY, LISTEN = "configured", "discovered", "any", "listen"
# The parts of `Service`.
PARTS = frozenset(
    (
        *(
            "accounts",
            "administration",
            "blobs",
            "blocks",
            "changes",
            "claims",
            "cleanings",
            "commands",
            "config",
        ),
        *(
            "connections",
            "contexts",
            "emails",
            "epoch",
            "exchange",
            "expiry",
            "following",
            "history",
            "hooks",
        ),
        *(
            "hub",
            "indexer",
            "inspect",
            "interactions",
            "live",
            "log",
            "logins",
            "messages",
            "notifying",
        ),
        *(
            "outage",
            "outbox",
            "overview",
            "own_emails",
            "people",
            "ping",
            "plugin_events",
            "preferences",
            "presence",
            "rates",
            "privacy",
            "removal",
            "replaced_texts",
        ),
        *("room_cache", "rooms", "search", "signed_in", "staff", "statuses", "store"),
        *("switches", "typing"),
    )
)


class Powers(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin uses that its hooks do not show: `powers = chatserver.Powers(…)` on the plugin's class.

    `network` holds the hosts to which it connects, such as `api.example.org`. Instead of a host, `configured` stands
    for those that its settings name, or variables in `secrets`; `discovered` for those that a configured service names
    in turn, as a cluster does; `any` for all; `listen` for sockets of its own on which it waits for others.
    `secrets` holds the environment variables with secrets that it reads. Secret settings show by their names.
    `service` holds the parts of the service that it uses, whole (`rooms`) or by the method (`messages.post`). The
    shorter ways of `Context` count as these: `context.messages` and `context.blobs` as the parts of that name, `claim`
    as `claims.add`, `release` as `claims.release`, `bot` as `accounts.bot`, `tell` as `hub.tell_user`,
    `hub.tell_companions`, `hub.tell_room` or `hub.tell_everybody`, `concern` and `remind` as
    `notifying.concern` and `notifying.remind`.
    """

    network: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    service: tuple[str, ...] = ()


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """The powers of a plugin, null if it does not declare them, and its settings that are never shown."""

    powers: Powers | None
    secret_settings: list[str]


def powers_of(name: str, kind: type[Any]) -> Powers | None:
    """The powers that a plugin's class declares; None without a declaration. Raises `StartupError` for a wrong one."""
    powers = getattr(kind, "powers", None)
    if powers is None:
        return None
    for problem in _problems(powers):
        raise StartupError(f"plugin {name}: powers: {problem}")
    assert isinstance(powers, Powers)
    return powers


def lines(declared: Declared) -> list[str]:
    """The powers for people, one a line: "network: configured". Secret settings are secrets, too."""
    powers, shown = declared.powers, [f"secret: {key}" for key in declared.secret_settings]
    if powers is None:
        return [*shown, "not declared"]
    return [
        *(f"network: {host}" for host in powers.network),
        *shown,
        *(f"secret: ${variable}" for variable in powers.secrets),
        *(f"service: {part}" for part in powers.service),
    ] or ["none"]


def _problems(powers: object) -> Iterator[str]:
    if not isinstance(powers, Powers):
        yield f"expected chatserver.Powers, got {type(powers).__name__}"
        return
    try:
        msgspec.convert(msgspec.to_builtins(powers), Powers)
    except (msgspec.ValidationError, TypeError) as error:
        yield str(error)
        return
    for name in (*powers.network, *powers.secrets):
        if not name or name != name.strip():
            yield f"{name!r} is no name"
    for name in powers.service:
        part, dot, method = name.partition(".")
        if part not in PARTS:
            close = difflib.get_close_matches(part, PARTS, n=1)
            yield f"the service has no part {part!r}" + (
                f" (did you mean {close[0]}?)" if close else ""
            )
        elif dot and not method.isidentifier():
            yield f"{name!r} is no method of a part"
