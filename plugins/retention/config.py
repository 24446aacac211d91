"""The settings of retention."""

from typing import Annotated

from msgspec import Meta

from chatserver import Settings, translation

MOST_DAYS = 36_500


class Config(Settings, frozen=True, kw_only=True):
    """Days are whole; 0: for ever, -1: as `days`."""

    days: Annotated[
        int,
        Meta(
            title="Days for which messages are kept",
            description="Messages older than this are removed for good. 0: they are kept for ever.",
            ge=0,
            le=MOST_DAYS,
        ),
        translation(
            "ja",
            "メッセージを保存する日数",
            "これより古いメッセージは完全に削除されます。0: ずっと保存します。",
        ),
    ] = 0
    public_days: Annotated[
        int,
        Meta(
            title="… in public rooms",
            description="The same for public rooms; -1: as `days`.",
            ge=-1,
            le=MOST_DAYS,
        ),
        translation("ja", "公開ルームの日数", "公開ルームでの日数です。-1: `days` と同じです。"),
    ] = -1
    private_days: Annotated[
        int,
        Meta(
            title="… in private rooms",
            description="The same for private rooms; -1: as `days`.",
            ge=-1,
            le=MOST_DAYS,
        ),
        translation(
            "ja", "非公開ルームの日数", "非公開ルームでの日数です。-1: `days` と同じです。"
        ),
    ] = -1
    direct_days: Annotated[
        int,
        Meta(
            title="… in direct messages",
            description="The same for direct rooms; -1: as `days`.",
            ge=-1,
            le=MOST_DAYS,
        ),
        translation(
            "ja",
            "ダイレクトメッセージの日数",
            "ダイレクトメッセージでの日数です。-1: `days` と同じです。",
        ),
    ] = -1
    file_days: Annotated[
        int,
        Meta(
            title="Days for which files in messages are kept",
            description="Files that were uploaded before this are removed, and what was written stays. 0: as long as "
            "the message.",
            ge=0,
            le=MOST_DAYS,
        ),
        translation(
            "ja",
            "メッセージのファイルを保存する日数",
            "これより前にアップロードされたファイルは削除され、文章は残ります。0: メッセージがある限り残します。",
        ),
    ] = 0
    keep_pinned: Annotated[
        bool,
        Meta(
            title="Keep pinned messages",
            description="Pinned messages are kept until they are unpinned.",
        ),
        translation(
            "ja",
            "ピン留めしたメッセージを残す",
            "ピン留めされたメッセージは、ピン留めが外されるまで残ります。",
        ),
    ] = True
    owners_choose: Annotated[
        bool,
        Meta(
            title="Owners may choose a shorter time",
            description="Owners of a room may have its messages removed sooner, by /retention.",
        ),
        translation(
            "ja",
            "オーナーが短くできる",
            "ルームのオーナーは /retention で、より早く削除されるようにできます。",
        ),
    ] = True
    every_hours: Annotated[
        float,
        Meta(title="Hours between two runs", description="Hours between two runs.", ge=0.01),
        translation("ja", "実行の間隔（時間）", "削除を実行する間隔を時間で指定します。"),
    ] = 24.0
    per_run: Annotated[
        int,
        Meta(
            title="Most events in one run",
            description="Most events of the logs that a run looks at; the next one goes on.",
            ge=1000,
        ),
        translation(
            "ja",
            "1 回に見るイベントの上限",
            "1 回の実行で調べるログのイベント数の上限です。続きは次の実行で調べます。",
        ),
    ] = 5_000_000
