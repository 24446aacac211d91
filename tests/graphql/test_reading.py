"""New documents take some milliseconds each, so they are read one in a turn of the loop."""

import asyncio

import pytest

from chatserver import ChatError
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.documents import Document, Documents
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.params import Params
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.persisted import Persisted
from chatserver_plugins.graphql.reading import NEW_CHARS, DocumentReader
from chatserver_plugins.graphql.schema import build


class Asker:
    source = "u1"

    def __init__(self, left: int = 1000) -> None:
        self.left = left

    def take(self, operations: int) -> None:
        if operations > self.left:
            raise ChatError("limit.rate")
        self.left -= operations


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents(build([own_part()]), GraphQLConfig())


def asked(reader: DocumentReader, text: str, asker: Asker | None = None) -> asyncio.Task[Document]:
    params = Params(text, None, None)
    return asyncio.create_task(reader.document(params, asker or Asker(), hide_names=False))


async def test_one_new_document_is_read_in_a_turn(documents: Documents) -> None:
    texts = [f"{{ me {{ id }} }} # {number}" for number in range(5)]
    for text in texts:
        documents.get(text)  # the second use, which follows, shows that a text was read
    reader = DocumentReader(documents, Persisted(1000))
    tasks = [asked(reader, text) for text in texts]
    before, turns = 0, 0
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        read = sum(documents.is_ready(text) for text in texts)
        assert read <= before + 1
        before, turns = read, turns + 1
        assert turns < 1000
    assert [task.result() for task in tasks] == [documents.get(text) for text in texts]


async def test_a_known_document_waits_for_no_other(documents: Documents) -> None:
    reader = DocumentReader(documents, Persisted(1000))
    ready = "{ me { id } } # ready"
    for _ in range(2):
        await asked(reader, ready)
    others = [asked(reader, f"{{ me {{ id }} }} # other {number}") for number in range(3)]
    task = asked(reader, ready)
    while not task.done():
        await asyncio.sleep(0)
    assert not others[-1].done()
    await asyncio.gather(*others)


async def test_after_one_that_cannot_be_read_comes_the_next(documents: Documents) -> None:
    reader = DocumentReader(documents, Persisted(1000))
    wrong, right = asked(reader, "{ nobody }"), asked(reader, "{ me { id } } # after a wrong one")
    with pytest.raises(Refused) as refused:
        await wrong
    assert refused.value.code == "graphql.invalid"
    assert (await right).operations


async def test_a_long_document_counts_as_several_operations_until_it_is_kept(
    documents: Documents,
) -> None:
    reader, asker = DocumentReader(documents, Persisted(1000)), Asker(left=6)
    text = "{ me { id } }" + " " * 3 * NEW_CHARS
    for left in (3, 0, 0):
        await asked(reader, text, asker)
        assert asker.left == left
    with pytest.raises(ChatError, match=r"limit\.rate"):
        await asked(reader, text + " ", asker)
