"""What is counted. Names come from clients, so only so many of them are told apart."""

from chatserver import Measures

NAMES = 100
NAME_CHARS = 64


class OperationMeasures:
    def __init__(self, measures: Measures) -> None:
        self._names: set[str] = set()
        self._operations = measures.counter(
            "chatserver_graphql_operations_total",
            "GraphQL operations executed",
            ("name", "type", "outcome"),
        )
        self._seconds = measures.histogram(
            "chatserver_graphql_seconds", "Time of a GraphQL operation", ("name", "type")
        )
        self._refused = measures.counter(
            "chatserver_graphql_refused_total",
            "GraphQL requests that were not executed",
            ("reason",),
        )

    def executed(self, name: str, type: str, seconds: float, *, failed: bool) -> None:
        label = self._label(name)
        self._operations.add(labels=(label, type, "error" if failed else "ok"))
        self._seconds.add(seconds, (label, type))

    def refused(self, reason: str) -> None:
        """`reason` is the code of the error."""
        self._refused.add(labels=(reason,))

    def _label(self, name: str) -> str:
        if not name:
            return "(anonymous)"
        name = name[:NAME_CHARS]
        if name not in self._names:
            if len(self._names) >= NAMES:
                return "(other)"
            self._names.add(name)
        return name
