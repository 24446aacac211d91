"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """Where PostgreSQL is, and which channel is ours."""

    uri: Annotated[
        str,
        Meta(
            description="Address, as postgresql://user@host:5432/chatserver?sslmode=verify-full; "
            "the store's own will do. Of several hosts the one that takes writes is used.",
            min_length=1,
        ),
    ]
    channel: Annotated[
        str, Meta(description="Channel of this server's nodes.", pattern="^[a-z_][a-z0-9_]{0,62}$")
    ] = "chatserver"
    timeout_ms: Annotated[
        int,
        Meta(
            description="No call takes longer, in milliseconds; nor does PostgreSQL stay silent "
            "longer when it is asked whether it is there.",
            ge=100,
            le=60000,
        ),
    ] = 2000

    def __post_init__(self) -> None:
        if not self.uri.startswith(("postgresql://", "postgres://")):
            raise ValueError("uri: expected postgresql://…")
