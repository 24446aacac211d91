"""The files of messages: found in the export or beside it, measured, and described as blobs."""

import hashlib
from collections.abc import Sequence

from chatserver.blobs.content import HEAD_BYTES, content_of
from chatserver.blobs.model import Blob, Piece, clean_media_type, clean_name
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign.ids import made_digest, time_text
from chatserver.copies.foreign.model import Enclosure
from chatserver.copies.foreign.packs import PART_BYTES, READ_ERRORS, Pack
from chatserver.copies.foreign.report import Report, printable
from chatserver.copies.foreign.spool import Spool, SpooledFile

MISSING = "files that the export does not have"
PIECE_DIGITS = 8  # of the key of a blob's content, behind the blob's id


class Enclosures:
    """Takes files into the spool. `packs` are where they are looked for, in this order."""

    def __init__(
        self, spool: Spool, report: Report, packs: Sequence[Pack], most_bytes: int | None, salt: str
    ) -> None:
        """`most_bytes` is the largest size of a file; None leaves all of them out."""
        self._spool, self._report, self._packs = spool, report, packs
        self._most, self._salt = most_bytes, salt
        self._names = [frozenset(pack.names()) for pack in packs]

    def take(self, file: Enclosure, message: str, owner: str, at: int) -> Blob | None:
        """The blob of a file, which belongs to the message's author (our id); None if it is left out."""
        place = self._place(file)
        if place is None:
            return None
        number, path = place
        pack = self._packs[number]
        size, sha256, head = _measured(pack, path)
        id = made_digest(f"{self._salt}/file/{message}/{file.id}")
        content = content_of(head, clean_media_type(file.media_type) if file.media_type else "")
        blob = Blob(
            id=id,
            owner=owner,
            name=clean_name(file.name),
            media_type=content.media_type,
            size=size,
            sha256=sha256,
            at=time_text(at),
            pieces=(Piece(id + made_digest(f"piece/{id}")[:PIECE_DIGITS], size),),
            width=content.width,
            height=content.height,
        )
        self._spool.add_file(SpooledFile(blob, number, path))
        self._report.count("files")
        return blob

    def _place(self, file: Enclosure) -> tuple[int, str] | None:
        """The number of the pack, and the name there, of a file that is to be taken."""
        if self._most is None:
            self._report.leave_out("files, as --without-files was given", file.name)
            return None
        for number, names in enumerate(self._names):
            if file.path is None or file.path not in names:
                continue
            size = self._packs[number].size(file.path)
            if size > self._most:
                self._report.leave_out("files that are larger than blobs.largest_mb", file.name)
                return None
            return number, file.path
        self._report.leave_out(MISSING, file.name)
        return None


def _measured(pack: Pack, path: str) -> tuple[int, str, bytes]:
    """The size of a file, its SHA-256 and its beginning. Raises `ArchiveError` if it is damaged."""
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        with pack.open(path) as file:
            while part := file.read(PART_BYTES):
                digest.update(part)
                size += len(part)
                if len(head) < HEAD_BYTES:
                    head += part[: HEAD_BYTES - len(head)]
    except READ_ERRORS as error:
        raise ArchiveError(f"{pack.name}: {printable(path)}: it is damaged: {error}") from error
    return size, digest.hexdigest(), head
