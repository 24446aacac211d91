"""Buttons, menus and forms: what reaches their plugin, and what is refused before."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest

from chatserver.errors import ChatError
from chatserver.hooks.types import Interaction, InteractionReply, MessageData
from chatserver.model import Message, MessagePosted, RoomKind, User
from chatserver.parts import Button, Field, Form, Menu, Option, Parts, TextPart
from chatserver.roomlog.room import Room
from chatserver.service.contexts import CONTEXT_BYTES, SPACE
from chatserver.service.plugin_messages import PluginMessages
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.hooking import errors
from tests.core.nodes import add_user, config, make_service, running

pytestmark = pytest.mark.virtual_time

COLOURS = (Option(id="r", label="Red"), Option(id="g", label="Green"), Option(id="b", label="Blue"))
PARTS = Parts(
    of="ask",
    items=(
        TextPart(text="Choose."),
        Button(id="yes", label="Yes", style="primary"),
        Menu(id="one", label="One", options=COLOURS),
        Menu(id="two", label="Two", options=COLOURS, most=2),
        Form(
            id="form",
            label="Send",
            fields=(
                Field(id="name", label="Name", required=True, max_chars=5),
                Field(id="why", label="Why", lines="many"),
                Field(id="colour", label="Colour", options=COLOURS),
            ),
        ),
    ),
)


class Asking(NamedTuple):
    service: Service
    owner: User
    room: Room
    message: MessagePosted
    seen: list[Interaction]
    kind: MessageData

    async def use(
        self, part: str, values: dict[str, list[str]] | None = None, by: User | None = None
    ) -> Any:
        interactions = self.service.interactions
        return await interactions.interact(
            by or self.owner, self.room, self.message.id, part, values or {}
        )

    async def code(
        self, part: str, values: dict[str, list[str]] | None = None, by: User | None = None
    ) -> str:
        with pytest.raises(ChatError) as caught:
            await self.use(part, values, by)
        return caught.value.code

    async def standing(self) -> Message:
        return await self.service.history.message(self.room, self.message.id)


@asynccontextmanager
async def asking(answer: Callable[[Interaction], Any] = lambda use: None) -> AsyncIterator[Asking]:
    """A message of the plugin `ask` with parts; `answer` makes what the plugin returns."""
    seen: list[Interaction] = []

    async def interact(interaction: Interaction) -> Any:
        seen.append(interaction)
        return answer(interaction)

    data = MessageData(name="ask", schema=dict[str, int], interact=interact)
    async with running(make_service(MemoryStore(), config())) as service:
        service.messages.data.register([("ask", data)])
        owner = await add_user(service, "owner")
        room = await service.rooms.create(owner, RoomKind.PRIVATE, "room")
        message = await PluginMessages("ask", service).post(
            owner, room, "What?", data={"ask": {"n": 0}}, parts=PARTS, context={"secret": 5}
        )
        yield Asking(service, owner, room, message, seen, data)


USES: list[tuple[str, dict[str, list[str]], dict[str, tuple[str, ...]]]] = [
    ("yes", {}, {}),
    ("yes", {"yes": []}, {}),
    ("one", {"one": ["g"]}, {"one": ("g",)}),
    ("two", {"two": ["b", "r"]}, {"two": ("b", "r")}),
    ("form", {"name": ["ada"]}, {"name": ("ada",)}),
    (
        "form",
        {"name": ["adam5"], "why": [""], "colour": ["r"]},
        {"name": ("adam5",), "colour": ("r",)},
    ),
]


@pytest.mark.parametrize(("part", "values", "given"), USES)
async def test_a_use_reaches_the_plugin(
    part: str, values: dict[str, list[str]], given: dict[str, tuple[str, ...]]
) -> None:
    async with asking() as scene:
        done = await scene.use(part, values)
        assert (done.note, done.seq) == (None, None)
        (use,) = scene.seen
        assert (use.user, use.part, use.values) == (scene.owner, part, given)
        assert use.message.id == scene.message.id and use.context == {"secret": 5}
        assert b"secret" not in msgspec.json.encode(scene.message)


WRONG: list[tuple[str, dict[str, list[str]], str]] = [
    ("no", {}, "message.part_not_found"),
    ("", {}, "message.part_not_found"),
    ("name", {}, "message.part_not_found"),  # a field is none
    ("yes", {"yes": ["x"]}, "request.invalid"),
    ("one", {}, "request.invalid"),
    ("one", {"one": ["r", "g"]}, "request.invalid"),
    ("one", {"one": ["x"]}, "request.invalid"),
    ("one", {"two": ["r"]}, "request.invalid"),
    ("two", {"two": ["r", "r"]}, "request.invalid"),
    ("two", {"two": ["r", "g", "b"]}, "request.invalid"),
    ("form", {}, "request.invalid"),
    ("form", {"name": ["adam56"]}, "request.invalid"),
    ("form", {"name": ["a", "b"]}, "request.invalid"),
    ("form", {"name": ["ada"], "colour": ["x"]}, "request.invalid"),
    ("form", {"name": ["ada"], "other": ["x"]}, "request.invalid"),
]


@pytest.mark.parametrize(("part", "values", "code"), WRONG)
async def test_what_does_not_fit_reaches_nobody(
    part: str, values: dict[str, list[str]], code: str
) -> None:
    async with asking() as scene:
        assert await scene.code(part, values) == code
        assert not scene.seen


async def test_it_is_there_for_readers_of_the_room_only() -> None:
    async with asking() as scene:
        stranger = await add_user(scene.service, "stranger")
        assert await scene.code("yes", by=stranger) == "room.not_found"
        await scene.service.messages.delete(scene.owner, scene.room, scene.message.id)
        assert await scene.code("yes") == "message.not_found"
        assert not scene.seen


async def test_the_answer_is_a_note_and_a_change() -> None:
    def answer(use: Interaction) -> InteractionReply:
        return InteractionReply(
            note=f"Counted, {use.user.username}",
            change=lambda data: {"ask": {"n": data["ask"]["n"] + 1}},
        )

    async with asking(answer) as scene:
        done = await scene.use("yes")
        assert (done.note, done.seq) == ("Counted, owner", scene.room.head)
        assert (await scene.use("yes")).seq == scene.room.head
        assert (await scene.standing()).data["ask"] == {"n": 2}


async def test_a_change_of_anothers_data_is_refused() -> None:
    def answer(use: Interaction) -> InteractionReply:
        return InteractionReply(change=lambda data: {"other": 1})

    async with asking(answer) as scene:
        other = MessageData(name="other", schema=int)
        scene.service.messages.data.register([("ask", scene.kind), ("other", other)])
        assert await scene.code("yes") == "message.data_invalid"


@pytest.mark.parametrize(
    "answer", [5, "note", InteractionReply(note=5), InteractionReply(note="\ud800")]
)  # type: ignore[arg-type]
async def test_a_wrong_answer_is_the_plugins_failure(answer: Any) -> None:
    async with asking(lambda use: answer) as scene:
        assert await scene.code("yes") == "plugin.failed"
        assert errors(scene.service.hooks) == {("ask", "register_message_data", "garbage"): 1}


def raising(data: Any) -> Any:
    raise KeyError("broken on purpose")


@pytest.mark.parametrize(("change", "why"), [(raising, "error"), (lambda data: 5, "garbage")])
async def test_a_change_that_fails_is_the_plugins_failure(
    change: Callable[[Any], Any], why: str
) -> None:
    async with asking(lambda use: InteractionReply(change=change)) as scene:
        assert await scene.code("yes") == "plugin.failed"
        assert errors(scene.service.hooks) == {("ask", "register_message_data", why): 1}
        assert (await scene.standing()).data["ask"] == {"n": 0}


async def test_a_change_may_be_made_in_place() -> None:
    def change(data: Any) -> Any:
        data["ask"]["n"] += 1
        return {"ask": data["ask"]}

    async with asking(lambda use: InteractionReply(change=change)) as scene:
        for number in (1, 2):
            await scene.use("yes")
            assert (await scene.standing()).data["ask"] == {"n": number}
        assert scene.message.data["ask"] == {"n": 0}


async def test_a_refusal_of_the_plugin_is_its_answer() -> None:
    def refuse(use: Interaction) -> None:
        raise ChatError("user.forbidden", "Not you.")

    async with asking(refuse) as scene:
        assert await scene.code("yes") == "user.forbidden"
        assert errors(scene.service.hooks) == {}


async def test_while_the_plugin_is_off_nobody_answers_and_the_message_stays() -> None:
    async with asking() as scene:
        scene.service.messages.data._kinds.pop("ask")
        assert await scene.code("yes") == "plugin.failed"
        assert "parts" in (await scene.standing()).data


async def test_what_a_plugin_keeps_with_a_message_is_bounded_and_goes_with_it() -> None:
    async with asking() as scene:
        store = scene.service.store
        assert len(await store.scan(SPACE, "")) == 1
        await scene.service.messages.delete(scene.owner, scene.room, scene.message.id)
        assert await store.scan(SPACE, "") == []
        ours = PluginMessages("ask", scene.service)
        head = scene.room.head
        for context in ("x" * CONTEXT_BYTES, object()):
            with pytest.raises(ChatError, match=r"message\.data_invalid"):
                await ours.post(scene.owner, scene.room, "What?", parts=PARTS, context=context)
        assert scene.room.head == head and await store.scan(SPACE, "") == []


@pytest.mark.parametrize(
    "items",
    [
        [{"kind": "button", "id": "a", "label": "A"}, {"kind": "button", "id": "a", "label": "B"}],
        [{"kind": "menu", "id": "a", "label": "A", "options": []}],
        [{"kind": "slider", "id": "a", "label": "A"}],
        [{"kind": "button", "id": "a", "label": ""}],
        [{"kind": "text", "text": "t"}] * 26,
    ],
)
async def test_the_vocabulary_is_closed_and_small(items: Any) -> None:
    async with asking() as scene:
        with pytest.raises(ChatError, match=r"message\.data_invalid"):
            scene.service.messages.data.from_plugin("ask", {"parts": {"of": "ask", "items": items}})
