"""Contained calls of the sign-in methods of plugins: each has a deadline, and its answers are checked."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

import msgspec

from chatserver.hooks.guard import Call, Guard
from chatserver.hooks.instance import Instance
from chatserver.hooks.login import (
    FieldKind,
    Identity,
    LoginDone,
    LoginField,
    LoginForm,
    LoginMethod,
    LoginRedirect,
    Purpose,
)
from chatserver.hooks.reasons import is_reason
from chatserver.hooks.types import Refusal
from chatserver.localized import is_localized
from chatserver.model import User

HOOK = "register_login_methods"
TAKEN = ("password", "renewal", "reset", "forgotten")  # names of the server's own methods
LABEL_CHARS = 80
KEPT_CHARS = 500  # of an identity, kept with its session
KEPT_BYTES = 16384  # of what a method keeps, as JSON
STEP_BYTES = 65536  # of what a client gets
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
# Longer than that of a step: it may carry a token.
_LEAVE_URL = re.compile(r"https?://[!-~]{1,16000}")
_URL = re.compile(r"https?://[!-~]{1,4000}")


def method_problems(method: LoginMethod) -> Iterator[str]:
    """Mistakes in a method's fields, one text each."""
    if not _NAME.fullmatch(method.name):
        yield "a name has 1 to 32 of a-z 0-9 _ -"
    if not is_localized(method.label, LABEL_CHARS):
        yield f"label is a text of at most {LABEL_CHARS} characters, or one for each language"
    if method.name in TAKEN:
        yield "this name is taken by the server"
    unknown = [each for each in method.purposes if each not in get_args(Purpose)]
    if unknown or not method.purposes:
        yield f"purposes are some of {', '.join(get_args(Purpose))}"
    if (method.demand is not None) != ("challenge" in method.purposes):
        yield "a challenge needs `demand`, and `demand` the purpose `challenge`"
    if method.kind not in ("form", "redirect"):
        yield "kind is form or redirect"
    if method.deadline <= 0:
        yield "deadline must be above 0"


def guarded(
    guard: Guard, plugin: str, method: LoginMethod, holds: Sequence[Instance] = ()
) -> LoginMethod:
    """The method with calls that the guard contains."""

    def contained(
        function: Callable[..., Any], is_answer: Callable[[Any], bool], *names: str
    ) -> Callable[..., Any]:
        call = Call(plugin, function, names, holds=holds)

        async def run(*given: Any) -> Any:
            user = given[0].id if isinstance(given[0], User) else ""
            arguments = dict(zip(names, given, strict=True))
            return await guard.run(
                HOOK, call, arguments, method.deadline, user=user, is_answer=is_answer
            )

        return run

    changed: dict[str, Any] = {
        "begin": contained(method.begin, is_step, "flow"),
        "proceed": contained(method.proceed, is_step, "flow", "answer"),
    }
    if method.demand is not None:
        changed["demand"] = contained(method.demand, _is_bool, "user", "identity")
    if method.lasts is not None:
        changed["lasts"] = contained(method.lasts, _is_bool, "identity")
    if method.leave is not None:
        changed["leave"] = contained(method.leave, _is_address, "kept")
    return msgspec.structs.replace(method, **changed)


def is_step(answer: object) -> bool:
    """Whether a plugin's answer is a step that can be stored and shown."""
    if isinstance(answer, Refusal):
        return is_reason(answer.reason)
    if isinstance(answer, LoginDone):
        return _is_typed(answer) and _has_subject(answer.identity)
    if isinstance(answer, LoginRedirect):
        return _is_typed(answer) and bool(_URL.fullmatch(answer.url)) and _fits(answer)
    if not isinstance(answer, LoginForm) or not _is_typed(answer):
        return False
    names = [field.name for field in answer.fields]
    return len(set(names)) == len(names) and all(map(_is_field, answer.fields)) and _fits(answer)


def _is_field(field: LoginField) -> bool:
    return bool(field.name) and field.kind in get_args(FieldKind)


def _has_subject(identity: Identity | None) -> bool:
    return identity is None or (bool(identity.subject) and len(identity.kept) <= KEPT_CHARS)


def _fits(step: LoginForm | LoginRedirect) -> bool:
    size = len(msgspec.json.encode(step))
    kept = len(msgspec.json.encode(step.keep))
    return kept <= KEPT_BYTES and size - kept <= STEP_BYTES


def _is_typed(step: msgspec.Struct) -> bool:
    """Whether all fields have the types that they are declared with, and texts have no lone surrogates."""
    try:
        msgspec.convert(msgspec.to_builtins(step), type(step))
        msgspec.json.encode(step)
    except (msgspec.ValidationError, TypeError, ValueError):
        return False
    return True


def _is_address(answer: object) -> bool:
    return answer == "" or (isinstance(answer, str) and bool(_LEAVE_URL.fullmatch(answer)))


def _is_bool(answer: object) -> bool:
    return isinstance(answer, bool)
