"""The databases that the old and the new process share."""

from tests.nodes.conftest import on_mongo, replica_set

__all__ = ["on_mongo", "replica_set"]
