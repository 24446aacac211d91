import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_event_kinds(self) -> list[chatserver.EventKind]:
        return [chatserver.EventKind(name="bad_event_kind", schema=int)]
