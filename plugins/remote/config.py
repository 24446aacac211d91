"""The settings, with one table for each service, under its name."""

from typing import Annotated

from msgspec import Meta, field

from chatserver import Settings, TableName, signing_key

UNIX = "unix:"


class Remote(Settings, frozen=True, kw_only=True):
    """A service that answers hooks in a process of its own."""

    uri: Annotated[
        str,
        Meta(
            description="Where it listens: http://…, https://…, or unix: and the path of a socket.",
            extra={"operator": True},
        ),
    ]
    secret: Annotated[
        str,
        Meta(description="Secret that signs requests: text, or whsec_ and base64.", min_length=16),
    ]
    seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Time limit for an answer; plugins.deadline_seconds must be longer than those of "
            "all services together.",
        ),
    ] = 1.0
    ca_file: Annotated[
        str,
        Meta(
            description="File with the trusted authorities for https; empty: those of the system."
        ),
    ] = ""
    command: Annotated[
        list[str],
        Meta(
            description="Program and arguments that the server starts, and restarts at most three times "
            "an hour; empty: somebody else runs it.",
            extra={"operator": True},
        ),
    ] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.uri.startswith(("http://", "https://", UNIX)):
            raise ValueError("uri: expected http://…, https://… or unix:PATH")
        signing_key(self.secret)


class RemoteConfig(Settings, frozen=True, kw_only=True):
    """Services are asked in this order."""

    services: Annotated[
        dict[TableName, Remote], Meta(description="Services that answer hooks, by name.")
    ] = field(default_factory=dict)
