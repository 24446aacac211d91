"""Plugins are asked about a file twice: before any of it is read, and when all of it is there."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from chatserver import Action, ChatError, UploadBegin, UploadFinish
from chatserver.blobs.service import BlobService
from chatserver.runtime.measure import Measures
from chatserver.testing.blobs import given
from tests.blobs.scene import Scene


class Judge:
    """Notes what it is asked about, and refuses with this error the kinds that it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Action, str]] = []
        self.refused: dict[type[Action], ChatError] = {}
        self.name: str | None = None

    async def allow(self, action: Action, user: str, clean: Callable[[Action], Action]) -> Action:
        self.asked.append((action, user))
        if error := self.refused.get(type(action)):
            raise error
        if self.name is not None and isinstance(action, UploadBegin):
            return clean(msgspec.structs.replace(action, name=self.name))
        return action


class Judged(Scene):
    def __init__(self) -> None:
        self.judge = Judge()
        super().__init__()

    def node(self, epoch: str | None = None, store: Any = None) -> BlobService:
        return BlobService(
            store or self.store,
            self.blobs,
            self.config,
            lambda: epoch or self.epoch,
            Measures(),
            self.clock,
            self.judge.allow,
        )


async def unread() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


async def code(call: Any) -> str:
    with pytest.raises(ChatError) as found:
        await call
    return found.value.code


async def test_both_questions_have_what_is_known_then() -> None:
    scene = Judged()
    blob = await scene.take(b"abc", name="a/b.txt", media_type="Text/Plain", size=3)
    upload = await scene.one.uploads.create("eve", 3, name="x", media_type="image/png", room="r")
    done = await scene.other.uploads.append(upload.id, "eve", 0, given([b"abc"]))
    assert done.blob is not None
    assert scene.judge.asked == [
        (UploadBegin(name=blob.name, media_type="text/plain", size=3), "ada"),
        (UploadFinish(blob=blob), "ada"),
        (UploadBegin(name="x", media_type="image/png", size=3, room="r"), "eve"),
        (UploadFinish(blob=done.blob), "eve"),
    ]


async def test_files_of_the_server_itself_are_not_asked_about() -> None:
    scene = Judged()
    await scene.take(owner="")
    assert scene.judge.asked == []


async def test_a_refused_beginning_reads_and_stores_nothing() -> None:
    scene = Judged()
    scene.judge.refused[UploadBegin] = ChatError("action.refused")
    assert await code(scene.one.take("ada", unread())) == "action.refused"
    assert await code(scene.one.uploads.create("ada", 3)) == "action.refused"
    assert await scene.records() == {} and scene.pieces() == []


async def test_a_refused_file_leaves_nothing() -> None:
    scene = Judged()
    upload = await scene.one.uploads.create("ada", 3)
    scene.judge.refused[UploadFinish] = ChatError("action.refused")
    assert await code(scene.take()) == "action.refused"
    add = scene.one.uploads.append(upload.id, "ada", 0, given([b"abc"]))
    assert await code(add) == "action.refused"
    assert await code(scene.one.uploads.find(upload.id, "ada")) == "blob.not_found"
    assert await code(scene.one.uploads.create("ada", 0)) == "action.refused"
    assert scene.pieces() == []
    usage = await scene.one.usage("ada")
    assert (usage.bytes, usage.files, usage.under_way) == (0, 0, 0)


async def test_an_upload_may_go_on_after_a_plugin_failed() -> None:
    scene = Judged()
    upload = await scene.one.uploads.create("ada", 3)
    scene.judge.refused[UploadFinish] = ChatError("plugin.failed")
    add = scene.one.uploads.append(upload.id, "ada", 0, given([b"abc"]))
    assert await code(add) == "plugin.failed"
    scene.judge.refused.clear()
    assert (await scene.one.uploads.find(upload.id, "ada")).offset == 3
    done = await scene.other.uploads.append(upload.id, "ada", 3, given([]))
    assert done.blob is not None and await scene.content(done.blob) == b"abc"


async def test_a_changed_name_is_cleaned_and_kept() -> None:
    scene = Judged()
    scene.judge.name = "../b\n.txt"
    blob = await scene.take(name="a.txt")
    assert blob.name not in ("a.txt", "../b\n.txt") and "\n" not in blob.name
