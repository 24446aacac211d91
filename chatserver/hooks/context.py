"""The parts of a running server that plugins get."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from chatserver.hooks.types import GraphQLPart
from chatserver.interfaces import Records
from chatserver.runtime.measure import Measures
from chatserver.service.service import Service


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a running server that a plugin may use."""

    data: Path  # a folder for this plugin's own files; made on first use by the plugin
    records: Records  # the plugin's own space in the store
    measures: Measures  # the core's metrics, to read; and to add the plugin's own
    version: str
    service: Service  # all rules of the server; usable from `startup` on
    graphql: Sequence[GraphQLPart] = ()  # all parts that plugins registered
    worker: int = 0  # number of this worker of `serve --workers`, from 1; 0 without workers
    worker_ports: tuple[int, ...] = ()  # of 127.0.0.1, where each worker answers for itself
