"""Tools of the Model Context Protocol: each does what HTTP does for the same token, and neither shows nor does more."""

import pytest
from jsonschema import Draft202012Validator

from chatserver import ChatError, RoomKind, StoreUnavailable
from tests.plugins.assistants import READING, WRITING, request, serving


async def test_each_tool_answers_a_bot_what_http_does() -> None:
    async with serving() as scene:
        lounge = await scene.ada.create_room("Lounge", kind=RoomKind.PRIVATE)
        robo = await scene.assistant("read", "write")
        await scene.invite(robo, lounge)
        for body in ("tea", "tea or coffee", "water"):
            await scene.ada.post(lounge, body)
        room = f"/api/v1/rooms/{lounge.id}"
        assert await robo.call("list_rooms") == await robo.get("/api/v1/rooms")
        page = await robo.call("read_room", room=lounge.id)
        assert page == await robo.get(f"{room}/messages")
        assert [each["body"] for each in page["messages"]] == ["tea", "tea or coffee", "water"]
        first, second, third = page["messages"]
        for place in ({"before": third["seq"]}, {"after": first["seq"]}, {}):
            query = "&".join(f"{name}={seq}" for name, seq in place.items())
            shown = await robo.call("read_room", room=lounge.id, limit=1, **place)
            assert shown == await robo.get(f"{room}/messages?limit=1&{query}"), place
        given = {"room": lounge.id, "message": first["id"]}
        sent = await robo.call("send_message", room=lounge.id, text="how?", thread=first["id"])
        assert (sent["room"], sent["repeated"]) == (lounge.id, False)
        thread = await robo.call("read_thread", **given)
        assert thread == await robo.get(f"{room}/messages/{first['id']}/thread")
        assert [each["id"] for each in thread["messages"]] == [sent["id"]]
        assert (await robo.call("read_thread", **given, before=sent["seq"]))["messages"] == []
        found = await robo.call("search_messages", text="tea")
        assert [each["id"] for each in found["messages"]] == [second["id"], first["id"]]
        found = await robo.call("search_messages", text="tea", room=lounge.id, limit=1)
        assert [each["id"] for each in found["messages"]] == [second["id"]]
        rest = {"room": lounge.id, "before": found["cursor"]}
        found = await robo.call("search_messages", text="tea", **rest)
        assert [each["id"] for each in found["messages"]] == [first["id"]]
        assert await robo.call("find_members", room=lounge.id) == await robo.get(f"{room}/members")
        members = (await robo.call("find_members", room=lounge.id, text="ad"))["members"]
        assert [each["username"] for each in members] == ["ada"]
        await scene.ada.create_room("Public")
        for tool, path in (("list_rooms", "/api/v1/rooms"), ("find_members", f"{room}/members")):
            rest = {"room": lounge.id} if tool == "find_members" else {}
            pages, after = [], ""
            for _ in range(2):
                pages.append(await robo.call(tool, **rest, limit=1, after=after))
                assert pages[-1] == await robo.get(f"{path}?limit=1&after={after}")
                after = pages[0]["after"]
            assert pages[0] != pages[1]
        assert await robo.call("react", **given, emoji="👍")
        (message, *_) = (await robo.get(f"{room}/messages"))["messages"]
        assert message["reactions"] == {"👍": [robo.bot]}
        assert await robo.call("react", **given, emoji="👍", remove=True)
        (message, *_) = (await robo.get(f"{room}/messages"))["messages"]
        assert message["reactions"] == {}
        await scene.ada.post(lounge, "again")
        assert (await robo.call("list_rooms"))["rooms"][0]["unread"]
        head = (await robo.call("read_room", room=lounge.id))["head"]
        assert await robo.call("mark_read", room=lounge.id, seq=head) == {"seq": head}
        assert (await robo.call("list_rooms"))["rooms"][0]["unread"] == 0


async def test_a_message_with_a_client_id_is_sent_once() -> None:
    async with serving() as scene:
        lounge = await scene.ada.create_room("Lounge")
        robo = await scene.assistant("read", "write")
        await scene.invite(robo, lounge)
        post = {"room": lounge.id, "text": "built"}
        first = await robo.call("send_message", **post, client_id="build-1")
        assert await robo.call("send_message", **post, client_id="build-1") == first | {
            "repeated": True
        }
        for _ in range(2):
            assert not (await robo.call("send_message", **post))["repeated"]
        assert len((await robo.call("read_room", room=lounge.id))["messages"]) == 3


