"""Reads the CSV of exports (RFC 4180): what is broken is named with its file and line."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from chatserver.copies.foreign.packs import READ_ERRORS, Pack, broken, opened_text

LINE_CHARS = 1 << 20  # one field has at most 131,072 (`csv.field_size_limit`)


def rows(pack: Pack, name: str, columns: Sequence[str]) -> Iterator[Any]:
    """The rows as objects, by the names in the first line. One with more or fewer fields than that is a list of them.

    Raises `ArchiveError`, also if one of the columns is missing.
    """
    reader = csv.reader(_lines(pack, name), strict=True)
    header: list[str] = []
    begins = 1
    try:
        for row in reader:
            if not header:
                header = row
                if not set(columns) <= set(header):
                    broken(pack, name, f"line 1: expected the columns {', '.join(columns)}")
            elif row:
                is_whole = len(row) == len(header)
                yield dict(zip(header, row, strict=True)) if is_whole else row
            begins = reader.line_num + 1
    except csv.Error as error:
        broken(pack, name, f"line {begins}: broken CSV: {error}")


def _lines(pack: Pack, name: str) -> Iterator[str]:
    with opened_text(pack, name) as file:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        number = 0
        while True:
            number += 1
            try:
                line = text.readline(LINE_CHARS + 1)
            except UnicodeDecodeError:
                broken(pack, name, "the file is not in UTF-8")
            except READ_ERRORS as error:
                broken(pack, name, str(error))
            if len(line) > LINE_CHARS:
                broken(pack, name, f"line {number}: it is too long")
            if not line:
                return
            yield line
