import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_jobs(self) -> list[chatserver.Job]:
        return [chatserver.Job(name="bad_job.work", every=0, run=self.work)]

    async def work(self) -> None: ...
