"""The records of erasures in the store, which servers, restores and searches have in common."""

import msgspec

from chatserver.privacy.rewriting import Erased

SPACE = "erasure"  # record space
DUE, DONE = "due/", "done/"  # keys: due/USER -> Erasure, done/EPOCH/USER -> Erasure


class Erasure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An erasure: what becomes of the messages; when it was asked for (Unix time); the user name, until it is done.

    `records`: the account has ended, and all is erased but what the log has. That is done in rooms with ids up to
    `room`. `noted`: it is in the ledger beside the backups. `again`: it was done before the store was restored, so
    no server may show the store before it is done again.
    """

    mode: Erased
    at: float
    username: str = ""
    records: bool = False
    room: str = ""
    noted: bool = False
    again: bool = False


encode = msgspec.json.encode
decode = msgspec.json.Decoder(Erasure).decode
