"""What bots may do: each operation, address and field asks for a scope, or is for people alone.

The cases are made from the operations, addresses and fields that there are, so that a new one has to say what it asks.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver.config.sections import PluginsConfig
from chatserver.hooks.registering import Items
from chatserver.model import Scope
from chatserver.protocol import OPS
from chatserver.service.scopes import OPERATIONS, PEOPLE_ALONE, ROUTES
from chatserver.testing.running import Chat, Person, running
from chatserver.web import administration, api, login, messages, people
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from tests.protocol.test_bad_frames import VALID

METHODS = ("get", "post", "put", "patch", "delete")
# Addresses of the server itself that are for people alone.
PEOPLE = {
    "/api/v1/admin/claims/release": {"post"},
    "/api/v1/admin/plugins": {"get"},
    "/api/v1/admin/plugins/NAME/settings": {"get"},
    "/api/v1/admin/rooms": {"get"},
    "/api/v1/admin/status": {"get"},
    "/api/v1/admin/users": {"get"},
    "/api/v1/admin/users/NAME/sessions": {"get", "delete"},
    "/api/v1/me": {"patch"},
    "/api/v1/me/blocks": {"get"},
    "/api/v1/me/blocks/ID": {"put", "delete"},
    "/api/v1/me/email": {"get", "put"},
    "/api/v1/me/identities": {"get"},
    "/api/v1/me/identities/ID": {"delete"},
    "/api/v1/me/password": {"put"},
    "/api/v1/me/preferences": {"get", "patch"},
    "/api/v1/me/sessions": {"get"},
    "/api/v1/me/sessions/ID": {"delete"},
    "/api/v1/plugins/NAME": {"post"},
    "/api/v1/rooms/ID/preferences": {"patch"},
    "/api/v1/users": {"post"},
    "/api/v1/users/NAME": {"put"},
    "/api/v1/users/NAME/email": {"get", "put"},
    "/api/v1/users/NAME/password": {"put"},
    "/api/v1/users/NAME/reset-link": {"post"},
}
# Addresses that ask nobody who they are: there a token is none.
OPEN = {
    "/api/v1/email/confirm": {"post"},
    "/api/v1/login": {"post"},
    "/api/v1/login/begin": {"post"},
    "/api/v1/login/methods": {"get"},
    "/api/v1/login/proceed": {"post"},
    "/api/v1/login/return": {"get", "post"},
    "/api/v1/logout": {"post"},
    "/api/v1/register": {"post"},
}
SHOWN = ("/push/worker.js", "/api/v1/emoji/x/x", "/mail-notifications/unsubscribe/x")
PEOPLES_FIELDS = {
    *("loginMethods", "mySessions", "myBlocks", "myIdentities", "myEmail", "myPreferences"),
    *("userEmail", "register", "login", "beginLogin", "proceedLogin", "logout", "changeProfile"),
    *("blockUser", "unblockUser", "endSession", "unlinkIdentity", "changePassword"),
    *("setUserDisabled", "setUserRole", "addUser", "setUserPassword", "endUserSessions"),
    *("makeResetLink", "setEmail", "confirmEmail", "setUserEmail", "setRoomPreferences"),
    "setPreferences",
}
# Of the plugins that come with the server and are on: what bots may use. All else is for people alone.
OF_PLUGINS = {
    "announcements.current": Scope.READ,
    "emoji.list": Scope.READ,
    "groups.get": Scope.READ,
    "groups.list": Scope.READ,
    "pictures.of": Scope.READ,
    "polls.create": Scope.WRITE,
    "polls.end": Scope.WRITE,
    "polls.get": Scope.READ,
    "polls.vote": Scope.WRITE,
    "polls.votes": Scope.READ,
    "profiles.of": Scope.READ,
    "directory.people": Scope.READ,
    "shortcodes.list": Scope.READ,
    "shortcodes.groups": Scope.READ,
}
ROUTES_OF_PLUGINS = {
    "/api/v1/announcement": {"get": Scope.READ},
    "/api/v1/emoji": {"get": Scope.READ},
    "/api/v1/groups": {"get": Scope.READ},
    "/api/v1/groups/{name}": {"get": Scope.READ},
    "/api/v1/files/{blob}": {"get": Scope.READ},
    "/api/v1/me/picture": {"put": Scope.WRITE, "delete": Scope.WRITE},
    "/api/v1/pictures": {"get": Scope.READ},
    "/api/v1/rooms/{room}/picture": {"put": Scope.ROOMS, "delete": Scope.ROOMS},
    "/api/v1/rooms/{room}/picture/{picture}": {"get": Scope.READ},
    "/api/v1/polls": {"post": Scope.WRITE},
    "/api/v1/polls/{message}": {"get": Scope.READ},
    "/api/v1/polls/{message}/end": {"post": Scope.WRITE},
    "/api/v1/polls/{message}/vote": {"put": Scope.WRITE},
    "/api/v1/polls/{message}/votes": {"get": Scope.READ},
    "/api/v1/profiles": {"get": Scope.READ},
    "/api/v1/directory": {"get": Scope.READ},
    "/api/v1/scheduled": dict.fromkeys(("get", "post", "patch", "delete"), Scope.WRITE),
    "/api/v1/rooms/{room}/messages/{message}/files/{blob}": {"get": Scope.READ},
    "/api/v1/rooms/{room}/messages/{message}/thumbnails/{blob}/{side}": {"get": Scope.READ},
    "/api/v1/uploads": dict.fromkeys(("get", "post"), Scope.WRITE),
    "/api/v1/uploads/{upload}": dict.fromkeys(("get", "patch", "delete"), Scope.WRITE),
    "/api/v1/users/{user}/picture/{picture}": {"get": Scope.READ},
    "/graphql": {"get": Scope.READ, "post": Scope.READ},
}
FIELDS_OF_PLUGINS = {
    "Query.announcement": Scope.READ,
    "Query.directory": Scope.READ,
    "Query.emoji": Scope.READ,
    "Query.userGroup": Scope.READ,
    "Query.userGroups": Scope.READ,
    "Query.poll": Scope.READ,
    "Query.pollVotes": Scope.READ,
    "Mutation.removeRoomPicture": Scope.ROOMS,
    "Mutation.createPoll": Scope.WRITE,
    "Mutation.votePoll": Scope.WRITE,
    "Mutation.endPoll": Scope.WRITE,
    "Query.scheduledMessages": Scope.WRITE,
    "Mutation.scheduleMessage": Scope.WRITE,
    "Mutation.changeScheduledMessage": Scope.WRITE,
    "Mutation.cancelScheduledMessage": Scope.WRITE,
}
GENEROUS = {
    "limits.operations_per_second": 100_000,
    "limits.operations_burst": 100_000,
    "limits.requests_per_second": 0,
    "plugin.bots.tokens": 50,
}
USUAL = [each for each in PluginsConfig().enabled if each not in ("mongo", "password", "metrics")]


class Tried(NamedTuple):
    """What an operation answers to a bot."""

    code: str | None
    scope: str | None


class Bots:
    """One bot on a server, by the scopes of its tokens."""

    def __init__(self, chat: Chat, owner: Person, bot: str) -> None:
        self.chat = chat
        self._owner, self._bot = owner, bot
        self._tokens: dict[frozenset[Scope], str] = {}

    @property
    def items(self) -> Mapping[str, Items]:
        """What all plugins of the server registered, by hook."""
        return self.chat._server.engine.set.items

    async def token(self, *scopes: Scope) -> str:
        kind = frozenset(scopes)
        if kind not in self._tokens:
            path, given = f"/api/v1/bots/{self._bot}/tokens", {"label": "x", "scopes": [*kind]}
            self._tokens[kind] = (await self._owner.http("POST", path, given)).json["secret"]
        return self._tokens[kind]

    async def without(self, scope: Scope | None, *, reads: bool = False) -> str:
        """A token for all but a scope; with `reads`, for reading as well."""
        kept = {each for each in Scope if each is not scope} | ({Scope.READ} if reads else set())
        return await self.token(*kept)

    async def http(self, token: str, method: str, path: str, body: object = None) -> Tried:
        answer = await self.chat.http(method.upper(), path, body, token)
        if not answer.body.startswith(b"{"):
            return Tried(None, None)
        given = answer.json
        if "errors" in given:
            return _tried({**given["errors"][0]["extensions"]})
        return _tried(given.get("error"))

    async def frame(self, token: str, op: str, fields: dict[str, Any]) -> Tried:
        request = HTTPRequest(
            f"ws://127.0.0.1:{self.chat.port}/ws", headers={"Authorization": f"Bearer {token}"}
        )
        socket = await websocket_connect(request, subprotocols=["chat.v1"])
        try:
            await socket.write_message(json.dumps({"id": 1, "op": op, **fields}))
            while True:
                answer = json.loads(await socket.read_message() or "null")
                if answer.get("re") == 1:
                    return _tried(answer.get("error"))
        finally:
            socket.close()


def _tried(error: dict[str, Any] | None) -> Tried:
    if error is None:
        return Tried(None, None)
    return Tried(error["code"], error.get("detail", {}).get("scope"))


@asynccontextmanager
async def serving() -> AsyncIterator[Bots]:
    async with running(*USUAL, "graphql", settings=GENEROUS) as chat:
        ada = await chat.user("ada")
        made = await ada.http("POST", "/api/v1/bots", {"username": "robo"})
        yield Bots(chat, ada, made.json["id"])


def own_routes() -> Iterator[tuple[str, str]]:
    """The addresses of the server itself, each with a method."""
    for module in (api, login, administration, people, messages):
        for _, handler, name in module.ROUTES:
            for method in METHODS:
                if getattr(handler, method).__module__.startswith("chatserver."):
                    yield name, method


def test_each_operation_has_a_scope_or_is_for_people_alone() -> None:
    assert not set(OPERATIONS) & PEOPLE_ALONE
    assert set(OPERATIONS) | PEOPLE_ALONE == set(OPS)


def test_each_address_has_a_scope_or_is_for_people_alone() -> None:
    there: dict[str, set[str]] = {}
    for name, method in own_routes():
        there.setdefault(name, set()).add(method)
    for name, methods in there.items():
        decided = [set(ROUTES.get(name, {})), PEOPLE.get(name, set()), OPEN.get(name, set())]
        assert sorted(method for each in decided for method in each) == sorted(methods), name
    assert set(there) >= {*ROUTES, *PEOPLE, *OPEN}


def test_each_field_has_a_scope_or_is_for_people_alone() -> None:
    part = own_part()
    schema = build([part])
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    there = {f"{root.name}.{name}" for root in roots if root for name in root.fields}
    scoped = set(part.scopes)
    assert scoped <= there
    assert {place.partition(".")[2] for place in there - scoped} == PEOPLES_FIELDS


async def test_plugins_say_what_bots_may_use() -> None:
    async with serving() as bots:
        items = bots.items
        operations = {
            each.name: each.scope for _, each in items["register_operations"] if each.scope
        }
        assert operations == OF_PLUGINS
        routes = {
            each.path: dict(each.scopes) for _, each in items["register_routes"] if each.scopes
        }
        assert routes == ROUTES_OF_PLUGINS
        fields = {
            place: scope
            for _, part in items["register_graphql"]
            for place, scope in part.scopes.items()
            if part.name != "chat"
        }
        assert fields == FIELDS_OF_PLUGINS


async def test_operations_are_refused_without_their_scope() -> None:
    async with serving() as bots:
        everything = await bots.token(*Scope)
        for op, fields in VALID.items():
            if op in ("auth", "ping", "typing"):  # before sign-in, for all, and without an answer
                continue
            scope = OPERATIONS.get(op)
            refused = await bots.frame(await bots.without(scope), op, fields)
            assert refused == ("auth.scope", scope), op
            if scope is not None:
                assert (await bots.frame(everything, op, fields)).code != "auth.scope", op


async def test_operations_of_plugins_are_refused_without_their_scope() -> None:
    async with serving() as bots:
        for op, fields in {
            "emoji.list": {},
            "groups.list": {},
            "announcements.current": {},
            "pictures.of": {"users": []},
            "saved.ids": {},
            "reminders.ids": {},
            "drafts.list": {},
            "receipts.get": {},
            "join_requests.all": {},
            "inbox.count": {},
            "push.list": {},
            "reports.own": {},
            "bots.list": {},
            "bots.make": {"username": "more"},
            "bots.revoke": {"bot": "b", "token": "t"},
        }.items():
            scope = OF_PLUGINS.get(op)
            assert await bots.frame(await bots.without(scope), op, fields) == (
                "auth.scope",
                scope,
            ), op
            if scope is not None:
                assert (await bots.frame(await bots.token(scope), op, fields)).code is None, op


async def test_addresses_are_refused_without_their_scope() -> None:
    async with serving() as bots:
        everything = await bots.token(*Scope)
        for name, method in own_routes():
            if method in OPEN.get(name, set()):
                continue
            path, scope = (
                name.replace("ID", "x").replace("NAME", "x"),
                ROUTES.get(name, {}).get(method),
            )
            body = None if method in ("get", "delete") else {"name": "x"}
            refused = await bots.http(await bots.without(scope), method, path, body)
            assert refused == ("auth.scope", scope), (method, name)
            if scope is not None:
                assert (await bots.http(everything, method, path, body)).code != "auth.scope", name


async def test_addresses_of_plugins_are_refused_without_their_scope() -> None:
    async with serving() as bots:
        items = bots.items
        asked = 0
        for plugin, route in items["register_routes"]:
            if route.internal or plugin in ("graphql", "webhooks"):
                continue
            path = "/".join("x" if part.startswith("{") else part for part in route.path.split("/"))
            for method in route.handlers:
                if path in SHOWN or path.startswith("/api/v1/uploads"):
                    continue  # to everybody, or refused for its headers first
                scope = route.scopes.get(method)
                body = None if method in ("get", "delete") else {}
                refused = await bots.http(await bots.without(scope), method, path, body)
                assert refused == ("auth.scope", scope), (method, path)
                asked += 1
        assert asked > 30


async def test_fields_are_refused_without_their_scope() -> None:
    async with serving() as bots:
        items = bots.items
        parts = [part for _, part in items["register_graphql"]]
        scopes = {place: scope for part in parts for place, scope in part.scopes.items()}
        schema = build(parts)
        everything = await bots.token(*Scope)
        unread = await bots.token(Scope.WRITE, Scope.ROOMS, Scope.MODERATE)
        roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
        for root in roots:
            assert root is not None
            for name, field in root.fields.items():
                place, body = f"{root.name}.{name}", {"query": document(root, name, field)}
                scope = scopes.get(place)
                refused = await bots.http(
                    await bots.without(scope, reads=True), "post", "/graphql", body
                )
                if scope is not Scope.READ:
                    assert refused == ("auth.scope", scope), place
                unheard = await bots.http(unread, "post", "/graphql", body)
                assert unheard == ("auth.scope", "read"), place
                if scope is not None:
                    tried = await bots.http(everything, "post", "/graphql", body)
                    assert tried.code != "auth.scope", place


async def test_no_fragment_hides_a_field() -> None:
    async with serving() as bots:
        reader = await bots.token(Scope.READ)
        hidden = "mutation { ...a } fragment a on Mutation { ... { logout { __typename } } }"
        for query in (
            hidden,
            "mutation { x: logout { __typename } }",
            "{ me { id } mySessions { id } }",
        ):
            tried = await bots.http(reader, "post", "/graphql", {"query": query})
            assert tried == ("auth.scope", None), query
        fine = {"query": "{ me { id } __typename }"}
        assert await bots.http(reader, "post", "/graphql", fine) == (None, None)


def document(root: GraphQLObjectType, name: str, field: GraphQLField) -> str:
    """An operation with one field, and something for each argument that it needs."""
    needed = {key: each.type for key, each in field.args.items() if is_non_null_type(each.type)}
    given = ", ".join(f"{key}: {literal(kind)}" for key, kind in needed.items())
    chosen = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    return f"{root.name.lower()} {{ {name}{f'({given})' if given else ''}{chosen} }}"


def literal(kind: Any) -> str:
    """Something of this type, in the language of documents."""
    if isinstance(kind, GraphQLNonNull):
        return literal(kind.of_type)
    if is_list_type(kind):
        return f"[{literal(kind.of_type)}]"
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        needed = {
            key: each.type for key, each in kind.fields.items() if is_non_null_type(each.type)
        }
        return "{" + ", ".join(f"{key}: {literal(each)}" for key, each in needed.items()) + "}"
    return {"Int": "1", "Float": "1", "Boolean": "true"}.get(kind.name, '"x"')
