"""What one prefers of clients, over WebSocket and HTTP: the other devices follow."""

from typing import Any

from tests.protocol.running import Running
from tests.protocol.test_http_rooms import code

PATH = "/api/v1/me/preferences"


async def test_what_one_device_says_the_others_are_told(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as laptop, anna.connect() as phone, ben.connect() as other:
        assert "account" not in await laptop.ok("preferences")
        await laptop.ok("prefer_account", values={"page.theme": "dark", "page.density": "compact"})
        now = {"page.theme": "dark", "page.density": "compact"}
        assert await phone.event() == {"ev": "account.preferences", "values": now}
        assert (await phone.ok("preferences"))["account"] == now
        gone: dict[str, Any] = {"values": {"page.density": None}}
        assert (await anna.http("PATCH", PATH, gone)).json() == {}
        for device in (laptop, phone):
            assert await device.event() == {"ev": "account.preferences", **gone}
        await laptop.quiet()
        await other.quiet()
    assert (await anna.http("GET", PATH)).json()["account"] == {"page.theme": "dark"}
    assert "account" not in (await ben.http("GET", PATH)).json()


async def test_what_is_no_preference_is_refused_by_a_code(server: Running) -> None:
    anna = await server.person("anna")
    bad = {"values": {"page theme": "dark"}}
    async with anna.connect() as client:
        error = await client.error("prefer_account", **bad)
        assert error["detail"] == {"field": "preferences", "reason": "key"}
        assert await client.code("prefer_account", values={"k": "x" * 501}) == "request.invalid"
        assert await client.code("prefer_account", values={"k": "x" * 4001}) == "request.invalid"
    assert code(await anna.http("PATCH", PATH, bad)) == (400, "request.invalid")
    assert code(await anna.http("PATCH", PATH, {})) == (400, "request.invalid")
    assert code(await server.http("PATCH", PATH, bad)) == (401, "auth.required")
