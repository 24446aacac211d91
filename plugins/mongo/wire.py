"""Commands and answers as bytes of MongoDB's wire protocol. No socket is read or written here.

OP_MSG, without checksums and compression:
https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from pymongo.errors import NotPrimaryError, OperationFailure, ProtocolError

Document = dict[str, Any]

OP_MSG = 2013
BODY, DOCUMENTS = (
    b"\0",
    b"\1documents\0",
)  # kinds of sections; the second is a sequence of documents
MOST_ANSWER_BYTES = 16 << 20  # answers to inserts have some hundred bytes
LAST_NUMBER = (1 << 31) - 1

# Codes of errors: the server is not primary, or just ends being primary, or shuts down.
# https://github.com/mongodb/specifications, source/server-discovery-and-monitoring
NOT_PRIMARY = {91, 189, 10058, 10107, 11600, 11602, 13435, 13436}

_HEADER = struct.Struct("<iiii")  # length, number, number of the request answered, kind
_FLAGS = struct.Struct("<I")
_LENGTH = struct.Struct("<i")
_BODY_AT = _HEADER.size + _FLAGS.size + len(BODY)
# A message of the server may quote a text that it has cut within a character.
_OPTIONS: CodecOptions[Document] = CodecOptions(unicode_decode_error_handler="replace")


def request(number: int, command: Mapping[str, Any], documents: Sequence[bytes] = ()) -> bytes:
    """A command, with `documents` (BSON) as its field of that name."""
    parts = [BODY, bson.encode(command)]
    if documents:
        size = _LENGTH.size + len(DOCUMENTS) - 1 + sum(map(len, documents))
        parts += (DOCUMENTS[:1], _LENGTH.pack(size), DOCUMENTS[1:], *documents)
    length = _HEADER.size + _FLAGS.size + sum(map(len, parts))
    return b"".join((_HEADER.pack(length, number, 0, OP_MSG), _FLAGS.pack(0), *parts))


class Answers:
    """Splits what a server sends into answers."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, Document]]:
        """The answers that `data` completes, each with the number of its request. Raises `ProtocolError`."""
        received = self._received
        received += data
        while len(received) >= _HEADER.size:
            length, _, answered, kind = _HEADER.unpack_from(received)
            if kind != OP_MSG or not _BODY_AT < length <= MOST_ANSWER_BYTES:
                raise ProtocolError("this is no answer of MongoDB")
            if len(received) < length:
                return
            message = bytes(received[:length])
            del received[:length]
            yield answered, _document(message)


def _document(message: bytes) -> Document:
    (flags,) = _FLAGS.unpack_from(message, _HEADER.size)
    if flags or message[_BODY_AT - 1 : _BODY_AT] != BODY:
        raise ProtocolError("an answer has parts that nobody asked for")
    try:
        return bson.decode(message[_BODY_AT:], _OPTIONS)
    except BSONError as error:
        raise ProtocolError("an answer is not BSON") from error


def checked(answer: Document) -> Document:
    """The answer to a command that was executed; write errors may be in it.

    Raises `NotPrimaryError` or `OperationFailure`, as the driver does.
    """
    if answer.get("ok") == 1:
        return answer
    code, message = answer.get("code"), str(answer.get("errmsg", "no reason given"))
    if code in NOT_PRIMARY:
        raise NotPrimaryError(message, answer)
    raise OperationFailure(message, code, answer)
