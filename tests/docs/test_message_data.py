"""The page about data of messages: its plugins run, and its bounds are those of the code."""

from pathlib import Path

import pytest

from chatserver.parts import FIELDS, ITEMS, OPTIONS
from chatserver.service import contexts, history, message_data, values
from chatserver.testing.running import running
from tests.docs.pages import ROOT, write_files

PAGE = ROOT / "docs/plugins/message-data.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(PAGE, tmp_path)
    return tmp_path / "local"


async def test_the_example_counts_votes(folder: Path) -> None:
    settings = {"plugins.folder": str(folder)}
    async with running("graphql", "yesno", "yesno_graphql", settings=settings) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=[bob])
        assert not (await ada.post(room, "Hello")).data
        asked = await ada.post(room, "Tea, yes or no?")
        path = f"/api/v1/rooms/{room.id}/messages/{asked.id}/interactions"
        for person, part in ((ada, "yes"), (bob, "no"), (bob, "yes")):
            answer = await person.http("POST", path, {"part": part})
            assert answer.json["note"] == f"You said {part}.", answer.json
        query = (
            f'{{ room(id: "{room.id}") {{ message(id: "{asked.id}") {{ yes body editedAt }} }} }}'
        )
        found = (await bob.http("POST", "/graphql", {"query": query})).json
        message = found["data"]["room"]["message"]
        assert message == {"yes": 2, "body": "Tea, yes or no?", "editedAt": None}


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    for said in (
        f"{values.MOST_BYTES:,} at the most",
        f"at most {message_data.NAMESPACES} namespaces and {message_data.ALL_BYTES:,} bytes",
        f"go {values.DEPTH} deep",
        f"up to {values.KEY_CHARS} characters",
        f"{message_data.TEXT_CHARS:,} characters count",
        f"changed {history.DATA_CHANGES:,} times",
        f"up to {contexts.CONTEXT_BYTES:,} bytes of JSON",
        f"at most {ITEMS} parts",
        f"of {OPTIONS} options",
        f"up to {FIELDS} fields",
    ):
        assert said in text, said
