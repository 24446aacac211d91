"""The settings of the plugin."""

from typing import Annotated

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """Where NATS is, and which subject is ours."""

    uri: Annotated[
        str,
        Meta(
            description="Address, as nats://user:password@host:4222 or tls:// for TLS. Several "
            "servers of a cluster may be named, separated by commas.",
            min_length=1,
        ),
    ]
    subject: Annotated[
        str,
        Meta(description="Subject of this server's nodes.", pattern=r"^[\w-]+(\.[\w-]+)*$"),
    ] = "chatserver"
    timeout_ms: Annotated[
        int,
        Meta(
            description="No call takes longer, in milliseconds; nor does NATS stay silent longer "
            "when it is asked whether it is there.",
            ge=100,
            le=60000,
        ),
    ] = 2000
