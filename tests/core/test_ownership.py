"""Only `chatserver/roomlog` writes to a room in memory: read in the sources, and watched while a server runs."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import chatserver
import chatserver_plugins
from chatserver.model import RoomKind
from chatserver.roomlog.room import Room
from tests.core.clients import Reader
from tests.core.nodes import add_user
from tests.core.scene import scene

CORE, PLUGINS = Path(chatserver.__file__).parent, Path(chatserver_plugins.__file__).parent
OWNER = CORE / "roomlog"
OWN = set(Room.__slots__)
CHANGERS = {
    "append",
    "extend",
    "insert",
    "pop",
    "popitem",
    "clear",
    "update",
    "setdefault",
    "add",
    "discard",
    "remove",
}


def stores_into(node: ast.AST) -> Iterator[ast.Attribute]:
    """The attributes that a statement sets, deletes, or changes in place."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Delete):
        targets = node.targets
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in CHANGERS:
        targets = [node.func.value]  # type: ignore[attr-defined]
    for target in targets:
        for each in target.elts if isinstance(target, ast.Tuple) else [target]:
            while isinstance(each, ast.Subscript):
                each = each.value
            if isinstance(each, ast.Attribute):
                yield each


def is_room(value: ast.expr) -> bool:
    """Whether an expression is called like a room: `room`, `entry.room`, `held_room`, …"""
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    return name.endswith("room") or name in ("found", "held", "known", "loaded", "there")


def test_no_other_package_writes_to_a_room() -> None:
    found = []
    for path in [*CORE.rglob("*.py"), *PLUGINS.rglob("*.py")]:
        if path.is_relative_to(OWNER):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found += [
                f"{path}:{each.lineno}: {ast.unparse(each)}"
                for each in stores_into(node)
                if each.attr in OWN and is_room(each.value)
            ]
    assert found == []


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The modules whose code sets an attribute of any room."""
    found: set[str] = set()

    def noted(room: Room, name: str, value: Any) -> None:
        frame: FrameType | None = sys._getframe(1)
        assert frame is not None
        found.add(frame.f_globals["__name__"])
        object.__setattr__(room, name, value)

    monkeypatch.setattr(Room, "__setattr__", noted, raising=False)
    return found


async def test_rooms_are_written_to_by_their_log_alone(writers: set[str]) -> None:
    """Everything that touches a room: two nodes, posts and edits, followers, pages, a member who leaves."""
    async with scene() as built:
        service, room = built.first, built.room
        member = await add_user(service, "member")
        await service.rooms.invite(built.owner, room, member.id)
        reader = await built.reader(0, member)
        await built.post(5, on=service)
        said, _ = await service.messages.post(built.owner, room, "one", "a text")
        await service.messages.edit(built.owner, room, said.id, "another text")
        await service.history.page(built.owner, room, None, 50)
        await service.history.newest_encoded(built.owner, room)
        await service.history.events(built.owner, room, 0)
        await service.rooms.visible(built.owner)
        await built.post(5, on=built.second)
        await service.log.refresh([room])
        await service.rooms.leave(member, room)
        reader.close()
        direct = await service.rooms.create(built.owner, RoomKind.PRIVATE, "other")
        again = Reader(service, built.owner)
        await again.follow(direct.id, None)
        again.close()
    assert writers
    assert {name for name in writers if not name.startswith("chatserver.roomlog.")} == set()
