"""A plugin with a setting, declared with annotations that are texts."""

from __future__ import annotations

import chatserver


class Plugin:
    class Config(chatserver.Settings, frozen=True):
        limit: int = 5

    def __init__(self, config: Config) -> None:
        self.config = config
