"""The schemes that the enabled plugins register, for commands that have no server."""

from pathlib import Path

from chatserver.config import Config
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.loading import Plugins
from chatserver.hooks.targets import BackupScheme
from chatserver.runtime.measure import Measures


def enabled_schemes(config: Config) -> list[BackupScheme]:
    """All schemes. Raises `StartupError`."""
    plugins = Plugins(config, Path(config.server.data).absolute())
    return HookCalls(plugins.calls(), config.plugins, Measures()).register_backup_schemes()
