"""Backups in a bucket: targets s3://… of any service with the S3 API. See docs/backup.md."""

from collections.abc import Sequence

import chatserver
from chatserver_plugins.s3 import config as settings


class S3Plugin:
    """Provides the scheme s3."""

    Config = settings.Config

    def __init__(self, config: settings.Config) -> None:
        self._config = config

    @chatserver.hookimpl
    def register_backup_schemes(self) -> Sequence[chatserver.BackupScheme]:
        return [chatserver.BackupScheme("s3", self._target)]

    def _target(self, url: str) -> chatserver.BackupTarget:
        with chatserver.from_extra("s3", "botocore"):
            from chatserver_plugins.s3.target import S3Target
        return S3Target(settings.Bucket.of(url), self._config)


__all__ = ["S3Plugin"]
