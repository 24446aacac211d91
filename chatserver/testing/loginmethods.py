"""The suite that every sign-in method must pass. Needs pytest and pytest-tornasync.

    class TestMyMethod(LoginMethodContract):
        plugin = "mine"
        method = "mine"
        settings = {"plugin.mine.secret": "…"}

        async def right(self, chat, step):
            return {"badge": "ada.0123"}

        async def wrong(self, chat, step):
            return {"badge": "ada.9999"}

`right` and `wrong` answer a step, which is as clients get it: a form, with the texts of its fields; a redirect,
with the values with which the browser comes back, without `state`. They play the person and the other server.
They are asked again for each further step.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from chatserver.testing.running import Answer, Chat, running

STEPS_MOST = 20
URL = "http://127.0.0.1"


class LoginMethodContract:
    """Subclass it, name the plugin and the method, and give `right` and `wrong`."""

    plugin: ClassVar[str]
    method: ClassVar[str]
    settings: ClassVar[Mapping[str, object]] = {}

    async def right(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        """An answer of somebody who may sign in, always the same person."""
        raise NotImplementedError

    async def wrong(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        """An answer of somebody who may not."""
        raise NotImplementedError

    async def test_it_is_listed_with_a_label(self) -> None:
        async with self._running() as chat:
            listed = (await chat.http("GET", "/api/v1/login/methods")).json["methods"]
            (found,) = [each for each in listed if each["name"] == self.method]
            assert found["label"]

    async def test_the_same_person_gets_the_same_account(self) -> None:
        async with self._running() as chat:
            first, second = await self._sign_in(chat), await self._sign_in(chat)
            assert first.json["user"]["id"] == second.json["user"]["id"]
            assert first.json["token"] != second.json["token"]

    async def test_wrong_answers_open_no_session_and_right_ones_afterwards_do(self) -> None:
        async with self._running() as chat:
            begun = await self._begin(chat)
            answer = await self._answer(chat, begun, await self.wrong(chat, begun["step"]))
            assert "token" not in answer.json
            assert answer.status >= 400 or answer.json["step"].get("error")
            assert (await self._sign_in(chat)).json["token"]

    async def test_an_answer_counts_once_and_for_its_own_client_alone(self) -> None:
        async with self._running() as chat:
            begun = await self._begin(chat)
            right = await self.right(chat, begun["step"])
            stolen = await self._answer(chat, begun | {"secret": "another"}, right)
            assert (stolen.status, stolen.json["error"]["code"]) == (401, "auth.flow")
            first = await self._answer(chat, begun, right)
            assert first.status == 200, first.body
            again = await self._answer(chat, begun, right)
            assert (again.status, again.json["error"]["code"]) == (401, "auth.flow")

    async def test_a_redirect_carries_the_state_and_leads_back_here(self) -> None:
        async with self._running() as chat:
            begun = await self._begin(chat)
            if begun["step"]["kind"] == "redirect":
                query = parse_qs(urlsplit(begun["step"]["url"]).query)
                assert query["state"] == [begun["flow"]]
                assert f"{self._public_url}/api/v1/login/return" in str(query)

    async def test_nothing_that_it_keeps_is_shown(self) -> None:
        async with self._running() as chat:
            begun = await self._begin(chat)
            turn = await chat.service.logins.look(begun["flow"], begun["secret"])
            assert "keep" not in begun["step"]
            fields = begun["step"].get("fields", [])
            shown = str([(field.get("value"), field.get("data")) for field in fields])
            for name, value in turn.pending.kept.items():
                if isinstance(value, str) and value and value not in shown:
                    assert value not in str(begun["step"]), f"{name} is shown"

    # -- shared ------------------------------------------------------------------------------------

    @property
    def _public_url(self) -> str:
        return str(self.settings.get("server.public_url", URL))

    def _running(self) -> Any:
        given = {"server.public_url": self._public_url, **self.settings}
        return running(self.plugin, settings=given)

    async def _begin(self, chat: Chat) -> dict[str, Any]:
        body = {"method": self.method, "secret": True}
        answer = await chat.http("POST", "/api/v1/login/begin", body)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found

    async def _answer(
        self, chat: Chat, begun: Mapping[str, Any], answer: Mapping[str, str]
    ) -> Answer:
        body = {"flow": begun["flow"], "secret": begun["secret"], "answer": dict(answer)}
        return await chat.http("POST", "/api/v1/login/proceed", body)

    async def _sign_in(self, chat: Chat) -> Answer:
        begun = await self._begin(chat)
        for _ in range(STEPS_MOST):
            answer = await self._answer(chat, begun, await self.right(chat, begun["step"]))
            assert answer.status == 200, answer.body
            if "token" in answer.json:
                return answer
            begun = answer.json
        raise AssertionError("the right answers do not end")
