"""The limit of files and sockets that this process may have open."""

import sys
from typing import Final

from loguru import logger

from chatserver.config import LimitsConfig

UNKNOWN: Final = 2**31


def raise_limit() -> int:
    """Raise the soft limit of open files as far as possible; returns the new limit.

    Systems commonly set it to 1,024, for old programs that use select(2), with a hard limit high enough for
    servers.
    """
    if sys.platform == "win32":
        return UNKNOWN
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):  # macOS refuses more than its own limit
            pass
    return UNKNOWN if soft == resource.RLIM_INFINITY else soft


def warn_if_few(descriptors: int, limits: LimitsConfig, spare: int) -> None:
    """Log a warning if `limits.connections` can never be reached."""
    wanted = limits.connections + spare
    if descriptors < wanted:
        logger.warning(
            "at most {} files may be open at once (ulimit -n, LimitNOFILE), but limits.connections needs "
            "{}: new connections are refused earlier",
            descriptors,
            wanted,
        )
