"""The settings: one table for each provider, under the name of its sign-in method."""

from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta, field

from chatserver import ServerRole, Settings, TableName

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
            description="The provider's issuer, exactly as it calls itself: https://….",
            extra={"operator": True},
        ),
    ]
    client_id: Annotated[
        str, Meta(description="Id of this server at the provider.", min_length=1, max_length=500)
    ]
    client_secret: Annotated[
        str, Meta(description="Secret of this server at the provider; empty for `none`.")
    ] = ""
    client_auth: Annotated[
        ClientAuth,
        Meta(description="How the secret is sent: in a header, in the body, or not at all."),
    ] = "secret_basic"
    label: Annotated[str, Meta(description="Text of the button.", min_length=1, max_length=100)] = (
        "OpenID Connect"
    )
    icon: Annotated[
        str,
        Meta(description="Its icon: the `d` of an SVG path of 24 × 24.", max_length=4000),
    ] = ICON
    scopes: Annotated[
        list[str], Meta(description="Scopes that are requested; openid is one of them.")
    ] = field(default_factory=lambda: ["openid", "profile", "email"])
    algorithms: Annotated[
        list[str],
        Meta(description=f"Signatures that are accepted, of {', '.join(ALGORITHMS)}."),
    ] = field(default_factory=lambda: ["RS256", "PS256", "ES256", "EdDSA"])
    new_accounts: Annotated[
        bool, Meta(description="Whether somebody without an account gets one.")
    ] = True
    username_claim: Annotated[
        str, Meta(description="Claim that suggests the user name of a new account.")
    ] = "preferred_username"
    name_claim: Annotated[
        str, Meta(description="Claim with the display name of a new account.")
    ] = "name"
    groups_claim: Annotated[str, Meta(description="Claim with the list of the user's groups.")] = (
        "groups"
    )
    required_groups: Annotated[
        list[str],
        Meta(description="Only members of one of these groups may sign in; empty: everybody."),
    ] = field(default_factory=list)
    roles: Annotated[
        dict[str, ServerRole],
        Meta(
            description="Role on the server by group: admin, member or guest; the strongest counts at each sign-in, "
            "and without any the user is a member. Empty: roles are not touched."
        ),
    ] = field(default_factory=dict)
    userinfo: Annotated[
        bool, Meta(description="Whether claims are also read from the userinfo address.")
    ] = False
    second_factor: Annotated[
        bool,
        Meta(
            description="Whether a second factor that the provider reports (`mfa` in the claim amr) replaces ours."
        ),
    ] = False
    confirms: Annotated[
        bool,
        Meta(
            description="Whether users confirm by signing in there anew; needs a provider that sends auth_time."
        ),
    ] = True
    logout: Annotated[
        bool,
        Meta(
            description="Whether signing out here signs out at the provider as well, if it has an "
            "`end_session_endpoint`."
        ),
    ] = False
    form_post: Annotated[
        bool,
        Meta(description="Whether the answer comes as a posted form and not in an address."),
    ] = False
    ca_file: Annotated[
        str, Meta(description="File with the trusted authorities; empty: those of the system.")
    ] = ""
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=60, description="Time limit for each of the provider's answers.")
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
        dict[TableName, Provider], Meta(description="Providers with which people sign in, by name.")
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
