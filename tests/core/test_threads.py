"""A thread is shown as far as this node has taken the room's log in: what comes after that comes as events."""

from chatserver.model import RoomKind
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import add_user, config, make_service, running


async def test_a_thread_has_no_reply_beyond_the_head_that_it_names() -> None:
    store = MemoryStore()
    async with (
        running(make_service(store, config())) as here,
        running(make_service(store, config())) as there,
    ):
        ada = await add_user(here, "ada")
        room = await here.rooms.create(ada, RoomKind.PUBLIC, "Lounge")
        root, _ = await here.messages.post(ada, room, "root", "text")
        await here.messages.post(ada, room, "one", "text", thread=root.id)
        elsewhere = await there.rooms.get(room.id, ada)
        await there.messages.post(ada, elsewhere, "two", "text", thread=root.id)
        page = await here.messages.threads.page(ada, room, root.id)
        assert page.head == room.head < elsewhere.head
        assert [reply.client_id for reply in page.messages] == ["one"]
        assert len((await there.messages.threads.page(ada, elsewhere, root.id)).messages) == 2
