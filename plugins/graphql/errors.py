"""GraphQL's own errors in addition to the core's, and the form of errors in results."""

import traceback
from typing import Any

import msgspec
from graphql import GraphQLError
from loguru import logger

from chatserver import ChatError, Meaning

CODES: dict[str, Meaning] = {
    "graphql.parse": Meaning(400, "never", "The document cannot be read."),
    "graphql.invalid": Meaning(400, "never", "The document does not fit the schema."),
    "graphql.operation": Meaning(400, "never", "It is not clear which operation is meant."),
    "graphql.variables": Meaning(400, "never", "The variables do not fit the operation."),
    "graphql.tokens": Meaning(400, "never", "The document is too long."),
    "graphql.depth": Meaning(400, "never", "The document is nested too deeply."),
    "graphql.aliases": Meaning(
        400, "never", "The document has too many aliases or repeated fields."
    ),
    "graphql.cost": Meaning(400, "never", "The operation costs too much."),
    "graphql.batch": Meaning(400, "never", "The request has too many operations."),
    "graphql.operations": Meaning(429, "later", "The connection has too many operations."),
    "graphql.behind": Meaning(503, "refresh", "The connection does not keep up with the events."),
    "graphql.time": Meaning(503, "later", "The operation took too long."),
    "graphql.introspection": Meaning(400, "never", "You may not query the schema here."),
    "graphql.document_unknown": Meaning(400, "never", "There is no such document here."),
    "graphql.persisted_unknown": Meaning(200, "later", "PersistedQueryNotFound"),
    "graphql.persisted_off": Meaning(200, "never", "PersistedQueryNotSupported"),
    "graphql.document_required": Meaning(400, "never", "Only documents known here are executed."),
    "graphql.get": Meaning(405, "never", "GET executes only queries."),
    "graphql.preflight": Meaning(
        403, "never", "A header is missing that pages of other origins cannot send."
    ),
    "graphql.not_acceptable": Meaning(406, "never", "None of the accepted media types is served."),
}


class Refused(ChatError):
    """A request that is not executed. `errors` has more details than one code."""

    def __init__(
        self,
        code: str,
        text: str | None = None,
        *,
        detail: dict[str, object] | None = None,
        errors: list[GraphQLError] | None = None,
    ) -> None:
        super().__init__(code, text, detail=detail, meaning=CODES[code])
        self.errors = errors or []

    def shown(self) -> list[dict[str, Any]]:
        """The errors of the result."""
        if not self.errors:
            return shown_alone(self)
        extensions = error_extensions(self)
        return [_placed(error, error.message, extensions) for error in self.errors]


def shown(error: GraphQLError, debug: bool) -> dict[str, Any]:
    """An error raised by a resolver, in the form for clients."""
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if isinstance(original, ChatError):
        return _placed(error, original.text, error_extensions(original))
    if original is None or isinstance(original, GraphQLError):
        return _placed(error, error.message, error_extensions(Refused("graphql.variables")))
    logger.opt(exception=original).error("plugin graphql: {} failed", _path(error))
    internal = ChatError("server.internal")
    extensions = error_extensions(internal)
    if debug:
        extensions["exception"] = traceback.format_exception(original)
    return _placed(error, internal.text, extensions)


def shown_alone(error: ChatError) -> list[dict[str, Any]]:
    """An error about the request as a whole, without a path."""
    return [{"message": error.text, "extensions": error_extensions(error)}]


def error_body(error: ChatError) -> bytes:
    """The body of an answer with only this error, also for requests that the server itself refuses."""
    return msgspec.json.encode({"errors": shown_alone(error)})


def error_extensions(error: ChatError) -> dict[str, Any]:
    """The code, the advice on retries and the details of an error, as in the other interfaces."""
    extensions: dict[str, Any] = {"code": error.code, "retry": error.meaning.retry}
    if error.after_ms is not None:
        extensions["after_ms"] = error.after_ms
    if error.detail:
        extensions["detail"] = error.detail
    return extensions


def _placed(error: GraphQLError, message: str, extensions: dict[str, Any]) -> dict[str, Any]:
    placed: dict[str, Any] = {"message": message}
    if error.locations is not None:
        placed["locations"] = [place.formatted for place in error.locations]
    if error.path is not None:
        placed["path"] = error.path
    placed["extensions"] = extensions
    return placed


def _path(error: GraphQLError) -> str:
    return ".".join(map(str, error.path or ["?"]))
