"""MongoDB made careless, as a control: what one member has in memory counts as durable."""

from pathlib import Path

from pymongo import WriteConcern

from chatserver_plugins.mongo import MongoPlugin, driver, log


class Plugin(MongoPlugin):
    """Writes with w:1 and without the journal."""

    def __init__(self, config: MongoPlugin.Config, data: Path) -> None:
        driver.DURABLE = log.DURABLE = WriteConcern(w=1, j=False)
        super().__init__(config, data)
