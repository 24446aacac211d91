"""A log that is ready for shards: what tells it from others, and how a log becomes one.

MongoDB keeps an index unique on each shard by itself. In such a log the `_id` of a posted message begins with its room,
which is on one shard: `{room, author, client_id}`. No log has both forms. The version says which one it has
(`schema.py`), and a server with the other setting does not start. Servers that run since before are stopped by a
validator of the collection, by which MongoDB refuses messages of the other form.

An existing log is written anew into another collection, which takes its place once both were compared. From the first
step on no server starts, and none can write. Whatever interrupts it, it can be done again.
"""

from collections.abc import Awaitable, Callable

from chatserver import StartupError, StoreUnavailable
from chatserver_plugins.mongo import log, schema
from chatserver_plugins.mongo.driver import DURABLE, Database, Document

EXISTS = 48  # the error of `create`
COPY = "events_with_rooms"  # the log that is being written anew

# Validators of the log: by the first, MongoDB takes messages of the new form alone; by the second, nothing.
WITH_ROOMS: Document = {
    "$or": [{"_id.author": {"$exists": False}}, {"_id.room": {"$exists": True}}]
}
NOTHING: Document = {"_id": {"$exists": False}}

COMMAND = "chatserver plugin run mongo prepare-shards"
IS_READY = "the log is ready for shards: set plugin.mongo.sharded to true, as on the other servers"
IS_NOT_READY = (
    f"the log is not ready for shards: stop all servers and run `{COMMAND}`, or set this to false"
)
IS_UNFINISHED = (
    f"the log is being written anew: run `{COMMAND}`, which goes on if it was interrupted"
)

IS_MESSAGE: Document = {"$eq": [{"$type": "$_id"}, "object"]}
WITH_ROOM: Document = {"room": "$room", "author": "$_id.author", "client_id": "$_id.client_id"}
# What is to be the same before and after, computed by MongoDB: all but `_id`, to the byte.
SUMS: Document = {
    "_id": None,
    "events": {"$sum": 1},
    "messages": {"$sum": {"$cond": [IS_MESSAGE, 1, 0]}},
    "seqs": {"$sum": "$seq"},
    "bytes": {"$sum": {"$subtract": [{"$bsonSize": "$$ROOT"}, {"$bsonSize": {"_id": "$_id"}}]}},
    "with_rooms": {"$sum": {"$cond": [{"$eq": ["$_id.room", "$room"]}, 1, 0]}},
}


async def mismatch(database: Database, wanted: bool) -> list[str]:
    """A sentence if the log does not have the form that the setting wants."""
    found = await schema.version(database)
    if found.unfinished:
        return [f"plugin.mongo.sharded: {IS_UNFINISHED}"]
    is_ready = found.sharded or await _is_ready(database)
    if is_ready and not wanted:
        return [f"plugin.mongo.sharded: {IS_READY}"]
    if wanted and not is_ready and not await _is_empty(database):
        return [f"plugin.mongo.sharded: {IS_NOT_READY}"]
    return []


async def demand(database: Database, wanted: bool) -> None:
    """Raises `StartupError` if the log does not have the form that the setting wants."""
    for sentence in await mismatch(database, wanted):
        raise StartupError(sentence)


async def create(database: Database) -> None:
    """Make the collection of a new log, ready for shards. An account that may read and write may do that."""
    if await _options(database) is None:
        wanted = {"create": log.NAME, "validator": WITH_ROOMS, "writeConcern": DURABLE.document}
        answer = await database.ask(wanted)
        if not answer["ok"] and answer.get("code") != EXISTS:  # another server has just made it
            raise StoreUnavailable(reason=answer.get("errmsg", ""))


async def begin(database: Database) -> None:
    """Make an empty log ready for shards. Raises `StartupError` if another server has written something meanwhile."""
    if (await schema.version(database)).sharded:
        return
    async with schema.locked(database):
        found = await schema.version(database)
        if found.sharded:
            return
        if not await _is_ready(database):
            await _validate(database, log.NAME, WITH_ROOMS)
            if not await _is_empty(database):
                await _validate(database, log.NAME, {})
                raise StartupError(f"plugin.mongo.sharded: {IS_NOT_READY}")
        await schema.set_version(database, found._replace(sharded=True))


