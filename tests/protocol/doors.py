"""What users can ask for at each door: of the core, and of every plugin that comes with it."""

import json
from pathlib import Path
from typing import NamedTuple

from graphql import GraphQLSchema

from chatserver.app import Server
from chatserver.config import load
from chatserver.hooks.loading import discover, load_class
from chatserver_plugins.graphql.schema import build
from tests.protocol.acting import SETTINGS, Case, stub_scene

ROOT = Path(__file__).parents[2]
METHODS = ("post", "put", "patch", "delete")
# Plugins that need another service, and bring no way to do anything: this is checked, too.
ELSEWHERE = {
    *("mongo", "postgres", "sqlite", "mongo_bus", "postgres_bus", "redis_bus", "nats_bus", "kafka"),
    *("s3", "gridfs", "sftp", "smtp", "tracing", "clamav", "vault"),
}
# What some of them do not start without.
REQUIRED = {
    "plugin.calls.page": "https://calls.example.org",
    "plugin.translation.url": "http://127.0.0.1:9",
    "plugin.ldap.servers": ["ldaps://directory.example.org"],
    "plugin.ldap.base": "dc=example,dc=org",
    "plugin.oidc.providers.company.issuer": "https://login.example.org",
    "plugin.oidc.providers.company.client_id": "chat",
    "plugin.oidc.providers.company.client_secret": "secret",
}
WAYS = ("register_routes", "register_operations", "register_graphql", "register_login_methods")


class Doors(NamedTuple):
    """`routes` are those that change something, as method and path; `operations` those of plugins."""

    routes: set[tuple[str, str]]
    operations: set[str]
    schema: GraphQLSchema


async def all_doors(folder: Path) -> Doors:
    """The doors of a server with all plugins; `folder` is for its data."""
    openapi = json.loads((ROOT / "docs/schema/openapi.json").read_text(encoding="utf-8"))
    routes = {
        (method.upper(), path) for path, known in openapi["paths"].items() for method in known
        if method in METHODS
    }  # fmt: skip
    settings = {"server.data": str(folder), "logging.folder": ""} | SETTINGS
    del settings["plugins.enabled"]
    sources = discover(load(environ={}).config)
    enabled = ["memory", "password", *sorted(set(sources) - ELSEWHERE - {"memory", "password"})]
    loaded = load(environ={}, overrides=settings | REQUIRED | {"plugins.enabled": enabled})
    async with Server(loaded).opened() as server:
        server.engine.collect(WAYS)
        found = server.engine.set.items
        for _, route in found["register_routes"]:
            routes |= {(method.upper(), route.path) for method in METHODS if getattr(route, method)}
        schema = build([part for _, part in found["register_graphql"]])
        operations = {operation.name for _, operation in found["register_operations"]}
    for name in ELSEWHERE:
        kind = load_class(sources[name])
        assert not any(hasattr(kind, way) for way in WAYS), name
    return Doors(routes, operations, schema)


def route_of(case: Case) -> tuple[str, str] | None:
    """The method and path of a case, if it is asked over HTTP, with the names of parameters in braces."""
    if case.http is None:
        return None
    method, path = case.http(stub_scene())[:2]
    path = path.partition("?")[0]
    for known in ("/invites", "/me/passkeys"):
        path = path.replace(f"{known}/0123456789abcdef", f"{known}/{{id}}")
    path = path.replace("/emoji/there", "/emoji/{name}")
    path = path.replace("/groups/of-{member}", "/groups/{name}")
    path = path.replace("/api/v1/bots/{member}", "/api/v1/bots/{bot}")
    for part in ("picture", "profile"):
        path = path.replace(f"/users/{{member}}/{part}", f"/users/{{user}}/{part}")
    return method, path.replace("/bans/{member}", "/bans/{ban}")
