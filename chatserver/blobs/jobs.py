"""The jobs that remove blobs, each on one node at a time."""

from chatserver.blobs.service import BlobService
from chatserver.hooks.types import Job

COLLECT, SWEEP = "blobs.collect", "blobs.sweep"
COLLECT_SECONDS = 600.0  # between two runs, and so at least between two steps with a blob
SWEEP_SECONDS = 24 * 3600.0  # it lists all that is in the back end


def blob_jobs(service: BlobService) -> list[tuple[str, Job]]:
    """The jobs, with the name under which a failure is counted; none without a back end."""
    if not service.exist:
        return []
    collector = service.collector
    return [
        (
            "blobs",
            Job(
                name=COLLECT, every=COLLECT_SECONDS, run=collector.collect, deadline=COLLECT_SECONDS
            ),
        ),
        (
            "blobs",
            Job(name=SWEEP, every=SWEEP_SECONDS, run=collector.sweep, deadline=4 * 3600.0),
        ),
    ]
