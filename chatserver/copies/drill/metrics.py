"""The result of a drill as metrics, in a file that node_exporter's textfile collector reads."""

import time
from pathlib import Path

from chatserver.copies.drill.outcome import DrillResult
from chatserver.errors import StartupError

LAST = """\
# HELP chatserver_drill_last_run_timestamp_seconds Time at which the last drill ended
# TYPE chatserver_drill_last_run_timestamp_seconds gauge
chatserver_drill_last_run_timestamp_seconds {now:.3f}
"""
SUCCESS = """\
# HELP chatserver_drill_success 1 if the last drill lost nothing that it should not, within its limits, else 0
# TYPE chatserver_drill_success gauge
chatserver_drill_success {success:d}
"""
RPO = """\
# HELP chatserver_drill_rpo_seconds Worst loss that the last drill found
# TYPE chatserver_drill_rpo_seconds gauge
chatserver_drill_rpo_seconds {rpo:.3f}
"""
RTO = """\
# HELP chatserver_drill_rto_seconds Worst time that the last drill took until the server was back
# TYPE chatserver_drill_rto_seconds gauge
chatserver_drill_rto_seconds {rto:.3f}
"""


def write_metrics(path: Path, outcome: DrillResult | None, *, success: bool) -> None:
    """Write the file in one step; `outcome` is None if the drill did not finish. Raises `StartupError`."""
    text = LAST.format(now=time.time()) + SUCCESS.format(success=success)
    if outcome is not None:
        text += RPO.format(rpo=outcome.rpo) + RTO.format(rto=outcome.rto)
    new = path.with_name(path.name + ".new")  # the collector reads only names that end in .prom
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise StartupError(f"--metrics {path}: {error.strerror}") from error
