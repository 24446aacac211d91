"""Signing in by steps, as over HTTP: methods, flows, second steps, linking and confirming."""

from typing import Any, NamedTuple

from chatserver import (
    LoginDone,
    LoginField,
    LoginFinished,
    LoginForm,
    LoginProgress,
    LoginRedirect,
    MethodView,
    SignedIn,
    User,
    in_language,
    read_input,
)
from chatserver_plugins.graphql import inputs
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.inputs import LoginPurpose

Given = dict[str, Any]


class LoginPayload(NamedTuple):
    """What is next: a step; or a user and a token; or the purpose that is reached."""

    flow: str | None = None
    secret: str | None = None
    method: str | None = None
    step: LoginForm | LoginRedirect | None = None
    alternatives: tuple[str, ...] = ()
    user: User | None = None
    token: str | None = None
    done: LoginPurpose | None = None


def login_methods(
    parent: object, info: Any, purpose: LoginPurpose = LoginPurpose.SIGN_IN
) -> list[MethodView]:
    asking: Asking = info.context
    return asking.service.logins.listed(purpose.begun)


async def begin_login(parent: object, info: Any, input: Given) -> LoginPayload:
    asking: Asking = info.context
    given = read_input(input, inputs.BeginLogin)
    user = None if given.purpose is LoginPurpose.SIGN_IN else asking.user
    progress = await asking.service.logins.begin(
        given.method,
        asking.client(),
        given.purpose.begun,
        user=user,
        token=asking.token,
        back=given.back,
    )
    return _payload(asking, progress)


async def proceed_login(parent: object, info: Any, input: Given) -> LoginPayload:
    asking: Asking = info.context
    given = read_input(input, inputs.ProceedLogin)
    logins, client = asking.service.logins, asking.client()
    progress: LoginProgress
    if given.answer is not None:
        progress = await logins.proceed(given.flow, given.secret, given.answer, client)
    elif given.method is not None:
        progress = await logins.switch(given.flow, given.secret, given.method, client)
    else:
        progress = await logins.look(given.flow, given.secret)
    return _payload(asking, progress)


def _payload(asking: Asking, progress: LoginProgress) -> LoginPayload:
    if isinstance(progress, SignedIn):
        asking.session = progress.token
        return LoginPayload(user=progress.user, token=progress.token)
    if isinstance(progress, LoginFinished):
        return LoginPayload(done=LoginPurpose(progress.purpose))
    assert not isinstance(progress.step, LoginDone)
    return LoginPayload(
        flow=progress.flow,
        secret=progress.secret,
        method=progress.pending.method,
        step=progress.step,
        alternatives=tuple(progress.alternatives),
    )


def label(parent: MethodView | LoginField, info: Any, language: str = "en") -> str:
    return in_language(parent.label, language)


def text(parent: LoginForm, info: Any, language: str = "en") -> str:
    return in_language(parent.text, language)


def error(parent: LoginForm, info: Any, language: str = "en") -> str:
    return in_language(parent.error, language)
