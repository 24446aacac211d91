"""Converts an export to an archive, and reads what is in that."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chatserver.copies.archive.digests import silent
from chatserver.copies.archive.files import new_file
from chatserver.copies.archive.importing import check
from chatserver.copies.archive.lines import decode_lines
from chatserver.copies.foreign.converting import Options, convert
from chatserver.copies.foreign.formats import FORMATS
from chatserver.copies.foreign.report import Report
from chatserver.model import MessagePosted, User
from chatserver.service.directory import USERS, decode_user

OPTIONS = Options(most_bytes=1 << 20)


class Converted:
    """An archive that was made of an export, and checked as an import checks it."""

    def __init__(self, export: Path, form: str, target: Path, options: Options = OPTIONS) -> None:
        self.report = Report()

        async def run() -> None:
            with new_file(target) as file:
                await convert(export, FORMATS[form], options, self.report, file)
            await check(target, silent)

        asyncio.run(run())
        packed = target.read_bytes()
        self.raw = gzip.decompress(packed) if target.suffix == ".gz" else packed

    @property
    def lines(self) -> Sequence[Any]:
        return decode_lines(self.raw.rstrip(b"\n"))

    @property
    def left_out(self) -> Counter[str]:
        return self.report.left_out

    def posted(self) -> list[MessagePosted]:
        return [line for line in self.lines if isinstance(line, MessagePosted)]

    def bodies(self) -> list[str]:
        return [event.body for event in self.posted()]

    def users(self) -> dict[str, User]:
        """The accounts by their user names."""
        records = [line for line in self.lines if getattr(line, "space", "") == USERS]
        users = [decode_user(line.value) for line in records if hasattr(line, "key")]
        return {user.username: user for user in users}


def dry_run(export: Path, form: str, options: Options = OPTIONS) -> Report:
    """The report on an export, without an archive."""
    report = Report()
    asyncio.run(convert(export, FORMATS[form], options, report, None))
    return report
