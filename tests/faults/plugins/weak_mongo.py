"""MongoDB made careless, as a control: an event that one member has in memory counts as durable."""

from pathlib import Path

from pymongo import WriteConcern

from chatserver_plugins.mongo import MongoPlugin, log


class Plugin(MongoPlugin):
    """Writes the log with w:1 and without the journal. Accounts and sessions stay what they were."""

    def __init__(self, config: MongoPlugin.Config, data: Path) -> None:
        log.DURABLE = WriteConcern(w=1, j=False)
        super().__init__(config, data)
