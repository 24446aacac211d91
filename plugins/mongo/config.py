"""The settings of the plugin."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl

from msgspec import Meta

import chatserver


def offers_zlib(uri: str) -> bool:
    """Whether an address offers zlib compression, in any spelling that the driver accepts."""
    options = parse_qsl(uri.partition("?")[2])
    return any(name.lower() == "compressors" and "zlib" in value.lower() for name, value in options)


class Config(chatserver.Settings, frozen=True):
    """The address of the database, and how to connect."""

    uri: Annotated[
        str,
        Meta(
            description="Address, such as mongodb://host:27017/?replicaSet=rs0. Empty: see `embedded`."
        ),
    ] = ""
    embedded: Annotated[
        bool,
        Meta(
            description="Without an address, start a private mongod in the data folder. Only for "
            "trials; off in `production`."
        ),
    ] = True
    database: Annotated[
        str, Meta(description="Name of the database.", min_length=1, max_length=60)
    ] = "chatserver"
    driver: Annotated[
        Literal["motor", "pymongo"],
        Meta(description="Library: Motor, or PyMongo's own asynchronous interface."),
    ] = "motor"
    timeout_ms: Annotated[
        int,
        Meta(description="Time limit for each call, in milliseconds.", ge=100, le=60000),
    ] = 2500
    start_seconds: Annotated[
        int, Meta(description="Seconds to wait for the database at start.", ge=0, le=600)
    ] = 15
    mongod: Annotated[
        str,
        Meta(
            description="Path of the private mongod. Empty: the newer of the one on the PATH and "
            "the one that the extra `mongod` installs.",
            extra={"operator": True},
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.uri and not self.uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("uri: expected mongodb://… or mongodb+srv://…, or an empty text")
        if offers_zlib(self.uri):
            # Many versions of mongod leak memory through zlib (see store.py).
            raise ValueError("uri: must not offer zlib compression")
