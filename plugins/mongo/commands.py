"""`chatserver plugin run mongo`: makes an existing log ready for shards."""

import asyncio
from collections.abc import Callable

import click

from chatserver_plugins.mongo.store import MongoStore


def commands(make_store: Callable[[], MongoStore]) -> click.Command:
    """The group of commands. They open the store by themselves, as no server can have it meanwhile."""

    @click.group()
    def mongo() -> None:
        """The store in MongoDB."""

    @mongo.command("prepare-shards")
    @click.option("--cancel", is_flag=True, help="Give up, and leave the log as it was before.")
    def prepare_shards(cancel: bool) -> None:
        """Write the log anew, in the form that plugin.mongo.sharded stands for.

        Stop all servers, have a backup, and set plugin.mongo.sharded on all of them first. Meanwhile no server starts, and
        one that still runs can't write. Each member of the replica set needs twice as much free space on its disk as the
        log takes with its indexes. An interrupted command can be repeated, or given up with --cancel.
        """
        store = make_store()
        if cancel:
            asyncio.run(store.cancel_shards())
            click.echo("The log is as it was. Set plugin.mongo.sharded to false.")
        elif asyncio.run(store.prepare_shards()):
            click.echo("The log is ready for shards.")
        else:
            click.echo("The log was ready for shards before.")

    return mongo
