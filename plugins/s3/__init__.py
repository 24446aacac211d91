"""Buckets of any service with the S3 API: backup targets s3://… (docs/backup.md), and blobs (docs/plugins/blobs.md)."""

from collections.abc import Sequence
from pathlib import Path

import chatserver
from chatserver_plugins.s3 import config as settings


class S3Plugin:
    """Provides the scheme s3, and blobs if the setting `blobs` names a bucket."""

    Config = settings.Config
    powers = chatserver.Powers(
        network=("configured", "*.amazonaws.com", "169.254.169.254"),
        secrets=(
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_SECURITY_TOKEN",
        ),
    )

    def __init__(self, config: settings.Config, data: Path) -> None:
        self._config, self._data = config, data

    @chatserver.hookimpl
    def register_backup_schemes(self) -> Sequence[chatserver.BackupScheme]:
        return [chatserver.BackupScheme("s3", self._target)]

    @chatserver.hookimpl
    def provide_blobs(self) -> chatserver.Blobs | None:
        if not self._config.blobs:
            return None
        with chatserver.from_extra("s3", "botocore"):
            from chatserver_plugins.s3.blobs import S3Blobs
        return S3Blobs(settings.Bucket.of(self._config.blobs), self._config, self._data / "parts")

    def _target(self, url: str) -> chatserver.BackupTarget:
        with chatserver.from_extra("s3", "botocore"):
            from chatserver_plugins.s3.target import S3Target
        return S3Target(settings.Bucket.of(url), self._config)


__all__ = ["S3Plugin"]
