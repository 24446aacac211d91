"""One-time codes of an app as a second step after the password (RFC 6238), with recovery codes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    Context,
    GraphQLPart,
    Identity,
    Localized,
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginStep,
    PagePart,
    PersonalData,
    Powers,
    Refusal,
    Reply,
    Request,
    Route,
    ServerRole,
    Settings,
    SignIn,
    User,
    hookimpl,
    translation,
)
from chatserver_plugins.totp import codes
from chatserver_plugins.totp.enrolments import Enrolments, user_key
from chatserver_plugins.totp.graphql import part
from chatserver_plugins.totp.own import OwnCodes
from chatserver_plugins.totp.qr import qr_code

ICON = "M8 3h8v18H8zM11 18h2"
ENROL = {
    "en": "Scan the picture with your app, or add the secret to it. Then type the code that the app shows.",
    "ja": "アプリで図を読み取るか秘密鍵を登録し、アプリに表示されたコードを入力してください。",
}
RECOVERY = {
    "en": "Keep these recovery codes: each replaces one code, if you lose your app.",
    "ja": "リカバリーコードを保管してください。アプリを失くしたとき、コードの代わりに 1 回ずつ使えます。",
}
CODE = {
    "en": "Code of your app, or a recovery code",
    "ja": "アプリのコード、またはリカバリーコード",
}
WRONG = {"en": "This code is not valid.", "ja": "このコードは正しくありません。"}


class TotpPlugin:
    """Users enrol by themselves, or at their next sign-in if their role demands it."""

    class Config(Settings, frozen=True, kw_only=True):
        roles: Annotated[
            list[ServerRole],
            msgspec.Meta(
                title="Roles that need codes",
                description="Roles whose users need a one-time code to sign in.",
            ),
            translation("ja", "コードが必要な役割", "ログインにワンタイムコードが必要な役割です。"),
        ] = msgspec.field(default_factory=list)
        issuer: Annotated[
            str,
            msgspec.Meta(
                title="Name in the app",
                description="Name of this server in the app that makes the codes. Empty: `server.name`.",
            ),
            translation(
                "ja",
                "アプリでの名前",
                "コードを作るアプリに表示される、このサーバーの名前です。"
                "空のときは server.name を使います。",
            ),
        ] = ""
        recovery_codes: Annotated[
            int,
            msgspec.Meta(
                title="Recovery codes",
                description="Number of recovery codes that a user gets.",
                ge=0,
                le=50,
            ),
            translation("ja", "リカバリーコードの数", "ユーザーに渡すリカバリーコードの数です。"),
        ] = 10

    powers = Powers(
        service=("accounts.demand_recent", "accounts.tell", "claims.add", "config.server")
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._issuer = config.issuer

    @hookimpl
    def register_login_methods(self, context: Context) -> Sequence[LoginMethod]:
        self._claim = context.claim
        self._issuer = self._config.issuer or context.service.config.server.name
        self.enrolments = Enrolments(context.records, self._config.recovery_codes)
        self._own = OwnCodes(context, self.enrolments)
        return [
            LoginMethod(
                name="totp",
                label={"en": "One-time code", "ja": "ワンタイムコード"},
                icon=ICON,
                begin=self._begin,
                proceed=self._proceed,
                purposes=("link", "confirm", "challenge"),
                demand=self._demand,
                reset=self._reset,
            )
        ]

    @hookimpl
    async def startup(self, context: Context) -> None:
        # Whoever has enrolled, or must, relies on it: they do not sign in while this plugin is off.
        await context.claim(SignIn, having=user_key(""), roles=self._config.roles)

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        return [
            Route(path="/api/v1/me/totp", get=self._show, delete=self._remove),
            Route(path="/api/v1/me/totp/recovery", post=self._renew),
        ]

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(lambda: self._own)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("totp.js",))

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        enrolments = Enrolments(context.records, self._config.recovery_codes)
        return [
            PersonalData(
                name="totp",
                title={"en": "One-time codes", "ja": "ワンタイムコード"},
                export=enrolments.held,
                erase=enrolments.forget,
            )
        ]

    async def _demand(self, user: User, identity: Identity) -> bool:
        if identity.is_strong:
            return False
        return user.role in self._config.roles or await self.enrolments.of(user.id) is not None

    async def _reset(self, user: User) -> bool:
        return await self.enrolments.remove(user.id)

    # -- steps -----------------------------------------------------------------------------------

    async def _begin(self, flow: LoginFlow) -> LoginStep:
        assert flow.user is not None
        if flow.purpose == "link":
            return self._enrolment(flow.user, codes.new_secret())
        if await self.enrolments.of(flow.user.id) is not None:
            return _asked()
        if flow.purpose == "challenge":
            return self._enrolment(flow.user, codes.new_secret())
        return Refusal("This account has no one-time codes.")

    async def _proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        assert flow.user is not None
        if flow.kept.get("enrolled"):
            return LoginDone()
        secret = flow.kept.get("secret")
        if secret is None:
            is_right = await self.enrolments.use(flow.user.id, answer["code"])
            return LoginDone() if is_right else _asked(WRONG)
        # Somebody who knows the password alone must not replace what its user has enrolled meanwhile.
        recovery = await self.enrolments.enrol(
            flow.user.id, secret, answer["code"], replace=flow.purpose == "link"
        )
        if recovery is None:
            return self._enrolment(flow.user, secret, WRONG)
        self._own.tell("method_added", flow.user, flow.address)
        shown = "\n".join(recovery)
        field = LoginField(
            name="recovery",
            label={"en": "Recovery codes", "ja": "リカバリーコード"},
            kind="shown",
            value=shown,
        )
        return LoginForm(fields=(field,), text=RECOVERY, keep={"enrolled": True})

    def _enrolment(self, user: User, secret: str, error: Localized = "") -> LoginForm:
        address = codes.address(secret, self._issuer, user.username)
        return LoginForm(
            fields=(
                LoginField(
                    name="secret",
                    label={"en": "Secret", "ja": "秘密鍵"},
                    kind="shown",
                    value=secret,
                ),
                LoginField(
                    name="address",
                    label={"en": "Open in an app", "ja": "アプリで開く"},
                    kind="shown",
                    value=address,
                    data={"qr": qr_code(address)},
                ),
                LoginField(name="code", label={"en": "Code", "ja": "コード"}, kind="code"),
            ),
            text=ENROL,
            error=error,
            keep={"secret": secret},
        )

    # -- addresses -------------------------------------------------------------------------------

    async def _show(self, request: Request) -> Reply:
        found = await self.enrolments.of((await request.user()).id)
        return _reply(
            {"enrolled": found is not None, "recovery_codes": len(found.recovery) if found else 0}
        )

    async def _remove(self, request: Request) -> Reply:
        await self._own.remove(await request.user(), request.token, request.address)
        return _reply({})

    async def _renew(self, request: Request) -> Reply:
        user = await request.user()
        recovery = await self._own.renew_recovery(user, request.token, request.address)
        return _reply({"recovery_codes": recovery})


def _asked(error: Localized = "") -> LoginForm:
    field = LoginField(name="code", label=CODE, kind="code")
    return LoginForm(fields=(field,), error=error)


def _reply(answer: Mapping[str, object]) -> Reply:
    return Reply(body=msgspec.json.encode(answer))
