"""Documents that clients send once and later name by hash, as Apollo's clients do
(https://www.apollographql.com/docs/apollo-server/performance/apq).

They are kept in memory; if one is missing, the client sends its text again.
"""

from collections import OrderedDict
from hashlib import sha256

from chatserver import ChatError
from chatserver_plugins.graphql.errors import Refused

SHARE = 10  # one client may use this fraction of the whole


class Persisted:
    """Texts by hash. A client that stores too many loses its own oldest ones, not those of others."""

    def __init__(self, chars: int) -> None:
        """`chars` of all texts together; 0 keeps none."""
        self._most = chars
        self._chars = 0
        self._texts: dict[str, str] = {}
        self._owners: dict[str, str] = {}  # owner of each hash
        self._shares: dict[str, OrderedDict[str, int]] = {}
        self._sizes: dict[str, int] = {}  # characters of each owner

    def text(self, hash: str, given: str | None) -> str:
        """The text to execute: the given one, or the one kept under the hash.

        Raises `Refused` graphql.persisted_unknown, graphql.persisted_off, `ChatError`
        request.invalid if the text has another hash.
        """
        if not self._most:
            if given is None:
                raise Refused("graphql.persisted_off")
            return given
        if given is None:
            if hash not in self._texts:
                raise Refused("graphql.persisted_unknown")
            self._shares[self._owners[hash]].move_to_end(hash)
            return self._texts[hash]
        if given != self._texts.get(hash) and sha256(given.encode()).hexdigest() != hash:
            raise ChatError("request.invalid", "sha256Hash: this is not the hash of the query.")
        return given

    def keep(self, hash: str, text: str, owner: str) -> None:
        """Keep a valid text with its hash, for this client."""
        share = self._most // SHARE
        if hash in self._texts or len(text) > share:
            return
        self._texts[hash], self._owners[hash] = text, owner
        mine = self._shares.setdefault(owner, OrderedDict())
        mine[hash] = len(text)
        self._chars += len(text)
        self._sizes[owner] = self._sizes.get(owner, 0) + len(text)
        while self._sizes[owner] > share:
            self._drop_oldest(owner)
        while self._chars > self._most:
            self._drop_oldest(max(self._sizes, key=self._sizes.__getitem__))

    def _drop_oldest(self, owner: str) -> None:
        hash, chars = self._shares[owner].popitem(last=False)
        del self._texts[hash], self._owners[hash]
        self._chars -= chars
        self._sizes[owner] -= chars
        if not self._shares[owner]:
            del self._shares[owner], self._sizes[owner]
