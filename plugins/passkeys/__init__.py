"""Passkeys (WebAuthn): signing in without a name or password, as a second step, and to confirm."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from loguru import logger
from msgspec import Meta

from chatserver import (
    ChatError,
    Context,
    GraphQLPart,
    Identity,
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginStep,
    PagePart,
    PersonalData,
    Powers,
    Reply,
    Request,
    Route,
    Settings,
    SignIn,
    User,
    from_extra,
    hookimpl,
    translation,
)
from chatserver_plugins.passkeys.book import (
    NAME_CHARS,
    Book,
    CounterWentBack,
    Passkey,
    cleaned_name,
    refused,
    unknown,
    user_key,
)
from chatserver_plugins.passkeys.graphql import part
from chatserver_plugins.passkeys.own import OwnPasskeys
from chatserver_plugins.passkeys.relying_party import relying_party

ICON = "M8 15a5 5 0 1 1 4.6-7H21v4h-2v3h-3v-3h-3.400A5 5 0 0 1 8 15zM8 9.500v1"
REGISTER = "Your device makes a passkey, with which you sign in here."
SECOND_STEP = "From then on signing in by other ways needs a passkey, too: register a second one, in case this one gets lost."


class NewName(msgspec.Struct, frozen=True):
    name: Annotated[str, Meta(max_length=1000)]


class PasskeysPlugin:
    """Users register passkeys by themselves; several each."""

    class Config(Settings, frozen=True, kw_only=True):
        domain: Annotated[
            str,
            Meta(
                title="Domain",
                description="Domain that passkeys belong to (RP ID): the host of `server.public_url`, which "
                "is the default, or a domain above it. If it is changed, passkeys that exist can "
                "no longer be used.",
            ),
            translation(
                "ja",
                "ドメイン",
                "パスキーが属するドメインです（RP ID）。server.public_url のホスト（既定値）か、"
                "その上位のドメインにします。変更すると、登録済みのパスキーは使えなくなります。",
            ),
        ] = ""
        origins: Annotated[
            list[str],
            Meta(
                title="Further origins",
                description="Further origins of pages and apps below that domain, as browsers and phones "
                "send them.",
            ),
            translation(
                "ja",
                "追加のオリジン",
                "そのドメインに属するほかのページやアプリのオリジンです。"
                "ブラウザーやスマートフォンが送るとおりに書きます。",
            ),
        ] = msgspec.field(default_factory=list)
        second_step: Annotated[
            bool,
            Meta(
                title="Passkey as a second step",
                description="Whether users who have a passkey need it after a password, and after other ways "
                "to sign in that check one factor alone.",
                extra={"operator": True},
            ),
            translation(
                "ja",
                "二段階目のパスキー",
                "パスキーを登録したユーザーが、パスワードなど一要素だけのログインの後に、"
                "パスキーも必要とするかどうかです。",
            ),
        ] = True
        passkeys_per_user: Annotated[
            int,
            Meta(
                title="Passkeys of one user",
                description="Most passkeys that a user may have.",
                ge=1,
                le=50,
            ),
            translation(
                "ja", "ユーザー一人のパスキーの数", "一人のユーザーが登録できるパスキーの上限です。"
            ),
        ] = 20

    powers = Powers(
        service=(
            "accounts.demand_recent",
            "accounts.identities",
            "accounts.tell",
            "claims.add",
            "claims.release",
            "config.server",
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config

    @hookimpl
    def register_login_methods(self, context: Context) -> Sequence[LoginMethod]:
        with from_extra("passkeys", "webauthn"):
            from chatserver_plugins.passkeys.ceremonies import Ceremonies
        config = self._config
        party = relying_party(context.public_url, config.domain, config.origins)
        self._ceremonies = Ceremonies(
            party.domain, context.service.config.server.name, party.origins
        )
        self._claim = context.claim
        self.book = Book(context.records, config.passkeys_per_user)
        self._own = OwnPasskeys(context, self.book)
        return [
            LoginMethod(
                name="passkeys",
                label={"en": "Passkey", "ja": "パスキー"},
                icon=ICON,
                begin=self._begin,
                proceed=self._proceed,
                purposes=("sign_in", "link", "confirm", "challenge"),
                demand=self._demand,
                makes_accounts=False,
                reset=self._reset,
            )
        ]

    @hookimpl
    async def startup(self, context: Context) -> None:
        if self._config.second_step:
            # Whoever has a passkey relies on it: they do not sign in while this plugin is off.
            await context.claim(SignIn, having=user_key(""))
        else:
            await context.release(SignIn)

    @hookimpl
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, modules=("passkeys.js",), styles=("passkeys.css",))

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        return [
            Route(path="/api/v1/me/passkeys", get=self._list),
            Route(path="/api/v1/me/passkeys/{id}", patch=self._rename, delete=self._remove),
        ]

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(lambda: self._own, self._config.passkeys_per_user)]

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        book = Book(context.records, self._config.passkeys_per_user)
        return [
            PersonalData(
                name="passkeys",
                title={"en": "Passkeys", "ja": "パスキー"},
                export=book.held,
                erase=book.forget,
            )
        ]

    async def _demand(self, user: User, identity: Identity) -> bool:
        if identity.is_strong or not self._config.second_step:
            return False
        return bool(await self.book.of(user.id))

    async def _reset(self, user: User) -> bool:
        return await self.book.remove_all(user.id)

    # -- steps -----------------------------------------------------------------------------------

    async def _begin(self, flow: LoginFlow) -> LoginStep:
        if flow.user is None:
            return self._ask_to_sign()
        passkeys = await self.book.of(flow.user.id)
        if flow.purpose == "link":
            if len(passkeys) >= self.book.most:
                raise self.book.full()
            return self._ask_to_register(flow.user, passkeys)
        if not passkeys:
            raise refused("passkey", "none", "This account has no passkeys.")
        return self._ask_to_sign(passkeys)

    async def _proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        challenge = flow.kept["challenge"]
        if flow.purpose == "link":
            assert flow.user is not None
            await self._register(flow, flow.user, answer, challenge)
            return LoginDone()
        claimed = self._ceremonies.claimed(answer["passkey"])
        user = await self.book.holder(claimed.credential)
        # The account that signs in without a name is the one that the authenticator names.
        named = claimed.user if flow.user is None or claimed.user is not None else flow.user.id
        if user is None or user != named or (flow.user is not None and user != flow.user.id):
            raise unknown()
        await self._check(user, claimed.credential, answer["passkey"], challenge)
        return LoginDone(user=user, is_strong=True)

    async def _register(
        self, flow: LoginFlow, user: User, answer: Mapping[str, str], challenge: str
    ) -> None:
        name = cleaned_name(answer["name"])
        passkey = self._ceremonies.registered(answer["passkey"], challenge, name, time.time())
        await self.book.add(user.id, passkey)
        self._own.tell("method_added", user, flow.address, passkey.id)

    async def _check(self, user: str, credential: str, answer: str, challenge: str) -> None:
        passkeys = await self.book.of(user)
        passkey = next((each for each in passkeys if each.credential == credential), None)
        if passkey is None:
            raise unknown()
        use = self._ceremonies.signed(answer, challenge, passkey)
        try:
            await self.book.note_use(user, credential, use, time.time())
        except CounterWentBack as error:
            logger.warning(
                "passkeys: a passkey of the user {} counts {} after {}: it may have been copied",
                user,
                use.counter,
                passkey.counter,
            )
            text = "This passkey may have been copied, so it was refused. Remove it."
            raise refused("passkey", "copied", text) from error

    def _ask_to_sign(self, passkeys: Sequence[Passkey] = ()) -> LoginForm:
        options, challenge = self._ceremonies.ask_to_sign(passkeys)
        field = LoginField(name="passkey", label="Passkey", kind="passkey", data={"get": options})
        return LoginForm(fields=(field,), keep={"challenge": challenge})

    def _ask_to_register(self, user: User, passkeys: Sequence[Passkey]) -> LoginForm:
        options, challenge = self._ceremonies.ask_to_register(user, passkeys)
        number = len(passkeys) + 1
        return LoginForm(
            fields=(
                LoginField(
                    name="name",
                    label=f"Name (up to {NAME_CHARS} characters)",
                    value=f"Passkey {number}",
                ),
                LoginField(
                    name="passkey", label="Passkey", kind="passkey", data={"create": options}
                ),
            ),
            text=f"{REGISTER} {SECOND_STEP}" if self._config.second_step else REGISTER,
            keep={"challenge": challenge},
        )

    # -- addresses -------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Reply:
        passkeys = await self._own.all(await request.user())
        return _reply({"passkeys": passkeys, "most": self.book.most})

    async def _rename(self, request: Request) -> Reply:
        user = await request.user()
        try:
            given = msgspec.json.decode(request.body, type=NewName)
        except msgspec.DecodeError as error:
            raise ChatError("request.invalid", str(error)) from error
        renamed = await self._own.rename(
            user, request.address, request.parameters["id"], given.name
        )
        return _reply({"passkey": renamed})

    async def _remove(self, request: Request) -> Reply:
        user, removed = await request.user(), request.parameters["id"]
        await self._own.remove(user, request.token, request.address, removed)
        return _reply({})


def _reply(answer: Mapping[str, object]) -> Reply:
    return Reply(body=msgspec.json.encode(answer))
