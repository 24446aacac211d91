"""The settings of the plugin, and the account that a target's URL names."""

from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import unquote, urlsplit

from msgspec import Meta

import chatserver

PORT = 22


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The key to sign in with, and the keys of the hosts."""

    key_file: Annotated[
        str,
        Meta(title="Private key", description="File with the private key, without a passphrase."),
        chatserver.translation("ja", "秘密鍵", "パスフレーズのない秘密鍵のファイルです。"),
    ] = "~/.ssh/id_ed25519"
    known_hosts: Annotated[
        str,
        Meta(
            title="Known hosts",
            description="File with the hosts' keys, as `ssh-keyscan` prints them; a host that is not in "
            "it is refused.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja",
            "既知のホスト",
            "ホストの鍵のファイルで、ssh-keyscan が出力する形式です。"
            "ここにないホストには接続しません。",
        ),
    ] = "~/.ssh/known_hosts"


class Account(NamedTuple):
    """The place that a URL names."""

    user: str
    host: str
    port: int
    folder: str

    @classmethod
    def of(cls, url: str) -> "Account":
        """The place at sftp://user@host:port/path. Raises `ValueError`."""
        parts = urlsplit(url)
        if parts.query:
            raise ValueError("sftp:// has no parameters")
        if not parts.username or not parts.hostname or not parts.path.strip("/"):
            raise ValueError("expected sftp://user@host/path")
        folder = "/" + unquote(parts.path).strip("/")
        return cls(unquote(parts.username), parts.hostname, parts.port or PORT, folder)


def file_at(path: str, setting: str) -> str:
    """The path of a file that must be readable. Raises `chatserver.TargetError`."""
    found = Path(path).expanduser()
    try:
        found.open("rb").close()
    except OSError as error:
        raise chatserver.TargetError(f"plugin.sftp.{setting}: {found}: {error.strerror}") from None
    return str(found)
