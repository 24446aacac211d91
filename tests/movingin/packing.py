"""Exports of other chats, made as tests need them."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f00010501012718e3660000"
    "000049454e44ae426082"
)  # one pixel


def zipped(path: Path, files: Mapping[str, Any]) -> Path:
    """A zip of these files: bytes as they are, all else as JSON."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            pack.writestr(info, as_bytes(content))
    return path


def tarred(path: Path, files: Mapping[str, Any]) -> Path:
    """A tar, compressed with gzip."""
    with tarfile.open(path, "w:gz") as pack:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(as_bytes(content))
            pack.addfile(info, io.BytesIO(as_bytes(content)))
    return path


def foldered(path: Path, files: Mapping[str, Any]) -> Path:
    """A folder."""
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(as_bytes(content))
    return path


def as_bytes(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def lines(*objects: Any) -> bytes:
    """JSON, one object a line."""
    return b"".join(as_bytes(each) + b"\n" for each in objects)
