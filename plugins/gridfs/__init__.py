"""Blobs in MongoDB, in the collections of a GridFS bucket, through PyMongo."""

import chatserver
from chatserver_plugins.gridfs import config as settings
from chatserver_plugins.gridfs.blobs import GridFSBlobs


class GridFSPlugin:
    """Provides the blobs."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured", "discovered"))

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_blobs(self) -> chatserver.Blobs:
        return GridFSBlobs(self.config)


__all__ = ["GridFSBlobs", "GridFSPlugin"]
