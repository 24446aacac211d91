"""Counters, gauges and histograms of the core: plain numbers that cost almost nothing.

The core only counts. The `metrics` plugin reads the numbers at each scrape.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar

LATENCY_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)

Labels = tuple[str, ...]


class Counter:
    """A number that only grows, one for each combination of label values."""

    kind = "counter"

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        self.name, self.text, self.labels = name, text, labels
        self.values: dict[Labels, float] = {} if labels else {(): 0}

    def add(self, amount: float = 1, labels: Labels = ()) -> None:
        self.values[labels] = self.values.get(labels, 0) + amount


class Gauge:
    """A number that is read only on demand, or one for each combination of label values."""

    kind = "gauge"

    def __init__(
        self,
        name: str,
        text: str,
        read: Callable[[], float | Mapping[Labels, float]],
        labels: Labels = (),
    ) -> None:
        self.name, self.text, self.read, self.labels = name, text, read, labels


class Exemplar(NamedTuple):
    """One value of a bucket that a trace explains."""

    trace: str
    value: float
    at: float  # seconds since 1970


class Tally:
    """Values below a histogram's first bound, which it counts when it is read: an addition costs two of numbers."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count, self.total = 0, 0.0


class Histogram:
    """Counts values at or below each bound; the last bucket is +Inf."""

    kind = "histogram"
    exemplars: Mapping[
        tuple[Labels, int], Exemplar
    ] = {}  # by labels and bucket; none without a tracer

    def __init__(
        self,
        name: str,
        text: str,
        labels: Labels = (),
        bounds: tuple[float, ...] = LATENCY_SECONDS,
    ) -> None:
        self.name, self.text, self.labels, self.bounds = name, text, labels, bounds
        self._values: dict[Labels, tuple[list[int], float]] = {}
        self.tallies: dict[Labels, Tally] = {}

    @property
    def values(self) -> Mapping[Labels, tuple[list[int], float]]:
        """For each combination of label values the counts by bucket, and the sum."""
        for labels, tally in self.tallies.items():
            if tally.count:
                counts, total = self._counted(labels)
                counts[0] += tally.count
                self._values[labels] = counts, total + tally.total
                tally.count, tally.total = 0, 0.0
        return self._values

    def add(self, value: float, labels: Labels = ()) -> None:
        counts, total = self._counted(labels)
        counts[bisect_left(self.bounds, value)] += 1
        self._values[labels] = counts, total + value

    def _counted(self, labels: Labels) -> tuple[list[int], float]:
        return self._values.get(labels) or ([0] * (len(self.bounds) + 1), 0.0)

    def explain(self, value: float, trace: str, labels: Labels = ()) -> None:
        """Name the trace in which a value came that was added."""


class TracedHistogram(Histogram):
    """Also keeps, of each bucket, the last value that came within a recorded trace."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Labels,
        bounds: tuple[float, ...],
        trace: Callable[[], str],
    ) -> None:
        super().__init__(name, text, labels, bounds)
        self._trace = trace
        self.exemplars: dict[tuple[Labels, int], Exemplar] = {}

    def add(self, value: float, labels: Labels = ()) -> None:
        super().add(value, labels)
        if trace := self._trace():
            self.explain(value, trace, labels)

    def explain(self, value: float, trace: str, labels: Labels = ()) -> None:
        bucket = bisect_left(self.bounds, value)
        self.exemplars[labels, bucket] = Exemplar(trace, value, time.time())


Measure = Counter | Gauge | Histogram
MeasureT = TypeVar("MeasureT", Counter, Gauge, Histogram)


class Measures:
    """All measures of a server, by name."""

    def __init__(self, trace: Callable[[], str] | None = None) -> None:
        """`trace` returns the id of the active trace, "" if it is not recorded; None if nothing is traced."""
        self.all: dict[str, Measure] = {}
        self.trace = trace

    def __iter__(self) -> Iterator[Measure]:
        return iter(self.all.values())

    def counter(self, name: str, text: str, labels: Labels = ()) -> Counter:
        return self._keep(Counter(name, text, labels))

    def gauge(
        self,
        name: str,
        text: str,
        read: Callable[[], float | Mapping[Labels, float]],
        labels: Labels = (),
    ) -> Gauge:
        return self._keep(Gauge(name, text, read, labels))

    def histogram(
        self,
        name: str,
        text: str,
        labels: Labels = (),
        bounds: tuple[float, ...] = LATENCY_SECONDS,
    ) -> Histogram:
        if self.trace is not None:
            return self._keep(TracedHistogram(name, text, labels, bounds, self.trace))
        return self._keep(Histogram(name, text, labels, bounds))

    def has(self, name: str) -> bool:
        return name in self.all

    def add(self, measure: Measure) -> None:
        """Show a measure that was made elsewhere. Raises `ValueError` if there is one of its name."""
        if measure.name in self.all:
            raise ValueError(f"measure {measure.name} exists already")
        self.all[measure.name] = measure

    def remove(self, name: str) -> None:
        self.all.pop(name, None)

    def _keep(self, measure: MeasureT) -> MeasureT:
        self.add(measure)
        return measure
