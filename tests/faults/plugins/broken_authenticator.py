"""A plugin whose authenticator is not one."""

from typing import Any

import chatserver


class Plugin:
    """Raises, or gives something else."""

    class Config(chatserver.Settings, frozen=True):
        how: str = ""

    def __init__(self, config: Config) -> None:
        self.how = config.how

    @chatserver.hookimpl
    def provide_authenticator(self) -> Any:
        if self.how == "raise":
            raise RuntimeError("broken on purpose")
        return 42 if self.how == "garbage" else None
