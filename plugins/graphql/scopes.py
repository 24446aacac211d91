"""What a bot's token must be for, by the fields that an operation begins with.

Every answer can show more than was changed, so each operation needs a token for reading besides.
"""

from collections.abc import Iterable, Mapping

from chatserver import GraphQLPart, Scope, demand_scope
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.documents import Operation
from chatserver_plugins.graphql.limits import INTROSPECTION

FREE = frozenset((*INTROSPECTION, "__typename"))


class Scopes:
    """The scopes of all parts of the schema."""

    def __init__(self, parts: Iterable[GraphQLPart]) -> None:
        self._scopes: Mapping[str, Scope] = {
            place: scope for part in parts for place, scope in part.scopes.items()
        }

    def demand(self, asking: Asking, operation: Operation) -> None:
        """Raise `ChatError` auth.scope for a field that the asking bot's token is not for."""
        if not asking.is_scoped:
            return
        demand_scope(asking.user, Scope.READ)
        kind = operation.type.value.capitalize()
        for name in sorted(operation.roots - FREE):
            demand_scope(asking.user, self._scopes.get(f"{kind}.{name}"))