async def test_a_token_has_the_tools_of_its_scopes() -> None:
    async with serving() as scene:
        lounge = await scene.ada.create_room("Lounge")
        reader = await scene.assistant("read")
        await scene.invite(reader, lounge)
        writer = await scene.assistant("write", "moderate", bot=reader.bot)
        both = await scene.assistant("read", "write", bot=reader.bot)
        assert await reader.tools() == READING
        assert await writer.tools() == WRITING
        assert await both.tools() == READING + WRITING
        post = {"room": lounge.id, "text": "hello"}
        assert (await writer.call("send_message", **post))["seq"]
        for assistant, tools, missing in ((reader, WRITING, "write"), (writer, READING, "read")):
            for tool in tools:
                with pytest.raises(ChatError) as caught:
                    await assistant.call(tool, **post)
                assert (caught.value.code, caught.value.detail) == (
                    "auth.scope",
                    {"scope": missing},
                )
        other = await scene.assistant("rooms", bot=reader.bot)
        answer = await other.post(request("tools/list"))
        assert answer.status_code == 403
        assert (
            answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="read"'
        )
        assert answer.json()["error"]["data"]["code"] == "auth.scope"
        # A person needs no scope.
        answer = await scene.ada.http("POST", "/mcp", request("tools/list"))
        assert [each["name"] for each in answer.json["result"]["tools"]] == READING + WRITING


async def test_private_rooms_of_others_are_invisible() -> None:
    async with serving() as scene:
        secret = await scene.ada.create_room("Secret", kind=RoomKind.PRIVATE)
        public = await scene.ada.create_room("Public")
        message = await scene.ada.post(secret, "the plan")
        robo = await scene.assistant("read", "write")
        given = {"room": secret.id}
        for tool, more in {
            "read_room": {},
            "read_thread": {"message": message.id},
            "search_messages": {"text": "plan"},
            "find_members": {},
            "mark_read": {"seq": 1},
            "send_message": {"text": "hello"},
            "react": {"message": message.id, "emoji": "👍"},
        }.items():
            with pytest.raises(ChatError) as caught:
                await robo.call(tool, **given, **more)
            assert caught.value.code == "room.not_found", tool
        assert [each["id"] for each in (await robo.call("list_rooms"))["rooms"]] == [public.id]
        assert (await robo.call("search_messages", text="plan")) == {"messages": []}
        with pytest.raises(ChatError) as caught:  # may be read, but is not joined
            await robo.call("send_message", room=public.id, text="hello")
        assert caught.value.code == "room.forbidden"


async def test_schemas_are_strict_and_wrong_arguments_are_told() -> None:
    async with serving() as scene:
        lounge = await scene.ada.create_room("Lounge")
        robo = await scene.assistant("read", "write")
        await scene.invite(robo, lounge)
        tools = (await robo.ask("tools/list"))["tools"]
        for tool in tools:
            Draft202012Validator.check_schema(tool["inputSchema"])
            assert tool["inputSchema"]["additionalProperties"] is False
            assert all("description" in each for each in tool["inputSchema"]["properties"].values())
            assert tool["title"]
            assert tool["description"]
            hints = tool["annotations"]
            assert hints["readOnlyHint"] == (tool["name"] in READING[:-1]), tool["name"]
            assert hints["idempotentHint"] == (tool["name"] != "send_message")
            assert hints["destructiveHint"] is False
            assert hints["openWorldHint"] is True
        room = lounge.id
        for name, arguments in (
            ("list_rooms", {"limit": 0}),
            ("list_rooms", {"limit": 101}),
            ("list_rooms", {"room": room}),
            ("list_rooms", ["room"]),
            ("read_room", {}),
            ("read_room", {"room": room, "before": -1}),
            ("read_room", {"room": room, "before": "1"}),
            ("read_room", {"room": room, "before": 1, "after": 1}),
            ("search_messages", {"text": ""}),
            ("search_messages", {"text": "x" * 501}),
            ("send_message", {"room": room, "text": ""}),
            ("send_message", {"room": room, "text": "hello", "client_id": ""}),
            ("send_message", {"room": room, "text": "hello", "reply_to": "x"}),
            ("react", {"room": room, "message": "x", "emoji": ""}),
            ("mark_read", {"room": room, "seq": 2**60}),
        ):
            result = await robo.ask("tools/call", name=name, arguments=arguments)
            assert result["isError"], arguments
            assert result["structuredContent"]["code"] == "request.invalid", arguments
        assert (await robo.call("read_room", room=room))["messages"] == []


async def test_errors_of_the_server_and_refusals_of_plugins_are_results() -> None:
    async with serving("wordfilter", plugin__wordfilter__words=["rum"]) as scene:
        lounge = await scene.ada.create_room("Lounge")
        robo = await scene.assistant("read", "write")
        await scene.invite(robo, lounge)
        post = {"room": lounge.id, "text": "rum"}
        with pytest.raises(ChatError) as caught:
            await robo.call("send_message", **post)
        path = f"/api/v1/rooms/{lounge.id}/messages"
        asked = await scene.ada.http("POST", path, {"client_id": "1", "body": "rum"})
        refused = asked.json["error"]
        assert (caught.value.code, caught.value.text) == (refused["code"], refused["message"])

        async def away(*arguments: object, **more: object) -> None:
            raise StoreUnavailable("away")

        scene.chat.service.history.page = away  # type: ignore[method-assign,assignment]
        with pytest.raises(ChatError) as caught:
            await robo.call("read_room", room=lounge.id)
        assert caught.value.code == "store.unavailable"
