"""Blobs as files in a folder: by default in the data folder, or on a file system that all nodes share."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

import chatserver
from chatserver_plugins.disk_blobs.blobs import DiskBlobs


class DiskBlobsConfig(chatserver.Settings, frozen=True, kw_only=True):
    """The folder, and the space that is left free on its disk."""

    path: Annotated[
        str,
        Meta(
            title="Folder",
            description="Folder of the files, the same place for all nodes. Empty: `disk_blobs` in the server's "
            "data folder.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja",
            "フォルダー",
            "ファイルを置くフォルダーです。すべてのノードで同じ場所にします。空のときは、"
            "サーバーのデータフォルダーの disk_blobs です。",
        ),
    ] = ""
    min_free_percent: Annotated[
        float,
        Meta(
            title="Least free space",
            description="Percentage of the disk's free space below which no more files are taken, so "
            "that the store can still write.",
            ge=0,
            le=100,
        ),
        chatserver.translation(
            "ja",
            "残す空き容量",
            "ディスクの空き容量の割合です。これを下回ると、ストアが書き込めるように、"
            "ファイルを受け付けなくなります。",
        ),
    ] = 10.0
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for each part of a file, in milliseconds.",
            ge=100,
            le=600_000,
        ),
        chatserver.translation("ja", "制限時間", "ファイルの一部分ごとの制限時間です。"),
    ] = 10_000


class DiskBlobsPlugin:
    """Provides the blobs."""

    Config = DiskBlobsConfig
    powers = chatserver.Powers()

    def __init__(self, config: DiskBlobsConfig, shared: Path) -> None:
        self._config = config
        self._folder = Path(config.path) if config.path else shared

    @chatserver.hookimpl
    def provide_blobs(self) -> chatserver.Blobs:
        config = self._config
        return DiskBlobs(
            self._folder,
            min_free_percent=config.min_free_percent,
            timeout_ms=config.timeout_ms,
        )


__all__ = ["DiskBlobs", "DiskBlobsPlugin"]
