"""The password as a sign-in method, so that clients find it among the others and users confirm with it."""

from collections.abc import Mapping

from chatserver.errors import ChatError
from chatserver.hooks.login import (
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginStep,
)
from chatserver.service.accounts import PASSWORD, Accounts

_NAME = LoginField(name="username", label={"en": "User name", "ja": "ユーザー名"}, kind="username")
_LABEL = {"en": "Password", "ja": "パスワード"}
_PASSWORD = LoginField(name="password", label=_LABEL, kind="password")
_KEY = "M8 15a4 4 0 1 1 3.500-2H21v4h-3v-2h-6.500A4 4 0 0 1 8 15z"


def password_method(accounts: Accounts) -> LoginMethod:
    """The method over the authenticator of these accounts."""

    async def begin(flow: LoginFlow) -> LoginStep:
        return _form(flow)

    async def proceed(flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        username = answer["username"] if flow.user is None else flow.user.username
        try:
            user = await accounts.passwords.verified(
                username, answer["password"], flow.address, flow.device
            )
        except ChatError as error:
            if error.code != "auth.invalid":
                raise
            return _form(flow, error.text)
        return LoginDone(user=user.id)

    return LoginMethod(
        name=PASSWORD,
        label=_LABEL,
        icon=_KEY,
        begin=begin,
        proceed=proceed,
        purposes=("sign_in", "confirm"),
        deadline=60.0,
    )


def _form(flow: LoginFlow, error: str = "") -> LoginForm:
    return LoginForm(fields=(_PASSWORD,) if flow.user else (_NAME, _PASSWORD), error=error)
