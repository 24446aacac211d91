"""GET /metrics for Prometheus: the core's measures, the process, and how late the loop runs."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from chatserver import Context, Powers, Reply, Request, Route, Settings, hookimpl, translation
from chatserver_plugins.metrics import numbers
from chatserver_plugins.metrics.collector import MeasureCollector
from chatserver_plugins.metrics.loop_lag import LoopLag
from chatserver_plugins.metrics.workers import OPEN_METRICS_END, together


class MetricsPlugin:
    """Answers in the Prometheus text format, or in OpenMetrics if the request prefers that, and shows the numbers.

    With several workers on one port, the one that gets the request answers for all.
    """

    class Config(Settings, frozen=True, kw_only=True):
        path: Annotated[
            str,
            msgspec.Meta(
                title="Path",
                description="Path at which the metrics are served.",
                pattern=r"^/[A-Za-z0-9/_.-]+$",
            ),
            translation("ja", "パス", "メトリクスを提供するパスです。"),
        ] = "/metrics"
        max_series: Annotated[
            int,
            msgspec.Meta(
                title="Series of a metric",
                description="Most combinations of labels that are shown of one metric; further ones are only "
                "counted, in chatserver_metrics_omitted_series.",
                ge=1,
            ),
            translation(
                "ja",
                "メトリクスごとの系列数",
                "一つのメトリクスで示すラベルの組み合わせの上限です。"
                "超えた分は chatserver_metrics_omitted_series に数だけを示します。",
            ),
        ] = 1000

    powers = Powers(network=("127.0.0.1",))

    def __init__(self, config: Config) -> None:
        self.config = config
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._lag: LoopLag | None = None
        self._ports: Sequence[int] = ()

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._ports = context.worker_ports
        self._registry.register(
            MeasureCollector(context.measures, context.version, self.config.max_series)
        )
        own = Route(path=self.config.path, get=self.get, every_node=True, internal=True)
        return [own, *numbers.routes(self.config.path)]

    @hookimpl
    async def startup(self, context: Context) -> None:
        self._lag = LoopLag(context.measures)
        self._lag.start()

    @hookimpl
    async def shutdown(self) -> None:
        if self._lag is not None:
            self._lag.stop()

    async def get(self, request: Request) -> Reply:
        accept = request.header("Accept") or ""
        encode, content_type = choose_encoder(accept)
        if self._ports and request.query.get("workers") != "own":
            end = OPEN_METRICS_END if "openmetrics" in content_type else ""
            text = await together(self._ports, self.config.path, accept, end)
            return Reply(body=text, content_type=content_type)
        return Reply(body=encode(self._registry), content_type=content_type)
