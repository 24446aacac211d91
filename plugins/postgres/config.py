"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of the database, and how to connect."""

    uri: Annotated[
        str,
        Meta(
            description="Address, such as postgresql://user@host:5432/chatserver?sslmode=verify-full. "
            "Of several hosts, separated by commas, the one that accepts writes is used.",
            min_length=1,
        ),
    ]
    schema: Annotated[
        str,
        Meta(
            description="Name of the schema for the tables; made if it is missing.",
            pattern="^[a-z_][a-z0-9_]{0,62}$",
        ),
    ] = "chatserver"
    connections: Annotated[
        int, Meta(description="Most connections that a server opens.", ge=2, le=1000)
    ] = 10
    timeout_ms: Annotated[
        int,
        Meta(description="Time limit for each call, in milliseconds.", ge=100, le=60000),
    ] = 2500
    start_seconds: Annotated[
        int, Meta(description="Seconds to wait for the database at start.", ge=0, le=600)
    ] = 15

    def __post_init__(self) -> None:
        if not self.uri.startswith(("postgresql://", "postgres://")):
            raise ValueError("uri: expected postgresql://…")
