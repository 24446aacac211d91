"""The sections of the configuration: every key of the core, with its bounds, default and description.

`config/default.toml` and docs/configuration.md are generated from these.
"""

import ipaddress
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")
_ORIGIN_URL = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::\d+)?")
_STATIC_URL = re.compile(r"(?:https?://[A-Za-z0-9.-]+(?::\d+)?)?/(?:[A-Za-z0-9._~-]+/)*")


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all sections; refuses unknown keys."""


class ServerConfig(Section, frozen=True, kw_only=True):
    """The listeners, the trusted proxies and origins, and the work of the server."""

    host: Annotated[str, Meta(description="Address to listen on; 0.0.0.0 and :: mean all.")] = (
        "127.0.0.1"
    )
    port: Annotated[
        int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    ] = 4000
    data: Annotated[
        str, Meta(min_length=1, description="Folder for everything the server itself keeps.")
    ] = "data"
    name: Annotated[
        str, Meta(min_length=1, description="Name of this server, shown to people.")
    ] = "chatserver"
    roles: Annotated[
        list[Literal["connections", "consumers", "jobs"]],
        Meta(
            description="Work of this node: connections serves clients, consumers reads the log for "
            "plugins, jobs runs periodic jobs and timers. Without connections the node answers only "
            "health checks and metrics."
        ),
    ] = field(default_factory=lambda: ["connections", "consumers", "jobs"])
    registration: Annotated[
        Literal["open", "closed"],
        Meta(description="open: anybody may make an account. closed: only operators may."),
    ] = "open"
    unique_names: Annotated[
        bool,
        Meta(
            description="Refuse a display name that looks like that of another account. User names "
            "are always compared."
        ),
    ] = True
    methods_make_accounts: Annotated[
        bool,
        Meta(
            description="Somebody who first signs in by another method than a password gets an account, "
            "also if registration is closed."
        ),
    ] = True
    public_url: Annotated[
        str,
        Meta(
            description="Address by which browsers reach this server, such as https://chat.example.org. "
            "Sign-in methods that lead to another server need it."
        ),
    ] = ""
    trusted_proxies: Annotated[
        list[str],
        Meta(
            description="Addresses and networks of proxies whose X-Forwarded-For and "
            "X-Forwarded-Proto are trusted."
        ),
    ] = field(default_factory=list)
    allowed_origins: Annotated[
        list[str],
        Meta(description="Origins of pages that may connect, besides the server's own."),
    ] = field(default_factory=list)
    allowed_hosts: Annotated[
        list[str],
        Meta(
            description="Names that requests may have in their Host header, such as chat.example.org; "
            "others get 421. Empty: any. /health/… and the internal listener accept every name."
        ),
    ] = field(default_factory=list)
    hsts_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description="Seconds for which browsers must use TLS only (Strict-Transport-Security). "
            "Sent over TLS; 0: not sent.",
        ),
    ] = 31_536_000
    internal_host: Annotated[str, Meta(description="Address of the internal listener.")] = (
        "127.0.0.1"
    )
    internal_port: Annotated[
        int,
        Meta(
            ge=-1,
            le=65535,
            description="Port of the internal listener, which shows metrics, details of /health and "
            "the data browser to every address that reaches it. 0 takes a free one; -1: "
            "there is no such listener.",
        ),
    ] = -1
    internal_networks: Annotated[
        list[str],
        Meta(
            description="Addresses and networks that are shown the same at the main port, unless they "
            "come through a proxy."
        ),
    ] = field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])
    admin_networks: Annotated[
        list[str],
        Meta(
            description="Addresses and networks from which staff of the server may administrate accounts "
            "and look into all data; elsewhere they get auth.address. Empty: any."
        ),
    ] = field(default_factory=list)
    migrate: Annotated[
        Literal["at_start", "by_command"],
        Meta(
            description="Migration of the store's schema: at_start of a server, or by_command, only "
            "by `chatserver migrate`. No other command migrates."
        ),
    ] = "at_start"
    drain_seconds: Annotated[
        float,
        Meta(ge=0, description="Time over which clients are told to move when the server stops."),
    ] = 5.0
    tls_certificate: Annotated[
        str, Meta(description="File with the certificate chain (PEM); empty serves without TLS.")
    ] = ""
    tls_key: Annotated[str, Meta(description="File with the certificate's private key (PEM).")] = ""
    static: Annotated[
        str, Meta(description="Folder to serve as the page; empty serves the built-in one.")
    ] = ""
    static_url: Annotated[
        str,
        Meta(
            description="Address from which browsers get the page's files, such as that of a CDN that "
            "gets them from this server's /static/; empty: this server. "
            "Example: https://cdn.example.org/static/"
        ),
    ] = ""
    debug: Annotated[
        bool,
        Meta(
            description="For development: static files are not cached, and the event loop is watched."
        ),
    ] = False

    def __post_init__(self) -> None:
        if not self.roles:
            raise ValueError("roles: expected at least one, as a node without roles does nothing")
        for key in ("trusted_proxies", "internal_networks", "admin_networks"):
            for address in getattr(self, key):
                try:
                    ipaddress.ip_network(address)
                except ValueError:
                    raise ValueError(f"{key}: {address!r} is not an address or network") from None
        for host in self.allowed_hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(
                    f"allowed_hosts: expected a name such as chat.example.org, got {host!r}"
                )
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"allowed_origins: expected an origin such as https://chat.example.org, got {origin!r}"
                )
        if self.public_url and not _ORIGIN_URL.fullmatch(self.public_url):
            raise ValueError(
                "public_url: expected an address without a path, such as https://chat.example.org, "
                f"got {self.public_url!r}"
            )
        if self.static_url and not _STATIC_URL.fullmatch(self.static_url):
            raise ValueError(
                "static_url: expected an address that ends in /, such as https://cdn.example.org/static/, "
                f"got {self.static_url!r}"
            )
        if bool(self.tls_certificate) != bool(self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            raise ValueError(f"{missing}: required, TLS needs both tls_certificate and tls_key")


class LimitsConfig(Section, frozen=True, kw_only=True):
    """Limits for clients, users, rooms and nodes."""

    frame_bytes: Annotated[Count, Meta(description="Largest WebSocket message accepted.")] = 65536
    message_chars: Annotated[Count, Meta(description="Most characters in a message's body.")] = 8000
    mention_all_members: Annotated[
        int,
        Meta(
            ge=0,
            description="Most members of a room in which every member may mention all others by `@room` and `@here`; "
            "in larger ones only those who moderate it.",
        ),
    ] = 100
    http_body_bytes: Annotated[Count, Meta(description="Largest HTTP body accepted.")] = 65536
    header_bytes: Annotated[Count, Meta(description="Largest HTTP request header accepted.")] = (
        16384
    )
    connections: Annotated[
        Count, Meta(description="Most WebSocket connections and streamed answers of this node.")
    ] = 15000
    http_connections: Annotated[
        Count,
        Meta(
            description="Most HTTP connections of this node, in addition to those that `connections` "
            "counts; more get 503."
        ),
    ] = 15000
    http_connections_per_address: Annotated[
        Count,
        Meta(
            description="Most HTTP connections from one address (IPv6: one /64) on this node, and at most "
            "half of the limit of open files; trusted proxies have no limit."
        ),
    ] = 10000
    connections_per_user: Annotated[
        Count, Meta(description="Most WebSocket connections of one user on this node.")
    ] = 100
    connections_per_address: Annotated[
        Count,
        Meta(
            description="Most WebSocket connections and streamed answers to one address (IPv6: one /64) on "
            "this node."
        ),
    ] = 10000
    buffer_soft_bytes: Annotated[
        Count,
        Meta(
            description="Unsent bytes of a connection at which it stops getting live events and "
            "catches up from the log later."
        ),
    ] = 262144
    buffer_hard_bytes: Annotated[
        Count, Meta(description="Unsent bytes at which a connection is closed with 4408.")
    ] = 1048576
    slow_seconds: Annotated[
        Seconds,
        Meta(
            description="Seconds after which a client that reads nothing is cut off, a WebSocket with "
            "4408."
        ),
    ] = 20.0
    auth_seconds: Annotated[
        Seconds, Meta(description="Time for a WebSocket connection to sign in.")
    ] = 10.0
    header_seconds: Annotated[
        Seconds,
        Meta(
            description="Time an HTTP request's header may take, and a keep-alive connection may be "
            "idle."
        ),
    ] = 10.0
    body_seconds: Annotated[Seconds, Meta(description="Time for an HTTP request's body.")] = 10.0
    frame_seconds: Annotated[
        Seconds, Meta(description="Time for a WebSocket message to arrive.")
    ] = 10.0
    heartbeat_seconds: Annotated[
        Seconds,
        Meta(
            description="Time between heartbeats; below the 30 to 60 s at which proxies drop idle sockets."
        ),
    ] = 25.0
    operations_per_second: Annotated[
        float,
        Meta(
            gt=0,
            description="Lasting rate of one user's operations, a second, over all connections and "
            "interfaces of this node.",
        ),
    ] = 1000.0
    operations_burst: Annotated[
        Count, Meta(description="Most operations of one user in a burst.")
    ] = 2000
    anonymous_per_second: Annotated[
        float,
        Meta(
            ge=0,
            description="Lasting rate of operations, a second, from one address without a valid "
            "session; ten times as many at once. 0 sets no limit.",
        ),
    ] = 200.0
    requests_per_second: Annotated[
        float, Meta(ge=0, description="HTTP requests a second of one address; 0 sets no limit.")
    ] = 0.0
    registrations_per_hour: Annotated[
        int,
        Meta(
            ge=0,
            description="Attempts to make an account from one address in an hour; 0 sets no limit.",
        ),
    ] = 1000
    logins_pending: Annotated[
        Count,
        Meta(
            description="Sign-ins of several steps that one address may begin in ten minutes, after which "
            "they expire."
        ),
    ] = 500
    rooms_per_user: Annotated[
        Count,
        Meta(description="Most rooms one user may be in that they made or joined themselves."),
    ] = 1000
    invited_rooms_per_user: Annotated[
        Count,
        Meta(
            description="Most rooms one user may be in because others added them, direct rooms "
            "included. Further invitations are refused; the user can still make and join "
            "rooms."
        ),
    ] = 500
    rooms_per_inviter: Annotated[
        Count,
        Meta(
            description="Most rooms to which one user may add one other user, rooms from which they "
            "removed them included. Not for staff of the server."
        ),
    ] = 100
    invitations_per_hour: Annotated[
        int,
        Meta(
            ge=0,
            description="Users that one user may add to rooms in an hour; 0 sets no limit. Not for "
            "staff of the server.",
        ),
    ] = 1000
    subscriptions: Annotated[
        Count,
        Meta(
            description="Most rooms one connection may follow: at least as many as one user may be "
            "in."
        ),
    ] = 1500
    members_per_room: Annotated[Count, Meta(description="Most members of one room.")] = 100000
    history_page: Annotated[Count, Meta(description="Most messages in one page of history.")] = 200
    events_page: Annotated[Count, Meta(description="Most events in one page of a room's log.")] = (
        1000
    )

    def __post_init__(self) -> None:
        if self.buffer_soft_bytes > self.buffer_hard_bytes:
            raise ValueError("buffer_soft_bytes: may not be above buffer_hard_bytes")


class DeliveryConfig(Section, frozen=True, kw_only=True):
    """Writing and delivery of events."""

    batch_events: Annotated[Count, Meta(description="Most events in one write to the store.")] = (
        1000
    )
    queue_events: Annotated[
        Count,
        Meta(
            description="Events that may wait to be written; further ones are refused with "
            "store.unavailable. While the store does not answer, 100 may wait."
        ),
    ] = 10000
    append_seconds: Annotated[
        Seconds,
        Meta(
            description="Time one write to the store may take; after that its events are refused with "
            "store.unavailable."
        ),
    ] = 3.0
    tail_events: Annotated[
        Count,
        Meta(
            description="Newest events of an active room kept in memory. With less than 128 searches read the end of "
            "busy rooms from the store."
        ),
    ] = 200
    rooms_loaded: Annotated[Count, Meta(description="Most rooms kept in memory.")] = 20000
    repair_seconds: Annotated[
        Seconds,
        Meta(
            description="Seconds between two comparisons of the heads of rooms with local "
            "subscribers."
        ),
    ] = 2.0
    compression: Annotated[
        bool, Meta(description="Offer per-message deflate; costs memory and CPU per message.")
    ] = False


class LoggingConfig(Section, frozen=True, kw_only=True):
    """Level, format and files of the log."""

    level: Annotated[
        Literal["trace", "debug", "info", "success", "warning", "error", "critical"],
        Meta(description="Lowest level that is logged; also set by LOG_LEVEL."),
    ] = "info"
    console: Annotated[
        Literal["auto", "pretty", "json", "off"],
        Meta(description="Format on the console; auto is pretty on a terminal and json elsewhere."),
    ] = "auto"
    fields: Annotated[
        Literal["plain", "ecs"],
        Meta(
            description="Names of the fields of JSON lines: short ones, or those of the Elastic Common Schema."
        ),
    ] = "plain"
    folder: Annotated[
        str, Meta(description="Folder of error.log and combined.log; empty writes no files.")
    ] = "logs"
    access: Annotated[
        bool,
        Meta(
            description="Log each HTTP request: method, route, status, time, bytes, user and address."
        ),
    ] = False
    rotation_mb: Annotated[
        Count, Meta(description="Size in megabytes at which a log file is rotated.")
    ] = 50
    keep: Annotated[Count, Meta(description="Rotated files kept of each log.")] = 7
    version: Annotated[
        str,
        Meta(
            description="Version shown in logs; empty is the server's own; also set by APP_VERSION."
        ),
    ] = ""


class BackupConfig(Section, frozen=True, kw_only=True):
    """The folder, the schedule and the retention of backups."""

    folder: Annotated[
        str,
        Meta(
            description="Folder of the backups, the same place for all nodes. Empty: `backups` in the "
            "server's data folder."
        ),
    ] = ""
    every_hours: Annotated[
        float, Meta(ge=0, description="Hours between two backups by the server; 0: no backups.")
    ] = 0.0
    keep_days: Annotated[
        float,
        Meta(
            ge=0,
            description="Age in days above which backups are removed, except the newest; 0: none is "
            "removed.",
        ),
    ] = 30.0
    keep_count: Annotated[
        int,
        Meta(
            ge=0,
            description="Number of backups above which the oldest are removed; 0: none is removed.",
        ),
    ] = 0
    verify: Annotated[
        bool, Meta(description="Verify each backup that the server makes, in a separate process.")
    ] = True
    ship_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds between two rounds that write changes since the newest backup beside "
            "it; 0: never.",
        ),
    ] = 0.0
    part_mb: Annotated[
        int, Meta(ge=1, le=4096, description="Most megabytes in one file of a backup.")
    ] = 64
    key: Annotated[
        str,
        Meta(
            description="Encryption key: 32 bytes in base64 or hexadecimal. Empty: no encryption."
        ),
    ] = ""
    key_file: Annotated[str, Meta(description="File with the key, instead of `key`.")] = ""
    old_key_files: Annotated[
        list[str],
        Meta(
            description="Files with earlier keys: backups made with them can be read, new ones have the "
            "present key."
        ),
    ] = field(default_factory=list)
    targets: Annotated[
        list[str],
        Meta(
            description="Places to which all backups and shipped changes are copied, as URLs: "
            "`s3://bucket/prefix?endpoint=…` (plugin `s3`), `sftp://user@host/path` (plugin `sftp`), "
            "`file:///mnt/other`."
        ),
    ] = field(default_factory=list)
    target_timeout_seconds: Annotated[
        Seconds,
        Meta(
            description="Time limit for a call of a target, without the time for its data, which must pass at "
            "50 kB/s at least."
        ),
    ] = 30.0
    target_check_hours: Annotated[
        float,
        Meta(
            ge=0,
            description="Hours between two checks of each target, which read a backup back and compare "
            "it; 0: never.",
        ),
    ] = 24.0
    allow_plain_targets: Annotated[
        bool,
        Meta(description="Copy backups that are not encrypted to targets off this machine, too."),
    ] = False

    def __post_init__(self) -> None:
        if self.key and self.key_file:
            raise ValueError("key_file: key is set too, expected one of them")
        if self.old_key_files and not (self.key or self.key_file):
            raise ValueError("old_key_files: expected a present key in key_file, too")


class BlobsConfig(Section, frozen=True, kw_only=True):
    """Files of users: where, how many, how large, for how long."""

    place: Annotated[
        str,
        Meta(
            description="Plugin that keeps new files, such as s3. Empty: the only one that is enabled and provides a "
            "place."
        ),
    ] = ""
    former: Annotated[
        str,
        Meta(
            description="Plugin that still has older files, while `chatserver blobs move` copies them: what "
            "`place` lacks is read there. Empty: none."
        ),
    ] = ""
    largest_mb: Annotated[Count, Meta(description="Most megabytes of one file.")] = 100
    mb_per_user: Annotated[Count, Meta(description="Most megabytes of all files of one user.")] = (
        2000
    )
    files_per_user: Annotated[Count, Meta(description="Most files of one user.")] = 10_000
    uploads_per_user: Annotated[
        Count, Meta(description="Most uploads of one user at the same time, on all nodes.")
    ] = 5
    keep_metadata: Annotated[
        bool,
        Meta(
            description="Keep what cameras and programs write into JPEG, PNG and WebP pictures, such as the place. "
            "Otherwise it is removed from new files before anybody can download them."
        ),
    ] = False
    keep_hours: Annotated[
        float,
        Meta(
            ge=1,
            description="Hours for which a file stays that nothing refers to, such as one that was uploaded for a "
            "message that was not sent.",
        ),
    ] = 24.0
    orphan_hours: Annotated[
        float,
        Meta(
            ge=48,
            description="Hours for which content stays that no record knows, such as after a crash or a restore.",
        ),
    ] = 168.0


class PrivacyConfig(Section, frozen=True, kw_only=True):
    """What becomes of people's data."""

    erased_messages: Annotated[
        Literal["anonymise", "redact"],
        Meta(
            description="What becomes of the messages of a deleted account: `anonymise`: they stay, without the name; "
            "`redact`: their texts and files go, too. Mentions of the account by others become @deleted."
        ),
    ] = "anonymise"
    address_days: Annotated[
        int,
        Meta(
            description="Days after which the address from which somebody signed in is shortened to its network, an "
            "IPv4 /24 or an IPv6 /48. 0: never.",
            ge=0,
            le=3650,
        ),
    ] = 30


