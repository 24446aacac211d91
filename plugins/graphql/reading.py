"""From the parameters of a request to its document: one known before, or a new one that is read now."""

import asyncio
from typing import Protocol

from chatserver_plugins.graphql.documents import Document, Documents
from chatserver_plugins.graphql.params import Params
from chatserver_plugins.graphql.persisted import Persisted

NEW_CHARS = 200  # so many characters of a new document count as one operation: it takes 1 ms


class Asker(Protocol):
    """Who sends a document, as far as reading it is concerned."""

    @property
    def source(self) -> str:
        """The key that limits count by."""

    def take(self, operations: int) -> None:
        """Count operations in the rate. Raises `ChatError` limit.rate."""


class Reader:
    """Finds the documents that requests mean.

    In each turn of the loop it reads one new document: the longest take some ten milliseconds.
    """

    def __init__(self, documents: Documents, persisted: Persisted) -> None:
        self.documents = documents
        self._persisted = persisted
        self._reading = asyncio.Lock()

    async def document(self, params: Params, asker: Asker, *, hide_names: bool) -> Document:
        """Raises `Refused`, with a hint at like names unless these are hidden; `ChatError` limit.rate."""
        if params.document is not None:
            return self.documents.known(params.document)
        text, hash = params.text, params.hash
        if hash is None:
            return await self._read(text or "", asker, hide_names)
        if self.documents.is_known(hash):
            return self.documents.known(hash)
        self.documents.demand_known(text)
        text = self._persisted.text(hash, text)
        found = await self._read(text, asker, hide_names)
        self._persisted.keep(hash, text, asker.source)
        return found

    async def _read(self, text: str, asker: Asker, hide_names: bool) -> Document:
        if self.documents.is_ready(text):
            return self.documents.get(text)
        asker.take(len(text) // NEW_CHARS)
        await self._reading.acquire()
        try:
            return self.documents.get(text, hide_names=hide_names)
        finally:
            asyncio.get_running_loop().call_soon(self._reading.release)
