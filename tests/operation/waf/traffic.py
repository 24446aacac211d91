"""Legal traffic: every address of the HTTP API and every operation of GraphQL, with every text in every field for texts."""

import asyncio
import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import graphql
import httpx

from tests.operation.waf.site import HOST

PASSWORD = "correct horse"
CLIENTS = 24  # each at an address of its own, as the site limits what comes from one
MESSAGE_CHARS, NAME_CHARS, SEARCH_CHARS, ADDRESS_CHARS = 8000, 200, 200, 3000
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0",
    "okhttp/4.12.0",
    "chatbot/1.0 (+https://example.org/bot?x=1)",
)

Send = Callable[[], Coroutine[Any, Any, None]]


class Traffic:
    """Sends requests, and notes those that the server did not answer."""

    def __init__(self, url: str, verify: Any) -> None:
        self._url, self._verify = url, verify
        self._clients: list[httpx.AsyncClient] = []
        self._numbers = itertools.count(1)
        self.sent = 0
        self.stopped: list[str] = []  # the server puts X-Request-Id into each of its answers
        self.statuses: Counter[int] = Counter()
        self.operations: set[str] = (
            set()
        )  # fields of Query, Mutation and Subscription that were sent
        self.errors: Counter[str] = Counter()  # codes of GraphQL's errors

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for number in range(CLIENTS):
                transport = httpx.AsyncHTTPTransport(
                    verify=self._verify, local_address=f"127.7.0.{number + 1}"
                )
                agent = {"User-Agent": AGENTS[number % len(AGENTS)], "Host": HOST}
                made = httpx.AsyncClient(
                    base_url=self._url, transport=transport, headers=agent, timeout=120
                )
                self._clients.append(await stack.enter_async_context(made))
            yield

    def new_id(self) -> str:
        return f"c-{next(self._numbers)}"

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        client = self._clients[self.sent % CLIENTS]
        self.sent += 1
        answer = await client.request(method, path, **options)
        self.statuses[answer.status_code] += 1
        if "X-Request-Id" not in answer.headers:
            shown = json.dumps(options, ensure_ascii=False, default=str)[:300]
            self.stopped.append(f"{answer.status_code} {method} {path[:200]} {shown}")
        return answer

    async def graphql(
        self, document: str, token: str, method: str = "POST", **variables: Any
    ) -> Any:
        """Execute a document; returns the result's data."""
        for definition in graphql.parse(document).definitions:
            assert isinstance(definition, graphql.OperationDefinitionNode)
            fields = definition.selection_set.selections
            self.operations |= {
                field.name.value for field in fields if isinstance(field, graphql.FieldNode)
            }
        params: dict[str, Any] = {"query": document, "variables": variables}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if method == "GET":
            params["variables"] = json.dumps(variables)
            answer = await self.ask("GET", "/graphql", params=params, headers=headers)
        else:
            answer = await self.ask("POST", "/graphql", json=params, headers=headers)
        return self._result(answer)

    def _result(self, answer: httpx.Response) -> Any:
        if not answer.headers.get("Content-Type", "").startswith("application/"):
            return None
        result = answer.json()
        for error in result.get("errors", ()):
            self.errors[error["extensions"]["code"]] += 1
        return result.get("data")

    async def all(self, sends: Sequence[Send]) -> None:
        """Do all of these, several at a time."""
        waiting = iter(sends)

        async def work() -> None:
            for send in waiting:
                await send()

        await asyncio.gather(*(work() for _ in range(8)))


def is_name(text: str) -> bool:
    """Whether a room may have this name."""
    name = " ".join(text.split())
    return 1 <= len(name) <= NAME_CHARS and not any(
        unicodedata.category(char) in ("Cc", "Cf") for char in name
    )


def literal(text: str) -> str:
    """A text as a literal of GraphQL, which has JSON's escapes but for those of surrogates."""
    escaped = json.dumps(text, ensure_ascii=False)
    return escaped.replace("\x7f", "\\u007f")


