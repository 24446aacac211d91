"""The settings: where calls are held, and what signs the tickets for them."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from chatserver import Settings, translation


class CallsConfig(Settings, frozen=True, kw_only=True):
    """A server of Jitsi Meet, or one of LiveKit with its page LiveKit Meet."""

    kind: Annotated[
        Literal["jitsi", "livekit"],
        Meta(title="Kind", description="What holds the calls: Jitsi Meet or LiveKit."),
        translation("ja", "種類", "通話に使うもの（Jitsi Meet か LiveKit）です。"),
    ] = "jitsi"
    page: Annotated[
        str,
        Meta(
            title="Page",
            description="Address of Jitsi Meet, or of LiveKit Meet: https://….",
            extra={"operator": True},
        ),
        translation(
            "ja", "ページ", "Jitsi Meet または LiveKit Meet のアドレスです。https://… と書きます。"
        ),
    ]
    server: Annotated[
        str,
        Meta(
            title="LiveKit's server",
            description="Address of LiveKit's server: wss://…. Jitsi needs none.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "LiveKit のサーバー",
            "LiveKit のサーバーのアドレスです。wss://… と書きます。Jitsi では不要です。",
        ),
    ] = ""
    key: Annotated[
        str,
        Meta(
            title="Key",
            description="LiveKit's API key, or Jitsi's `app_id`; empty: a Jitsi that lets everybody in.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "キー",
            "LiveKit の API キー、または Jitsi の app_id です。空のときは、"
            "だれでも入れる Jitsi とみなします。",
        ),
    ] = ""
    secret: Annotated[
        str,
        Meta(title="Secret", description="The secret of that key, which signs the tickets."),
        translation("ja", "シークレット", "キーのシークレットです。入室用のトークンに署名します。"),
    ] = ""
    hours: Annotated[
        float,
        Meta(title="Hours", description="Hours for which a ticket lets somebody in.", gt=0, le=24),
        translation("ja", "有効時間", "トークンで入室できる時間です。単位は時間です。"),
    ] = 2.0

    def __post_init__(self) -> None:
        _check("page", self.page, "https", "http")
        if bool(self.key) != bool(self.secret):
            raise ValueError("key: it needs its secret, and the secret its key")
        if self.kind == "livekit":
            _check("server", self.server, "wss", "ws")
            if not self.key:
                raise ValueError("key: LiveKit lets nobody in without one")


def _check(name: str, text: str, *schemes: str) -> None:
    """Raises `ValueError` for what is no plain address of these schemes."""
    try:
        parts = urlsplit(text)
        is_plain = bool(parts.hostname) and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        is_plain = False
    if not is_plain or parts.scheme not in schemes or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError(f"{name}: expected {schemes[0]}://… without a query")
