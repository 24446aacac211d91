"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """Where the database is and how to reach it."""

    uri: Annotated[
        str,
        Meta(
            description="Address, as postgresql://user@host:5432/chatserver?sslmode=verify-full. "
            "Several hosts may be named, separated by commas: the one that takes writes is used.",
            min_length=1,
        ),
    ]
    schema: Annotated[
        str,
        Meta(
            description="Name of the schema that holds the tables; made if it is missing.",
            pattern="^[a-z_][a-z0-9_]{0,62}$",
        ),
    ] = "chatserver"
    connections: Annotated[
        int, Meta(description="Connections that a server may open.", ge=2, le=1000)
    ] = 10
    timeout_ms: Annotated[
        int,
        Meta(description="No call takes longer, in milliseconds; then it fails.", ge=100, le=60000),
    ] = 2500
    start_seconds: Annotated[
        int, Meta(description="Seconds to wait for the database at start.", ge=0, le=600)
    ] = 15

    def __post_init__(self) -> None:
        if not self.uri.startswith(("postgresql://", "postgres://")):
            raise ValueError("uri: expected postgresql://…")
