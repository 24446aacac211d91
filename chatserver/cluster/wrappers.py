"""Stores around the store (`wrap_store`): without its plugin, nothing opens a store whose data is unreadable then.

Each such plugin has a mark in the record space WRAPPED, with its name as key, and hides it from whoever reads through
it, as it does with its own records in the space `wrapped/NAME`. A mark that is seen is that of a plugin which is
missing.

What a plugin needs to read files that it has written (`wrap_blobs`) is in the space `wrapped_files/NAME`: as files stay
where they are when the store is restored or moved, copies have these records, and leave others of the target alone.
"""

from chatserver.errors import StartupError
from chatserver.interfaces import Store

WRAPPED, WRAPPED_FILES = "wrapped", "wrapped_files"


def is_of_wrappers(space: str) -> bool:
    """Whether the space has records of these plugins, which are about this one store."""
    return space.partition("/")[0] == WRAPPED


def is_for_files(space: str) -> bool:
    """Whether the space has records by which these plugins read files."""
    return space.partition("/")[0] == WRAPPED_FILES


def is_sealed(store: object) -> bool:
    """Whether what the store writes is encrypted by a plugin: then copies of it are to be encrypted as well."""
    asked = getattr(store, "is_sealed", None)
    return asked is not None and bool(asked())


async def open_wrapped(store: Store) -> None:
    """Open the store. Raises `StartupError`, also if a plugin is missing; then the store is to be closed."""
    await store.open()
    await _demand_all(store)


async def open_wrapped_to_read(store: Store) -> None:
    """As `open_wrapped`, beside a process that has the data; see `Store.open_to_read`."""
    await store.open_to_read()
    await _demand_all(store)


async def _demand_all(store: Store) -> None:
    if missing := [plugin for plugin, _ in await store.scan(WRAPPED, "")]:
        names = ", ".join(missing)
        raise StartupError(
            f"plugins.enabled: the store was written through the plugin {names}, and cannot be read or written "
            f"without it: enable {names}, with its settings"
        )
