"""JSON-RPC 2.0 as the Model Context Protocol has it (https://modelcontextprotocol.io/specification/): messages and errors."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from chatserver import ChatError

PARSE, INVALID, METHOD, PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
HEADERS, VERSION = (
    -32020,
    -32022,
)  # HeaderMismatch and UnsupportedProtocolVersion of revision 2026-07-28

Id = int | str


class Message(msgspec.Struct, frozen=True):
    """A request, a notification (no `id`), or an answer of the client (no `method`). An id is never null."""

    jsonrpc: Literal["2.0"]
    id: Id | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: dict[str, Any] = {}
    result: Any = UNSET
    error: Any = UNSET

    def __post_init__(self) -> None:
        if self.method is UNSET and self.result is UNSET and self.error is UNSET:
            raise ValueError("expected a method, a result or an error")


class Fault(Exception):
    """A mistake in the protocol: a JSON-RPC error, and the HTTP status of its answer."""

    def __init__(
        self, code: int, text: str, status: int = 400, data: object = UNSET, id: object = UNSET
    ) -> None:
        super().__init__(text)
        self.code, self.text, self.status, self.data, self.id = code, text, status, data, id


class Error(msgspec.Struct, frozen=True):
    code: int
    message: str
    data: Any = UNSET


class Answer(msgspec.Struct, frozen=True):
    """An answer to a request; an error's is without `id` if that could not be read."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: Any = UNSET
    result: Any = UNSET
    error: Error | UnsetType = UNSET

    @classmethod
    def to(cls, fault: Fault, id: object = UNSET) -> "Answer":
        """The answer that tells of a fault, to the request of this id."""
        named = fault.id if id is UNSET else id
        return cls(id=named, error=Error(fault.code, fault.text, fault.data))


def decoded(body: bytes) -> Any:
    """The JSON of a body. Raises `Fault`."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Fault(PARSE, f"The body is not JSON: {error}") from None


def message_of(given: object) -> Message:
    """The message that decoded JSON is. Raises `Fault`."""
    try:
        return msgspec.convert(given, Message)
    except msgspec.ValidationError as error:
        id = given.get("id") if isinstance(given, dict) else None
        known = isinstance(id, int | str) and not isinstance(id, bool)
        raise Fault(INVALID, f"Not a request: {error}", id=id if known else UNSET) from None


def error_body(error: ChatError) -> bytes:
    """The body of an answer that refuses a whole HTTP request, with the server's code in `data`."""
    code = INTERNAL if error.meaning.status >= 500 else INVALID
    return msgspec.json.encode(Answer(error=Error(code, error.text, told(error))))


def told(error: ChatError) -> dict[str, object]:
    """What the other interfaces say of an error, too, beside its text."""
    shown: dict[str, object] = {"code": error.code, "retry": error.meaning.retry}
    if error.after_ms is not None:
        shown["after_ms"] = error.after_ms
    if error.detail:
        shown["detail"] = error.detail
    return shown
