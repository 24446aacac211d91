import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_message_data(self) -> list[chatserver.MessageData]:
        return [chatserver.MessageData(name="bad_message_database", schema=int)]
