"""GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), one request at a time.

No page of another origin may make a browser do something: a POST must have a content type that
such a page cannot send unasked, and a GET with the cookie a header that it cannot add.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, Reply, Request, Service
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.errors import Refused, shown_alone
from chatserver_plugins.graphql.execution import Execution, Result
from chatserver_plugins.graphql.explorer import Explorer, wants_page
from chatserver_plugins.graphql.media import GRAPHQL, JSON, accepted, content_type
from chatserver_plugins.graphql.params import Params, params_of, params_of_query, read_json
from chatserver_plugins.graphql.sse import EventDoor, last_event, wants_events

# A page of another origin can add none of these to a request without being asked for leave first.
PREFLIGHT_HEADERS = ("GraphQL-Preflight", "Apollo-Require-Preflight", "X-Apollo-Operation-Name")


class Answer(NamedTuple):
    """A result, and the status that it has as application/graphql-response+json."""

    result: Result
    status: int


class HttpDoor:
    """Answers GET and POST."""

    def __init__(
        self,
        execution: Execution,
        service: Service,
        events: EventDoor,
        explorer: Explorer | None = None,
    ) -> None:
        self._execution, self._service = execution, service
        self._events, self._explorer = events, explorer

    async def get(self, request: Request) -> Reply:
        if self._explorer is not None and wants_page(request):
            return self._explorer.page()
        if wants_events(request):
            return await self._stream(request, lambda: params_of_query(request.query))
        try:
            media = accepted(request.header("Accept"))
            self._demand_preflight(request)
            params = params_of_query(request.query)
        except ChatError as error:
            return self._refuse(error)
        answer = await self._answer(params, await self._asking(request), only_queries=True)
        if answer.status == 405:
            return _reply(answer.result, media, 405, {"Allow": "POST"})
        return _reply(answer.result, media, answer.status)

    async def post(self, request: Request) -> Reply:
        if wants_events(request):
            return await self._stream(request, lambda: params_of(_body(request)))
        try:
            media = accepted(request.header("Accept"))
            body = _body(request)
            batch = [params_of(item) for item in body] if isinstance(body, list) else None
            if batch == []:
                raise Refused("graphql.batch", "There is no operation in the list.")
            if batch is not None and len(batch) > self._execution.config.batch:
                raise Refused("graphql.batch", detail={"limit": self._execution.config.batch})
            params = params_of(body) if batch is None else None
        except ChatError as error:
            return self._refuse(error)
        asking = await self._asking(request)
        if params is not None:
            answer = await self._answer(params, asking)
            return _signed(_reply(answer.result, media, answer.status), asking)
        until = self._execution.deadline()
        answers = [await self._answer(each, asking, until=until) for each in batch or ()]
        return _signed(_reply([answer.result for answer in answers], media, 200), asking)

    async def _stream(self, request: Request, read: Callable[[], Params]) -> Reply:
        try:
            if request.has_cookie and (request.is_foreign or _is_cross_site(request)):
                raise ChatError("request.origin")
            params, after = read(), last_event(request)
        except ChatError as error:
            return self._refuse(error)
        only_queries = request.method == "GET"
        asking = await self._asking(request)
        return self._events.reply(params, asking, after, only_queries=only_queries)

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
                raise Refused(
                    "graphql.operation", "Subscriptions take a WebSocket or server-sent events."
                )
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


def _signed(reply: Reply, asking: Asking) -> Reply:
    """Whoever has signed in or out is answered with the cookie, or without it, as by HTTP."""
    return msgspec.structs.replace(reply, session=asking.session)


def _is_cross_site(request: Request) -> bool:
    """A browser asks for events without a leave that other pages would need, and mostly says so."""
    return request.header("Sec-Fetch-Site") not in (None, "same-origin", "none")


def _body(request: Request) -> Any:
    """Raises `ChatError` request.media_type, request.invalid."""
    if content_type(request.header("Content-Type")) != JSON:
        raise ChatError("request.media_type")
    return read_json(request.body)
