"""Records, and the pages of the search index."""

from collections.abc import Callable, Sequence

from chatserver import IndexPage, IndexPlace
from chatserver_lmdb_store.base import Base
from chatserver_lmdb_store.tree import Tree, number, value_of
from chatserver_lmdb_store.view import ROOMS, SPACES, View


class LmdbRecords(Base):
    """The methods of `chatserver.Store` about these. Each space is a map of its own."""

    # -- records -----------------------------------------------------------------------------------

    async def get(self, space: str, key: str) -> bytes | None:
        return (await self.get_many(space, [key])).get(key)

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        def run(view: View) -> dict[str, bytes]:
            tree = _space(view, space)
            found = {key: tree.get(key.encode()) for key in keys} if tree else {}
            return {key: value for key, value in found.items() if value is not None}

        return await self._read(run)

    async def put(self, space: str, key: str, value: bytes) -> None:
        await self._replace(space, key, value, lambda present: True)

    async def add(self, space: str, key: str, value: bytes) -> bool:
        return await self._replace(space, key, value, lambda present: present is None)

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        return await self._replace(space, key, new, lambda present: present == old)

    async def _replace(
        self, space: str, key: str, value: bytes, is_wanted: Callable[[bytes | None], bool]
    ) -> bool:
        """Set the value if it is wanted in place of the present one."""

        def run(view: View) -> bool:
            tree = _space(view, space)
            if not is_wanted(tree.get(key.encode()) if tree else None):
                return False
            tree = tree or view.tree(view.number_for(SPACES, space.encode()))
            tree.put(key.encode(), value)
            return True

        return await self._write(run)

    async def delete(self, space: str, key: str, old: bytes | None = None) -> bool:
        def run(view: View) -> bool:
            tree = _space(view, space)
            present = tree.get(key.encode()) if tree else None
            if tree is None or present is None or (old is not None and present != old):
                return False
            tree.delete(key.encode())
            if tree.is_empty():
                view.tree(SPACES).delete(space.encode())
            return True

        return await self._write(run)

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        begins, first = prefix.encode(), after.encode() + b"\0"  # the lowest key > after

        def run(view: View) -> list[tuple[str, bytes]]:
            tree, found = _space(view, space), list[tuple[str, bytes]]()
            for key, value in tree.items(max(begins, first)) if tree else ():
                if len(found) >= limit or not key.startswith(begins):
                    break
                found.append((key.decode(), value))
            return found

        return await self._read(run)

    async def spaces(self) -> list[str]:
        return await self._read(
            lambda view: [space.decode() for space, _ in view.tree(SPACES).items()]
        )

    # -- the search index --------------------------------------------------------------------------

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        def run(view: View) -> None:
            own = view.number_for(ROOMS, room.encode())
            for page in pages:
                view.put("pages", own + number(page.slot) + number(page.first), page.data)
            present = view.get("indexed", own) or bytes(8)
            view.put("indexed", own, max(present, number(upto)))

        await self._write(run)

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        def run(view: View) -> dict[str, int]:
            found = {room: view.get("indexed", own) for room, own in view.rooms(rooms).items()}
            return {room: value_of(upto) for room, upto in found.items() if upto is not None}

        return await self._read(run)

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        def run(view: View) -> list[bytes | None]:
            rooms = view.rooms([room for room, _, _ in places])
            return [
                view.get("pages", rooms[room] + number(slot) + number(first))
                if room in rooms
                else None
                for room, slot, first in places
            ]

        return await self._read(run)

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        def run(view: View) -> None:
            for own in view.rooms([room]).values():
                keys = [key for key, _ in view.items("pages", own) if key[8:16] < number(slot)]
                for key in keys:
                    if key[16:] < number(first):
                        view.delete("pages", key)

        await self._write(run)


def _space(view: View, space: str) -> Tree | None:
    layer = view.number(SPACES, space.encode())
    return None if layer is None else view.tree(layer)
