"""Has ClamAV's clamd look at each file before anybody can download it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any, ClassVar, Literal

from loguru import logger
from msgspec import Meta

from chatserver import (
    Blob,
    ChatError,
    Context,
    HealthCheck,
    Powers,
    Refusal,
    Settings,
    StartupError,
    UploadFinish,
    User,
    hookimpl,
    translation,
)
from chatserver_plugins.clamav.clamd import Away, Clamd, TooLarge, Unclear

FOUND = {
    "en": "A virus was found in this file.",
    "ja": "このファイルからウイルスが見つかりました。",
}
TOO_LARGE = {
    "en": "This file is too large to be checked for viruses.",
    "ja": "このファイルは大きすぎるため、ウイルスの検査ができません。",
}
UNCLEAR = {
    "en": "This file cannot be checked for viruses.",
    "ja": "このファイルはウイルスの検査ができません。",
}
AT_ONCE = 4  # clamd's own threads are ten, unless it is told otherwise


class ClamavPlugin:
    """Every file that becomes a blob of a user's is looked at, however it came."""

    class Config(Settings, frozen=True, kw_only=True):
        default_deadline: ClassVar[float] = 55.0  # the request that ends an upload has 60 s

        address: Annotated[
            str,
            Meta(
                title="Address",
                description="Address of clamd: unix:/run/clamav/clamd.ctl, or tcp://127.0.0.1:3310.",
            ),
            translation(
                "ja",
                "アドレス",
                "clamd のアドレスです。unix:/run/clamav/clamd.ctl や tcp://127.0.0.1:3310 のように指定します。",
            ),
        ] = "unix:/run/clamav/clamd.ctl"
        when_away: Annotated[
            Literal["refuse", "pass"],
            Meta(
                title="Without clamd",
                description="What becomes of files while clamd does not answer: refuse holds them back until it does, "
                "pass takes them unchecked.",
            ),
            translation(
                "ja",
                "clamd が応答しないとき",
                "clamd が応答しない間のファイルの扱いです。refuse は応答するまで受け付けず、"
                "pass は検査せずに受け付けます。",
            ),
        ] = "refuse"
        when_unclear: Annotated[
            Literal["refuse", "pass"],
            Meta(
                title="Not checked",
                description="What becomes of files that clamd cannot look at, such as those larger than its "
                "StreamMaxLength (25 MB in Debian's settings).",
            ),
            translation(
                "ja",
                "検査できないファイル",
                "clamd が検査できないファイルの扱いです。StreamMaxLength(Debian の設定では 25 MB)より"
                "大きいファイルなどです。",
            ),
        ] = "refuse"
        seconds: Annotated[
            float,
            Meta(title="Time for one file", description="Most seconds for one file.", gt=0, le=50),
            translation("ja", "1 ファイルの時間", "1 つのファイルに使う最大の秒数です。"),
        ] = 45.0

    powers = Powers(network=("configured",), service=("blobs.read",))

    def __init__(self, config: Config) -> None:
        self._config = config
        try:
            self._clamd = Clamd(config.address)
        except ValueError as error:
            raise StartupError(f"plugin.clamav.address: {error}") from error
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._is_away = False

    @hookimpl
    async def startup(self, context: Context) -> None:
        self._blobs = context.blobs
        self._scanned = context.measures.counter(
            "chatserver_clamav_files_total",
            "Files that clamd looked at (clean, found), could not look at (unclear), or was away for (away)",
            ("result",),
        )
        await self._health()

    @hookimpl
    def register_health_checks(self) -> Sequence[HealthCheck]:
        return [HealthCheck("clamav", self._health)]

    async def _health(self) -> Mapping[str, Any]:
        """Whether clamd answers; the server does without it."""
        try:
            await self._clamd.ping()
        except Away as error:
            self._note(error)
            return {"answers": False}
        self._note(None)
        return {"answers": True}

    @hookimpl(actions=(UploadFinish,))
    async def check_action(self, action: UploadFinish, user: User | None) -> Refusal | None:
        try:
            found = await self._look(action.blob)
        except Away as error:
            self._note(error)
            self._scanned.add(labels=("away",))
            if self._config.when_away == "pass":
                return None
            raise ChatError(
                "blob.unavailable", "Files cannot be checked for viruses now.", after_ms=5000
            ) from error
        except (TooLarge, Unclear) as error:
            self._scanned.add(labels=("unclear",))
            logger.warning("clamd could not look at the file {}: {}", action.blob.id, error)
            if self._config.when_unclear == "pass":
                return None
            return Refusal(TOO_LARGE if isinstance(error, TooLarge) else UNCLEAR)
        self._note(None)
        self._scanned.add(labels=("found" if found else "clean",))
        if not found:
            return None
        logger.warning(
            "a file of the user {} was refused: clamd found {} in {} (sha256 {})",
            action.blob.owner,
            found,
            action.blob.name,
            action.blob.sha256,
        )
        return Refusal(FOUND)

    async def _look(self, blob: Blob) -> str | None:
        """What clamd calls what it found; None for nothing. Raises `Away`, `TooLarge`, `Unclear`."""
        async with self._turns:
            try:
                async with asyncio.timeout(self._config.seconds):
                    async with aclosing(self._blobs.read(blob)) as parts:
                        return await self._clamd.scan(parts)
            except TimeoutError as error:
                raise Away(f"no answer within {self._config.seconds:g} s") from error

    def _note(self, error: Away | None) -> None:
        """Log that clamd is away, or there again, once."""
        if (error is not None) == self._is_away:
            return
        self._is_away = error is not None
        if error is not None:
            effect = "taken unchecked" if self._config.when_away == "pass" else "held back"
            logger.error(
                "clamd at {} is away ({}): files are {}", self._config.address, error, effect
            )
        else:
            logger.info("clamd at {} answers again", self._config.address)
