"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of PostgreSQL, and the channel for frames."""

    uri: Annotated[
        str,
        Meta(
            description="Address, such as postgresql://user@host:5432/chatserver?sslmode=verify-full; may "
            "be the store's. Of several hosts, the one that accepts writes is used.",
            min_length=1,
        ),
    ]
    channel: Annotated[
        str, Meta(description="Channel of this server's nodes.", pattern="^[a-z_][a-z0-9_]{0,62}$")
    ] = "chatserver"
    timeout_ms: Annotated[
        int,
        Meta(
            description="Time limit for each call and each check that PostgreSQL answers, in "
            "milliseconds.",
            ge=100,
            le=60000,
        ),
    ] = 2000

    def __post_init__(self) -> None:
        if not self.uri.startswith(("postgresql://", "postgres://")):
            raise ValueError("uri: expected postgresql://…")
