"""The page about drills: its command is run, beside data that it leaves alone; its reports keep the bounds."""

import asyncio
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatserver.cli import main
from chatserver.cli.stores import store_of
from chatserver.config import load
from tests.backup.seed import Contents, contents, seed
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs/drill.md"
BOUNDS = {"sqlite": 5.0, "postgres": 60.0, "mongo": 60.0}  # RPO in seconds
MOST_RTO = 15 * 60.0  # at ten million messages


def test_the_command_works_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    configuration, command = blocks(PAGE)
    Path("chat.toml").write_text(configuration.text)
    before = asyncio.run(seeded())
    text = command.text.replace("1000000", "2000 --moments 1")
    text = text.replace("-c chat.toml", "-c chat.toml --set backup.ship_seconds=0.5")
    # Here the machine is busy, and from so few messages no time for ten million follows.
    text = text.replace("--most-rpo 5", "--most-rpo 300").replace("900", "1e9")
    program, *arguments = text.split()
    assert program == "chatserver"
    done = CliRunner().invoke(main, arguments, prog_name=program)
    assert done.exit_code == 0, done.stderr
    assert Path("drill.md").read_text() in done.stdout
    assert asyncio.run(seeded()) == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["data"]


async def seeded() -> Contents:
    """The contents of the page's installation, which is filled if it is empty."""
    store = store_of(load("chat.toml", environ={}))
    await store.open()
    try:
        if not await store.spaces():
            await seed(store)
        return await contents(store)
    finally:
        await store.close()


@pytest.mark.parametrize("store", BOUNDS)
def test_the_report_of_each_store_keeps_the_bounds(store: str) -> None:
    _, _, report = PAGE.read_text().partition(f"# Drill on {store}\n")
    report = report.partition("\n## ")[0]
    rpo, rto, later = re.findall(r"\*\*(?:RPO |RTO )?([\d.]+) s\*\*", report)
    assert float(rpo) <= BOUNDS[store]
    assert max(float(rto), float(later)) <= MOST_RTO
    assert "| 1,000,000 |" in report
