"""The plugin's metrics. Clients choose operation names, so only the first `NAMES` become labels."""

from typing import Protocol

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

    def subscribed(self, name: str) -> None:
        """Count an opened subscription; its duration is up to the client."""
        self._operations.add(labels=(self._label(name), "subscription", "ok"))

    def refused(self, reason: str) -> None:
        """Count a refused request; `reason` is the error's code."""
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


class Fed(Protocol):
    """A transport with subscriptions."""

    @property
    def subscriptions(self) -> int: ...


class Sized(Protocol):
    def sizes(self) -> list[int]:
        """Number of subscriptions in each group."""


def show_sizes(measures: Measures, groups: Sized, *doors: Fed) -> None:
    """Register gauges for open subscriptions and groups, computed at each scrape."""
    measures.gauge(
        "chatserver_graphql_subscriptions",
        "Open subscriptions",
        lambda: sum(door.subscriptions for door in doors),
    )
    measures.gauge(
        "chatserver_graphql_groups",
        "Groups of subscriptions that share their executions",
        lambda: len(groups.sizes()),
    )
    measures.gauge(
        "chatserver_graphql_group_largest",
        "Subscriptions in the largest group",
        lambda: max(groups.sizes(), default=0),
    )
