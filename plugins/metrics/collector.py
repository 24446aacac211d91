"""The core's measures as metric families of prometheus-client."""

import logging
from collections.abc import Iterable, Mapping
from itertools import accumulate, islice
from typing import TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from chatserver import Counter, Gauge, Histogram, Measures

MAX_LABEL_CHARACTERS = 200
Labels = tuple[str, ...]
V = TypeVar("V")

_log = logging.getLogger(__name__)


class MeasureCollector(Collector):
    """Reads the measures at each scrape, without those that raise."""

    def __init__(self, measures: Measures, version: str, max_series: int) -> None:
        self._measures = measures
        self._version = version
        self._max_series = max_series
        self._failed: set[str] = set()

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            "chatserver", "The running version", value={"version": self._version}
        )
        omitted = 0
        for measure in self._measures:
            try:
                yield self._family(measure)
            except Exception:  # a plugin's broken metric must not hide all others
                self._note_failure(measure.name)
            if not isinstance(measure, Gauge):
                omitted += max(0, len(measure.values) - self._max_series)
        yield GaugeMetricFamily(
            "chatserver_metrics_omitted_series",
            "Label combinations beyond the limit of one metric",
            value=omitted,
        )

    def _family(self, measure: Counter | Gauge | Histogram) -> Metric:
        match measure:
            case Counter():
                counter = CounterMetricFamily(measure.name, measure.text, labels=measure.labels)
                for labels, value in self._series(measure.labels, measure.values):
                    counter.add_metric(labels, value)
                return counter
            case Gauge():
                gauge = GaugeMetricFamily(measure.name, measure.text, labels=measure.labels)
                read = measure.read()
                values: Mapping[Labels, float] = read if isinstance(read, Mapping) else {(): read}
                for labels, level in self._series(measure.labels, values):
                    gauge.add_metric(labels, float(level))
                return gauge
            case Histogram():
                histogram = HistogramMetricFamily(measure.name, measure.text, labels=measure.labels)
                bounds = [*map(floatToGoString, measure.bounds), "+Inf"]
                for labels, (counts, total) in self._series(measure.labels, measure.values):
                    buckets = zip(bounds, accumulate(counts), strict=True)
                    told = [_explained(measure, labels, *each) for each in enumerate(buckets)]
                    histogram.add_metric(labels, told, total)
                return histogram

    def _series(self, names: Labels, values: Mapping[Labels, V]) -> Iterable[tuple[Labels, V]]:
        for labels, value in islice(values.items(), self._max_series):
            if len(labels) != len(names):
                raise ValueError(f"{len(names)} labels, {len(labels)} values")
            yield tuple(_label(label) for label in labels), value

    def _note_failure(self, name: str) -> None:
        if name not in self._failed:
            self._failed.add(name)
            _log.exception("measure %s cannot be shown", name)


def _explained(
    measure: Histogram, labels: Labels, number: int, bucket: tuple[str, int]
) -> tuple[str, int] | tuple[str, int, Exemplar]:
    """A bucket of these labels, with its exemplar if there is one; only OpenMetrics shows it."""
    found = measure.exemplars.get((labels, number))
    if found is None:
        return bucket
    return (*bucket, Exemplar({"trace_id": found.trace}, found.value, found.at))


def _label(value: object) -> str:
    """The value as text of bounded length that can be encoded as UTF-8."""
    return str(value)[:MAX_LABEL_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
