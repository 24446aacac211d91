"""Backups on an SSH server: targets sftp://…. See docs/backup.md."""

from collections.abc import Sequence

import chatserver
from chatserver_plugins.sftp import config as settings


class SftpPlugin:
    """Provides the scheme sftp."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured",))

    def __init__(self, config: settings.Config) -> None:
        self._config = config

    @chatserver.hookimpl
    def register_backup_schemes(self) -> Sequence[chatserver.BackupScheme]:
        return [chatserver.BackupScheme("sftp", self._target)]

    def _target(self, url: str) -> chatserver.BackupTarget:
        with chatserver.from_extra("sftp", "asyncssh"):
            from chatserver_plugins.sftp.target import SftpTarget
        return SftpTarget(settings.Account.of(url), self._config)


__all__ = ["SftpPlugin"]
