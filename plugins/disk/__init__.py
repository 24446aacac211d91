"""A health check of the data folder's disk, which warns before a full disk stops a store."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

import chatserver


class DiskConfig(chatserver.Settings, frozen=True, kw_only=True):
    """The disk to watch, and the least free space."""

    path: Annotated[
        str,
        Meta(
            title="Folder on the disk",
            description="A folder on the disk to watch. Empty: the server's data folder.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja",
            "ディスク上のフォルダー",
            "空き容量を確認するディスクにあるフォルダーです。空のときは、"
            "サーバーのデータフォルダーです。",
        ),
    ] = ""
    min_free_percent: Annotated[
        float,
        Meta(
            title="Least free space",
            description="Percentage of free space below which GET /health answers 503.",
            ge=0,
            le=100,
        ),
        chatserver.translation(
            "ja", "必要な空き容量", "空き容量がこの割合を下回ると、GET /health が 503 を返します。"
        ),
    ] = 5.0


class DiskPlugin:
    """Adds the check `disk` to GET /health."""

    Config = DiskConfig
    powers = chatserver.Powers()

    def __init__(self, config: DiskConfig, data: Path) -> None:
        self._path = Path(config.path) if config.path else data.parent
        self._least = config.min_free_percent

    @chatserver.hookimpl
    def register_health_checks(self) -> Sequence[chatserver.HealthCheck]:
        return [chatserver.HealthCheck("disk", self.check)]

    async def check(self) -> Mapping[str, Any]:
        """The free space. Raises `ChatError` limit.count if it is too little."""
        # A network file system that hangs must not hang the event loop.
        usage = await asyncio.to_thread(shutil.disk_usage, self._path)
        free = 100 * usage.free / usage.total
        if free < self._least:
            raise chatserver.ChatError("limit.count", f"Only {free:.1f} % of the disk is free.")
        return {"free_percent": round(free, 1)}
