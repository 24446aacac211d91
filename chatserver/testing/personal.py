"""The suite for what a plugin holds about users (`register_personal_data`). Needs pytest and pytest-tornasync.

    class TestMine(PersonalDataContract):
        plugins = ("mine",)

        async def make(self, chat, person, other, mark):
            room = await person.create_room(mark)
            await person.post(room, mark)
            ...

`make` has the plugin keep something about `person`, in which `mark` stands if the person chooses any of its texts. It
is called for two people, with another mark each. `parts` names the parts, by default those that the plugins registered.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chatserver.privacy.parts import items
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat, Person, running

WAITS = 200  # for work in the background, each a little longer than the one before


class PersonalDataContract:
    """Subclass it, name the `plugins`, and write `make`."""

    plugins: Sequence[str] = ()
    settings: Mapping[str, object] = {}
    has_mark = True  # whether the person's own texts are part of what is held
    has_clock = False  # whether the server has a clock that `make` moves

    async def make(self, chat: Chat, person: Person, other: Person, mark: str) -> None:
        """Have the plugin keep something about `person`; `other` is the second person."""
        raise NotImplementedError("write make")

    async def test_an_export_has_all_of_one_person_and_nothing_of_another(self) -> None:
        async with self._made() as (chat, first, second):
            held, others = await held_by(chat, first), await held_by(chat, second)
            for name in self._names(chat):
                assert held[name], f"{name}: nothing is exported"
                assert others[name], f"{name}: nothing is exported"
            own = {name: held[name] for name in self._names(chat)}
            text = msgspec.json.encode(own).decode()
            assert not self.has_mark or "firstmark" in text
            assert "secondmark" not in text

    async def test_an_erasure_removes_all_of_one_person_alone(self) -> None:
        async with self._made() as (chat, first, second):
            before = await held_by(chat, second)
            await chat.service.removal.delete(first.user.username)
            held, others = await held_by(chat, first), await held_by(chat, second)
            for name in self._names(chat):
                assert held[name] == [], name
                assert others[name] == before[name], name

    async def test_an_erasure_can_be_repeated(self) -> None:
        async with self._made() as (chat, first, second):
            before = await held_by(chat, second)
            await chat.service.removal.delete(first.user.username)
            await chat.service.privacy.parts.erase(first.id)
            held, others = await held_by(chat, first), await held_by(chat, second)
            for name in self._names(chat):
                assert (held[name], others[name]) == ([], before[name]), name

    async def test_nothing_is_held_of_somebody_of_whom_nothing_is_known(self) -> None:
        async with self._made() as (chat, _, _):
            stranger = await chat.user("stranger")
            await chat.service.privacy.parts.erase(stranger.id)
            await held_by(chat, stranger)

    def _made(self) -> "_Made":
        return _Made(self)

    def _names(self, chat: Chat) -> list[str]:
        """The parts that the plugins registered."""
        names = [part.name for part in chat.service.privacy.parts]
        found = [each for each in names if any(_is_of(each, plugin) for plugin in self.plugins)]
        assert found, f"{self.plugins}: no part is registered"
        return found


class _Made:
    """A server with two people of whom something is kept."""

    def __init__(self, contract: PersonalDataContract) -> None:
        self._contract = contract
        clock = FakeClock() if contract.has_clock else None
        self._running = running(*contract.plugins, settings=contract.settings, clock=clock)

    async def __aenter__(self) -> tuple[Chat, Person, Person]:
        chat = await self._running.__aenter__()
        try:
            await chat.user("owner")
            first, second = await chat.user("first"), await chat.user("second")
            await self._contract.make(chat, first, second, "firstmark")
            await self._contract.make(chat, second, first, "secondmark")
        except BaseException as error:
            await self._running.__aexit__(type(error), error, error.__traceback__)
            raise
        return chat, first, second

    async def __aexit__(self, *error: Any) -> None:
        await self._running.__aexit__(*error)


async def held_by(chat: Chat, person: Person) -> dict[str, list[Any]]:
    """What every part exports about a person, by the part's name."""
    return {
        part.name: [item async for item in items(part, person.id)]
        for part in chat.service.privacy.parts
    }


async def kept_in(chat: Chat, person: Person, part: str) -> None:
    """Wait until a part holds something about a person: some plugins write in the background."""
    for tries in range(WAITS):
        if (await held_by(chat, person))[part]:
            return
        await asyncio.sleep(0.005 * tries)
    raise AssertionError(f"{part} holds nothing")


def _is_of(part: str, plugin: str) -> bool:
    return part == plugin or part.startswith(f"{plugin}_")


__all__ = ["PersonalDataContract", "held_by", "kept_in"]
