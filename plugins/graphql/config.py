"""The settings of the plugin."""

from typing import Annotated, Literal

from msgspec import Meta

from chatserver import Settings, translation

Count = Annotated[int, Meta(ge=1)]


class GraphQLConfig(Settings, frozen=True, kw_only=True):
    path: Annotated[
        str,
        Meta(title="Path", description="Path at which GraphQL is served.", pattern="^/.+"),
        translation("ja", "パス", "GraphQL を提供するパスです。"),
    ] = "/graphql"
    introspection: Annotated[
        Literal["all", "signed_in", "none"],
        Meta(
            title="Introspection",
            description="Users who may query the schema, as tools and the explorer do: everybody "
            "(`all`), those who are signed in (`signed_in`), or nobody (`none`).",
        ),
        translation(
            "ja",
            "イントロスペクション",
            "スキーマを照会できる人です。ツールやエクスプローラーが使います。all は全員、"
            "signed_in はログインした人で、none では誰も照会できません。",
        ),
    ] = "signed_in"
    explorer: Annotated[
        bool,
        Meta(title="Explorer", description="Show GraphiQL to a browser that opens the path."),
        translation(
            "ja", "エクスプローラー", "ブラウザーでパスを開いたときに GraphiQL を表示します。"
        ),
    ] = True
    depth: Annotated[
        Count,
        Meta(title="Nesting", description="Most levels of nested fields."),
        translation("ja", "入れ子の深さ", "フィールドの入れ子の深さの上限です。"),
    ] = 12
    aliases: Annotated[
        Count,
        Meta(title="Aliases", description="Most fields of a document that have an alias."),
        translation("ja", "別名の数", "一つの文書で、別名の付いたフィールドの上限です。"),
    ] = 50
    tokens: Annotated[
        Count,
        Meta(title="Tokens", description="Most tokens (names, signs, values) of a document."),
        translation("ja", "トークンの数", "一つの文書のトークン（名前、記号、値）の上限です。"),
    ] = 1000
    cost: Annotated[
        Count,
        Meta(
            title="Cost of a request",
            description="Highest cost of one request, as the number of fields to resolve. If lists are "
            "longer than usual, at most twice as many are resolved.",
        ),
        translation(
            "ja",
            "リクエストのコスト",
            "一つのリクエストのコストの上限で、取得するフィールドの数で数えます。"
            "リストが通常より長いときも、取得するのは最大でその 2 倍までです。",
        ),
    ] = 10000
    batch: Annotated[
        Count,
        Meta(
            title="Operations in a request",
            description="Most operations in one request; 1: lists of operations are refused.",
        ),
        translation(
            "ja",
            "リクエストの操作数",
            "一つのリクエストに入れられる操作の上限です。1 のときは、"
            "操作のリストを受け付けません。",
        ),
    ] = 10
    operations: Annotated[
        Count,
        Meta(
            title="Operations on a WebSocket",
            description="Most operations at the same time on one WebSocket.",
        ),
        translation(
            "ja", "WebSocket の操作数", "一つの WebSocket で同時に実行できる操作の上限です。"
        ),
    ] = 100
    queue: Annotated[
        Count,
        Meta(
            title="Waiting events",
            description="Most events that wait for execution in one subscription.",
        ),
        translation(
            "ja",
            "待機するイベントの数",
            "一つのサブスクリプションで、処理を待つイベントの上限です。",
        ),
    ] = 100
    keep_alive_seconds: Annotated[
        float,
        Meta(
            title="Keep-alive",
            description="Seconds of silence after which a stream of server-sent events gets a "
            "comment, to keep it open.",
            gt=0,
        ),
        translation(
            "ja",
            "接続維持の間隔",
            "サーバー送信イベントのストリームで何も送らない時間がこれだけ続くと、"
            "接続を保つためのコメントを送ります。",
        ),
    ] = 15.0
    seconds: Annotated[
        float,
        Meta(
            title="Time limit",
            description="Time limit for one request; plugins.deadline_seconds must be longer.",
            gt=0,
        ),
        translation(
            "ja",
            "制限時間",
            "一つのリクエストの制限時間です。plugins.deadline_seconds より短くします。",
        ),
    ] = 1.8
    opentelemetry: Annotated[
        bool,
        Meta(
            title="OpenTelemetry spans",
            description="Make OpenTelemetry spans of queries and mutations; they are sent to the address "
            "in the environment's OTEL_ variables.",
        ),
        translation(
            "ja",
            "OpenTelemetry のスパン",
            "クエリーとミューテーションの OpenTelemetry スパンを作成します。"
            "送信先は OTEL_ で始まる環境変数に従います。",
        ),
    ] = False
    documents: Annotated[
        str,
        Meta(
            title="Documents",
            description="JSON file of documents that clients may name by id; empty: none.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "文書のファイル",
            "クライアントが ID で指定できる文書の JSON ファイルです。空のときはありません。",
        ),
    ] = ""
    documents_only: Annotated[
        bool,
        Meta(
            title="Only these documents",
            description="Execute only the documents of the file `documents`.",
        ),
        translation("ja", "この文書だけを実行", "documents のファイルの文書だけを実行します。"),
    ] = False
    documents_kept_chars: Annotated[
        Count,
        Meta(
            title="Cached documents",
            description="Characters of clients' documents that are kept parsed, from their second use "
            "on. Each may take 200 bytes of memory.",
        ),
        translation(
            "ja",
            "キャッシュする文書",
            "2 回目以降に使われた文書を、解析した状態で残しておく文字数の上限です。"
            "1 文字につき最大 200 バイトのメモリーを使います。",
        ),
    ] = 32768

    persisted_chars: Annotated[
        int,
        Meta(
            title="Persisted documents",
            description="Characters of documents that are kept for clients that name them by hash; one "
            "client may use a tenth. 0: clients send the text each time.",
            ge=0,
        ),
        translation(
            "ja",
            "ハッシュで指定される文書",
            "クライアントがハッシュで指定する文書を残しておく文字数の上限です。"
            "一つのクライアントが使えるのはその 10 分の 1 です。0 のときは、"
            "毎回文書を送る必要があります。",
        ),
    ] = 1048576

    def __post_init__(self) -> None:
        if self.documents_only and not self.documents:
            raise ValueError("documents_only: expected documents, as nothing else is executed")
