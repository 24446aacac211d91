"""Earlier texts as the store has them: what was removed there is not shown, and pages stay within their bytes."""

from chatserver.model import EditHistory, RoomKind
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import add_user, config, make_service, running


async def test_a_text_that_was_removed_from_the_store_is_left_out() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        anna = await add_user(service, "anna")
        room = await service.rooms.create(anna, RoomKind.PUBLIC, "room")
        await service.rooms.change(anna, room, None, None, edit_history=EditHistory.MEMBERS)
        posted, _ = await service.messages.post(anna, room, "c1", "one")
        for body in ("two", "three"):
            await service.messages.edit(anna, room, posted.id, body)
        await store.redact(room.id, [posted.seq])
        page = await service.messages.edits.page(anna, room, posted.id)
        assert [each.body for each in page.versions] == ["three", "two"]


async def test_pages_have_no_more_bytes_than_a_connection_takes() -> None:
    settings = {
        "limits.message_chars": 30_000,
        "limits.buffer_hard_bytes": 100_000,
        "limits.buffer_soft_bytes": 50_000,
    }
    async with running(make_service(MemoryStore(), config(**settings))) as service:
        anna = await add_user(service, "anna")
        room = await service.rooms.create(anna, RoomKind.PUBLIC, "room")
        await service.rooms.change(anna, room, None, None, edit_history=EditHistory.MEMBERS)
        posted, _ = await service.messages.post(anna, room, "c1", "0" * 20_000)
        for number in range(1, 5):
            await service.messages.edit(anna, room, posted.id, str(number) * 20_000)
        seen, before = [], None
        while True:
            page = await service.messages.edits.page(anna, room, posted.id, before)
            assert 1 <= len(page.versions) <= 2
            seen += [each.body[0] for each in page.versions]
            before = page.versions[-1].seq
            if not page.more:
                break
        assert seen == ["4", "3", "2", "1", "0"]
