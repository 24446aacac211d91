"""The settings of the plugin."""

import re
from typing import Annotated, Literal

from msgspec import Meta

import chatserver

OFFERS_ZLIB = re.compile(r"[?&]compressors=[^&]*zlib", re.IGNORECASE)


class Config(chatserver.Settings, frozen=True):
    """Where the database is and how to reach it."""

    uri: Annotated[
        str,
        Meta(
            description="Address, as mongodb://host:27017/?replicaSet=rs0. Empty: the server "
            "starts a private mongod in its data folder."
        ),
    ] = ""
    database: Annotated[
        str, Meta(description="Name of the database.", min_length=1, max_length=60)
    ] = "chatserver"
    driver: Annotated[
        Literal["motor", "pymongo"],
        Meta(description="The library: Motor, or PyMongo's own asynchronous interface."),
    ] = "motor"
    timeout_ms: Annotated[
        int,
        Meta(description="No call takes longer, in milliseconds; then it fails.", ge=100, le=60000),
    ] = 2500
    start_seconds: Annotated[
        int, Meta(description="How long to wait for the database at start.", ge=0, le=600)
    ] = 15
    mongod: Annotated[
        str,
        Meta(
            description="Path of the private mongod. Empty: the one on the PATH, then the one "
            "that the extra `mongod` installs."
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.uri and not self.uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("uri: expected mongodb://… or mongodb+srv://…, or nothing")
        if OFFERS_ZLIB.search(self.uri):
            # Many versions of mongod leak memory through it (see store.py).
            raise ValueError("uri: must not ask for zlib compression")
