"""The settings: the service that translates, what may be sent to it, and how much."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from chatserver import Settings, translation


class TranslationConfig(Settings, frozen=True, kw_only=True):
    provider: Annotated[
        Literal["libretranslate", "deepl"],
        Meta(
            title="Service",
            description="`libretranslate`: a server of LibreTranslate; `deepl`: DeepL, or what speaks its API.",
        ),
        translation(
            "ja",
            "サービス",
            "libretranslate は LibreTranslate のサーバー、deepl は DeepL（または同じ API のサービス）です。",
        ),
    ] = "libretranslate"
    url: Annotated[
        str,
        Meta(
            title="Address",
            description="Address of the service: http://127.0.0.1:5000, https://api-free.deepl.com, "
            "https://api.deepl.com. It gets the texts that people have translated.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "アドレス",
            "サービスのアドレスです。http://127.0.0.1:5000 や https://api-free.deepl.com、"
            "https://api.deepl.com のように書きます。翻訳するメッセージの本文がここに送られます。",
        ),
    ]
    key: Annotated[
        str,
        Meta(
            title="API key",
            description="Key for the service. DeepL needs one, LibreTranslate only if its operator wants one.",
        ),
        translation(
            "ja",
            "API キー",
            "サービスの API キーです。DeepL では必須です。LibreTranslate では、管理者が求める場合だけ必要です。",
        ),
    ] = ""
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
    rooms: Annotated[
        Literal["all", "public"],
        Meta(
            title="Rooms",
            description="Rooms whose messages may be sent to the service: `all` that their reader may read, or "
            "`public` ones alone.",
        ),
        translation(
            "ja",
            "ルーム",
            "メッセージをサービスに送ってよいルームです。all は閲覧できるすべてのルーム、"
            "public は公開ルームだけです。",
        ),
    ] = "all"
    timeout_seconds: Annotated[
        float,
        Meta(
            title="Time limit", description="Time limit for one answer of the service.", gt=0, le=25
        ),
        translation("ja", "制限時間", "サービスの応答一回の制限時間です。"),
    ] = 15.0
    per_minute: Annotated[
        int,
        Meta(
            title="Translations a minute",
            description="Translations a minute that one user may ask for, on each node.",
            ge=1,
            le=1000,
        ),
        translation(
            "ja",
            "1 分あたりの翻訳数",
            "1 人が 1 分間に翻訳できるメッセージの数です（ノードごと）。",
        ),
    ] = 20
    characters_per_user: Annotated[
        int,
        Meta(
            title="Characters of a user",
            description="Characters a day (UTC) that are sent for one user.",
            ge=1,
        ),
        translation("ja", "1 人の文字数", "1 人のために 1 日（UTC）に送る文字数の上限です。"),
    ] = 50_000
    characters_per_day: Annotated[
        int,
        Meta(
            title="Characters of all users",
            description="Characters a day (UTC) that are sent for all users together, over all nodes.",
            ge=1,
        ),
        translation(
            "ja",
            "全員の文字数",
            "すべてのユーザーのために 1 日（UTC）に送る文字数の上限です。全ノードの合計です。",
        ),
    ] = 500_000

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_plain = bool(parts.hostname) and not (
                parts.username or parts.query or parts.fragment
            )
        except ValueError:
            is_plain = False
        if not is_plain or parts.scheme not in ("http", "https") or re.search(r"\s", self.url):
            raise ValueError("url: expected http://… or https://… without a query")
        if self.provider == "deepl" and not self.key:
            raise ValueError("key: DeepL answers nobody without one")
        if not re.fullmatch(r"[!-~]*", self.key):
            raise ValueError("key: expected ASCII characters without spaces")
