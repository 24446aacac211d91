"""Sign-in with the name and password of a directory, over LDAP. See docs/ldap.md."""

from collections.abc import Mapping, Sequence

from chatserver import (
    ChatError,
    Identity,
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginStep,
    Powers,
    Refusal,
    ServerRole,
    from_extra,
    hookimpl,
)
from chatserver_plugins.ldap import config as settings
from chatserver_plugins.ldap.entry import DirectoryAway, Entry, Lookup

ICON = "M4 4h16v16H4zM8 9h8M8 12h8M8 15h5"
WRONG = "The name or the password is not right."
NO_GROUP = "Your account in the directory is in no group that may use this server."
SPARE_SECONDS = 5.0  # for those that wait for a thread


class LdapPlugin:
    """One form: a name and a password. The directory checks them, and names the groups."""

    Config = settings.Config
    powers = Powers(network=("configured",))

    def __init__(self, config: settings.Config) -> None:
        self._config = config
        self._directory: Lookup | None = None

    @hookimpl
    def register_login_methods(self) -> Sequence[LoginMethod]:
        with from_extra("ldap", "ldap3"):
            from chatserver_plugins.ldap.directory import Directory
        self._directory = Directory(self._config)
        return [
            LoginMethod(
                name="ldap",
                label=self._config.label,
                icon=ICON,
                begin=self._begin,
                proceed=self._proceed,
                purposes=("sign_in", "link", "confirm"),
                makes_accounts=self._config.makes_accounts,
                deadline=self._config.longest_seconds + SPARE_SECONDS,
            )
        ]

    @hookimpl
    async def shutdown(self) -> None:
        if self._directory is not None:
            self._directory.close()

    async def _begin(self, flow: LoginFlow) -> LoginStep:
        return _form()

    async def _proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        assert self._directory is not None
        try:
            entry = await self._directory.look_up(answer["username"], answer["password"])
        except DirectoryAway as error:
            raise ChatError("auth.unavailable") from error
        if entry is None:
            return _form(answer["username"], WRONG)
        if self._config.groups and not set(self._config.groups) & set(entry.groups):
            return Refusal(NO_GROUP)
        return LoginDone(identity=self._identity(entry))

    def _identity(self, entry: Entry) -> Identity:
        return Identity(
            subject=entry.subject,
            username=entry.username,
            name=entry.name,
            email=entry.email,
            groups=entry.groups,
            role=self._role(entry.groups),
        )

    def _role(self, groups: Sequence[str]) -> ServerRole | None:
        """The highest role of the groups; `member` if roles depend on groups, and none of these has one."""
        roles = self._config.roles
        if not roles:
            return None
        found = {roles[group] for group in groups if group in roles}
        return next((role for role in ServerRole if role in found), ServerRole.MEMBER)


def _form(username: str = "", error: str = "") -> LoginForm:
    return LoginForm(
        fields=(
            LoginField(name="username", label="Name", kind="username", value=username),
            LoginField(name="password", label="Password", kind="password"),
        ),
        error=error,
    )


__all__ = ["LdapPlugin"]
