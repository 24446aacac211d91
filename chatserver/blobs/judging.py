"""Asks plugins about files: when their user announces them, and when all of their content is there."""

from collections.abc import Awaitable, Callable

import msgspec

from chatserver.blobs.model import Blob, clean_media_type, clean_name
from chatserver.hooks.actions import Action, UploadBegin, UploadFinish

REFUSED = "action.refused"
# Asks plugins about what a user (id) does. Raises `ChatError`.
Allow = Callable[[Action, str, Callable[[Action], Action]], Awaitable[Action]]


class Judging:
    """Files of the server's own are not asked about."""

    def __init__(self, allow: Allow | None) -> None:
        self._allow = allow

    async def declared(
        self,
        owner: str,
        name: str,
        media_type: str,
        size: int | None,
        room: str | None = None,
    ) -> tuple[str, str]:
        """The clean name and media type of a file that is to come, as plugins want them.

        Raises `ChatError` action.refused.
        """
        wanted = _cleaned(UploadBegin(name=name, media_type=media_type, size=size, room=room))
        if owner and self._allow is not None:
            allowed = await self._allow(wanted, owner, _cleaned)
            assert isinstance(allowed, UploadBegin)
            wanted = allowed
        return wanted.name, wanted.media_type

    async def arrived(self, blob: Blob) -> None:
        """Raise `ChatError` action.refused if a plugin does not want the file."""
        if blob.owner and self._allow is not None:
            await self._allow(UploadFinish(blob=blob), blob.owner, _as_it_is)


def _cleaned(action: Action) -> UploadBegin:
    assert isinstance(action, UploadBegin)
    return msgspec.structs.replace(
        action, name=clean_name(action.name), media_type=clean_media_type(action.media_type)
    )


def _as_it_is(action: Action) -> Action:
    return action
