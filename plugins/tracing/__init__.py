"""OpenTelemetry traces of requests, operations, hooks, the log and the store."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from chatserver import Powers, Settings, Tracer, from_extra, hookimpl, translation


class TracingPlugin:
    """Provides the tracer, and sends its spans to a collector by OTLP.

    If `opentelemetry-instrument` has set up OpenTelemetry already, that is used.
    """

    class Config(Settings, frozen=True, kw_only=True):
        endpoint: Annotated[
            str,
            Meta(
                title="Collector",
                description="Address to which spans are sent (OTLP over HTTP), such as "
                "http://localhost:4318/v1/traces. Empty: that of OTEL_EXPORTER_OTLP_ENDPOINT.",
                extra={"operator": True},
            ),
            translation(
                "ja",
                "送信先",
                "スパンの送信先のアドレスです（OTLP over HTTP）。"
                "例：http://localhost:4318/v1/traces 。空のときは OTEL_EXPORTER_OTLP_ENDPOINT "
                "に従います。",
            ),
        ] = ""
        ratio: Annotated[
            float,
            Meta(
                title="Recorded share",
                description="Share of traces that are recorded, from 0 to 1.",
                ge=0,
                le=1,
            ),
            translation("ja", "記録する割合", "記録するトレースの割合を 0 から 1 で指定します。"),
        ] = 0.1
        trust_callers: Annotated[
            bool,
            Meta(
                title="Continue callers' traces",
                description="Continue the trace that a request names (header traceparent), and record it if "
                "the caller does. Any client can name one.",
            ),
            translation(
                "ja",
                "呼び出し元のトレースを引き継ぐ",
                "リクエストの traceparent ヘッダーが示すトレースを引き継ぎ、"
                "呼び出し元が記録していればここでも記録します。"
                "どのクライアントでも指定できるので注意してください。",
            ),
        ] = False

    powers = Powers(
        network=("configured", "localhost"),
        secrets=(
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        ),
    )

    def __init__(self, config: Config) -> None:
        self.config = config
        self._close: Callable[[], None] | None = None

    @hookimpl
    def provide_tracer(self) -> Tracer:
        with from_extra("opentelemetry", "opentelemetry"):
            from chatserver_plugins.tracing import tracer
        self._close = tracer.set_up(self.config.endpoint, self.config.ratio)
        return tracer.OpenTelemetryTracer(self.config.trust_callers)

    @hookimpl
    async def shutdown(self) -> None:
        if self._close is not None:
            await asyncio.to_thread(self._close)


__all__ = ["TracingPlugin"]
