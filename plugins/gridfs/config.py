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
            title="Address",
            description="Address of MongoDB, such as mongodb://host:27017/?replicaSet=rs0; may be the store's.",
            min_length=1,
        ),
        chatserver.translation(
            "ja",
            "アドレス",
            "mongodb://host:27017/?replicaSet=rs0 のような、MongoDB のアドレスです。"
            "ストアと同じでもかまいません。",
        ),
    ]
    database: Annotated[
        str,
        Meta(title="Database", description="Name of the database.", min_length=1, max_length=60),
        chatserver.translation("ja", "データベース", "データベースの名前です。"),
    ] = "chatserver"
    bucket: Annotated[
        str,
        Meta(
            title="Bucket",
            description="Name of the bucket: its collections are NAME.files, NAME.chunks and NAME.writes; made if "
            "they are missing.",
            pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$",
        ),
        chatserver.translation(
            "ja",
            "バケット",
            "バケットの名前です。コレクションは NAME.files、NAME.chunks、NAME.writes で、"
            "なければ作成します。",
        ),
    ] = "blobs"
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for each call, in milliseconds.",
            ge=100,
            le=60000,
        ),
        chatserver.translation("ja", "制限時間", "呼び出し一回の制限時間です。"),
    ] = 10_000

    def __post_init__(self) -> None:
        if not self.uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("uri: expected mongodb://… or mongodb+srv://…")
        for name, value in parse_qsl(self.uri.partition("?")[2]):
            if name.lower() == "compressors" and "zlib" in value.lower():
                # Many versions of mongod leak memory through zlib: see the plugin mongo.
                raise ValueError("uri: must not offer zlib compression")