async def prepare(database: Database) -> bool:
    """Write the log anew, or go on with that; False if it is ready for shards already.

    Raises `StoreUnavailable`, and `StartupError` if something is missing in what was written.
    """
    async with schema.locked(database):
        found = await schema.version(database)
        if found.sharded and not found.unfinished:
            return False
        await database.patiently({"collMod": log.NAME})  # refused if the account may not do that
        ready = found._replace(sharded=True, unfinished=False)
        await schema.set_version(database, ready._replace(unfinished=True))
        if not await _is_ready(database):
            for step in STEPS:
                await step(database)
        await schema.set_version(database, ready)
    return True


async def cancel(database: Database) -> None:
    """Leave the log as it was before an interrupted `prepare`. Raises `StartupError` if that is not possible any more."""
    async with schema.locked(database):
        found = await schema.version(database)
        if not found.unfinished:
            raise StartupError("plugin.mongo: the log is not being written anew")
        if await _is_ready(database):
            raise StartupError(
                f"plugin.mongo: the new log is in its place already: run `{COMMAND}`"
            )
        await _drop_copy(database)
        await _validate(database, log.NAME, {})
        await schema.set_version(database, schema.Version(found.done))


async def _stop_writes(database: Database) -> None:
    await _validate(database, log.NAME, NOTHING)


async def _drop_copy(database: Database) -> None:
    await database.run(database.collection(COPY).drop())


async def _copy(database: Database) -> None:
    changed = {"$set": {"_id": {"$cond": [IS_MESSAGE, WITH_ROOM, "$_id"]}}}
    pipeline: list[Document] = [changed, {"$out": COPY}]
    await _aggregate(database, log.NAME, pipeline, writeConcern=DURABLE.document)


async def _index(database: Database) -> None:
    await schema.index_events(database, COPY)


async def _compare(database: Database) -> None:
    """Raises `StartupError` if the copy lacks something."""
    old, new = await _sums(database, log.NAME), await _sums(database, COPY)
    wanted = {**old, "with_rooms": old.get("messages", 0)} if old else old
    if new != wanted:
        raise StartupError(
            f"plugin.mongo: the log that was written anew is not the same: {new} instead of {wanted}. The old one is "
            f"still in its place: run `{COMMAND}` again, or with --cancel"
        )


async def _stop_old_form(database: Database) -> None:
    await _validate(database, COPY, WITH_ROOMS)


async def _swap(database: Database) -> None:
    if await _is_ready(database):
        raise StartupError("plugin.mongo: another process has put a new log in its place meanwhile")
    await database.rename(COPY, log.NAME)


# Each may find itself done, and all before it.
STEPS: tuple[Callable[[Database], Awaitable[None]], ...] = (
    _stop_writes,
    _drop_copy,
    _copy,
    _index,
    _compare,
    _stop_old_form,
    _swap,
)


async def _sums(database: Database, collection: str) -> Document:
    """The sums over all events of a collection; nothing for an empty one."""
    found = await _aggregate(database, collection, [{"$group": SUMS}])
    return found[0] if found else {}


async def _aggregate(
    database: Database, collection: str, pipeline: list[Document], **options: object
) -> list[Document]:
    """The first results; without a time limit."""
    command = {"aggregate": collection, "pipeline": pipeline, "cursor": {}, **options}
    answer = await database.patiently(command)
    found: list[Document] = answer["cursor"]["firstBatch"]
    return found


async def _validate(database: Database, collection: str, validator: Document) -> None:
    await database.patiently(
        {"collMod": collection, "validator": validator, "writeConcern": DURABLE.document}
    )


async def _is_ready(database: Database) -> bool:
    """Whether MongoDB refuses messages of the old form in the log."""
    options = await _options(database)
    return options is not None and options.get("validator") == WITH_ROOMS


async def _options(database: Database) -> Document | None:
    """The options of the log's collection; None if there is none."""
    wanted = {"listCollections": 1, "filter": {"name": log.NAME}}
    found = (await database.command(wanted))["cursor"]["firstBatch"]
    return found[0]["options"] if found else None


async def _is_empty(database: Database) -> bool:
    events = database.collection(log.NAME, log.LOCAL)
    return await database.run(events.find_one({}, {"_id": 1})) is None
