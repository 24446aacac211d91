"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of Redis, and the channel for frames."""

    uri: Annotated[
        str,
        Meta(
            description="Address, such as redis://user:password@host:6379, or rediss:// for TLS.",
            min_length=1,
        ),
    ]
    channel: Annotated[
        str, Meta(description="Channel of this server's nodes.", min_length=1, max_length=200)
    ] = "chatserver"
    timeout_ms: Annotated[
        int,
        Meta(
            description="Time limit for each call and each check that Redis answers, in "
            "milliseconds.",
            ge=100,
            le=60000,
        ),
    ] = 2000

    def __post_init__(self) -> None:
        if not self.uri.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("uri: expected redis://…, rediss://… or unix://…")
