"""Its settings do not derive from `chatserver.Settings`."""


class Plugin:
    class Config:
        """Anything."""

    def __init__(self, config: Config) -> None: ...
