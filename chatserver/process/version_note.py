"""Notes the version of the server that used a data folder last, for `chatserver upgrade-check`."""

from contextlib import suppress
from pathlib import Path

from chatserver.version import __version__

NOTE = ".version"


def note_version(folder: Path) -> None:
    """Note the present version. An error, such as a full disk, is ignored: the note only answers a question."""
    with suppress(OSError):
        path = folder / NOTE
        if noted_version(folder) != __version__:
            path.unlink(missing_ok=True)  # a link could point anywhere
            path.write_text(f"{__version__}\n", encoding="utf-8")


def noted_version(folder: Path) -> str:
    """The version that used the folder last; "" if it is unknown."""
    try:
        return (folder / NOTE).read_text(encoding="utf-8").strip()[:40]
    except (OSError, UnicodeDecodeError):
        return ""
