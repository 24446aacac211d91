"""The server's tracer, made of OpenTelemetry's."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chatserver import Trace, __version__

KINDS = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
}
LINKS = 32  # of one batch; each costs as much as an attribute
SHUTDOWN_MS = 1000  # for the last spans to be sent


class Sending(SpanProcessor):
    """Sends spans from `begin` to the end, and again if a server of this process serves again.

    OpenTelemetry takes one provider for the life of a process, whose processors do not begin again.
    """

    def __init__(self) -> None:
        self._batches: SpanProcessor | None = None

    @property
    def has_begun(self) -> bool:
        return self._batches is not None

    def begin(self, endpoint: str) -> None:
        self._batches = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint or None))

    def on_end(self, span: ReadableSpan) -> None:
        batches = self._batches  # which may end in another thread
        if batches is not None:
            batches.on_end(span)

    def end(self) -> None:
        ended, self._batches = self._batches, None
        if ended is not None:
            ended.force_flush(SHUTDOWN_MS)
            ended.shutdown()


_sending = Sending()
_provider: TracerProvider | None = None  # of this process, if it is ours


def set_up(endpoint: str, ratio: float) -> Callable[[], None] | None:
    """Have spans recorded and sent. Returns the function that ends this; None if it is not ours to end.

    After that end it may be called again; the ratio stays that of the first call.
    """
    global _provider
    if _provider is None:
        if isinstance(trace.get_tracer_provider(), TracerProvider):
            return None
        _provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(ratio),
            resource=Resource.create(
                {"service.name": "chatserver", "service.version": __version__}
            ),
            shutdown_on_exit=False,
        )
        _provider.add_span_processor(_sending)
        trace.set_tracer_provider(_provider)
    if _sending.has_begun:
        return None
    _sending.begin(endpoint)
    return _sending.end


class OpenTelemetrySpan:
    """One span."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def active(self) -> AbstractContextManager[object]:
        return trace.use_span(self._span, record_exception=False, set_status_on_exception=False)

    def set(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)

    def end(self, error: str = "") -> None:
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


class OpenTelemetryTracer:
    """Begins spans."""

    def __init__(self, trusts_callers: bool) -> None:
        self._tracer = trace.get_tracer("chatserver", __version__)
        self._callers = TraceContextTextMapPropagator() if trusts_callers else None

    def begin(
        self,
        name: str,
        kind: Literal["internal", "server", "client"] = "internal",
        attributes: Mapping[str, str | int] = {},
        *,
        headers: Mapping[str, str] | None = None,
        links: Sequence[Trace] = (),
        is_root: bool = False,
    ) -> OpenTelemetrySpan:
        context: Context | None = None  # the active one
        if is_root or headers is not None:
            context = Context()
        if headers is not None and self._callers is not None:
            context = self._callers.extract(
                {key.lower(): value for key, value in headers.items()}, Context()
            )
        span = self._tracer.start_span(
            name,
            context,
            kind=KINDS[kind],
            attributes=attributes,
            links=[trace.Link(_context(each)) for each in links[:LINKS]],
        )
        return OpenTelemetrySpan(span)

    def current(self) -> Trace | None:
        span = trace.get_current_span()
        if not span.is_recording():
            return None
        found = span.get_span_context()
        return Trace(trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id))


def _context(place: Trace) -> trace.SpanContext:
    return trace.SpanContext(
        int(place.trace, 16),
        int(place.span, 16),
        is_remote=False,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
