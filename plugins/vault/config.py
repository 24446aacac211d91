"""The settings: where the master key is."""

from typing import Annotated, Literal

from msgspec import Meta, field

from chatserver import Settings, translation

NO_KEY = "key_file: expected it, or key, kms_key_id or transit_key_name: where the master key is"


class VaultConfig(Settings, frozen=True, kw_only=True):
    master: Annotated[
        Literal["", "file", "kms", "transit"],
        Meta(
            title="Present master key",
            description="Which of the configured master keys wraps: `file` (`key_file` or `key`), `kms` or "
            "`transit`; the others open what they have wrapped. Empty: the only one that is configured.",
        ),
        translation(
            "ja",
            "現在のマスターキー",
            "設定したマスターキーのうち、鍵を包むのに使うものです。file（key_file または key）、kms、transit から"
            "選びます。ほかのものは、以前に包んだ鍵を開くためだけに使います。空のときは、設定した唯一のものを使います。",
        ),
    ] = ""
    key_file: Annotated[
        str,
        Meta(
            title="File with the master key",
            description="File with 32 random bytes in base64 or hexadecimal, as `openssl rand -base64 32` prints. "
            "Without it, nobody can read the store any more.",
        ),
        translation(
            "ja",
            "マスターキーのファイル",
            "openssl rand -base64 32 が出力するような、32 バイトの乱数を Base64 または 16 進数で書いたファイルです。"
            "失うと、ストアは誰にも読めなくなります。",
        ),
    ] = ""
    key: Annotated[
        str,
        Meta(
            title="Master key",
            description="The master key itself, in the form of `key_file`; meant for the environment variable "
            "CHATSERVER_PLUGIN__VAULT__KEY.",
        ),
        translation(
            "ja",
            "マスターキー",
            "マスターキーそのものです。形式は key_file と同じです。環境変数 CHATSERVER_PLUGIN__VAULT__KEY で"
            "渡すためのものです。",
        ),
    ] = ""
    old_key_files: Annotated[
        list[str],
        Meta(
            title="Earlier master keys",
            description="Files with master keys that were replaced: they open what they have wrapped, and wrap nothing.",
        ),
        translation(
            "ja",
            "以前のマスターキー",
            "置き換えたマスターキーのファイルです。以前に包んだ鍵を開くためだけに使います。",
        ),
    ] = field(default_factory=list)
    kms_key_id: Annotated[
        str,
        Meta(
            title="Key in KMS",
            description="Key of AWS KMS, or of a service with its API: an id, ARN or alias. Credentials are found as "
            "by AWS's own tools. Needs the extra `s3`.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "KMS のキー",
            "AWS KMS（または同じ API のサービス）のキーの ID、ARN、エイリアスです。認証情報は AWS のツールと同じ"
            "場所から読みます。extra の s3 が必要です。",
        ),
    ] = ""
    kms_region: Annotated[
        str,
        Meta(
            title="Region of KMS", description="Region of the key; empty: that of the environment."
        ),
        translation(
            "ja", "KMS のリージョン", "キーのリージョンです。空のときは環境のものを使います。"
        ),
    ] = ""
    kms_endpoint: Annotated[
        str,
        Meta(
            title="Address of KMS",
            description="Address of a service with the API of KMS; empty: AWS.",
            extra={"operator": True},
        ),
        translation(
            "ja", "KMS のアドレス", "KMS と同じ API のサービスのアドレスです。空のときは AWS です。"
        ),
    ] = ""
    transit_url: Annotated[
        str,
        Meta(
            title="Address of HashiCorp Vault",
            description="Address of a server of HashiCorp Vault or OpenBao, such as https://vault.example.org:8200.",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "HashiCorp Vault のアドレス",
            "HashiCorp Vault または OpenBao のアドレスです。https://vault.example.org:8200 のように書きます。",
        ),
    ] = ""
    transit_key_name: Annotated[
        str,
        Meta(title="Key in HashiCorp Vault", description="Name of a key of its transit engine."),
        translation("ja", "HashiCorp Vault のキー", "transit エンジンのキーの名前です。"),
    ] = ""
    transit_mount: Annotated[
        str,
        Meta(
            title="Path of the engine", description="Path at which the transit engine is mounted."
        ),
        translation("ja", "エンジンのパス", "transit エンジンがマウントされているパスです。"),
    ] = "transit"
    transit_token: Annotated[
        str,
        Meta(
            title="Token for HashiCorp Vault",
            description="Token that may encrypt and decrypt with the key; or give `transit_token_file`.",
        ),
        translation(
            "ja",
            "HashiCorp Vault のトークン",
            "このキーで暗号化と復号ができるトークンです。transit_token_file でも指定できます。",
        ),
    ] = ""
    transit_token_file: Annotated[
        str,
        Meta(
            title="File with the token",
            description="File with the token, read at each use, as an agent may renew it.",
        ),
        translation(
            "ja",
            "トークンのファイル",
            "トークンのファイルです。エージェントが更新できるように、使うたびに読みます。",
        ),
    ] = ""
    ca_file: Annotated[
        str,
        Meta(
            title="Trusted authorities",
            description="File with the trusted authorities for KMS and HashiCorp Vault; empty: the usual ones.",
        ),
        translation(
            "ja",
            "信頼する認証局",
            "KMS と HashiCorp Vault の証明書で信頼する認証局のファイルです。空のときは通常のものを使います。",
        ),
    ] = ""
    timeout_seconds: Annotated[
        float,
        Meta(
            title="Time limit",
            description="Time limit for an answer of KMS or HashiCorp Vault.",
            gt=0,
            le=60,
        ),
        translation("ja", "制限時間", "KMS や HashiCorp Vault の応答の制限時間です。"),
    ] = 10.0
    keys_in_memory: Annotated[
        int,
        Meta(
            title="Keys in memory",
            description="Rooms and people whose data keys a process keeps in memory, and pairs of both; some 2 KB each.",
            ge=10,
            le=1_000_000,
        ),
        translation(
            "ja",
            "メモリー上の鍵",
            "データキーをメモリーに保持するルームと人の数、およびその組み合わせの数です。1 つにつき約 2 KB です。",
        ),
    ] = 20_000

    def __post_init__(self) -> None:
        found = self.sources()
        if not found:
            raise ValueError(NO_KEY)
        if self.key and self.key_file:
            raise ValueError("key: key_file is set too, expected one of them")
        if self.master and self.master not in found:
            raise ValueError(f"master: {self.master} is not configured, only {', '.join(found)}")
        if len(found) > 1 and not self.master:
            raise ValueError(f"master: expected one of {', '.join(found)}: which one wraps")
        if bool(self.transit_url) != bool(self.transit_key_name):
            raise ValueError("transit_key_name: expected it with transit_url")
        if self.transit_url and not self.transit_url.startswith(("https://", "http://")):
            raise ValueError("transit_url: expected https://host or http://host")
        if self.transit_key_name and not (self.transit_token or self.transit_token_file):
            raise ValueError("transit_token_file: expected it, or transit_token")

    def sources(self) -> list[str]:
        """The kinds of master keys that are configured."""
        given = {
            "file": self.key or self.key_file,
            "kms": self.kms_key_id,
            "transit": self.transit_key_name,
        }
        return [name for name, value in given.items() if value]
