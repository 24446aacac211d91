"""The parts that the server relies on in Tornado's WebSockets."""

from types import SimpleNamespace
from typing import Any

import pytest
import tornado.util
import tornado.websocket
from tornado.websocket import WebSocketProtocol, WebSocketProtocol13

from tests.canaries.listed import canary

KEY, ANSWER = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3


def opening(**headers: str) -> Any:
    """A handler that gets an upgrade request."""
    answers: list[object] = []
    return SimpleNamespace(
        request=SimpleNamespace(
            headers={"Host": "a", "Sec-Websocket-Key": KEY, "Sec-Websocket-Version": "13"}
            | {"Sec-WebSocket-Key": KEY},
            connection=SimpleNamespace(stream=None),
        ),
        answers=answers,
        set_status=answers.append,
        finish=answers.append,
    )


def protocol(kind: Any = WebSocketProtocol13) -> Any:
    params = tornado.websocket._WebSocketParams(max_message_size=9)
    assert params.max_message_size == 9
    return kind(opening(), mask_outgoing=False, params=params)


@canary(tornado.util, "_websocket_mask")
@pytest.mark.parametrize("size", [0, 1, 4, 7, 125, 70001])
def test_masking_is_an_exclusive_or(size: int) -> None:
    mask, data = bytes([1, 2, 4, 255]), bytes(number % 256 for number in range(size))
    expected = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    masked = tornado.util._websocket_mask(mask, data)
    assert type(masked) is bytes and masked == expected


@canary(tornado.util, "_websocket_mask")
def test_masking_is_done_in_c() -> None:
    """In Python it would take 100 times as long."""
    assert tornado.util._websocket_mask.__module__ == "tornado.speedups" or (
        type(tornado.util._websocket_mask).__name__ == "builtin_function_or_method"
    )


@canary(tornado.websocket, "_WebSocketParams")
@canary(WebSocketProtocol13, "_challenge_response")
async def test_the_answer_to_a_key_is_that_of_the_rfc() -> None:
    made = protocol()
    assert made._challenge_response(made.handler) == ANSWER


@canary(WebSocketProtocol13, "_accept_connection")
@canary(WebSocketProtocol, "_abort")
@pytest.mark.parametrize("fails", [False, True])
async def test_a_good_request_is_accepted_by_the_method_we_override(fails: bool) -> None:
    called: list[object] = []

    class Own(WebSocketProtocol13):
        async def _accept_connection(self, handler: Any) -> None:
            called.append(handler)
            if fails:
                raise ValueError

        def _abort(self) -> None:
            called.append("aborted")

    made = protocol(Own)
    await made.accept_connection(made.handler)
    assert called == [made.handler, *(["aborted"] if fails else [])]
    del made.handler.request.headers["Sec-Websocket-Key"]
    await made.accept_connection(made.handler)
    assert made.handler.answers[0] == 400
    assert len(called) == 1 + fails, "it is refused before"


@canary(WebSocketProtocol, "_abort")
async def test_to_abort_is_to_close_the_stream_at_once() -> None:
    """`Transport._abort` replaces it."""
    made, closed = protocol(), []
    made.stream = SimpleNamespace(close=lambda: closed.append(1))
    made._abort()
    assert closed and made.client_terminated and made.server_terminated
