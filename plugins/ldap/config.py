"""The settings of the plugin."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, field

import chatserver

NAME = "{username}"
DN = "{dn}"
# Requests one after the other at most: connect, StartTLS, bind, search, bind, groups.
REQUESTS = 6


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """Where the directory is, how to find a person in it, and what groups mean."""

    servers: Annotated[
        list[str],
        Meta(
            title="Servers",
            description="Servers of one directory, as `ldaps://host` or `ldap://host`. If one does not "
            "answer, the next is asked.",
            min_length=1,
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja",
            "サーバー",
            "一つのディレクトリのサーバーを ldaps://host か ldap://host の形で書きます。"
            "応答がなければ次のサーバーに問い合わせます。",
        ),
    ]
    base: Annotated[
        str,
        Meta(
            title="Base of people",
            description="DN below which people are, such as `ou=people,dc=example,dc=org`.",
        ),
        chatserver.translation(
            "ja",
            "人の検索の起点",
            "人のエントリーを探す起点の DN です。例：ou=people,dc=example,dc=org",
        ),
    ]
    starttls: Annotated[
        bool,
        Meta(
            title="StartTLS",
            description="Encrypt connections of `ldap://` by StartTLS before anything is sent.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja", "StartTLS", "ldap:// の接続を、送信の前に StartTLS で暗号化します。"
        ),
    ] = True
    allow_plain: Annotated[
        bool,
        Meta(
            title="Allow unencrypted connections",
            description="Allow `ldap://` without StartTLS: passwords cross the network in clear.",
            extra={"operator": True},
        ),
        chatserver.translation(
            "ja",
            "暗号化しない接続を許可",
            "StartTLS なしの ldap:// を許可します。パスワードは平文でネットワークを流れます。",
        ),
    ] = False
    ca_file: Annotated[
        str,
        Meta(
            title="Trusted authorities",
            description="File with the trusted authorities (PEM); empty: those of the system.",
        ),
        chatserver.translation(
            "ja",
            "信頼する認証局",
            "信頼する認証局の証明書のファイルです（PEM）。空のときはシステムのものを使います。",
        ),
    ] = ""
    bind_dn: Annotated[
        str,
        Meta(
            title="DN of this server",
            description="DN that the server signs in with to search; empty: it searches without signing "
            "in.",
        ),
        chatserver.translation(
            "ja",
            "サーバーの DN",
            "検索のためにサーバーがログインする DN です。空のときは、ログインせずに検索します。",
        ),
    ] = ""
    bind_password: Annotated[
        str,
        Meta(title="Password of this server", description="Password of `bind_dn`."),
        chatserver.translation("ja", "サーバーのパスワード", "bind_dn のパスワードです。"),
    ] = ""
    person: Annotated[
        str,
        Meta(
            title="Filter for people",
            description="Filter that finds a person by name. `{username}` stands for the name that was "
            "typed.",
        ),
        chatserver.translation(
            "ja",
            "人の検索フィルター",
            "名前から人を探すフィルターです。{username} は入力された名前を表します。",
        ),
    ] = "(uid={username})"
    subject: Annotated[
        str,
        Meta(
            title="Attribute of identity",
            description="Attribute that identifies a person for ever: `entryUUID`; in Active Directory "
            "`objectGUID`.",
        ),
        chatserver.translation(
            "ja",
            "識別子の属性",
            "人を一意に識別し、変わることのない属性です。entryUUID、"
            "または Active Directory では objectGUID です。",
        ),
    ] = "entryUUID"
    username: Annotated[
        str,
        Meta(
            title="Attribute of user names", description="Attribute that new accounts are named by."
        ),
        chatserver.translation(
            "ja", "ユーザー名の属性", "新しいアカウントのユーザー名にする属性です。"
        ),
    ] = "uid"
    name: Annotated[
        str,
        Meta(title="Attribute of display names", description="Attribute with the display name."),
        chatserver.translation("ja", "表示名の属性", "表示名の属性です。"),
    ] = "cn"
    email: Annotated[
        str,
        Meta(title="Attribute of mail addresses", description="Attribute with the mail address."),
        chatserver.translation("ja", "メールアドレスの属性", "メールアドレスの属性です。"),
    ] = "mail"
    member_of: Annotated[
        str,
        Meta(
            title="Attribute of groups",
            description="Attribute of a person with the DNs of groups, such as `memberOf`.",
        ),
        chatserver.translation(
            "ja",
            "グループの属性",
            "人のエントリーで、所属グループの DN を持つ属性です。例：memberOf",
        ),
    ] = ""
    group_base: Annotated[
        str,
        Meta(
            title="Base of groups",
            description="DN below which groups are searched; empty: they are not.",
        ),
        chatserver.translation(
            "ja", "グループの検索の起点", "グループを探す起点の DN です。空のときは探しません。"
        ),
    ] = ""
    group: Annotated[
        str,
        Meta(
            title="Filter for groups",
            description="Filter that finds the groups of a person. `{dn}` stands for the person's DN, "
            "`{username}` for the attribute `username`.",
        ),
        chatserver.translation(
            "ja",
            "グループの検索フィルター",
            "人の所属グループを探すフィルターです。{dn} はその人の DN、"
            "{username} は属性 username の値を表します。",
        ),
    ] = "(member={dn})"
    groups: Annotated[
        list[str],
        Meta(
            title="Groups that may sign in",
            description="Only members of one of these groups may sign in, by their `cn`; empty: "
            "everybody.",
        ),
        chatserver.translation(
            "ja",
            "ログインできるグループ",
            "このうち一つのグループに所属する人だけがログインできます。"
            "グループの cn を書きます。空のときは全員です。",
        ),
    ] = field(default_factory=list)
    roles: Annotated[
        dict[str, chatserver.ServerRole],
        Meta(
            title="Roles by group",
            description="Role on the server by group: `admin`, `member` or `guest`, set at each sign-in; "
            "`member` for people in no listed group. Owners keep their role.",
        ),
        chatserver.translation(
            "ja",
            "グループごとの役割",
            "グループごとのサーバーでの役割で、admin、member、guest のどれかです。"
            "ログインのたびに設定し、該当するグループがなければ member です。"
            "オーナーの役割は変わりません。",
        ),
    ] = field(default_factory=dict)
    makes_accounts: Annotated[
        bool,
        Meta(
            title="New accounts",
            description="Make an account for a person who signs in for the first time.",
        ),
        chatserver.translation(
            "ja", "アカウントを作成", "はじめてログインする人のアカウントを作成します。"
        ),
    ] = True
    label: Annotated[
        str,
        Meta(
            title="Text of the button",
            description="Text of the button on the page for signing in.",
            min_length=1,
        ),
        chatserver.translation("ja", "ボタンの文字", "ログイン画面のボタンに表示する文字です。"),
    ] = "Directory"
    timeout_seconds: Annotated[
        int,
        Meta(
            title="Time limit",
            description="Time limit for each answer of a server, in seconds.",
            ge=1,
            le=60,
        ),
        chatserver.translation("ja", "制限時間", "サーバーの応答一回の制限時間です。"),
    ] = 3
    connections: Annotated[
        int,
        Meta(
            title="Connections",
            description="Most connections, and people who are looked up at the same time.",
            ge=1,
            le=64,
        ),
        chatserver.translation(
            "ja", "接続数", "接続の上限で、同時に検索する人数の上限でもあります。"
        ),
    ] = 4

    def __post_init__(self) -> None:
        for server in self.servers:
            parts = urlsplit(server)
            if parts.scheme not in ("ldap", "ldaps") or not parts.hostname:
                raise ValueError(f"servers: expected ldaps://host or ldap://host, got {server}")
            if parts.scheme == "ldap" and not (self.starttls or self.allow_plain):
                raise ValueError(
                    "starttls: false would send passwords in clear; use ldaps:// or set allow_plain"
                )
        if NAME not in self.person:
            raise ValueError("person: expected {username} in it")
        if DN not in self.group and NAME not in self.group:
            raise ValueError("group: expected {dn} or {username} in it")
        if bool(self.bind_dn) != bool(self.bind_password):
            raise ValueError("bind_dn: expected bind_password with it, and the other way round")
        if chatserver.ServerRole.OWNER in self.roles.values():
            raise ValueError("roles: a directory makes no owners; expected admin, member or guest")
        if (self.groups or self.roles) and not (self.member_of or self.group_base):
            raise ValueError("groups, roles: expected member_of or group_base with them")

    @property
    def longest_seconds(self) -> int:
        """The most that a lookup takes while all servers are silent."""
        return self.timeout_seconds * (len(self.servers) + REQUESTS)
