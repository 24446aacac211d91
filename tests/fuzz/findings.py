"""Collects what a fuzz run must not find, and says how to repeat it."""

import json
import re
from collections import Counter
from pathlib import Path

# In an answer: the server itself failed. `store.unavailable` is no finding, a store may be busy.
INTERNAL = re.compile(rb'"code":\s*"(server\.internal|INTERNAL)|Traceback \(most recent')
SHOWN_BYTES = 600
STALL = "stall"  # begins the key of such a finding
OWN_CODE = re.compile(r'File "[^"]*/((?:chatserver|plugins)/[^"]+", line \d+), in (\w+)')


class Findings:
    """Cases by door, and each finding once."""

    def __init__(self) -> None:
        self.cases: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.found: dict[str, str] = {}
        self.stalls: list[float] = []  # processor seconds of each turn that took too long

    def case(self, door: str) -> None:
        self.cases[door] += 1

    def note(self, key: str, text: str) -> None:
        """The first text of each key is kept."""
        self.found.setdefault(key, text[: 20 * SHOWN_BYTES])

    def answered(self, door: str, status: int, body: bytes, sent: object) -> None:
        """An HTTP answer of 500 and above is a finding, except 503 (something is away) and 505 (HTTP's version)."""
        self.answers[f"{door} {status}"] += 1
        if (status >= 500 and status not in (503, 505)) or INTERNAL.search(body):
            self.note(
                f"{door} {status}", f"{body[:SHOWN_BYTES]!r}\n  sent: {str(sent)[:SHOWN_BYTES]}"
            )

    def said(self, door: str, frame: bytes, sent: object) -> None:
        if INTERNAL.search(frame):
            self.note(
                f"{door} internal", f"{frame[:SHOWN_BYTES]!r}\n  sent: {str(sent)[:SHOWN_BYTES]}"
            )

    def read_log(self, path: Path) -> None:
        """Errors and tracebacks of the server's own log."""
        for line in path.read_text(errors="replace").splitlines():
            entry = json.loads(line)
            text = f"{entry.get('message')}\n{entry.get('stack') or entry.get('error') or ''}"
            self.note(f"log: {str(entry.get('message'))[:80]}", text)

    def read_turns(self, path: Path, since: float) -> None:
        """Turns of the loop that took more than 50 ms of processor time, by the place in our code."""
        for line in path.read_text().splitlines():
            turn = json.loads(line)
            if turn["at"] < since:
                continue
            first, *_ = turn["stack"].split("\n\n")
            places = OWN_CODE.findall(first)
            key = f"{STALL}: {' in '.join(places[-1]) if places else 'not seen'}"
            self.stalls.append(turn["seconds"])
            took = f"{turn['seconds']} s, {turn['collector']} s of it the collector's"
            self.note(key, f"{took}, generation {turn['generation']}\n{turn['stack']}")

    def report(self) -> str:
        lines = [f"{count:>9,} cases over {door}" for door, count in sorted(self.cases.items())]
        lines += [f"{count:>9,} answers {name}" for name, count in sorted(self.answers.items())]
        if self.stalls:
            lines.append(
                f"{len(self.stalls):>9,} turns above 50 ms, the longest {max(self.stalls)} s"
            )
        lines.append(f"{len(self.found)} findings")
        lines += [f"\n--- {key}\n{text}" for key, text in self.found.items()]
        return "\n".join(lines)
