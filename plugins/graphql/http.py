"""GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), one request at a time.

No page of another origin may act through a browser: a POST must have a content type that such a page cannot
send without a preflight, and a GET with the cookie must have a header that it cannot add.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, Reply, Request, Service, User
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.errors import Refused, shown_alone
from chatserver_plugins.graphql.execution import Budget, Execution, Ready, Result
from chatserver_plugins.graphql.explorer import Explorer, wants_page
from chatserver_plugins.graphql.media import GRAPHQL, JSON, Accepted, accepted, content_type
from chatserver_plugins.graphql.params import Params, params_of, params_of_query, read_json
from chatserver_plugins.graphql.sse import EventDoor, last_event

# A page of another origin can send none of these without a preflight.
PREFLIGHT_HEADERS = ("GraphQL-Preflight", "Apollo-Require-Preflight", "X-Apollo-Operation-Name")


class HttpResult(NamedTuple):
    """A result, and its status as application/graphql-response+json."""

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
        try:
            accept = accepted(request.header("Accept"))
            if not accept.prefers_events:
                self._demand_preflight(request)
            params = params_of_query(request.query)
            asking = await self._asking(request)
            if await self._is_stream(accept, params, asking):
                return self._stream(request, params, asking)
            answer = await self._answer(params, asking, only_queries=True)
        except ChatError as error:
            return self._refuse(error)
        headers = {"Allow": "POST"} if answer.status == 405 else {}
        return _reply(answer.result, accept.media, answer.status, headers)

    async def post(self, request: Request) -> Reply:
        try:
            accept = accepted(request.header("Accept"))
            body = _body(request)
            if isinstance(body, list) and not accept.prefers_events:
                return await self._answer_all(body, accept.media, request)
            params = params_of(body)
            asking = await self._asking(request)
            if await self._is_stream(accept, params, asking):
                return self._stream(request, params, asking)
            answer = await self._answer(params, asking)
        except ChatError as error:
            return self._refuse(error)
        return _signed(_reply(answer.result, accept.media, answer.status), asking)

    async def _is_stream(self, accept: Accepted, params: Params, asking: Asking) -> bool:
        """Whether a stream is preferred, or is the only way to answer a subscription."""
        if accept.prefers_events or not accept.takes_events:
            return accept.prefers_events
        try:
            return await self._execution.kind(params, asking) == "subscription"
        except Refused:
            return False  # the answer has the error

    def _stream(self, request: Request, params: Params, asking: Asking) -> Reply:
        """Raises `ChatError` request.origin, request.invalid, limit.count."""
        if request.has_cookie and (request.is_foreign or _is_cross_site(request)):
            raise ChatError("request.origin")
        only_queries = request.method == "GET"
        return self._events.reply(params, asking, last_event(request), only_queries=only_queries)

    async def _answer(
        self, params: Params, asking: Asking, *, only_queries: bool = False
    ) -> HttpResult:
        """Raises `ChatError` limit.rate."""
        execution = self._execution
        try:
            ready = await self._prepare(params, asking, execution.budget())
            if only_queries and ready.operation.type.value != "query":
                raise Refused("graphql.get")
            execution.charge(asking, ready)
            return HttpResult(await execution.run(ready, asking, execution.deadline()), 200)
        except Refused as error:
            return self._refusal(error)

    async def _answer_all(self, body: list[Any], media: str, request: Request) -> Reply:
        """Execute operations one by one; all are prepared and counted before the first one is executed."""
        execution = self._execution
        if not body:
            raise Refused("graphql.batch", "The list has no operations.")
        if len(body) > execution.config.batch:
            raise Refused("graphql.batch", detail={"limit": execution.config.batch})
        batch = [params_of(item) for item in body]
        asking = await self._asking(request)
        budget = execution.budget()
        prepared: list[Ready | Refused] = []
        for params in batch:
            try:
                prepared.append(await self._prepare(params, asking, budget))
            except Refused as error:
                prepared.append(error)
        execution.charge(asking, *(each for each in prepared if isinstance(each, Ready)))
        until = execution.deadline()
        results = [await self._result(each, asking, until) for each in prepared]
        return _signed(_reply(results, media, 200), asking)

    async def _result(self, prepared: Ready | Refused, asking: Asking, until: float) -> Result:
        if isinstance(prepared, Refused):
            return self._refusal(prepared).result
        try:
            return await self._execution.run(prepared, asking, until)
        except Refused as error:
            return self._refusal(error).result

    async def _prepare(self, params: Params, asking: Asking, budget: Budget) -> Ready:
        ready = await self._execution.prepare(params, asking, budget)
        if ready.operation.type.value == "subscription":
            raise Refused(
                "graphql.operation", "Subscriptions need a WebSocket or server-sent events."
            )
        return ready

    def _refusal(self, error: Refused) -> HttpResult:
        self._execution.measures.refused(error.code)
        return HttpResult({"errors": error.shown(), **_cost(error)}, error.meaning.status)

    async def _asking(self, request: Request) -> Asking:
        """The state for a request. Raises `ChatError` limit.rate, auth.scope."""
        user: User | None
        try:
            user = await request.user()
        except ChatError as error:
            if error.code in ("limit.rate", "auth.scope"):
                raise
            user, problem = None, None if request.token is None else error
        else:
            problem = None
        return Asking(
            self._service,
            user=user,
            problem=problem,
            token=None if user is None else request.token,
            address=request.address,
            agent=request.header("User-Agent") or "",
            is_secure=request.is_secure,
            language=request.header("Accept-Language") or "",
        )

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
        """The answer to a request that is not executed, with the error's status, whatever the media type."""
        self._execution.measures.refused(error.code)
        headers = {}
        if error.meaning.status == 429:
            headers["Retry-After"] = str(max(1, -(-(error.after_ms or 1000) // 1000)))
        return Reply(
            body=msgspec.json.encode({"errors": shown_alone(error)}),
            status=error.meaning.status,
            content_type=f"{JSON}; charset=utf-8",
            headers=headers,
        )


def _reply(
    result: Result | Sequence[Result], media: str, status: int, headers: Mapping[str, str] = {}
) -> Reply:
    # As application/json, a result with errors has status 200 too, so that clients can distinguish it
    # from an error of a proxy.
    return Reply(
        body=msgspec.json.encode(result),
        status=status if media == GRAPHQL or status == 405 else 200,
        content_type=f"{media}; charset=utf-8",
        headers=headers,
    )


def _signed(reply: Reply, asking: Asking) -> Reply:
    """The reply with the session's cookie set or removed after a login or logout, as over HTTP."""
    return msgspec.structs.replace(reply, session=asking.session)


def _cost(error: Refused) -> Result:
    """The cost of a request refused for its cost, as a result's extension."""
    if error.code != "graphql.cost" or "cost" not in error.detail:
        return {}
    cost = {"requested": error.detail["cost"], "limit": error.detail["limit"]}
    return {"extensions": {"cost": cost}}


def _is_cross_site(request: Request) -> bool:
    """Whether a page of another site made the request. Browsers send no preflight for event streams, but
    most send the request's origin.
    """
    return request.header("Sec-Fetch-Site") not in (None, "same-origin", "none")


def _body(request: Request) -> Any:
    """Raises `ChatError` request.media_type, request.invalid."""
    if content_type(request.header("Content-Type")) != JSON:
        raise ChatError("request.media_type")
    return read_json(request.body)
