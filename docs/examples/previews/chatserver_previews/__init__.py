"""The first lines of text files, under the messages that have them."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    Context,
    Draft,
    MessageData,
    Parts,
    Powers,
    Settings,
    TextPart,
    User,
    hookimpl,
)

BYTES_OF_A_LINE = 200  # longer lines are cut


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The beginning of one file."""

    blob: str
    name: str
    text: Annotated[str, Meta(max_length=4000)]


class Plugin:
    """Must stand behind `attachments` in `plugins.enabled`, which checks whose files they are."""

    class Config(Settings, frozen=True, kw_only=True):
        lines: Annotated[
            int, Meta(description="Most lines that are shown of a file.", ge=1, le=10)
        ] = 5

    powers = Powers(service=("blobs.get", "blobs.read"))

    def __init__(self, config: Config) -> None:
        self._lines = config.lines

    @hookimpl
    def register_message_data(self, context: Context) -> list[MessageData]:
        self._blobs = context.blobs
        return [
            MessageData(
                name="previews",
                schema=list[Preview],
                max_bytes=16_000,
                text=lambda previews: "\n".join(each.text for each in previews),
            )
        ]

    @hookimpl
    async def change_message(self, draft: Draft, user: User) -> Draft | None:
        found = [
            preview
            for file in _files(draft.data)
            if (preview := await self._preview(file, user)) is not None
        ]
        if not found:
            return None
        items = tuple(TextPart(text=f"{each.name}\n{each.text}") for each in found)
        data = {**draft.data, "previews": found, "parts": Parts(of="previews", items=items)}
        return msgspec.structs.replace(draft, data=data)

    async def _preview(self, id: str, user: User) -> Preview | None:
        """The beginning of a text file of the user's; None of any other file."""
        try:
            blob = await self._blobs.get(id)
        except ChatError:
            return None
        if blob.owner != user.id or not blob.media_type.startswith("text/"):
            return None
        parts = [part async for part in self._blobs.read(blob, 0, self._lines * BYTES_OF_A_LINE)]
        try:
            text = b"".join(parts).decode()
        except UnicodeDecodeError as error:
            if error.start < len(b"".join(parts)) - 3:  # not only the last character was cut
                return None
            text = b"".join(parts)[: error.start].decode()
        lines = [line[:BYTES_OF_A_LINE] for line in text.splitlines()[: self._lines]]
        shown = "\n".join(lines).replace("\0", "")
        return Preview(blob=blob.id, name=blob.name, text=shown) if shown.strip() else None


def _files(data: Mapping[str, Any]) -> list[str]:
    """The ids of the files in a message; see "Files" in docs/plugins/message-data.md."""
    return [file["blob"] for file in data.get("attachments", {}).get("files", ())]
