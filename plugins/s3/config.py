"""The settings of the plugin, and the parameters of a target's URL."""

from datetime import datetime
from typing import Annotated, NamedTuple
from urllib.parse import unquote, urlsplit

from msgspec import Meta

import chatserver

MODES = {"": "", "compliance": "COMPLIANCE", "governance": "GOVERNANCE"}
PARAMETERS = ("endpoint", "region", "profile", "lock", "lock_days", "as_of")
LOCK_DAYS = 30.0


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """Credentials for all buckets. Without any, those of the environment or of the machine's role are used."""

    access_key: Annotated[
        str,
        Meta(title="Access key", description="Id of the access key."),
        chatserver.translation("ja", "アクセスキー", "アクセスキーの ID です。"),
    ] = ""
    secret_key: Annotated[
        str,
        Meta(title="Secret access key", description="Secret of the access key."),
        chatserver.translation("ja", "シークレットアクセスキー", "アクセスキーの秘密の値です。"),
    ] = ""
    credentials_file: Annotated[
        str,
        Meta(
            title="Credentials",
            description="File with keys in the form of `~/.aws/credentials`, in place of `access_key` "
            "and `secret_key`; a URL chooses a section with `profile=NAME`.",
        ),
        chatserver.translation(
            "ja",
            "認証情報のファイル",
            "access_key と secret_key の代わりに使う、~/.aws/credentials "
            "形式のキーのファイルです。URL の profile=NAME でセクションを選びます。",
        ),
    ] = ""
    ca_file: Annotated[
        str,
        Meta(
            title="Trusted authorities",
            description="File with the trusted authorities. Empty: that of AWS_CA_BUNDLE, or of the "
            "package `certifi`.",
        ),
        chatserver.translation(
            "ja",
            "信頼する認証局",
            "信頼する認証局の証明書のファイルです。空のときは、AWS_CA_BUNDLE のもの、"
            "またはパッケージ certifi のものを使います。",
        ),
    ] = ""

    blobs: Annotated[
        str,
        Meta(
            title="Bucket for files",
            description="Bucket for users' files, as `s3://bucket/prefix?endpoint=https://…`. Empty: "
            "this plugin keeps none.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja",
            "ファイルのバケット",
            "ユーザーのファイルを置くバケットです。s3://bucket/prefix?endpoint=https://… "
            "のように書きます。空のときは、このプラグインにファイルを置きません。",
        ),
    ] = ""
    timeout_ms: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time in milliseconds after which a bucket for files that does not answer counts "
            "as unavailable.",
            ge=100,
            le=600_000,
        ),
        chatserver.translation(
            "ja",
            "制限時間",
            "ファイルのバケットがこの時間応答しなければ、利用できないものとみなします。",
        ),
    ] = 10_000

    def __post_init__(self) -> None:
        if self.blobs:
            if not self.blobs.startswith("s3://"):
                raise ValueError("blobs: expected s3://bucket/prefix?endpoint=https://…")
            try:
                bucket = Bucket.of(self.blobs)
            except ValueError as error:
                raise ValueError(f"blobs: {error}") from None
            if bucket.mode or bucket.as_of:
                raise ValueError("blobs: lock, lock_days and as_of are for backups")
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("access_key: expected secret_key with it")
        if self.access_key and self.credentials_file:
            raise ValueError("credentials_file: access_key is set too, expected one of them")


class Bucket(NamedTuple):
    """The place that a URL names. `mode` is "" without object lock; `as_of` reads an earlier state."""

    name: str
    prefix: str  # "", or ends with a slash
    endpoint: str
    region: str
    profile: str
    mode: str
    lock_days: float
    as_of: datetime | None

    @classmethod
    def of(cls, url: str) -> "Bucket":
        """The place at s3://bucket/prefix?endpoint=…&region=…. Raises `ValueError`."""
        parts = urlsplit(url)
        given = _parameters(parts.query)
        if not parts.netloc or "@" in parts.netloc:
            raise ValueError("expected s3://bucket/prefix; the server goes into endpoint=https://…")
        mode = given.get("lock", "")
        if mode not in MODES:
            raise ValueError(f"lock={mode}: expected compliance or governance")
        if "lock_days" in given and not mode:
            raise ValueError("lock_days: expected lock=compliance or lock=governance with it")
        endpoint = given.get("endpoint", "")
        if endpoint and not endpoint.startswith(("https://", "http://")):
            raise ValueError("endpoint: expected https://host or http://host")
        prefix = unquote(parts.path).strip("/")
        return cls(
            name=parts.netloc,
            prefix=f"{prefix}/" if prefix else "",
            endpoint=endpoint,
            region=given.get("region", ""),
            profile=given.get("profile", ""),
            mode=MODES[mode],
            lock_days=_days(given.get("lock_days", "")) if mode else 0.0,
            as_of=_time(given["as_of"]) if "as_of" in given else None,
        )


def _parameters(query: str) -> dict[str, str]:
    found = {}
    for name, _, value in (each.partition("=") for each in query.split("&") if each):
        if name not in PARAMETERS:
            raise ValueError(f"{name}: there is no such parameter, only {', '.join(PARAMETERS)}")
        found[name] = unquote(value)
    return found


def _days(text: str) -> float:
    try:
        days = float(text or LOCK_DAYS)
    except ValueError:
        days = 0.0
    if not 0 < days < 36_500:
        raise ValueError(f"lock_days={text}: expected a number of days")
    return days


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min
    if found.tzinfo is None:
        raise ValueError(
            f"as_of={text}: expected a time with its zone, such as 2026-11-25T10:00:00Z"
        )
    return found
