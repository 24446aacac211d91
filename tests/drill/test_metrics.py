"""`chatserver drill --metrics`: what node_exporter's textfile collector gets, also of a drill that fails."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from chatserver.cli import drill as command
from chatserver.cli import main
from chatserver.copies.drill.outcome import DrillResult, Fall
from chatserver.errors import StartupError

FALLS = [Fall(1000, "a", 5, 0, 0.5, 1.0, 1.5), Fall(2000, "b", 5, 0, 0.2, 1.0, 2.0)]
RESULT = DrillResult("sqlite", 1.0, [], FALLS)


def written(path: Path) -> dict[str, float]:
    families = text_string_to_metric_families(path.read_text())
    return {sample.name: sample.value for family in families for sample in family.samples}


@pytest.mark.parametrize(("most_rpo", "success"), [("1", 1), ("0.1", 0)])
def test_a_drill_within_and_beyond_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_rpo: str, success: int
) -> None:
    monkeypatch.setattr(command, "tried", lambda *given: RESULT)
    file = tmp_path / "drill.prom"
    done = CliRunner().invoke(main, ["drill", f"--metrics={file}", f"--most-rpo={most_rpo}"])
    assert done.exit_code == 1 - success
    found = written(file)
    assert found.pop("chatserver_drill_last_run_timestamp_seconds") > 1.7e9
    assert found == {
        "chatserver_drill_success": success,
        "chatserver_drill_rpo_seconds": 0.5,
        "chatserver_drill_rto_seconds": 2.0,
    }
    assert [each.name for each in tmp_path.iterdir()] == ["drill.prom"]


def test_a_drill_that_does_not_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> DrillResult:
        raise StartupError("the store is away")

    monkeypatch.setattr(command, "tried", fail)
    file = tmp_path / "drill.prom"
    done = CliRunner().invoke(main, ["drill", f"--metrics={file}"])
    assert done.exit_code == 1 and "the store is away" in done.stderr
    assert written(file)["chatserver_drill_success"] == 0


def test_a_folder_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "tried", lambda *given: RESULT)
    done = CliRunner().invoke(main, ["drill", f"--metrics={tmp_path}/none/drill.prom"])
    assert done.exit_code == 1 and "--metrics" in done.stderr
