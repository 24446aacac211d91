"""The settings, with one table for each hook, under its name."""

import ipaddress
import re
from typing import Annotated, Literal

from msgspec import Meta, field

from chatserver import Settings, TableName, signing_key, translation

CommandName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="1 to 32 of a-z 0-9 -")
]
_ROOM = re.compile(r"[0-9a-z]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Receiver(Settings, frozen=True, kw_only=True):
    """A system that is posted to."""

    uri: Annotated[
        str,
        Meta(
            title="Address",
            description="Address that is posted to: http://… or https://…. In a private network only if the "
            "configuration file names that in `allowed_networks`.",
        ),
        translation(
            "ja",
            "アドレス",
            "送信先のアドレスです。http://… か https://… の形で書きます。プライベートネットワークへは、"
            "設定ファイルの allowed_networks にあるものだけに送信します。",
        ),
    ]
    secret: Annotated[
        str,
        Meta(
            title="Signing secret",
            description="Secret that signs requests: text, or whsec_ and base64.",
            min_length=16,
            extra={"made": "secret"},
        ),
        translation(
            "ja",
            "署名用のシークレット",
            "リクエストに署名するシークレットです。文字列、または whsec_ と base64 で書きます。",
        ),
    ]
    allowed_networks: Annotated[
        list[str],
        Meta(
            title="Private networks",
            description="Private networks that may be posted to.",
            extra={"operator": True},
        ),
        translation("ja", "プライベートネットワーク", "送信してよいプライベートネットワークです。"),
    ] = field(default_factory=list)
    ca_file: Annotated[
        str,
        Meta(
            title="Trusted authorities",
            description="File with the trusted authorities for https; empty: those of the system.",
        ),
        translation(
            "ja",
            "信頼する認証局",
            "https で信頼する認証局の証明書のファイルです。空のときはシステムのものを使います。",
        ),
    ] = ""

    def __post_init__(self) -> None:
        if not self.uri.startswith(("http://", "https://")):
            raise ValueError("uri: expected http://… or https://…")
        signing_key(self.secret)
        for network in self.allowed_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ValueError(f"allowed_networks: {network!r} is not a network") from None


class Outgoing(Receiver, frozen=True, kw_only=True):
    """An address to which events are posted."""

    events: Annotated[
        list[str],
        Meta(
            title="Kinds of events",
            description="Kinds of events that are posted, such as message.posted; empty: all.",
        ),
        translation(
            "ja",
            "イベントの種類",
            "送信するイベントの種類です。例：message.posted 。空のときはすべてです。",
        ),
    ] = field(default_factory=list)
    rooms: Annotated[
        list[str],
        Meta(
            title="Rooms",
            description="Ids of the rooms whose events are posted, of any kind; empty: all public ones.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "ルーム",
            "イベントを送信するルームの ID で、ルームの種類は問いません。空のときは、"
            "すべての公開ルームです。",
        ),
    ] = field(default_factory=list)
    timeout_seconds: Annotated[
        float,
        Meta(title="Time limit", description="Time limit for the receiver's answer.", gt=0),
        translation("ja", "制限時間", "送信先の応答の制限時間です。"),
    ] = 10.0
    attempts: Annotated[
        int,
        Meta(
            title="Attempts",
            description="Attempts, over hours, before an event becomes a dead letter.",
            ge=1,
        ),
        translation(
            "ja",
            "試行回数",
            "送信を試みる回数です。数時間かけて試し、それでも届かなければ送信を断念します。",
        ),
    ] = 50
    rooms_at_once: Annotated[
        int,
        Meta(
            title="Rooms at once",
            description="Rooms whose events are posted at the same time.",
            ge=1,
            le=100,
        ),
        translation("ja", "同時に扱うルームの数", "イベントを同時に送信するルームの数です。"),
    ] = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_rooms("rooms", self.rooms)


class CommandHook(Receiver, frozen=True, kw_only=True):
    """A command that another system answers."""

    about: Annotated[
        str,
        Meta(
            title="What it does",
            description="One sentence for the list of commands.",
            min_length=1,
            max_length=200,
        ),
        translation("ja", "説明", "コマンドの一覧に表示する、一文の説明です。"),
    ]
    name: Annotated[
        str,
        Meta(
            title="Display name",
            description="Display name of the author of answers that the room sees.",
            min_length=1,
            max_length=200,
        ),
        translation("ja", "表示名", "ルームの全員に見える返事の、投稿者としての表示名です。"),
    ]
    timeout_seconds: Annotated[
        float,
        Meta(title="Time limit", description="Time limit for the answer.", gt=0, le=9),
        translation("ja", "制限時間", "応答の制限時間です。"),
    ] = 3.0


class Incoming(Settings, frozen=True, kw_only=True):
    """A route at which messages for a room may be posted."""

    room: Annotated[
        str,
        Meta(
            title="Room",
            description="Id of the room that messages are posted in. On the page, type the room's name.",
            extra={"picks": "room"},
        ),
        translation(
            "ja",
            "ルーム",
            "メッセージを投稿するルームの ID です。画面ではルームの名前を入力して選べます。",
        ),
    ]
    token_sha256: Annotated[
        str,
        Meta(
            title="Hash of the token",
            description="SHA-256 of the token, in hexadecimal; the token itself is not stored. Others send it in "
            "the header `Authorization: Bearer TOKEN`, or in the address: https://hook:TOKEN@HOST/hooks/NAME.",
            extra={"made": "token_sha256"},
        ),
        translation(
            "ja",
            "トークンのハッシュ",
            "トークンの SHA-256 を 16 進数で書きます。トークン自体は保存しません。投稿する側は、"
            "ヘッダー Authorization: Bearer TOKEN か、アドレス https://hook:TOKEN@HOST/hooks/NAME で送ります。",
        ),
    ]
    name: Annotated[
        str,
        Meta(
            title="Display name",
            description="Display name of the author.",
            min_length=1,
            max_length=200,
        ),
        translation("ja", "表示名", "投稿者の表示名です。"),
    ]
    format: Annotated[
        Literal["chat", "slack"],
        Meta(
            title="Format",
            description="What is posted: `chat`, a JSON object with a body; `slack`, what systems post to Slack.",
        ),
        translation(
            "ja",
            "形式",
            "受け取る内容の形式です。chat は body を持つ JSON オブジェクト、slack は Slack 向けの投稿です。",
        ),
    ] = "chat"
    per_minute: Annotated[
        float,
        Meta(
            title="Messages a minute",
            description="Messages a minute on each node, over a longer time.",
            gt=0,
        ),
        translation(
            "ja",
            "1 分あたりのメッセージ数",
            "ノードごとの、長い時間で見た 1 分あたりのメッセージ数の上限です。",
        ),
    ] = 60.0
    burst: Annotated[
        int,
        Meta(
            title="Messages in a burst",
            description="Messages that may come at once, on each node.",
            ge=1,
        ),
        translation(
            "ja", "一度に届くメッセージ数", "ノードごとの、一度に届いてよいメッセージ数の上限です。"
        ),
    ] = 20

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.token_sha256):
            raise ValueError("token_sha256: expected 64 of 0-9 a-f")
        _check_rooms("room", [self.room])


class WebhooksConfig(Settings, frozen=True, kw_only=True):
    commands: Annotated[
        dict[CommandName, CommandHook],
        Meta(title="Commands", description="Commands that other systems answer, by name."),
        translation("ja", "コマンド", "ほかのシステムが応答するコマンドを名前ごとに設定します。"),
    ] = {}  # noqa: RUF012
    outgoing: Annotated[
        dict[TableName, Outgoing],
        Meta(title="Outgoing", description="Addresses to which events are posted, by name."),
        translation("ja", "送信", "イベントの送信先を名前ごとに設定します。"),
    ] = {}  # noqa: RUF012 - msgspec copies it
    incoming: Annotated[
        dict[TableName, Incoming],
        Meta(
            title="Incoming",
            description="Routes at which messages may be posted, by name.",
            extra={"address": "/hooks/"},
        ),
        translation("ja", "受信", "メッセージを投稿できるアドレスを名前ごとに設定します。"),
    ] = {}  # noqa: RUF012


def _check_rooms(key: str, rooms: list[str]) -> None:
    for room in rooms:
        if not _ROOM.fullmatch(room):
            raise ValueError(f"{key}: {room!r} is not the id of a room")
