"""What the server does with sign-in methods that are declared wrong, answer wrong, fail or hang."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.app import Server
from chatserver.config import load
from chatserver.errors import ChatError, StartupError
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import Call
from chatserver.hooks.login import (
    Identity,
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginRedirect,
)
from chatserver.hooks.registering import Registry
from chatserver.hooks.types import Refusal
from chatserver.runtime.measure import Counter, Measures
from tests.core.hooking import USER
from tests.core.loginmethods import Riddle, Second
from tests.core.nodes import config, hook_calls

FLOW = LoginFlow(state="s", method="riddle", purpose="sign_in", address="192.0.2.1")
IDENTITY = Identity(method="password", subject="u")


def registered(*methods: object) -> tuple[HookCalls, list[LoginMethod]]:
    calls = {"register_login_methods": [Call("p", lambda: list(methods), ())]}
    hooks = hook_calls(config(), Measures(), calls)
    return hooks, [
        method
        for _, method in Registry(hooks.guard).ask(
            "register_login_methods", hooks.active, lambda plugin: None
        )
    ]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "a name has"),
        ({"name": "Riddle"}, "a name has"),
        ({"name": "x" * 33}, "a name has"),
        ({"name": "password"}, "taken by the server"),
        ({"purposes": ()}, "purposes are"),
        ({"purposes": ("enter",)}, "purposes are"),
        ({"purposes": ("challenge",)}, "needs `demand`"),
        ({"kind": "popup"}, "form or redirect"),
        ({"deadline": 0.0}, "above 0"),
    ],
)
def test_a_method_that_is_declared_wrong_refuses_to_start(
    fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(StartupError, match=f"plugin p: sign-in method .*{problem}"):
        registered(msgspec.structs.replace(Riddle().method, **fields))


def test_two_methods_of_one_name_and_other_objects_refuse_to_start() -> None:
    with pytest.raises(StartupError, match="riddle is taken by p"):
        registered(Riddle().method, Riddle().method)
    with pytest.raises(StartupError, match="returned str"):
        registered("riddle")
    with pytest.raises(StartupError, match="needs `demand`"):
        registered(msgspec.structs.replace(Second().method, purposes=("confirm",)))


def test_a_method_that_leads_elsewhere_needs_the_public_address(tmp_path: Path) -> None:
    settings = {
        "server.data": str(tmp_path),
        "plugins.enabled": ["memory", "password", "riddles"],
        "plugins.folder": str(Path(__file__).parents[1] / "protocol/login_plugins"),
    }
    with pytest.raises(StartupError, match=r"server\.public_url: required.*elsewhere"):
        Server(load(overrides=settings, environ={}))


@pytest.mark.parametrize("url", ["chat.example.org", "ftp://x", "https://x/", "https://x?a", "//x"])
def test_the_public_address_is_one_without_a_path(url: str) -> None:
    with pytest.raises(StartupError, match="public_url"):
        load(overrides={"server.public_url": url}, environ={})


ONE = LoginField(name="a", label="A")
WRONG_STEPS = [
    None,
    True,
    "form",
    LoginForm(fields=("a",)),  # type: ignore[arg-type]
    LoginForm(fields=(ONE, ONE)),
    LoginForm(fields=(LoginField(name="", label="A"),)),
    LoginForm(fields=(LoginField(name="a", label="A", kind="box"),)),  # type: ignore[arg-type]
    LoginForm(text=5),  # type: ignore[arg-type]
    LoginForm(text="\ud800"),
    LoginForm(text="x" * 70000),
    LoginForm(keep={"a": object()}),
    LoginForm(keep={"a": "x" * 20000}),
    LoginRedirect(url="javascript:alert(1)"),
    LoginRedirect(url="/local"),
    LoginRedirect(url="https://x y"),
    LoginRedirect(url="https://x\r\nSet-Cookie: a=b"),
    LoginDone(identity=Identity(subject="")),
    LoginDone(identity=Identity(subject="ada", kept="x" * 501)),
    LoginDone(identity="ada"),  # type: ignore[arg-type]
    LoginDone(user=5),  # type: ignore[arg-type]
    Refusal("\ud800"),
]


@pytest.mark.parametrize("step", WRONG_STEPS, ids=lambda step: repr(step)[:40].encode("ascii", "replace").decode())  # fmt: skip
async def test_a_wrong_step_signs_nobody_in_and_names_the_plugin(step: Any) -> None:
    async def answer(*given: Any) -> Any:
        return step

    method = msgspec.structs.replace(Riddle().method, begin=answer, proceed=answer)
    hooks, (contained,) = registered(method)
    for call in (contained.begin(FLOW), contained.proceed(FLOW, {})):
        with pytest.raises(ChatError, match=r"plugin\.failed"):
            await call
    assert counted(hooks) == {("p", "register_login_methods", "garbage"): 2}


def counted(hooks: HookCalls) -> dict[tuple[str, ...], float]:
    assert isinstance(hooks.guard._errors, Counter)
    return hooks.guard._errors.values


@pytest.mark.parametrize("answer", [None, 1, 0, "", "yes"])
async def test_a_demand_answers_with_yes_or_no(answer: Any) -> None:
    async def demand(*given: Any) -> Any:
        return answer

    async def lasts(identity: Identity) -> Any:
        return answer

    method = msgspec.structs.replace(Second().method, demand=demand, lasts=lasts)
    _, (contained,) = registered(method)
    assert contained.demand is not None and contained.lasts is not None
    for call in (contained.demand(USER, IDENTITY), contained.lasts(IDENTITY)):
        with pytest.raises(ChatError, match=r"plugin\.failed"):
            await call


@pytest.mark.parametrize(
    "answer", [None, 1, "/local", "javascript:alert(1)", "https://x y", "https://x/\r\nA: b"]
)
async def test_where_somebody_goes_who_leaves_is_an_address(answer: Any) -> None:
    async def leave(kept: str) -> Any:
        return answer if kept == "wrong" else kept

    _, (contained,) = registered(msgspec.structs.replace(Riddle().method, leave=leave))
    assert contained.leave is not None
    with pytest.raises(ChatError, match=r"plugin\.failed"):
        await contained.leave("wrong")
    for right in ("", "https://login.example.org/leave?a=" + "x" * 8000):
        assert await contained.leave(right) == right


async def test_a_method_that_hangs_or_raises_stops_nobody_for_longer() -> None:
    async def hang(*given: Any) -> Any:
        await asyncio.Event().wait()

    async def fail(*given: Any) -> Any:
        raise RuntimeError

    async def refuse(*given: Any) -> Any:
        raise ChatError("limit.rate")

    method = Riddle().method
    for function, code in (
        (hang, "plugin.failed"),
        (fail, "plugin.failed"),
        (refuse, "limit.rate"),
    ):
        wrong = msgspec.structs.replace(method, begin=function, deadline=0.01)
        _, (contained,) = registered(wrong)
        for _ in range(20):  # no breaker: one client's failures close the way for no other
            with pytest.raises(ChatError, match=code.replace(".", r"\.")):
                await contained.begin(FLOW)
        assert isinstance(await contained.proceed(FLOW, {"name": "a", "word": "sesame"}), LoginDone)
