"""Writes the result of a drill as a Markdown page."""

import os
import platform
from datetime import UTC, datetime

from chatserver.copies.drill.outcome import DrillResult, Fall
from chatserver.version import __version__

BIG = 10_000_000  # messages for which the RTO is extrapolated


def page(outcome: DrillResult, *, when: datetime) -> str:
    """The result as Markdown; `when` is the time of the drill."""
    return "\n".join([*_head(outcome, when), *_falls(outcome), *_copies(outcome), *_sum(outcome)])


def _head(outcome: DrillResult, when: datetime) -> list[str]:
    return [
        f"# Drill on {outcome.store}",
        "",
        f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC; chatserver {__version__}, Python "
        f"{platform.python_version()}, {platform.system()}, {os.cpu_count()} processors, which the "
        "server, the database and the writing clients share. Changes were written beside the backup "
        f"every {outcome.ship_seconds:g} s."
        + (
            f" Restored from {outcome.target}, without the local backups." if outcome.target else ""
        ),
        "",
    ]


def _falls(outcome: DrillResult) -> list[str]:
    return [
        "| messages | killed | acknowledged | lost | RPO | restored in | RTO |",
        "|---:|---|---:|---:|---:|---:|---:|",
        *map(_row, outcome.falls),
        "",
    ]


def _row(fall: Fall) -> str:
    return (
        f"| {fall.messages:,} | {fall.moment} | {fall.acknowledged:,} | {fall.lost:,} "
        f"| {fall.rpo:.1f} s | {fall.restoring:.1f} s | {fall.rto:.1f} s |"
    )


def _copies(outcome: DrillResult) -> list[str]:
    return [
        "| messages | backup made in |",
        "|---:|---:|",
        *(f"| {copied.messages:,} | {copied.seconds:.1f} s |" for copied in outcome.copies),
        "",
    ]


def _sum(outcome: DrillResult) -> list[str]:
    sizes = " and ".join(
        f"{seconds:.1f} s at {messages:,}" for messages, seconds in outcome.sizes()
    )
    return [
        f"- **RPO {outcome.rpo:.1f} s**, the worst.",
        f"- **RTO {outcome.rto:.1f} s**, the worst: {sizes} messages.",
        f"- At {BIG:,} messages, {outcome.slope() * 1e6:.1f} s more for each million more: "
        f"**{outcome.rto_at(BIG):.1f} s**.",
        "- All other acknowledged messages were found in their places, and nothing else was missing.",
        *(
            ["- Accounts that were erased after the backups were gone after each restore."]
            if outcome.erases
            else []
        ),
        "",
    ]
