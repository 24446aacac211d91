"""The alerts that fire at an Alertmanager, by its API v2."""

import asyncio
import threading
import urllib.request
from collections.abc import Callable
from typing import TypeVar
from urllib.error import URLError

import msgspec

from chatserver.status.report import Alert

T = TypeVar("T")

SECONDS = 3.0
MOST_BYTES = 4 << 20
PATH = "/api/v2/alerts?active=true&silenced=false&inhibited=false"


class AlertsUnavailable(Exception):
    """Alertmanager did not answer, or not with alerts. The text is the reason."""


class _Alert(msgspec.Struct):
    """The fields used of Alertmanager's `gettableAlert`."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str = ""


_decode = msgspec.json.Decoder(list[_Alert]).decode


async def firing(address: str) -> list[Alert]:
    """The alerts that fire and are neither silenced nor inhibited. Raises `AlertsUnavailable`."""
    try:
        async with asyncio.timeout(SECONDS):
            body = await _in_thread(lambda: _fetch(address.rstrip("/") + PATH))
        found = _decode(body)
    except TimeoutError:
        raise AlertsUnavailable(f"no answer within {SECONDS:g} s") from None
    except URLError as error:
        raise AlertsUnavailable(str(error.reason)) from error
    except (OSError, ValueError) as error:
        raise AlertsUnavailable(str(error)) from error
    return [
        Alert(
            name=alert.labels.get("alertname", ""),
            severity=alert.labels.get("severity", ""),
            since=alert.startsAt,
            summary=alert.annotations.get("summary", ""),
        )
        for alert in found
    ]


def _fetch(url: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise ValueError("expected an address such as http://127.0.0.1:9093")
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - the scheme is checked
        body: bytes = answer.read(MOST_BYTES)
        return body


async def _in_thread(work: Callable[[], T]) -> T:
    """The result of `work` in a thread that nobody waits for at the end, as it may hang."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        if not future.done():
            act()

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            caught = error
            end = lambda: future.set_exception(caught)  # noqa: E731
        else:
            end = lambda: future.set_result(result)  # noqa: E731
        try:
            loop.call_soon_threadsafe(settle, end)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    threading.Thread(target=run, daemon=True, name="alertmanager").start()
    return await future
