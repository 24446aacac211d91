"""A server whose plugins are held to their declarations."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chatserver.app import Server
from chatserver.config import Loaded
from chatserver.denial import attribution, environment, network
from chatserver.denial.refusal import Denial
from chatserver.denial.views import denied
from chatserver.hooks.context import Context
from chatserver.hooks.types import GraphQLPart
from chatserver.runtime.clock import SYSTEM, Clock
from chatserver.runtime.measure import Measures


class DeniedServer(Server):
    """Make and use it within `holding`."""

    def __init__(self, loaded: Loaded, denial: Denial, clock: Clock = SYSTEM) -> None:
        self._denial = denial
        super().__init__(loaded, clock=clock)
        denial.config = lambda: self.engine.set.config

    def _new_context(
        self, plugin: str, measures: Measures, graphql: Sequence[GraphQLPart]
    ) -> Context:
        return denied(super()._new_context(plugin, measures, graphql), self._denial)


@contextmanager
def holding(denial: Denial) -> Iterator[None]:
    """Hold plugins to their declarations while the block runs, on the running loop.

    Raises the first `UndeclaredPower` at its end, also if the plugin, or a library of it, took that for another
    failure.
    """
    try:
        with attribution.attributed(denial), network.heard(), environment.guarded():
            yield
    except Exception as error:
        if denial.refused:
            raise denial.refused[0] from error
        raise
    if denial.refused:
        raise denial.refused[0]