class StatusConfig(Section, frozen=True, kw_only=True):
    """The sources that `chatserver status` asks besides the store."""

    alertmanager: Annotated[
        str,
        Meta(
            description="Address of an Alertmanager, such as http://127.0.0.1:9093, whose alerts "
            "`chatserver status` shows. Empty: none is asked."
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.alertmanager and not self.alertmanager.startswith(("http://", "https://")):
            raise ValueError("alertmanager: expected an address such as http://127.0.0.1:9093")


class PluginsConfig(Section, frozen=True, kw_only=True):
    """The enabled plugins, and limits for them."""

    enabled: Annotated[
        list[str],
        Meta(
            description="Names of the enabled plugins, in the order of their calls. Or changes of the list that "
            "would be valid without this one: `+graphql` adds, `-audit` removes."
        ),
    ] = field(
        default_factory=lambda: [
            "mongo",
            "password",
            "invites",
            "totp",
            "metrics",
            "audit",
            "scheduled",
            "saved",
            "reminders",
            "drafts",
            "receipts",
            "slash_commands",
            "reports",
            "retention",
            "announcements",
            "emoji",
            "shortcodes",
            "groups",
            "pictures",
            "profiles",
            "account_deletion",
            "my_data",
            "join_requests",
            "directory",
            "polls",
            "inbox",
            "push",
            "mail_notifications",
            "bots",
            "disk_blobs",
            "uploads",
            "attachments",
            "thumbnails",
        ]
    )
    folder: Annotated[str, Meta(description="Folder of local plugin files; empty: none.")] = ""
    deadline_seconds: Annotated[
        Seconds,
        Meta(
            description="Time for one plugin to change or check one action, or to run one command."
        ),
    ] = 2.0
    breaker_failures: Annotated[
        Count,
        Meta(
            description="Time-outs in a row for one user after which a plugin is not called for that "
            "user for a while. After time-outs for as many users in a row it is not "
            "called for anybody."
        ),
    ] = 5
    breaker_seconds: Annotated[
        Seconds, Meta(description="Seconds for which the plugin is then not called.")
    ] = 30.0
    observer_queue: Annotated[
        Count, Meta(description="Most events that wait for one observing plugin; more are dropped.")
    ] = 10000
    drain_seconds: Annotated[
        Seconds,
        Meta(
            description="Time for calls under way to a plugin that is turned off or gets new settings; "
            "those that take longer are named."
        ),
    ] = 10.0
    timers: Annotated[
        Count, Meta(description="Most timers that one plugin may have set; more get limit.count.")
    ] = 100_000


class Config(Section, frozen=True, kw_only=True):
    """The whole configuration. `plugin` holds each plugin's raw section."""

    server: ServerConfig = field(default_factory=ServerConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)
    backup: BackupConfig = field(default_factory=BackupConfig)
    blobs: BlobsConfig = field(default_factory=BlobsConfig)
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    status: StatusConfig = field(default_factory=StatusConfig)
    plugins: PluginsConfig = field(default_factory=PluginsConfig)
    plugin: dict[str, dict[str, Any]] = field(default_factory=dict)
