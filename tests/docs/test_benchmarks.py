"""Figures on docs/benchmarks.md that miss their target are marked so, and no others."""

import json
import re

import pytest

from tests.bench import comparison, tables
from tests.bench.comparison import PEERS, Comparison
from tests.bench.least import LEAST
from tests.bench.searchtable import TARGET_MS
from tests.bench.spreading import SPREADING
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/benchmarks.md").read_text("utf-8")


def part(name: str) -> str:
    return PAGE.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_missed_targets_are_marked() -> None:
    rows = re.findall(r"\| ([\d,.]+) \| ([≤≥]) ([\d,.]+)( \*\*missed\*\*)? \|", part("figures"))
    assert len(rows) >= 15
    for ours, sign, target, marked in rows:
        is_met = number(ours) <= number(target) if sign == "≤" else number(ours) >= number(target)
        assert is_met == (not marked), (ours, sign, target)


def test_searches_that_miss_their_target_are_marked() -> None:
    cells = re.findall(r"/ (\*\*)?([\d.]+)( missed\*\*)?(?= [·|])", part("search"))
    assert len(cells) >= 3 * 6 * 2
    for begin, p99, end in cells:
        assert bool(begin) == bool(end) == (float(p99) > TARGET_MS), p99


@pytest.mark.parametrize(("of", "columns"), [(PEERS, 4), (LEAST, 5), (SPREADING, 2)])
def test_every_row_beside_others_has_figures_of_all(of: Comparison, columns: int) -> None:
    shown = part(of.name).splitlines()
    for row in of.compared():
        (first,) = (line for line in shown if line.startswith(f"| {row.title} |"))
        cells = first.strip("| ").split(" | ")[2:]
        assert len(cells) == columns and all(number(cell) >= 0 for cell in cells)


def test_rows_that_were_not_measured_again_keep_their_figures() -> None:
    fanout, paced, *_ = PEERS.compared()
    titles = ["ours", "theirs"]
    page = "before\n<!-- peers: begin -->\n\n<!-- peers: end -->\nafter\n"
    for measured in (
        {fanout.title: [[fanout.title, "µs", "1", "2"], ["", "deliveries/s", "3", "4"]]},
        {paced.title: [[paced.title, "µs", "5", "6"]]},
        {fanout.title: [[fanout.title, "µs", "7", "8"]]},
    ):
        page = comparison.written(page, PEERS, titles, {"node": "24"}, measured)
    assert tables.part(page, "peers").strip().splitlines() == [
        "| | |",
        "|---|---|",
        "| node | 24 |",
        "",
        "| | | ours | theirs |",
        "|---|---|--:|--:|",
        f"| {fanout.title} | µs | 7 | 8 |",
        f"| {paced.title} | µs | 5 | 6 |",
    ]
    assert page.startswith("before\n") and page.endswith("\nafter\n")


def test_packages_of_peers_are_locked_by_their_hashes_and_no_address() -> None:
    folder = ROOT / "tests/bench/node"
    asked = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    assert locked.pop("")["dependencies"] == asked
    assert all(package["integrity"] and "resolved" not in package for package in locked.values())
    for name, version in asked.items():
        assert locked[f"node_modules/{name}"]["version"] == version
