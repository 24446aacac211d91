"""The settings of the plugin."""

from typing import Annotated
from urllib.parse import parse_qsl

from msgspec import Meta

import chatserver


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """Where MongoDB is, and which collection is ours."""

    uri: Annotated[
        str,
        Meta(
            description="Address of a replica set, as mongodb://host:27017/?replicaSet=rs0; the "
            "store's own will do.",
            min_length=1,
        ),
    ]
    database: Annotated[
        str, Meta(description="Name of the database.", min_length=1, max_length=60)
    ] = "chatserver"
    collection: Annotated[
        str,
        Meta(
            description="Name of the collection that frames pass through; made if it is missing.",
            pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$",
        ),
    ] = "bus"
    timeout_ms: Annotated[
        int,
        Meta(
            description="No call takes longer, in milliseconds; nor does MongoDB stay silent "
            "longer than this and a second.",
            ge=100,
            le=60000,
        ),
    ] = 2000

    def __post_init__(self) -> None:
        if not self.uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("uri: expected mongodb://… or mongodb+srv://…")
        for name, value in parse_qsl(self.uri.partition("?")[2]):
            if name.lower() == "compressors" and "zlib" in value.lower():
                # Many versions of mongod leak memory through it, as the plugin mongo says.
                raise ValueError("uri: must not ask for zlib compression")
