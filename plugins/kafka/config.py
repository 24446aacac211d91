"""The settings of the plugin."""

import re
from typing import Annotated, Literal

from msgspec import Meta, field

import chatserver

_BROKER = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # allowed by Kafka
_ROOM = re.compile(r"[0-9a-z]{1,64}")
ROOM = "{room}"


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The brokers, the credentials, and the selection of events and topics."""

    brokers: Annotated[
        list[str],
        Meta(
            title="Brokers",
            description="Addresses of some brokers, as host:9092.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja", "ブローカー", "いくつかのブローカーのアドレスを host:9092 の形で書きます。"
        ),
    ]
    topic: Annotated[
        str,
        Meta(
            title="Topic",
            description="Topic that events are written to; {room} stands for the room's id.",
        ),
        chatserver.translation(
            "ja",
            "トピック",
            "イベントを書き込む Kafka のトピックです。{room} はルームの ID を表します。",
        ),
    ] = "chatserver.events"
    events: Annotated[
        list[str],
        Meta(
            title="Kinds of events",
            description="Kinds of events that are written, such as message.posted; empty: all.",
        ),
        chatserver.translation(
            "ja",
            "イベントの種類",
            "書き込むイベントの種類です。例：message.posted 。空のときはすべてです。",
        ),
    ] = field(default_factory=list)
    rooms: Annotated[
        list[str],
        Meta(
            title="Rooms",
            description="Ids of the rooms whose events are written, of any kind; empty: all of "
            "room_kinds.",
        ),
        chatserver.translation(
            "ja",
            "ルーム",
            "イベントを書き込むルームの ID で、ルームの種類は問いません。"
            "空のときは room_kinds のすべてのルームです。",
        ),
    ] = field(default_factory=list)
    room_kinds: Annotated[
        list[Literal["public", "private", "direct"]],
        Meta(title="Kinds of rooms", description="Kinds of rooms whose events are written."),
        chatserver.translation("ja", "ルームの種類", "イベントを書き込むルームの種類です。"),
    ] = field(default_factory=lambda: ["public"])
    start: Annotated[
        Literal["now", "beginning"],
        Meta(
            title="Start",
            description="First events of the first run. `now`: those from now on; `beginning`: all "
            "events of each room.",
        ),
        chatserver.translation(
            "ja",
            "開始位置",
            "最初の実行でどこから書き込むかです。now は今後のイベントだけを、"
            "beginning は各ルームの最初のイベントから書き込みます。",
        ),
    ] = "now"
    rooms_at_once: Annotated[
        int,
        Meta(
            title="Rooms at once",
            description="Rooms whose events are written at the same time.",
            ge=1,
            le=100,
        ),
        chatserver.translation(
            "ja", "同時に扱うルームの数", "イベントを同時に書き込むルームの数です。"
        ),
    ] = 16
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for a batch, in milliseconds; after it the batch is sent again.",
            ge=1000,
            le=300_000,
        ),
        chatserver.translation(
            "ja",
            "制限時間",
            "ブローカーが一回分のイベントを受け取る制限時間です。過ぎると、もう一度送ります。",
        ),
    ] = 30_000
    tls: Annotated[
        bool,
        Meta(title="TLS", description="Use TLS to the brokers.", extra={"operator": True}),
        chatserver.translation("ja", "TLS", "ブローカーとの接続に TLS を使います。"),
    ] = False
    ca_file: Annotated[
        str,
        Meta(
            title="Trusted authorities",
            description="File with the trusted authorities; empty: those of the system.",
        ),
        chatserver.translation(
            "ja",
            "信頼する認証局",
            "信頼する認証局の証明書のファイルです。空のときはシステムのものを使います。",
        ),
    ] = ""
    certificate_file: Annotated[
        str,
        Meta(
            title="Client certificate",
            description="File with the client certificate and its private key, as PEM.",
        ),
        chatserver.translation(
            "ja", "クライアント証明書", "クライアント証明書と秘密鍵のファイルです（PEM）。"
        ),
    ] = ""
    sasl: Annotated[
        Literal["none", "plain", "scram-sha-256", "scram-sha-512"],
        Meta(
            title="SASL mechanism",
            description="Mechanism by which the server signs in to the brokers.",
            extra={"operator": True},
        ),
        chatserver.translation("ja", "SASL の方式", "サーバーがブローカーにログインする方式です。"),
    ] = "none"
    username: Annotated[
        str,
        Meta(title="User name", description="Name to sign in with."),
        chatserver.translation("ja", "ユーザー名", "ブローカーにログインする名前です。"),
    ] = ""
    password: Annotated[
        str,
        Meta(title="Password", description="Password to sign in with."),
        chatserver.translation("ja", "パスワード", "ブローカーにログインするパスワードです。"),
    ] = ""

    def __post_init__(self) -> None:
        if not self.brokers:
            raise ValueError("brokers: expected at least one")
        for broker in self.brokers:
            if not _BROKER.fullmatch(broker):
                raise ValueError(f"brokers: expected host:port, got {broker!r}")
        if not _TOPIC.fullmatch(self.topic.replace(ROOM, "r")):
            raise ValueError("topic: expected 1 to 249 of A-Z a-z 0-9 . _ - and {room}")
        for room in self.rooms:
            if not _ROOM.fullmatch(room):
                raise ValueError(f"rooms: {room!r} is not the id of a room")
        if not self.tls and (self.ca_file or self.certificate_file):
            raise ValueError("tls: must be true for ca_file and certificate_file to be used")
        if self.sasl != "none" and not (self.username and self.password):
            raise ValueError(f"sasl: {self.sasl} needs username and password")
        if self.sasl == "none" and (self.username or self.password):
            raise ValueError("sasl: none does not use username and password")
        if self.sasl == "plain" and not self.tls:
            raise ValueError("sasl: plain sends the password unencrypted, and needs tls")
