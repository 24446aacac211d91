"""Sign-in methods: what a plugin declares, the steps that it returns, and what it gets to know."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from chatserver.hooks.types import Refusal
from chatserver.localized import Localized
from chatserver.model import ServerRole, User

Purpose: TypeAlias = Literal["sign_in", "link", "confirm", "challenge"]
FieldKind: TypeAlias = Literal[
    "text", "username", "email", "password", "new_password", "code", "passkey", "shown"
]


class LoginField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field of a form, drawn by every client.

    `label` is a text, or texts by language; `value` is filled in. A field of the kind `shown` is read
    only; with `data` `{"qr": {"size": N, "path": "…"}}` its value is drawn as a QR code, too: N modules wide and
    high, the dark ones as the `d` of an SVG path. Of a `username`, the failures of a name from one network count
    together. For a `passkey`, `data` has the options of WebAuthn in their JSON form, as `get` or as `create`, and
    the answer is the credential's JSON.
    """

    name: str
    label: Localized
    kind: FieldKind = "text"
    required: bool = True
    value: str = ""
    data: Mapping[str, Any] = {}


class LoginForm(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="form"
):
    """A step that asks for `fields`. With an `error`, the last answer was wrong and counts as a failure.

    `keep` is what the method wants to find in `LoginFlow.kept` with the answer, as JSON: it stays on the server.
    """

    fields: tuple[LoginField, ...] = ()
    text: Localized = ""
    error: Localized = ""
    keep: Mapping[str, Any] = {}


class LoginRedirect(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="redirect"
):
    """A step at another server: the browser goes to `url`, an http or https address, and comes back to
    `LoginFlow.return_url` with `state` in the query, or in a form that is posted there. The answer has all values of
    that query or form. `keep` as in `LoginForm`.
    """

    url: str
    keep: Mapping[str, Any] = {}


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody as a method knows them. `subject` identifies them for ever within the method.

    An account is found by (method, subject) alone: never by `username`, `name` or `email`, which only suggest
    names for a new account. With a `role` the account gets this role at each sign-in, unless it is an owner.
    `is_strong`: the method itself checked a second factor. `sid` is the provider's id of its session, by which it
    may end ours (`accounts.end_sessions`). `kept` (at most 500 characters) is what the method wants back when the
    session is open, and when its user ends it. The server sets `method`.
    """

    subject: str
    method: str = ""
    username: str = ""
    name: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()
    role: ServerRole | None = None
    is_strong: bool = False
    sid: str = ""
    kept: str = ""


class LoginDone(msgspec.Struct, frozen=True, kw_only=True):
    """The last step: somebody is who they say.

    With an `identity`, the account is the one linked with it; with a `user`, the account of this id. With neither
    it is the one of `LoginFlow.user`. `is_strong` as in `Identity`, for methods without identities.
    """

    identity: Identity | None = None
    user: str | None = None
    is_strong: bool = False


LoginStep: TypeAlias = LoginForm | LoginRedirect | LoginDone | Refusal


class LoginFlow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's way through the steps of a method.

    `state` names the answer to the step that is being made: a method that redirects sends it along as `state`.
    `user` is the account that links a way to sign in, confirms, or passed the first step; None for somebody who
    signs in. `kept` is what the method kept with its last step. `return_url` is empty without
    `server.public_url`.
    """

    state: str
    method: str
    purpose: Purpose
    address: str
    return_url: str = ""
    user: User | None = None
    kept: Mapping[str, Any] = {}
    device: str = ""  # the client's token of `Authenticator.remember_device`, unchecked
    is_secure: bool = False
    language: str = ""  # the languages of the client, as in `Accept-Language`


Begin: TypeAlias = Callable[[LoginFlow], Awaitable[LoginStep]]
Proceed: TypeAlias = Callable[[LoginFlow, Mapping[str, str]], Awaitable[LoginStep]]
Demand: TypeAlias = Callable[[User, Identity], Awaitable[bool]]
Lasts: TypeAlias = Callable[[Identity], Awaitable[bool]]
Leave: TypeAlias = Callable[[str], Awaitable[str]]


class LoginMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A way to sign in, or a second step after another one.

    `name` has 1 to 32 of a-z 0-9 _ -, and stays for ever: identities are stored with it. `label` (a text, or
    texts by language) is shown, with `icon`: the `d` of an SVG path of 24 × 24. `begin` makes the first step,
    `proceed` the next one from an answer: of a form, the texts of its fields; of a redirect, the values of the
    query. A method sees each answer once. An error refuses the sign-in; a `ChatError` is an answer to the client.

    `purposes`: `sign_in`; `link`, a signed-in user adds this way to sign in, or enrols; `confirm`, a signed-in
    user confirms to be there; `challenge`, a second step after another method. `demand` says whether a user, whom
    an identity has just shown to be there, needs this challenge as well; if it raises, nobody is signed in, or
    if the plugin claims `SignIn` of some users, none of these. Of the methods of one `group` that demand it, one
    is enough.

    `lasts` is asked right after a session was opened with an identity; if it says False, or raises, that session ends
    at once. So a method that hears of sign-outs elsewhere misses none: it notes them, then ends the sessions that
    there are. `leave` is called with the `kept` of the identity when the user of a session has ended it, and returns
    the address to which their browser goes on, such as a sign-out elsewhere; "" for none.

    Without `makes_accounts`, somebody who is linked with no account is refused. `reset` removes what a user has
    enrolled, for operators; it returns whether there was anything. `deadline` is in seconds, for each call.
    """

    name: str
    label: Localized
    begin: Begin
    proceed: Proceed
    icon: str = ""
    kind: Literal["form", "redirect"] = "form"
    purposes: Sequence[Purpose] = ("sign_in", "link")
    demand: Demand | None = None
    group: str = "second factor"
    makes_accounts: bool = True
    reset: Callable[[User], Awaitable[bool]] | None = None
    lasts: Lasts | None = None
    leave: Leave | None = None
    deadline: float = 10.0


class LoginClient(msgspec.Struct, frozen=True, kw_only=True):
    """The client that signs in. `agent` is the text by which it calls itself, as in `User-Agent`, and `language`
    has the languages of its user, as in `Accept-Language`.

    `device` is its token of `Authenticator.remember_device`; `secret` binds the steps of a sign-in to it, and is
    made if there is none.
    """

    address: str = ""
    agent: str = ""
    device: str = ""
    secret: str = ""
    is_secure: bool = False
    language: str = ""
