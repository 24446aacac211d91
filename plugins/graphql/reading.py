"""Finds the document of a request: a known one, or a new one, which it parses."""

import asyncio
from typing import Protocol

from chatserver_plugins.graphql.documents import Document, Documents
from chatserver_plugins.graphql.params import Params
from chatserver_plugins.graphql.persisted import Persisted

NEW_CHARS = 200  # of a new document that count as one operation, as they take 1 ms


class Asker(Protocol):
    """The sender of a document."""

    @property
    def source(self) -> str:
        """The key under which limits count."""

    def take(self, operations: int) -> None:
        """Count operations in the rate. Raises `ChatError` limit.rate."""


class DocumentReader:
    """Finds the documents of requests.

    In each turn of the loop it parses one new document: the longest take some ten milliseconds.
    """

    def __init__(self, documents: Documents, persisted: Persisted) -> None:
        self.documents = documents
        self._persisted = persisted
        self._reading = asyncio.Lock()

    async def document(self, params: Params, asker: Asker, *, hide_names: bool) -> Document:
        """Raises `Refused`, which suggests similar names unless these are hidden; `ChatError` limit.rate."""
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
