"""The settings of the plugin."""

from typing import Annotated, Literal

from msgspec import Meta

from chatserver import Settings

Count = Annotated[int, Meta(ge=1)]


class GraphQLConfig(Settings, frozen=True, kw_only=True):
    path: Annotated[str, Meta(description="Path at which GraphQL is served.", pattern="^/.+")] = (
        "/graphql"
    )
    introspection: Annotated[
        Literal["all", "signed_in", "none"],
        Meta(description="Users who may query the schema, as tools and the explorer do."),
    ] = "signed_in"
    explorer: Annotated[
        bool,
        Meta(description="Show GraphiQL to a browser that opens the path."),
    ] = True
    depth: Annotated[Count, Meta(description="Most levels of nested fields.")] = 12
    aliases: Annotated[
        Count,
        Meta(description="Most fields of a document that have an alias."),
    ] = 50
    tokens: Annotated[
        Count, Meta(description="Most tokens (names, signs, values) of a document.")
    ] = 1000
    cost: Annotated[
        Count,
        Meta(
            description="Most that one request may cost, in fields to resolve. If lists are longer "
            "than usual, at most twice as many are resolved."
        ),
    ] = 10000
    batch: Annotated[
        Count, Meta(description="Most operations in one request; 1 accepts no lists.")
    ] = 10
    operations: Annotated[
        Count, Meta(description="Most operations at the same time on one WebSocket.")
    ] = 100
    queue: Annotated[
        Count,
        Meta(description="Most events of a user that wait for execution in a subscription."),
    ] = 100
    keep_alive_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds of silence after which a stream of server-sent events gets a "
            "comment, to keep it open.",
        ),
    ] = 15.0
    seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Time limit for one request; plugins.deadline_seconds must be longer.",
        ),
    ] = 1.8
    opentelemetry: Annotated[
        bool,
        Meta(
            description="Make OpenTelemetry spans of queries and mutations; the environment's OTEL_ "
            "variables say where they go."
        ),
    ] = False
    documents: Annotated[
        str,
        Meta(
            description="JSON file of documents that clients may name by id; empty: none.",
            extra={"operator": True},
        ),
    ] = ""
    documents_only: Annotated[bool, Meta(description="Execute only these documents.")] = False
    documents_kept_chars: Annotated[
        Count,
        Meta(
            description="Characters of clients' documents that are kept parsed, from their second "
            "use on; each may take 200 bytes of memory."
        ),
    ] = 32768

    persisted_chars: Annotated[
        int,
        Meta(
            ge=0,
            description="Characters kept of documents that clients name by their hash. One client may "
            "use a tenth. With 0 clients send the text each time.",
        ),
    ] = 1048576

    def __post_init__(self) -> None:
        if self.documents_only and not self.documents:
            raise ValueError("documents_only: expected documents, as nothing else is executed")
