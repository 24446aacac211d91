"""What an import takes over, and what it leaves out, by reason. Nothing is left out without a line here."""

from collections import Counter
from collections.abc import Iterator

EXAMPLES = 3  # named for each reason
NAMES = 20  # renamed accounts that are listed


class Report:
    """Counts while an export is converted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self.renamed: dict[str, str] = {}  # user names of the source that became others

    def count(self, what: str, number: int = 1) -> None:
        """Count what is taken over; `what` is a plural, such as `messages`."""
        self.counts[what] += number

    def leave_out(self, reason: str, example: str = "", number: int = 1) -> None:
        """Count what is left out. `reason` begins with a plural: `files that the export does not have`."""
        self.left_out[reason] += number
        self._show(reason, example)

    def note(self, what: str, example: str = "") -> None:
        """Count what is taken over in another form: `messages cut into several, as they are too long`."""
        self.notes[what] += 1
        self._show(what, example)

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield "Taken over:"
        for what, number in self.counts.items():
            yield f"  {number:>9,} {what}"
        yield from self._section("In another form:", self.notes)
        yield from self._section("Left out:", self.left_out)
        if self.renamed:
            yield "Renamed accounts:"
            for old, new in list(self.renamed.items())[:NAMES]:
                yield f"  {printable(old)} → {new}"
            if len(self.renamed) > NAMES:
                yield f"  … and {len(self.renamed) - NAMES:,} more"

    def _section(self, title: str, counts: Counter[str]) -> Iterator[str]:
        if counts:
            yield title
        for what, number in counts.items():
            examples = self._examples.get(what)
            yield f"  {number:>9,} {what}" + (f": {', '.join(examples)}" if examples else "")

    def _show(self, what: str, example: str) -> None:
        shown = self._examples.setdefault(what, [])
        if example and example not in shown and len(shown) < EXAMPLES:
            shown.append(printable(example))


def printable(text: str) -> str:
    """A text of an export for a terminal: at most 100 characters, none of which controls it."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:100])
