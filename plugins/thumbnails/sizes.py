"""The sizes of thumbnails. They follow from the picture's, so they are known before any is made."""

import msgspec

from chatserver import Blob

SIDES = (320, 800, 1600)  # pixels of the longest side: a list of messages, a phone, a window
# By media type, the name of the decoder that may look at a picture, and no other.
DECODERS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}


class Size(msgspec.Struct, frozen=True):
    """Width and height of a thumbnail in pixels; the larger one is the `side` of its address."""

    width: int
    height: int


def sizes_of(media_type: str, width: int, height: int) -> tuple[Size, ...]:
    """The sizes in which there are thumbnails of a picture, ascending; none is larger than the picture."""
    longest = max(width, height)
    if media_type not in DECODERS or min(width, height) < 1:
        return ()
    return tuple(
        Size(max(1, round(width * side / longest)), max(1, round(height * side / longest)))
        for side in SIDES
        if side < longest
    )


def sizes_of_blob(blob: Blob) -> tuple[Size, ...]:
    return sizes_of(blob.media_type, blob.width, blob.height)
