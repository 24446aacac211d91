"""A blob, its record, and the spaces of records. The content is in one or more pieces in the back end."""

import re
import secrets
import time
import unicodedata
from datetime import UTC, datetime
from typing import Literal

import msgspec

from chatserver.errors import ChatError

# Record spaces:
BLOBS = "blob"  # id -> BlobRecord
REFERENCES = "blob_ref"  # id/holder -> the time of the reference
DERIVED = "blob_derived"  # id/plugin/id of what was made from it -> the time
WAITING = "blob_free"  # id -> Waiting: blobs that may have no reference; the collector looks at these only
OWNED = "blob_owned"  # user/id -> Owned: what counts for the user's quota
UPLOADS = "blob_upload"  # id -> UploadRecord
LOCKS = "blob_lock"  # id -> who writes to the upload
PLACES = "blob_place"  # the owner's mark in a back end, once it is set

ID_BYTES, PIECE_ID_BYTES = 16, 4  # a piece's key begins with the blob's id
ID_CHARS = 2 * ID_BYTES
NAME_CHARS = 255
HOLDER_BYTES = 500  # with the id before it, well below what a record's key may have

_ID = re.compile(f"[0-9a-f]{{{ID_CHARS}}}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
ANY_TYPE = "application/octet-stream"


class Piece(msgspec.Struct, frozen=True):
    """A part of a blob: its key in the back end, and its size in bytes."""

    key: str
    size: int


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A stored file. `id` is random, but grants no access: whoever shows a blob checks the rights.

    `owner` is the id of the user who gave it, "" for the server's own. `name` is as the user gave it; `media_type` is
    that of the content if a browser may show it, and otherwise what the user claimed. `size` is in bytes, `sha256` in
    hexadecimal digits, `at` the time of its end (RFC 3339, UTC). `width` and `height` are those of a picture, in
    pixels, 0 where they are not known.
    """

    id: str
    owner: str
    name: str
    media_type: str
    size: int
    sha256: str
    at: str
    pieces: tuple[Piece, ...]
    width: int = 0
    height: int = 0


class BlobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A blob with its place in the collector's steps, since the Unix time `since`.

    kept: can be read and referred to. condemned: the same, but removed if nothing refers to it soon; a reference
    makes it `kept` again. gone: its content is being removed; nothing makes it come back.

    `uploaded` is the size in bytes that was uploaded if the blob has another one.
    """

    blob: Blob
    state: Literal["kept", "condemned", "gone"] = "kept"
    since: float = 0.0
    uploaded: int | None = None

    def at(self, state: Literal["kept", "condemned", "gone"], since: float) -> "BlobRecord":
        """The record after a step."""
        return msgspec.structs.replace(self, state=state, since=since)


class Waiting(msgspec.Struct, frozen=True):
    """A blob that may have no reference, since the Unix time `since`."""

    since: float
    owner: str


class Owned(msgspec.Struct, frozen=True):
    """Bytes of a user's quota that a blob takes, or that are reserved for it until it is `done`."""

    size: int
    done: bool
    since: float


class UploadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that is not complete. `state`: open; done: becomes a blob; gone: is being removed.

    `cleaned` is the content without metadata, once it is done, if that is not `pieces` themselves.
    """

    id: str
    owner: str
    name: str
    media_type: str
    size: int
    since: float
    pieces: tuple[Piece, ...] = ()
    sha256: str = ""  # of the content, if one piece has all of it
    cleaned: tuple[Piece, ...] = ()
    state: Literal["open", "done", "gone"] = "open"

    @property
    def offset(self) -> int:
        """Number of bytes that are stored."""
        return sum(piece.size for piece in self.pieces)

    def ended(
        self, state: Literal["done", "gone"], cleaned: tuple[Piece, ...] = ()
    ) -> "UploadRecord":
        """The record when it becomes a blob, or is removed."""
        return msgspec.structs.replace(self, state=state, cleaned=cleaned or self.cleaned)


encode = msgspec.json.encode
read_blob = msgspec.json.Decoder(BlobRecord).decode
read_waiting = msgspec.json.Decoder(Waiting).decode
read_owned = msgspec.json.Decoder(Owned).decode
read_upload = msgspec.json.Decoder(UploadRecord).decode


def new_id() -> str:
    return secrets.token_hex(ID_BYTES)


def new_piece(blob: str) -> str:
    """A key for a piece of a blob. Each attempt has a new one, as a failed one may still be written."""
    return blob + secrets.token_hex(PIECE_ID_BYTES)


def blob_of(key: str) -> str:
    """The id of the blob to which a piece belongs."""
    return key[:ID_CHARS]


def demand_id(blob: str) -> str:
    """The id, if it is one. Raises `ChatError` blob.not_found."""
    if not _ID.fullmatch(blob):
        raise ChatError("blob.not_found")
    return blob


def reference_key(blob: str, holder: str) -> str:
    """The key of a reference's record. Raises `ValueError` for a holder that is empty or too long."""
    if not 1 <= len(holder.encode()) <= HOLDER_BYTES:
        raise ValueError(f"a holder has 1 to {HOLDER_BYTES} bytes, got {holder[:80]!r}")
    return f"{blob}/{holder}"


def clean_name(name: str) -> str:
    """A file's name without its folders and without characters that show nothing, at most 255 characters."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(char for char in last if unicodedata.category(char)[0] != "C").strip(" .")
    stem, dot, end = shown.rpartition(".")
    if len(shown) > NAME_CHARS and dot and len(end) < 16:
        return f"{stem[: NAME_CHARS - len(end) - 1]}.{end}"
    return shown[:NAME_CHARS]


def clean_media_type(claimed: str) -> str:
    """The type without its parameters; `application/octet-stream` for what is none."""
    found = claimed.partition(";")[0].strip().lower()
    return found if _MEDIA_TYPE.fullmatch(found) else ANY_TYPE


def time_text(seconds: float | None = None) -> str:
    """A Unix time (default: now) in the format of events."""
    at = datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
