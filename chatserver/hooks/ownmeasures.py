"""The measures as one instance of a plugin sees them: it reads all, and adds its own."""

from collections.abc import Iterator

from chatserver.runtime.measure import Gauge, Measure, Measures, MeasureT


class OwnMeasures(Measures):
    """What an instance adds is shown once it is in use, and taken away with it.

    The counters and histograms of the instance before it go on, if the new one has them, too.
    """

    def __init__(self, shown: Measures, before: "OwnMeasures | None" = None) -> None:
        super().__init__(shown.trace)
        self._shown = shown
        self._before = before
        self._is_shown = False

    def __iter__(self) -> Iterator[Measure]:
        return iter(self._shown)

    def show(self) -> None:
        """Show what the instance added and will add, in place of what the one before it added."""
        before, self._before, self._is_shown = self._before, None, True
        if before is not None:
            before.hide()
        for measure in self.all.values():
            self._shown.add(measure)

    def hide(self) -> None:
        """Show no more what the instance added."""
        self._is_shown = False
        for name in self.all:
            self._shown.remove(name)

    def _keep(self, measure: MeasureT) -> MeasureT:
        if self._before is not None:
            earlier = self._before.all.get(measure.name)
            if earlier is not None and _goes_on(earlier, measure):
                measure = earlier  # type: ignore[assignment]
        taken = self._shown.has(measure.name) and (
            self._before is None or measure.name not in self._before.all
        )
        if taken or measure.name in self.all:
            raise ValueError(f"measure {measure.name} exists already")
        self.all[measure.name] = measure
        if self._is_shown:
            self._shown.add(measure)
        return measure


def _goes_on(earlier: object, new: object) -> bool:
    """Whether a measure has the same numbers as one before it; a gauge has none of its own."""
    if type(earlier) is not type(new) or isinstance(new, Gauge):
        return False
    alike = ("labels", "bounds")
    return all(getattr(earlier, name, None) == getattr(new, name, None) for name in alike)
