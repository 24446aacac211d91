"""GraphQL at one address: another interface to the same service."""

from collections.abc import Sequence

from chatserver import Context, GraphQLPart, Powers, Route, Scope, hookimpl
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.downloads import download_routes
from chatserver_plugins.graphql.errors import error_body
from chatserver_plugins.graphql.execution import Execution
from chatserver_plugins.graphql.explorer import Explorer
from chatserver_plugins.graphql.http import HttpDoor
from chatserver_plugins.graphql.measures import show_sizes
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.plan import Plans
from chatserver_plugins.graphql.pure import PURE
from chatserver_plugins.graphql.running import Runner
from chatserver_plugins.graphql.schema import build, build_costs
from chatserver_plugins.graphql.scopes import Scopes
from chatserver_plugins.graphql.socket import SocketDoors
from chatserver_plugins.graphql.sources import Sources
from chatserver_plugins.graphql.sse import EventDoor
from chatserver_plugins.graphql.subscriptions import Subscriptions


class GraphQLPlugin:
    """Serves the schema made of the parts that all plugins registered."""

    Config = GraphQLConfig
    powers = Powers(
        service=(
            "accounts",
            "blocks",
            "commands",
            "config.limits",
            "config.server",
            "connections",
            "epoch",
            "following",
            "history",
            "interactions",
            "logins",
            "messages",
            "own_emails",
            "preferences",
            "presence",
            "rates",
            "room_cache.known",
            "rooms",
            "search",
            "signed_in",
            "staff",
            "statuses",
            "typing",
        )
    )

    def __init__(self, config: GraphQLConfig) -> None:
        self.config = config

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [own_part()]

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        service, config = context.service, self.config
        schema = build(context.graphql)
        execution = Execution(
            schema,
            build_costs(schema, context.graphql),
            Scopes(context.graphql),
            Plans(schema, PURE),
            config,
            context.measures,
            debug=service.config.server.debug,
        )
        resolved = {place for part in context.graphql for place in part.resolvers}
        sources = Sources(service, context.graphql, config.queue)
        subscriptions = Subscriptions(execution, service, resolved, sources)
        runner = Runner(execution, subscriptions)
        events = EventDoor(service, config, runner)
        sockets = SocketDoors(service, config, runner, context.measures)
        show_sizes(context.measures, subscriptions.groups, sockets, events)
        explorer = Explorer(config.path) if config.explorer else None
        door = HttpDoor(execution, service, events, explorer)
        route = Route(
            path=config.path,
            get=door.get,
            post=door.post,
            socket=sockets.door(),
            scopes={"get": Scope.READ, "post": Scope.READ},
            show_error=error_body,
        )
        pages = explorer.routes() if explorer else []
        return [route, *download_routes(config.path), *pages]
