"""GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), one request at a time.

No page of another origin may make a browser do something: a POST must have a content type that
such a page cannot send unasked, and a GET with the cookie a header that it cannot add.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, Reply, Request, Service
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.errors import Refused, shown_alone
from chatserver_plugins.graphql.execution import Execution, Result
from chatserver_plugins.graphql.explorer import Explorer, wants_page
from chatserver_plugins.graphql.media import GRAPHQL, JSON, accepted, content_type

# A page of another origin can add none of these to a request without being asked for leave first.
PREFLIGHT_HEADERS = ("GraphQL-Preflight", "Apollo-Require-Preflight", "X-Apollo-Operation-Name")


class Params(NamedTuple):
    """What a client asks to execute."""

    text: str | None
    variables: Mapping[str, Any] | None
    name: str | None
    document: str | None  # the id of a known document


class Answer(NamedTuple):
    """A result, and the status that it has as application/graphql-response+json."""

    result: Result
    status: int


class HttpDoor:
    """Answers GET and POST."""

    def __init__(
        self, execution: Execution, service: Service, explorer: Explorer | None = None
    ) -> None:
        self._execution, self._service, self._explorer = execution, service, explorer

    async def get(self, request: Request) -> Reply:
        if self._explorer is not None and wants_page(request):
            return self._explorer.page()
        try:
            media = accepted(request.header("Accept"))
            self._demand_preflight(request)
            params = _params_of_query(request.query)
        except ChatError as error:
            return self._refuse(error)
        answer = await self._answer(params, await self._asking(request), only_queries=True)
        if answer.status == 405:
            return _reply(answer.result, media, 405, {"Allow": "POST"})
        return _reply(answer.result, media, answer.status)

    async def post(self, request: Request) -> Reply:
        try:
            media = accepted(request.header("Accept"))
            if content_type(request.header("Content-Type")) != JSON:
                raise ChatError("request.media_type")
            body = _json(request.body)
            batch = [_params(item) for item in body] if isinstance(body, list) else None
            if batch is not None and not 0 < len(batch) <= self._execution.config.batch:
                raise Refused("graphql.batch", detail={"limit": self._execution.config.batch})
            params = _params(body) if batch is None else None
        except ChatError as error:
            return self._refuse(error)
        asking = await self._asking(request)
        if params is not None:
            answer = await self._answer(params, asking)
            return _reply(answer.result, media, answer.status)
        until = self._execution.deadline()
        answers = [await self._answer(each, asking, until=until) for each in batch or ()]
        return _reply([answer.result for answer in answers], media, 200)

    async def _answer(
        self,
        params: Params,
        asking: Asking,
        *,
        only_queries: bool = False,
        until: float | None = None,
    ) -> Answer:
        execution = self._execution
        try:
            ready = execution.prepare(
                params.text, params.variables, params.name, document=params.document
            )
            if only_queries and ready.operation.type.value != "query":
                raise Refused("graphql.get")
            if ready.operation.type.value == "subscription":
                raise Refused("graphql.operation", "Subscriptions take a WebSocket.")
            return Answer(await execution.run(ready, asking, until or execution.deadline()), 200)
        except Refused as error:
            execution.measures.refused(error.code)
            return Answer({"errors": error.shown()}, error.meaning.status)

    async def _asking(self, request: Request) -> Asking:
        token = request.token
        if token is None:
            return Asking(self._service, address=request.address)
        try:
            user = await request.user()
        except ChatError as error:
            return Asking(self._service, problem=error, address=request.address)
        return Asking(self._service, user=user, token=token, address=request.address)

    def _demand_preflight(self, request: Request) -> None:
        if not request.has_cookie:
            return
        if request.is_foreign:
            raise ChatError("request.origin")
        if content_type(request.header("Content-Type")) == JSON:
            return
        if not any(request.header(name) for name in PREFLIGHT_HEADERS):
            raise Refused("graphql.preflight")

    def _refuse(self, error: ChatError) -> Reply:
        """There is nothing to execute: the status says so, whatever the media type is."""
        self._execution.measures.refused(error.code)
        return Reply(
            body=msgspec.json.encode({"errors": shown_alone(error)}),
            status=error.meaning.status,
            content_type=f"{JSON}; charset=utf-8",
        )


def _reply(
    result: Result | Sequence[Result], media: str, status: int, headers: Mapping[str, str] = {}
) -> Reply:
    # As application/json, a result with an error in it still is a result, so clients can tell it
    # from the answer of something on the way.
    return Reply(
        body=msgspec.json.encode(result),
        status=status if media == GRAPHQL or status == 405 else 200,
        content_type=f"{media}; charset=utf-8",
        headers=headers,
    )


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error


def _params_of_query(query: Mapping[str, str]) -> Params:
    given: dict[str, Any] = dict(query)
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _json(given[name].encode())
    return _params(given)


def _params(given: Any) -> Params:
    """Raises `ChatError` request.invalid."""
    if not isinstance(given, dict):
        raise ChatError("request.invalid", "The request must be an object.")
    text, document = _text(given, "query"), _text(given, "documentId")
    variables, extensions = _object(given, "variables"), _object(given, "extensions")
    if document is None and extensions is not None:
        # As Apollo's clients name a known document.
        persisted = extensions.get("persistedQuery")
        document = _text(persisted, "sha256Hash") if isinstance(persisted, dict) else None
    if text is None and document is None:
        raise ChatError("request.invalid", "query: expected a document.")
    return Params(text, variables, _text(given, "operationName"), document)


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ChatError("request.invalid", f"{name}: expected a text.")
    return value


def _object(given: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise ChatError("request.invalid", f"{name}: expected an object.")
    return value
