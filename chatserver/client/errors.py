"""What may go wrong for a client."""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """The server refuses a request, or this client for good; `code` is stable and listed in docs/protocol.md.

    `after_ms` is the time to wait before another try, None if there is no use in one.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        after_ms: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.after_ms = code, message, after_ms
        self.detail = detail or {}


class Disconnected(Exception):
    """The connection ended before the answer: what was asked for may have been done, or not."""


def refusal(error: Mapping[str, Any]) -> Refused:
    """The error of an answer."""
    is_worth_a_try = error.get("retry") == "later"
    after = error.get("after_ms", 1000) if is_worth_a_try else None
    return Refused(error["code"], error["message"], after_ms=after, detail=error.get("detail"))
