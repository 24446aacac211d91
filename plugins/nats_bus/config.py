"""The settings of the plugin."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of NATS, and the subject for frames."""

    uri: Annotated[
        str,
        Meta(
            description="Address, as nats://user:password@host:4222, or tls:// to require TLS. "
            "Several servers of a cluster may be named, separated by commas.",
            min_length=1,
        ),
    ]
    subject: Annotated[
        str,
        Meta(description="Subject of this server's nodes.", pattern=r"^[\w-]+(\.[\w-]+)*$"),
    ] = "chatserver"
    ca_file: Annotated[
        str, Meta(description="File with the trusted authorities; empty: those of the system.")
    ] = ""
    timeout_ms: Annotated[
        int,
        Meta(
            description="Time limit for each call and each check that NATS answers, in "
            "milliseconds.",
            ge=100,
            le=60000,
        ),
    ] = 2000

    def __post_init__(self) -> None:
        for server in self.uri.split(","):
            if not _is_address(server):
                raise ValueError("uri: expected nats://host:4222 or tls://host:4222")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number
        return False
