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
            title="Address",
            description="Address, such as mongodb://host:27017/?replicaSet=rs0. Empty: see `embedded`.",
        ),
        chatserver.translation(
            "ja",
            "アドレス",
            "mongodb://host:27017/?replicaSet=rs0 のようなアドレスです。"
            "空のときは embedded に従います。",
        ),
    ] = ""
    embedded: Annotated[
        bool,
        Meta(
            title="Private mongod",
            description="Without an address, start a private mongod in the data folder. Only for "
            "trials; off in `production`.",
        ),
        chatserver.translation(
            "ja",
            "専用の mongod",
            "アドレスがないとき、データフォルダーで専用の mongod を起動します。"
            "試用のための機能で、production では無効です。",
        ),
    ] = True
    database: Annotated[
        str,
        Meta(title="Database", description="Name of the database.", min_length=1, max_length=60),
        chatserver.translation("ja", "データベース", "データベースの名前です。"),
    ] = "chatserver"
    driver: Annotated[
        Literal["motor", "pymongo"],
        Meta(title="Driver", description="Driver: Motor, or PyMongo's own asynchronous interface."),
        chatserver.translation(
            "ja",
            "ドライバー",
            "使うドライバーです。Motor か、PyMongo 自体の非同期インターフェースを選べます。",
        ),
    ] = "motor"
    line: Annotated[
        Literal["auto", "driver"],
        Meta(
            title="Way of appends",
            description="How messages are written: `auto`, over a connection of the plugin's own where the "
            "address allows it, which takes less processor time, else through the driver; or always `driver`.",
        ),
        chatserver.translation(
            "ja",
            "書き込みの経路",
            "メッセージの書き込み方です。auto は、アドレスが許すかぎりプラグイン自身の接続を使い、"
            "CPU 時間を減らします。使えないときはドライバーを通します。driver は常にドライバーを通します。",
        ),
    ] = "auto"
    sharded: Annotated[
        bool,
        Meta(
            title="Ready for shards",
            description="Keep the log so that the collection `events` can be sharded by the room. A `client_id` "
            "is then unique for its author in each room, not in all: in another room it is another message. A "
            "command changes an existing log: see docs/scaling.md.",
        ),
        chatserver.translation(
            "ja",
            "シャーディングへの対応",
            "コレクション events をルームごとにシャーディングできる形でログを保存します。client_id は、"
            "全体ではなくルームの中で、投稿者ごとに一意になります。別のルームで使えば別のメッセージです。"
            "既存のログはコマンドで変換します。docs/scaling.md を参照してください。",
        ),
    ] = False
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for each call, in milliseconds.",
            ge=100,
            le=60000,
        ),
        chatserver.translation("ja", "制限時間", "呼び出し一回の制限時間です。"),
    ] = 2500
    start_seconds: Annotated[
        int,
        Meta(
            title="Wait at start",
            description="Time to wait for the database at start, in seconds.",
            ge=0,
            le=600,
        ),
        chatserver.translation("ja", "起動時の待ち時間", "起動時にデータベースを待つ時間です。"),
    ] = 15
    mongod: Annotated[
        str,
        Meta(
            title="Path of mongod",
            description="Path of the private mongod. Empty: the newer of the one on the PATH and the one "
            "that the extra `mongod` installs.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja",
            "mongod のパス",
            "専用の mongod のパスです。空のときは、PATH にあるものと、"
            "追加パッケージ mongod が入れるもののうち、新しいほうを使います。",
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.uri and not self.uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("uri: expected mongodb://… or mongodb+srv://…, or an empty text")
        if offers_zlib(self.uri):
            # Many versions of mongod leak memory through zlib (see store.py).
            raise ValueError("uri: must not offer zlib compression")
