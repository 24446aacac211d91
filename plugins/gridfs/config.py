"""The settings of the plugin."""

from typing import Annotated
from urllib.parse import parse_qsl

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The address of MongoDB, and the bucket."""

    uri: Annotated[
        str,
        Meta(
            description="Address of MongoDB, such as mongodb://host:27017/?replicaSet=rs0; may be the store's.",
            min_length=1,
        ),
    ]
    database: Annotated[
        str, Meta(description="Name of the database.", min_length=1, max_length=60)
    ] = "chatserver"
    bucket: Annotated[
        str,
        Meta(
            description="Name of the bucket: its collections are NAME.files, NAME.chunks and NAME.writes; made if "
            "they are missing.",
            pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$",
        ),
    ] = "blobs"
    timeout_ms: Annotated[
        int, Meta(description="Time limit for each call, in milliseconds.", ge=100, le=60000)
    ] = 10_000

    def __post_init__(self) -> None:
        if not self.uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("uri: expected mongodb://… or mongodb+srv://…")
        for name, value in parse_qsl(self.uri.partition("?")[2]):
            if name.lower() == "compressors" and "zlib" in value.lower():
                # Many versions of mongod leak memory through zlib: see the plugin mongo.
                raise ValueError("uri: must not offer zlib compression")
