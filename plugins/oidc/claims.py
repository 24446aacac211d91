"""Turns a provider's claims into an identity."""

from collections.abc import Mapping
from typing import Any

from chatserver import Identity, ServerRole
from chatserver_plugins.oidc.answers import not_in_group
from chatserver_plugins.oidc.config import Provider

TEXT_CHARS = 500
STRENGTH = tuple(ServerRole)  # strongest first


def subject_of(issuer: str, sub: str) -> str:
    """What identifies somebody for ever: the issuer too, as another one may give the same `sub`."""
    return f"{issuer} {sub}"


def identity_of(claims: Mapping[str, Any], config: Provider) -> Identity:
    """Somebody as these claims say. Raises `ChatError` auth.refused without a required group."""
    groups = _texts(claims.get(config.groups_claim))
    if config.required_groups and not set(groups) & set(config.required_groups):
        raise not_in_group()
    return Identity(
        subject=subject_of(config.issuer, claims["sub"]),
        username=_text(claims.get(config.username_claim)),
        name=_text(claims.get(config.name_claim)),
        email=_text(claims.get("email")),
        groups=groups,
        role=_role(groups, config.roles),
        is_strong=config.second_factor and "mfa" in _texts(claims.get("amr")),
        sid=_text(claims.get("sid")),
    )


def _role(groups: tuple[str, ...], roles: Mapping[str, ServerRole]) -> ServerRole | None:
    if not roles:
        return None
    found = [roles[group] for group in groups if group in roles]
    return min(found, key=STRENGTH.index, default=ServerRole.MEMBER)


def _texts(value: object) -> tuple[str, ...]:
    """The texts of a list; some providers send a single one without a list."""
    values = value if isinstance(value, list) else [value]
    return tuple(each for each in values if isinstance(each, str))


def _text(value: object) -> str:
    return value[:TEXT_CHARS] if isinstance(value, str) else ""
