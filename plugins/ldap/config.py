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
            description="Servers of one directory, as `ldaps://host` or `ldap://host`; the next is asked if one "
            "does not answer.",
            min_length=1,
            extra={"operator": True},
        ),
    ]
    base: Annotated[
        str, Meta(description="DN below which people are, such as `ou=people,dc=example,dc=org`.")
    ]
    starttls: Annotated[
        bool,
        Meta(
            description="Encrypt connections of `ldap://` by StartTLS before anything is sent.",
            extra={"operator": True},
        ),
    ] = True
    allow_plain: Annotated[
        bool,
        Meta(
            description="Allow `ldap://` without StartTLS: passwords cross the network in clear.",
            extra={"operator": True},
        ),
    ] = False
    ca_file: Annotated[
        str,
        Meta(description="File with the trusted authorities (PEM); empty: those of the system."),
    ] = ""
    bind_dn: Annotated[
        str, Meta(description="DN that the server signs in with to search; empty: without.")
    ] = ""
    bind_password: Annotated[str, Meta(description="Password of `bind_dn`.")] = ""
    person: Annotated[
        str,
        Meta(description="Filter that finds the person of a name. `{username}` is what was typed."),
    ] = "(uid={username})"
    subject: Annotated[
        str,
        Meta(
            description="Attribute that identifies a person for ever: `entryUUID`; in Active Directory "
            "`objectGUID`."
        ),
    ] = "entryUUID"
    username: Annotated[str, Meta(description="Attribute to name new accounts by.")] = "uid"
    name: Annotated[str, Meta(description="Attribute with the display name.")] = "cn"
    email: Annotated[str, Meta(description="Attribute with the mail address.")] = "mail"
    member_of: Annotated[
        str,
        Meta(description="Attribute of a person with the DNs of groups, such as `memberOf`."),
    ] = ""
    group_base: Annotated[
        str, Meta(description="DN below which groups are searched; empty: they are not.")
    ] = ""
    group: Annotated[
        str,
        Meta(
            description="Filter that finds the groups of a person, by `{dn}` or `{username}` (the attribute)."
        ),
    ] = "(member={dn})"
    groups: Annotated[
        list[str],
        Meta(description="Groups of which one is needed to sign in, by their `cn`; empty: none."),
    ] = field(default_factory=list)
    roles: Annotated[
        dict[str, chatserver.ServerRole],
        Meta(
            description="Role on the server (`admin`, `member`, `guest`) by group, set at each sign-in; without a "
            "listed group `member`. Owners keep their role."
        ),
    ] = field(default_factory=dict)
    makes_accounts: Annotated[
        bool, Meta(description="Make an account for a person who signs in for the first time.")
    ] = True
    label: Annotated[str, Meta(description="Text of the button.", min_length=1)] = "Directory"
    timeout_seconds: Annotated[
        int, Meta(description="Seconds after which a silent server is given up.", ge=1, le=60)
    ] = 3
    connections: Annotated[
        int, Meta(description="Connections, and people looked up at the same time.", ge=1, le=64)
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
