"""The real servers whose programs and files are looked at."""

from tests.stores.conftest import postgres, replica_set

__all__ = ["postgres", "replica_set"]
