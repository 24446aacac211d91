"""The settings."""

import ipaddress
from typing import Annotated

from msgspec import Meta, field

from chatserver import Settings, translation

Port = Annotated[int, Meta(ge=1, le=65535)]


class LinkPreviewsConfig(Settings, frozen=True, kw_only=True):
    blocked_hosts: Annotated[
        list[str],
        Meta(
            title="Blocked hosts",
            description="Hosts that are never asked, with all below them: example.org is www.example.org, too.",
        ),
        translation(
            "ja",
            "ブロックするホスト",
            "取得しないホストです。その下のホストも含まれます（example.org には www.example.org も含まれます）。",
        ),
    ] = field(default_factory=list)
    allowed_networks: Annotated[
        list[str],
        Meta(
            title="Private networks",
            description="Private networks whose pages are shown. Whoever can write a message sees their titles.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "プライベートネットワーク",
            "ページを表示してよいプライベートネットワークです。メッセージを書ける人はだれでも、そのページの"
            "タイトルを見られます。",
        ),
    ] = field(default_factory=list)
    ports: Annotated[
        list[Port],
        Meta(title="Ports", description="Ports that are asked.", extra={"operator": True}),
        translation("ja", "ポート", "取得に使うポートです。"),
    ] = field(default_factory=lambda: [80, 443])
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
    timeout_seconds: Annotated[
        float,
        Meta(title="Time limit", description="Time limit for one page.", gt=0, le=60),
        translation("ja", "制限時間", "1 ページの取得にかける時間の上限です。"),
    ] = 10.0
    cache_hours: Annotated[
        float,
        Meta(
            title="Cache",
            description="Hours for which a page is not asked again; ten minutes at most after a failure.",
            gt=0,
            le=720,
        ),
        translation(
            "ja",
            "キャッシュ",
            "同じページを再び取得しない時間です。失敗したときは 10 分までです。",
        ),
    ] = 6.0
    per_minute: Annotated[
        int,
        Meta(
            title="Pages a minute",
            description="Pages a minute that are fetched for one author, on each node.",
            ge=1,
            le=1000,
        ),
        translation(
            "ja",
            "1 分あたりのページ数",
            "1 人の投稿者のために、ノードごとに 1 分あたりに取得するページ数の上限です。",
        ),
    ] = 20

    def __post_init__(self) -> None:
        for network in self.allowed_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ValueError(f"allowed_networks: {network!r} is not a network") from None
