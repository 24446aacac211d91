"""The two forms in which Discord's messages come, known by what is in them: files of DiscordChatExporter, and data packages."""

import re
from collections.abc import Collection, Sequence
from itertools import islice

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign import discordpackage, packs
from chatserver.copies.foreign.discordexporter import DiscordExporter
from chatserver.copies.foreign.discordpackage import DiscordPackages
from chatserver.copies.foreign.packs import Pack
from chatserver.copies.foreign.reading import Reader
from chatserver.copies.foreign.report import Report, printable

HEAD_BYTES = 16 << 10  # a file of DiscordChatExporter begins with its server and channel
SHOWN = 3  # names of files in an error
_HEADS = tuple(re.compile(rb'"%s"\s*:\s*\{' % field) for field in (b"guild", b"channel"))


def reader(pack: Pack, beside: Sequence[Pack], report: Report) -> Reader:
    """The reader of an export. Raises `ArchiveError` if it is of neither form, or of both."""
    folders = discordpackage.channel_files(pack)
    inside = {name for files in folders.values() for name in files}
    exported = [
        name for name in sorted(pack.names()) if name not in inside and _is_exported(pack, name)
    ]
    if folders and exported:
        raise ArchiveError(
            f"{pack.name}: there are data packages ({_listed(folders)})"
            f" and files of DiscordChatExporter ({_listed(exported)}): import one of both"
        )
    if folders:
        return DiscordPackages(pack, folders, report)
    if not exported:
        raise ArchiveError(
            f"{pack.name}: this is no export of DiscordChatExporter (a .json for each channel)"
            f" and no data package (messages/…/channel.json): there are {_listed(sorted(pack.names()))}"
        )
    return DiscordExporter(pack, beside, report)


def _is_exported(pack: Pack, name: str) -> bool:
    if not name.endswith(".json"):
        return False
    head = packs.head(pack, name, HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"{") and all(field.search(head) for field in _HEADS)


def _listed(names: Collection[str]) -> str:
    shown = [printable(name) or "./" for name in islice(names, SHOWN)]
    return ", ".join(shown + ["…"] * (len(names) > SHOWN)) or "no files"