class TextTraffic:
    """Requests that carry one text, in each field for texts."""

    def __init__(self, traffic: Traffic, token: str, room: str, hook: tuple[str, str]) -> None:
        """`hook` is the path and the token of an incoming webhook."""
        self._traffic, self._token, self._room, self._hook = traffic, token, room, hook
        self._bearer = {"Authorization": f"Bearer {token}"}

    async def message(self, text: str) -> None:
        path = f"/api/v1/rooms/{self._room}/messages"
        new = {"client_id": self._traffic.new_id(), "body": text}
        answer = await self._traffic.ask("POST", path, json=new, headers=self._bearer)
        assert answer.status_code in (201, 403), answer.text
        if answer.status_code == 201:
            change = {"body": f"{text} (edited)"[-MESSAGE_CHARS:]}
            one = f"{path}/{answer.json()['id']}"
            await self._traffic.ask("PATCH", one, json=change, headers=self._bearer)

    async def room(self, text: str) -> None:
        if not is_name(text):
            return
        change = {"name": text, "topic": text, "description": text}
        path = f"/api/v1/rooms/{self._room}"
        await self._traffic.ask("PATCH", path, json=change, headers=self._bearer)

    async def hook(self, text: str) -> None:
        path, token = self._hook
        key = "text" if len(text) % 2 else "body"
        auth = httpx.BasicAuth("hook", token)
        await self._traffic.ask("POST", path, json={key: text}, auth=auth)

    async def by_literal(self, text: str) -> None:
        given = (
            f'roomId: "{self._room}", clientId: "{self._traffic.new_id()}", body: {literal(text)}'
        )
        document = f"mutation {{ sendMessage(input: {{ {given} }}) {{ message {{ id body }} }} }}"
        await self._traffic.graphql(document, self._token)

    async def by_variables(self, text: str) -> None:
        document = (
            "mutation Send($input: SendMessageInput!, $r: ChangeRoomInput!) "
            "{ sendMessage(input: $input) { message { id } } changeRoom(input: $r) { room { name } } }"
        )
        given = {"roomId": self._room, "clientId": self._traffic.new_id(), "body": text}
        change = {"roomId": self._room, "name": text if is_name(text) else "x", "topic": text[:900]}
        await self._traffic.graphql(document, self._token, input=given, r=change)

    async def in_a_list(self, text: str) -> None:
        document = (
            "mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { id } } }"
        )
        given = {"roomId": self._room, "clientId": self._traffic.new_id(), "body": text}
        searched = f"{{ search(text: {literal(text[:SEARCH_CHARS])}) {{ nodes {{ body }} }} }}"
        batch = [{"query": document, "variables": {"input": given}}, {"query": searched}]
        await self._traffic.ask("POST", "/graphql", json=batch, headers=self._bearer)

    async def search(self, text: str) -> None:
        document = "query Find($t: String!) { search(text: $t, first: 3) { nodes { body } } }"
        await self._traffic.graphql(document, self._token, t=text[:SEARCH_CHARS])

    async def search_by_address(self, text: str) -> None:
        if len(httpx.QueryParams({"t": text})) > ADDRESS_CHARS or "\0" in text:
            return
        document = (
            f"query Find {{ search(text: {literal(text[:90])}, first: 3) {{ nodes {{ body }} }} }}"
        )
        await self._traffic.graphql(document, self._token, "GET", unused=text[:90])

    async def account(self, text: str) -> None:
        """A password and a display name, and a wrong password."""
        username = f"u{self._traffic.new_id()}"
        account = {"username": username, "password": f"{text[:900]} passphrase", "name": text[:100]}
        await self._traffic.ask("POST", "/api/v1/register", json=account)
        wrong = {"username": username, "password": text[:900]}
        await self._traffic.ask("POST", "/api/v1/login", json=wrong)

    def sends(self, text: str) -> list[Send]:
        ways = (
            self.message,
            self.room,
            self.hook,
            self.by_literal,
            self.by_variables,
            self.in_a_list,
            self.search,
            self.search_by_address,
            self.account,
        )
        return [_bound(way, text) for way in ways]


def _bound(way: Callable[[str], Coroutine[Any, Any, None]], text: str) -> Send:
    async def send() -> None:
        await way(text)

    return send
