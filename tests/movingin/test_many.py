"""Exports with more messages than one part of theirs has: all are taken, and memory does not grow with them."""

import tracemalloc
from pathlib import Path

import pytest

from tests.movingin.converted import dry_run
from tests.movingin.many import A_FILE, MADE


@pytest.mark.parametrize("made", MADE)
def test_all_messages_are_taken(made: str, tmp_path: Path) -> None:
    export = tmp_path / ("export.jsonl" if made == "mattermost" else "export")
    MADE[made](export, A_FILE + 200)
    report = dry_run(export, made.removesuffix("-packages"))
    assert report.counts["messages"] == A_FILE + 200
    assert not [reason for reason in report.left_out if "message" in reason]


def test_memory_does_not_grow_with_the_messages(tmp_path: Path) -> None:
    def peak(messages: int) -> int:
        export = tmp_path / f"{messages}.jsonl"
        MADE["mattermost"](export, messages)
        tracemalloc.start()
        dry_run(export, "mattermost")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)  # what is loaded once
    assert peak(4 * A_FILE) < 1.5 * peak(A_FILE)
