"""The use of plugins' hooks, from the metrics of a running server: its page, as text, becomes figures."""

import re
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence
from urllib.error import URLError

import msgspec

from chatserver.config import Config
from chatserver.errors import StartupError

SECONDS = 5.0  # for an answer
MOST_BYTES = 64 << 20
SHARE = 0.95  # of the calls, for the percentile
_LINE = re.compile(r"chatserver_hook_(\w+?)\{(.*)\} (\S+)(?: .*)?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """One hook of a plugin: calls and their time in seconds, which includes waiting; failed calls.

    `passed` counts what passed although the plugin failed. `mean_ms` and `p95_ms` are milliseconds for one
    call; 95 of 100 calls took at most `p95_ms`, null if it lies above the longest that is counted.
    """

    plugin: str
    hook: str
    calls: int
    seconds: float
    mean_ms: float
    p95_ms: float | None
    failures: int
    passed: int


class _Sums(msgspec.Struct):
    """The totals of one hook, over all workers. `buckets` has the calls up to each bound, in seconds."""

    calls: float = 0.0
    seconds: float = 0.0
    failures: float = 0.0
    passed: float = 0.0
    buckets: dict[float, float] = msgspec.field(default_factory=dict)


Totals = Mapping[tuple[str, str], _Sums]  # by plugin and hook


def address(config: Config, path: str) -> str:
    """The address of the metrics of a server with this configuration, on this machine."""
    server = config.server
    if server.internal_port > 0:
        return f"http://{_reachable(server.internal_host)}:{server.internal_port}{path}"
    scheme = "https" if server.tls_certificate else "http"
    return f"{scheme}://{_reachable(server.host)}:{server.port}{path}"


def fetch(url: str) -> str:
    """The metrics as text. Raises `StartupError`."""
    if not url.startswith(("http://", "https://")):
        raise StartupError(f"{url}: expected an address such as http://127.0.0.1:9464/metrics")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - the scheme is checked
            text: str = answer.read(MOST_BYTES).decode(errors="replace")
            return text
    except URLError as error:
        raise StartupError(f"{url}: {error.reason}") from error
    except (OSError, ValueError) as error:
        raise StartupError(f"{url}: {error}") from error


def totals(text: str) -> Totals:
    """The sums of all hooks, from a page of metrics."""
    found: defaultdict[tuple[str, str], _Sums] = defaultdict(_Sums)
    for line in text.splitlines():
        sample = _LINE.fullmatch(line)
        if sample is None:
            continue
        labels, value = dict(_LABEL.findall(sample[2])), float(sample[3])
        sums = found[labels.get("plugin", ""), labels.get("hook", "")]
        match sample[1]:
            case "seconds_count":
                sums.calls += value
            case "seconds_sum":
                sums.seconds += value
            case "seconds_bucket":
                bound = float(labels["le"])
                sums.buckets[bound] = sums.buckets.get(bound, 0.0) + value
            case "errors_total":
                sums.failures += value
            case "passed_total":
                sums.passed += value
    return found


def uses(now: Totals, before: Totals | None = None) -> Sequence[Use]:
    """The use of each hook, most time first: since the server's start, or since `before`."""
    found = [
        _use(*place, _since(sums, before.get(place) if before else None))
        for place, sums in now.items()
    ]
    return sorted(found, key=lambda use: (-use.seconds, -use.calls, use.plugin, use.hook))


def _since(now: _Sums, before: _Sums | None) -> _Sums:
    """What came in between; all if the server was started again in between."""
    if before is None or now.calls < before.calls:
        return now
    return _Sums(
        calls=now.calls - before.calls,
        seconds=now.seconds - before.seconds,
        failures=now.failures - before.failures,
        passed=now.passed - before.passed,
        buckets={bound: n - before.buckets.get(bound, 0.0) for bound, n in now.buckets.items()},
    )


def _use(plugin: str, hook: str, sums: _Sums) -> Use:
    return Use(
        plugin=plugin,
        hook=hook,
        calls=int(sums.calls),
        seconds=round(sums.seconds, 6),
        mean_ms=round(sums.seconds / sums.calls * 1000, 3) if sums.calls else 0.0,
        p95_ms=_percentile(sums),
        failures=int(sums.failures),
        passed=int(sums.passed),
    )


def _percentile(sums: _Sums) -> float | None:
    """The least bound, in milliseconds, that SHARE of the calls kept."""
    if not sums.calls:
        return 0.0
    for bound, count in sorted(sums.buckets.items()):
        if count >= SHARE * sums.calls:
            return None if bound == float("inf") else bound * 1000
    return None


def _reachable(host: str) -> str:
    """The host as a client writes it; for all addresses, that of loopback."""
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared only
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
