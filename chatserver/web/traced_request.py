"""Spans of HTTP requests."""

from typing import Any

from chatserver.tracing.spans import code_of
from chatserver.web.base import METHODS, BaseHandler


class TracedRequest(BaseHandler):
    """Goes before a handler's class; the span lasts until the answer is written.

    Upgrades have none: what comes over their connection lasts for days.
    """

    async def _execute(self, transforms: list[Any], *args: bytes, **named: bytes) -> None:
        tracer = self.gate.tracer
        assert tracer is not None
        method = self.request.method if self.request.method in METHODS else "_OTHER"
        attributes = {"http.request.method": str(method), "http.route": self.route}
        span = tracer.begin(
            f"{method} {self.route}", "server", attributes, headers=self.request.headers
        )
        error = ""
        try:
            with span.active():
                await super()._execute(transforms, *args, **named)
        except BaseException as raised:
            error = code_of(raised)
            raise
        finally:
            status = self.get_status()
            span.set("http.response.status_code", status)
            span.end(error or (str(status) if status >= 500 else ""))
