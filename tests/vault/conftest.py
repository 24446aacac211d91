"""The real servers around which stores are sealed."""

from tests.stores.conftest import postgres, replica_set

__all__ = ["postgres", "replica_set"]
