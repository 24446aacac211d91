"""The settings of the plugin."""

from typing import Annotated

import msgspec

from chatserver import Settings, translation
from chatserver_plugins.password import strength


# The defaults of memory, passes and lanes are from the OWASP Password Storage Cheat Sheet.
class PasswordConfig(Settings, frozen=True, kw_only=True):
    memory_kib: Annotated[
        int,
        msgspec.Meta(
            title="Memory of a hash",
            description="Memory of one argon2id hash, in KiB.",
            ge=8,
            le=4194304,
        ),
        translation("ja", "ハッシュのメモリー", "argon2id のハッシュ一つに使うメモリーです。"),
    ] = 19456
    passes: Annotated[
        int,
        msgspec.Meta(
            title="Passes of a hash",
            description="Passes of argon2id over its memory.",
            ge=1,
            le=1000,
        ),
        translation("ja", "ハッシュの反復回数", "argon2id がメモリーを処理する回数です。"),
    ] = 2
    lanes: Annotated[
        int,
        msgspec.Meta(title="Lanes of a hash", description="Lanes of argon2id.", ge=1, le=64),
        translation("ja", "ハッシュの並列度", "argon2id のレーンの数です。"),
    ] = 1
    threads: Annotated[
        int,
        msgspec.Meta(
            title="Hashes at once",
            description="Passwords that are hashed at the same time.",
            ge=1,
            le=64,
        ),
        translation("ja", "同時に計算する数", "同時にハッシュを計算するパスワードの数です。"),
    ] = 2
    waiting: Annotated[
        int,
        msgspec.Meta(
            title="Waiting passwords",
            description="Passwords that may wait to be hashed; further ones are refused with "
            "limit.rate.",
            ge=0,
        ),
        translation(
            "ja",
            "待てるパスワードの数",
            "ハッシュの計算を待てるパスワードの数です。これを超えると limit.rate で拒否します。",
        ),
    ] = 64
    min_characters: Annotated[
        int,
        msgspec.Meta(
            title="Shortest password",
            description="Fewest characters of a new password.",
            ge=8,
            le=64,
        ),
        translation("ja", "最短の文字数", "新しいパスワードの最小の文字数です。"),
    ] = strength.MIN_CHARACTERS
    max_characters: Annotated[
        int,
        msgspec.Meta(
            title="Longest password",
            description="Most characters of a new password.",
            ge=64,
            le=256,
        ),
        translation("ja", "最長の文字数", "新しいパスワードの最大の文字数です。"),
    ] = strength.MAX_CHARACTERS
    breached_file: Annotated[
        str,
        msgspec.Meta(
            title="Breached passwords",
            description="File of breached passwords, which are refused as new ones: SHA-1 digests, one a "
            "line, sorted. Empty: only the server's own short list.",
        ),
        translation(
            "ja",
            "流出したパスワード",
            "流出したパスワードのファイルです。ここにあるものは新しいパスワードにできません。"
            "SHA-1 のダイジェストを一行に一つずつ、並べ替えて書きます。"
            "空のときは、サーバーの短い一覧だけを使います。",
        ),
    ] = ""
    session_days: Annotated[
        float,
        msgspec.Meta(
            title="Unused sessions",
            description="Days without use after which a session and its cookie expire.",
            gt=0,
        ),
        translation(
            "ja",
            "使われないセッションの期限",
            "使われないままこの日数が過ぎると、セッションとページの Cookie が失効します。",
        ),
    ] = 30.0
    sessions_per_user: Annotated[
        int,
        msgspec.Meta(
            title="Sessions of one user",
            description="Most sessions of a user; a further one ends the session that was unused for "
            "longest.",
            ge=1,
            le=1000,
        ),
        translation(
            "ja",
            "ユーザー一人のセッション数",
            "一人のユーザーのセッションの上限です。超えると、"
            "最も長く使われていないセッションを終了します。",
        ),
    ] = 100
    cache_seconds: Annotated[
        float,
        msgspec.Meta(
            title="Trust in cached tokens",
            description="Seconds for which a valid token is trusted without asking the store. A "
            "revocation on another node comes into force after that time at the latest.",
            ge=0,
            le=60,
        ),
        translation(
            "ja",
            "トークンをキャッシュする時間",
            "有効なトークンを、ストアに確認せずに信頼する時間です。別のノードでの取り消しは、"
            "遅くともこの時間の後に有効になります。",
        ),
    ] = 0.4
    cache_size: Annotated[
        int,
        msgspec.Meta(
            title="Cached tokens", description="Most valid tokens that are kept in memory.", ge=1
        ),
        translation("ja", "キャッシュするトークンの数", "メモリーに置く有効なトークンの上限です。"),
    ] = 10_000
    failures_per_account: Annotated[
        int,
        msgspec.Meta(
            title="Failures for one account",
            description="Most failed logins to one account from one network, or one known device, "
            "in `failure_seconds`.",
            ge=1,
        ),
        translation(
            "ja",
            "アカウントごとの失敗回数",
            "一つのアカウントに対する、一つのネットワークまたは既知の端末からの、"
            "failure_seconds 以内のログイン失敗の上限です。",
        ),
    ] = 10
    failures_per_address: Annotated[
        int,
        msgspec.Meta(
            title="Failures from one address",
            description="Most failed logins from one address (IPv6: from one /64 network) in "
            "`failure_seconds`.",
            ge=1,
        ),
        translation(
            "ja",
            "アドレスごとの失敗回数",
            "一つのアドレス（IPv6 では一つの /64 ネットワーク）からの、"
            "failure_seconds 以内のログイン失敗の上限です。",
        ),
    ] = 50
    failure_seconds: Annotated[
        int,
        msgspec.Meta(
            title="Failures count for",
            description="Time until failed logins no longer count, in seconds.",
            ge=1,
        ),
        translation("ja", "失敗を数える期間", "ログインの失敗を数えなくなるまでの時間です。"),
    ] = 300
    failures_of_strangers: Annotated[
        int,
        msgspec.Meta(
            title="Failures of strangers",
            description="Failed logins to one account, from all unknown networks and devices, after "
            "which each further one doubles the wait.",
            ge=1,
        ),
        translation(
            "ja",
            "未知の端末の失敗回数",
            "一つのアカウントに対する、未知のネットワークと端末すべてからの"
            "ログイン失敗の数です。これを超えると、失敗のたびに待ち時間が倍になります。",
        ),
    ] = 20
    longest_wait_seconds: Annotated[
        int,
        msgspec.Meta(
            title="Longest wait of strangers",
            description="Longest wait for unknown networks and devices, and time until one of their "
            "failed logins is forgotten, in seconds.",
            ge=1,
        ),
        translation(
            "ja",
            "未知の端末の最長の待ち時間",
            "未知のネットワークと端末の最長の待ち時間です。"
            "失敗一回を数えなくなるまでの時間でもあります。",
        ),
    ] = 900
    failure_keys: Annotated[
        int,
        msgspec.Meta(
            title="Remembered failures",
            description="Most accounts, and most addresses, whose failures are remembered.",
            ge=1,
        ),
        translation(
            "ja",
            "失敗を覚える数",
            "失敗を覚えておくアカウントの上限で、アドレスの上限でもあります。",
        ),
    ] = 20_000
