"""The settings: one table for each provider, under the name of its sign-in method."""

from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta, field

from chatserver import ServerRole, Settings, TableName, translation

ICON = "M14 3v15l-4 2V5zM10 9c-4 .5-7 2.5-7 5.5S6 19.5 10 20M14 9c2.5.3 4.5 1 6 2l-1.5 1.5H21V9"
# Signatures by a private key that only the provider has. HS256 and `none` are never accepted.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ClientAuth: TypeAlias = Literal["secret_basic", "secret_post", "none"]


class Provider(Settings, frozen=True, kw_only=True):
    """A provider of OpenID Connect, and this server as its client."""

    issuer: Annotated[
        str,
        Meta(
            title="Issuer",
            description="The provider's issuer, exactly as the provider names it: https://….",
            extra={"operator": True},
        ),
        translation(
            "ja",
            "発行者",
            "認証サービスの発行者（issuer）です。認証サービスが名乗るとおりに https://… "
            "の形で書きます。",
        ),
    ]
    client_id: Annotated[
        str,
        Meta(
            title="Client id",
            description="Id of this server at the provider.",
            min_length=1,
            max_length=500,
        ),
        translation("ja", "クライアント ID", "認証サービスでのこのサーバーの ID です。"),
    ]
    client_secret: Annotated[
        str,
        Meta(
            title="Client secret",
            description="Secret of this server at the provider; empty for `none`.",
        ),
        translation(
            "ja",
            "クライアントシークレット",
            "認証サービスでのこのサーバーの秘密の値です。none のときは空にします。",
        ),
    ] = ""
    client_auth: Annotated[
        ClientAuth,
        Meta(
            title="Client authentication",
            description="How the secret is sent: in a header (`secret_basic`), in the body "
            "(`secret_post`), or not at all (`none`).",
        ),
        translation(
            "ja",
            "クライアント認証",
            "シークレットの送り方です。secret_basic はヘッダーで、secret_post は本文で送り、"
            "none は送りません。",
        ),
    ] = "secret_basic"
    label: Annotated[
        str,
        Meta(
            title="Text of the button",
            description="Text of the button on the page for signing in.",
            min_length=1,
            max_length=100,
        ),
        translation("ja", "ボタンの文字", "ログイン画面のボタンに表示する文字です。"),
    ] = "OpenID Connect"
    icon: Annotated[
        str,
        Meta(
            title="Icon of the button",
            description="Icon of the button: the `d` of an SVG path of 24 × 24.",
            max_length=4000,
        ),
        translation(
            "ja",
            "ボタンのアイコン",
            "ボタンのアイコンです。24 × 24 の SVG の path の d を書きます。",
        ),
    ] = ICON
    scopes: Annotated[
        list[str],
        Meta(title="Scopes", description="Scopes that are requested; openid must be one of them."),
        translation("ja", "スコープ", "要求するスコープです。openid が必要です。"),
    ] = field(default_factory=lambda: ["openid", "profile", "email"])
    algorithms: Annotated[
        list[str],
        Meta(
            title="Signature algorithms",
            description=f"Signatures that are accepted, of {', '.join(ALGORITHMS)}.",
        ),
        translation(
            "ja",
            "署名アルゴリズム",
            f"受け入れる署名アルゴリズムです。{', '.join(ALGORITHMS)} から選びます。",
        ),
    ] = field(default_factory=lambda: ["RS256", "PS256", "ES256", "EdDSA"])
    new_accounts: Annotated[
        bool,
        Meta(
            title="New accounts",
            description="Make an account for a person who signs in for the first time.",
        ),
        translation("ja", "アカウントを作成", "はじめてログインする人のアカウントを作成します。"),
    ] = True
    username_claim: Annotated[
        str,
        Meta(
            title="Claim of user names",
            description="Claim that suggests the user name of a new account.",
        ),
        translation(
            "ja", "ユーザー名のクレーム", "新しいアカウントのユーザー名の候補にするクレームです。"
        ),
    ] = "preferred_username"
    name_claim: Annotated[
        str,
        Meta(
            title="Claim of display names",
            description="Claim with the display name of a new account.",
        ),
        translation("ja", "表示名のクレーム", "新しいアカウントの表示名にするクレームです。"),
    ] = "name"
    groups_claim: Annotated[
        str,
        Meta(title="Claim of groups", description="Claim with the list of the user's groups."),
        translation("ja", "グループのクレーム", "ユーザーの所属グループの一覧を持つクレームです。"),
    ] = "groups"
    required_groups: Annotated[
        list[str],
        Meta(
            title="Groups that may sign in",
            description="Only members of one of these groups may sign in; empty: everybody.",
        ),
        translation(
            "ja",
            "ログインできるグループ",
            "このうち一つのグループに所属する人だけがログインできます。空のときは全員です。",
        ),
    ] = field(default_factory=list)
    roles: Annotated[
        dict[str, ServerRole],
        Meta(
            title="Roles by group",
            description="Role on the server by group: admin, member or guest. At each sign-in the "
            "strongest is set; without a listed group it is member. Empty: roles are not "
            "changed.",
        ),
        translation(
            "ja",
            "グループごとの役割",
            "グループごとのサーバーでの役割で、admin、member、guest のどれかです。"
            "ログインのたびに最も強いものを設定し、該当するグループがなければ member です。"
            "空のときは役割を変えません。",
        ),
    ] = field(default_factory=dict)
    userinfo: Annotated[
        bool,
        Meta(
            title="Claims from userinfo",
            description="Whether claims are also read from the provider's userinfo endpoint.",
        ),
        translation(
            "ja",
            "userinfo のクレーム",
            "クレームを認証サービスの userinfo エンドポイントからも読むかどうかです。",
        ),
    ] = False
    second_factor: Annotated[
        bool,
        Meta(
            title="Second factor at the provider",
            description="Whether a second factor that the provider reports (`mfa` in the claim amr) "
            "replaces that of this server.",
        ),
        translation(
            "ja",
            "認証サービスでの二要素認証",
            "認証サービスが二要素認証を報告したとき（クレーム amr の mfa）、"
            "このサーバーの二段階目の確認を省くかどうかです。",
        ),
    ] = False
    confirms: Annotated[
        bool,
        Meta(
            title="Confirmation at the provider",
            description="Whether users confirm sensitive actions by signing in anew at the provider, "
            "which must send auth_time.",
        ),
        translation(
            "ja",
            "認証サービスでの本人確認",
            "重要な操作の前の本人確認を、認証サービスでの再ログインで行うかどうかです。"
            "認証サービスが auth_time を送る必要があります。",
        ),
    ] = True
    logout: Annotated[
        bool,
        Meta(
            title="Sign out at the provider",
            description="Whether signing out here also signs out at the provider, if it has an "
            "`end_session_endpoint`.",
        ),
        translation(
            "ja",
            "認証サービスからもログアウト",
            "ここでログアウトしたときに、認証サービスからもログアウトするかどうかです。"
            "認証サービスに end_session_endpoint が必要です。",
        ),
    ] = False
    form_post: Annotated[
        bool,
        Meta(
            title="Answer as a form",
            description="Whether the answer comes as a posted form, and not in an address.",
        ),
        translation(
            "ja",
            "フォームで応答",
            "認証サービスの応答を、アドレスではなく、"
            "送信されたフォームとして受け取るかどうかです。",
        ),
    ] = False
    ca_file: Annotated[
        str,
        Meta(
            title="Trusted authorities",
            description="File with the trusted authorities; empty: those of the system.",
        ),
        translation(
            "ja",
            "信頼する認証局",
            "信頼する認証局の証明書のファイルです。空のときはシステムのものを使います。",
        ),
    ] = ""
    timeout_seconds: Annotated[
        float,
        Meta(
            title="Time limit",
            description="Time limit for each answer of the provider, in seconds.",
            gt=0,
            le=60,
        ),
        translation("ja", "制限時間", "認証サービスの応答一回の制限時間です。"),
    ] = 5.0

    def __post_init__(self) -> None:
        if not is_trusted_address(self.issuer) or "?" in self.issuer or "#" in self.issuer:
            raise ValueError("issuer: expected https://…, or http://… on loopback, without ? and #")
        if self.client_auth == "none" and self.client_secret:
            raise ValueError("client_secret: client_auth is none, expected no secret")
        if self.client_auth != "none" and not self.client_secret:
            raise ValueError('client_secret: required, unless client_auth is "none"')
        if "openid" not in self.scopes or any(not each or " " in each for each in self.scopes):
            raise ValueError("scopes: expected openid, and no spaces within a scope")
        unknown = [each for each in self.algorithms if each not in ALGORITHMS]
        if unknown or not self.algorithms:
            raise ValueError(f"algorithms: expected some of {', '.join(ALGORITHMS)}")
        if ServerRole.OWNER in self.roles.values():
            raise ValueError("roles: owner cannot be given by a group")


class Config(Settings, frozen=True, kw_only=True):
    providers: Annotated[
        dict[TableName, Provider],
        Meta(title="Providers", description="Providers with which people sign in, by name."),
        translation("ja", "認証サービス", "ログインに使う認証サービスを名前ごとに設定します。"),
    ] = {}  # noqa: RUF012 - msgspec copies it

    def __post_init__(self) -> None:
        if "password" in self.providers:
            raise ValueError("providers: a name has to be another one than password")


def is_trusted_address(text: str) -> bool:
    """Whether nobody on the way can read or change what is sent to an address: TLS, or this machine."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
