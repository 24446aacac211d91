"""GraphQL at one address: the same service through another door."""

from collections.abc import Sequence

from chatserver import Context, GraphQLPart, Route, hookimpl
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.execution import Execution
from chatserver_plugins.graphql.explorer import Explorer
from chatserver_plugins.graphql.http import HttpDoor
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build, costs


class GraphQLPlugin:
    """Serves what all plugins together registered."""

    Config = GraphQLConfig

    def __init__(self, config: GraphQLConfig) -> None:
        self.config = config

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [own_part()]

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        execution = Execution(
            build(context.graphql),
            costs(context.graphql),
            self.config,
            context.measures,
            debug=context.service.config.server.debug,
        )
        explorer = Explorer(self.config.path) if self.config.explorer else None
        door = HttpDoor(execution, context.service, explorer)
        routes = [Route(path=self.config.path, get=door.get, post=door.post)]
        return [*routes, *explorer.routes()] if explorer else routes
