"""The tus protocol 1.0 (https://tus.io/protocols/resumable-upload) with `creation`, `creation-with-upload` and
`termination`: an upload is made, parts are added at its offset, and after a broken connection the client asks for the
offset and goes on, on any node.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypedDict

import msgspec

from chatserver import BlobService, ChatError, Meaning, Reply, Request, Upload

PATH = "/api/v1/uploads"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination"
OFFSET_TYPE = "application/offset+octet-stream"
SECONDS = 60.0  # for a request, besides the time in which it waits for the client
DIGITS = 15  # of a size or an offset
METADATA_CHARS = 4096
REQUEST_HEADERS = ("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset")
REPLY_HEADERS = (
    "Location",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Length",
    "Upload-Offset",
)

Handler = Callable[[Any, Request], Awaitable[Reply]]
_VERSION = Meaning(412, "never", "This server speaks tus 1.0.0.")


class Common(TypedDict):
    """What the routes have in common."""

    request_headers: tuple[str, ...]
    reply_headers: tuple[str, ...]
    streams_body: bool
    body_bytes: int
    deadline: float


class Refused(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error, as everywhere in the HTTP API."""

    code: str
    message: str
    retry: str
    after_ms: int | None = None
    detail: dict[str, object] = {}


def spoken(handler: Handler) -> Handler:
    """The handler, with the protocol's version demanded and said, in errors too."""

    @wraps(handler)
    async def answered(self: Any, request: Request) -> Reply:
        try:
            if request.header("Tus-Resumable") != VERSION:
                raise ChatError("tus.version", meaning=_VERSION)
            reply = await handler(self, request)
        except ChatError as error:
            reply = _refusal(error)
        return msgspec.structs.replace(
            reply, headers={**reply.headers, "Tus-Resumable": VERSION, "Tus-Version": VERSION}
        )

    return answered


class Tus:
    """The requests of the protocol. Only a signed-in user makes uploads, and sees only their own."""

    def __init__(self, blobs: BlobService, largest: int) -> None:
        """`largest` is the size in bytes that a file may have."""
        self._blobs, self._largest = blobs, largest
        self.common = Common(
            request_headers=REQUEST_HEADERS,
            reply_headers=REPLY_HEADERS,
            streams_body=True,
            body_bytes=max(1, largest),
            deadline=SECONDS,
        )

    async def about(self, request: Request) -> Reply:
        """What the server can do, as OPTIONS has it in the protocol; for anybody."""
        headers = {
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self._largest),
        }
        return Reply(status=204, body=b"", headers=headers)

    @spoken
    async def create(self, request: Request) -> Reply:
        user = await request.user()
        size = _number(request, "Upload-Length")
        described = _metadata(request.header("Upload-Metadata") or "")
        made = await self._blobs.uploads.create(
            user.id,
            size,
            name=described.get("filename", described.get("name", "")),
            media_type=described.get("filetype", described.get("type", "")),
            room=described.get("room"),
        )
        headers = {"Location": f"{PATH}/{made.id}"}
        if request.header("Content-Type") == OFFSET_TYPE and size:
            try:
                made = await self._blobs.uploads.append(made.id, user.id, 0, request.parts())
            except ChatError:  # the upload is made, and its client goes on from the offset
                made = await self._blobs.uploads.find(made.id, user.id)
        return Reply(status=201, body=b"", headers=headers | _place(made))

    @spoken
    async def look(self, request: Request) -> Reply:
        user = await request.user()
        found = await self._blobs.uploads.find(request.parameters["upload"], user.id)
        return Reply(status=200, body=b"", headers=_place(found))

    @spoken
    async def append(self, request: Request) -> Reply:
        user = await request.user()
        if request.header("Content-Type") != OFFSET_TYPE:
            raise ChatError("request.media_type", f"The body must be {OFFSET_TYPE}.")
        offset = _number(request, "Upload-Offset")
        upload = request.parameters["upload"]
        found = await self._blobs.uploads.append(upload, user.id, offset, request.parts())
        return Reply(status=204, body=b"", headers=_place(found))

    @spoken
    async def cancel(self, request: Request) -> Reply:
        user = await request.user()
        await self._blobs.uploads.cancel(request.parameters["upload"], user.id)
        return Reply(status=204, body=b"")


def _place(upload: Upload) -> dict[str, str]:
    """The headers that say how far an upload is."""
    return {
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.size),
        "Cache-Control": "no-store",
    }


def _number(request: Request, name: str) -> int:
    """The whole number in a header. Raises `ChatError` request.invalid."""
    text = request.header(name) or ""
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS):
        raise ChatError("request.invalid", f"{name}: expected a number of bytes.")
    return int(text)


def _metadata(header: str) -> dict[str, str]:
    """Names and texts of Upload-Metadata. Raises `ChatError` request.invalid."""
    found = {}
    try:
        if len(header) > METADATA_CHARS:
            raise ValueError
        for pair in filter(None, map(str.strip, header.split(","))):
            name, _, encoded = pair.partition(" ")
            found[name] = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ChatError(
            "request.invalid", "Upload-Metadata: expected names, each with a text in base64."
        ) from None
    return found


def _refusal(error: ChatError) -> Reply:
    shown = Refused(
        code=error.code,
        message=error.text,
        retry=error.meaning.retry,
        after_ms=error.after_ms,
        detail=error.detail,
    )
    headers = {}
    if error.after_ms is not None or error.meaning.status == 429:
        headers["Retry-After"] = str(max(1, -(-(error.after_ms or 1000) // 1000)))
    body = msgspec.json.encode({"error": shown})
    return Reply(status=error.meaning.status, body=body, headers=headers)
