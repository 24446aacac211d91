"""The schemes that the enabled plugins register, for commands that have no server."""

from pathlib import Path

from chatserver.config import Config
from chatserver.hooks.loading import Plugins
from chatserver.hooks.registering import BY_HOOK, asked
from chatserver.hooks.targets import BackupScheme


def enabled_schemes(config: Config) -> list[BackupScheme]:
    """All schemes. Raises `StartupError`."""
    plugins = Plugins(config, Path(config.server.data).absolute())
    found = asked(BY_HOOK["register_backup_schemes"], plugins.calls(), lambda plugin: None)
    return [scheme for _, scheme in found]
