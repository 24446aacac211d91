"""Each action of a user is asked of plugins first, by every door and whoever acts; no door forgets one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from chatserver import ChatError, protocol
from chatserver.app import Server
from chatserver.hooks.actions import ACTIONS
from chatserver.model import RoomKind
from tests.protocol.acting import (  # fmt: skip
    CASES,
    HOOK_ROOM,
    SETTINGS,
    Actor,
    Case,
    Scene,
    built,
    document,
    needed,
    stub_scene,
)
from tests.protocol.doors import all_doors, route_of
from tests.protocol.running import Running

PLUGINS = str(Path(__file__).parent / "plugins")
FORBIDDEN = ("room.forbidden", "user.forbidden")

# What is no action: it reads, is gone in a moment, concerns the user alone, or takes something back that was the
# user's own. docs/plugins/actions.md has the reasons.
OTHER_OPS = {
    *(
        "auth",
        "ping",
        "rooms",
        "sub",
        "unsub",
        "history",
        "events",
        "members",
        "search",
        "bans",
        "pins",
        "thread",
        "threads",
        "edits",
    ),
    *("read", "preferences", "prefer", "prefer_account", "typing", "presence", "statuses"),
    *("commands", "complete", "block", "unblock", "blocks", "room"),
}
OTHER_ROUTES = {
    ("POST", "/api/v1/logout"),
    ("POST", "/api/v1/login/proceed"),  # the sign-in that it ends in is one
    ("POST", "/api/v1/login/return"),  # leads on to the address above
    ("POST", "/api/v1/oidc/{provider}/logout"),  # by the provider
    ("PATCH", "/api/v1/me/passkeys/{id}"),
    ("DELETE", "/api/v1/me/deletion"),
    ("POST", "/api/v1/me/data/export"),  # gives nothing but leave to get it
    ("DELETE", "/api/v1/join-requests"),
    ("PUT", "/api/v1/join-requests/rooms"),
    ("DELETE", "/api/v1/me/sessions/{session}"),
    ("POST", "/api/v1/rooms/{room}/commands/suggestions"),
    ("PUT", "/api/v1/rooms/{room}/read"),
    ("POST", "/api/v1/me/totp/recovery"),
    ("DELETE", "/api/v1/scheduled"),
    ("POST", "/api/v1/calls/join"),
    ("POST", "/api/v1/translations"),
    ("POST", "/api/v1/reminders"),
    ("PATCH", "/api/v1/reminders"),
    ("DELETE", "/api/v1/reminders"),
    ("PUT", "/api/v1/drafts"),
    ("DELETE", "/api/v1/drafts"),
    ("PUT", "/api/v1/receipts"),
    ("POST", "/api/v1/saved"),
    ("DELETE", "/api/v1/saved"),
    ("POST", "/api/v1/reports/own/seen"),
    ("DELETE", "/api/v1/uploads/{upload}"),
    ("POST", "/api/v1/admin/claims/release"),
    ("DELETE", "/api/v1/admin/users/{user}/sessions"),
    ("PATCH", "/api/v1/rooms/{room}/preferences"),
    ("PATCH", "/api/v1/me/preferences"),
    ("PUT", "/api/v1/me/blocks/{block}"),
    ("DELETE", "/api/v1/me/blocks/{block}"),
    ("PUT", "/api/v1/me/email"),
    ("POST", "/api/v1/email/confirm"),
    ("POST", "/api/v1/plugins/{plugin}"),  # what operators decide
    ("PUT", "/api/v1/announcement"),
    ("DELETE", "/api/v1/announcement"),
    ("POST", "/api/v1/inbox/seen"),
    ("PUT", "/api/v1/inbox/threads/{message}"),
    ("POST", "/api/v1/inbox/threads/{message}/read"),
    ("POST", "/api/v1/push/devices"),
    ("DELETE", "/api/v1/push/devices/{device}"),
    ("POST", "/api/v1/mail-notifications/retry"),
    ("POST", "/mail-notifications/unsubscribe/{code}"),  # the user's own mails
    ("DELETE", "/api/v1/bots/{bot}/tokens/{token}"),  # no plugin keeps a token that leaked
    ("POST", "/graphql"),  # its mutations are told apart below
    ("POST", "/mcp"),  # its tools call what the routes call (tests/plugins/test_mcp.py)
}
OTHER_MUTATIONS = {"logout", "endSession", "markRead", "setTyping", "cancelScheduledMessage"}
# A sign-in by steps ends in SignIn, however it began (tests/core/test_logins.py).
OTHER_MUTATIONS |= {"proceedLogin", "setEmail", "confirmEmail"}
OTHER_MUTATIONS |= {
    "endUserSessions",
    "setRoomPreferences",
    "setPreferences",
    "renamePasskey",
    "renewRecoveryCodes",
}
OTHER_MUTATIONS |= {"seeSettledReports", "blockUser", "unblockUser"}
OTHER_MUTATIONS |= {"announce", "clearAnnouncement", "seeInbox"}
OTHER_MUTATIONS |= {"saveMessage", "unsaveMessage", "followThread", "readThread"}
OTHER_MUTATIONS |= {"setReminder", "changeReminder", "removeReminder"}
OTHER_MUTATIONS |= {"saveDraft", "keepMyAccount", "chooseReceipts"}
OTHER_MUTATIONS |= {"joinCall", "translateMessage"}
OTHER_MUTATIONS |= {"addPushDevice", "removePushDevice", "notePushActive"}
OTHER_MUTATIONS |= {"retryMailNotifications", "noteMailActive"}
OTHER_MUTATIONS |= {"revokeBotToken", "withdrawJoinRequest", "openJoinRequests"}
OTHER_OPERATIONS = {
    "shortcodes.list",
    "shortcodes.groups",
    "reports.list",
    "reports.count",
    "reports.own",
}  # of plugins
OTHER_OPERATIONS |= {"reports.seen", "announcements.current"}
OTHER_OPERATIONS |= {"announcements.announce", "announcements.clear"}  # by staff, as operators do
OTHER_OPERATIONS |= {"saved.save", "saved.drop", "saved.list", "saved.ids"}  # the user's alone
OTHER_OPERATIONS |= {f"reminders.{each}" for each in ("set", "change", "remove", "ids", "list")}
OTHER_OPERATIONS |= {"drafts.save", "drafts.get", "drafts.list"}  # seen by nobody else
OTHER_OPERATIONS |= {
    f"join_requests.{each}" for each in ("rooms", "withdraw", "list", "all", "open")
}
OTHER_OPERATIONS |= {f"receipts.{each}" for each in ("get", "choose", "readers", "watch")}
OTHER_OPERATIONS |= {"reports.seen", "emoji.list", "groups.list", "groups.get"}
OTHER_OPERATIONS |= {"polls.get", "polls.votes", "link_previews.get"}
OTHER_OPERATIONS |= {"reports.seen", "pictures.of", "profiles.of", "directory.people"}
OTHER_OPERATIONS |= {"calls.join", "translation.translate"}  # what one may read anyway
OTHER_OPERATIONS |= {"inbox.list", "inbox.count", "inbox.seen"}  # of what others did
OTHER_OPERATIONS |= {"inbox.follow", "inbox.read"}
OTHER_OPERATIONS |= {"push.list", "push.remove", "push.active"}  # the user's own devices
OTHER_OPERATIONS |= {f"mail_notifications.{each}" for each in ("get", "retry", "active")}
OTHER_OPERATIONS |= {"bots.list", "bots.revoke"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = SETTINGS | {"plugins.folder": PLUGINS}
    with Running(tmp_path_factory.mktemp("judged"), settings) as server:
        yield server
        assert not server.take_errors()


async def switch(server: Running, refuses: bool) -> None:
    await server.http("POST", "/judge", refuses)


async def seen(server: Running) -> list[list[Any]]:
    rows: list[list[Any]] = (await server.http("GET", "/judge")).json()
    return rows


async def refusals(server: Running, scene: Scene, case: Case) -> dict[str, dict[str, Any]]:
    """The errors of one action by the door (its `via`) at which it was asked for."""
    found: dict[str, dict[str, Any]] = {}
    if case.inside is not None:
        found["server"] = await _inside(server, scene, case)
    if not scene.actor.token:  # a bot
        return found
    if case.op is not None:
        name, fields = case.op(scene)
        async with scene.actor.connect() as client:
            found["websocket"] = await client.error(name, **fields)
    if case.http is not None:
        method, path, body, *options = case.http(scene)
        answer = await scene.actor.http(method, path, body, **(options[0] if options else {}))
        assert not answer.is_success, answer.text
        found[case.via] = answer.json()["error"]
    if case.mutation is not None:
        name, fields = case.mutation(scene)
        answer = await scene.actor.http("POST", "/graphql", {"query": document(name, fields)})
        (problem,) = answer.json()["errors"]
        found["graphql"] = problem["extensions"] | {"message": problem["message"]}
    return found


async def _inside(server: Running, scene: Scene, case: Case) -> dict[str, Any]:
    async def act(running: Server) -> dict[str, Any]:
        assert case.inside is not None
        user = await running.service.accounts.get(scene.actor.id)
        with pytest.raises(ChatError) as caught:
            await case.inside(scene, running.service, user)
        error = caught.value
        return {"code": error.code, "message": error.text, "detail": error.detail}

    return await server.run(act)


# A machine has no session, so it gets only where the service is called by a plugin.
ACTORS = [
    (name, actor)
    for name, case in CASES.items()
    for actor in get_args(Actor)
    if actor != "bot" or case.inside is not None
]


@pytest.mark.parametrize(("name", "actor"), ACTORS)
async def test_a_plugin_can_refuse_it_at_every_door(
    judged: Running, name: str, actor: Actor
) -> None:
    case = CASES[name]
    await _make_hook_room(judged)
    scene = await built(judged, actor)
    head = await judged.run(lambda server: _head(server, scene.room))
    await seen(judged)
    await switch(judged, True)
    found = await refusals(judged, scene, case)
    await switch(judged, False)
    rows = await seen(judged)
    if needed(actor, case):
        for door, error in found.items():
            assert error["code"] in ("action.refused", "message.refused"), (door, error)
            assert error["message"] == "Not today.", door
            assert error["detail"]["plugin"] == "judge", door
        doors = [_door(case, scene, door) for door in found]
        assert [row[::2] for row in rows] == [[case.kind.__name__, door] for door in doors]
        users = {row[1] for row in rows}
        assert users == {_user(scene, name, rows)}
    else:  # the service refuses, and no plugin is asked
        assert {error["code"] for error in found.values()} <= set(FORBIDDEN)
        assert rows == []
    assert await judged.run(lambda server: _head(server, scene.room)) == head


def _door(case: Case, scene: Scene, door: str) -> str:
    """The door as plugins see it: of a plugin's own operation, that is the plugin."""
    is_plugins = door == "websocket" and case.op is not None and "." in case.op(scene)[0]
    return case.via if is_plugins else door


def _user(scene: Scene, name: str, rows: list[list[Any]]) -> str | None:
    """Who asks, as plugins see it: nobody yet, the bot of the hook, or the actor."""
    if name == "register":
        return None
    if name == "webhook":
        assert rows[0][1] != scene.actor.id
        return str(rows[0][1])
    return scene.actor.id


async def _head(server: Server, room: str) -> int:
    head: int = (await server.service.rooms.get(room)).head
    return head


async def _make_hook_room(judged: Running) -> None:
    """The room of the webhook, whose id the settings have."""

    async def make(server: Server) -> None:
        try:
            await server.service.rooms.get(HOOK_ROOM)
        except ChatError:
            owner = await server.service.accounts.add("keeper", "a long password")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("chatserver.service.rooms.new_id", lambda: HOOK_ROOM)
                await server.service.rooms.create(owner, RoomKind.PUBLIC, "hooks")

    await judged.run(make)


def test_every_action_is_tried() -> None:
    assert {case.kind for case in CASES.values()} == set(ACTIONS)


def _operations() -> set[str]:
    return {case.op(stub_scene())[0] for case in CASES.values() if case.op}


def test_every_operation_is_an_action_or_said_to_be_none() -> None:
    ops = {op for op in _operations() if "." not in op}  # others are those of plugins
    known = {str(kind.__struct_config__.tag) for kind in get_args(protocol.AnyOp)}
    assert ops | OTHER_OPS == known and not ops & OTHER_OPS


async def test_every_route_and_mutation_is_an_action_or_said_to_be_none(tmp_path: Path) -> None:
    """Those of the core, and those of every plugin that comes with it."""
    doors = await all_doors(tmp_path)
    ops = {op for op in _operations() if "." in op}
    assert doors.operations == ops | OTHER_OPERATIONS and not ops & OTHER_OPERATIONS
    routes = {route for case in CASES.values() if (route := route_of(case))}
    assert routes | OTHER_ROUTES == doors.routes and not routes & OTHER_ROUTES

    mutations = {case.mutation(stub_scene())[0] for case in CASES.values() if case.mutation}
    assert doors.schema.mutation_type is not None
    assert mutations | OTHER_MUTATIONS == set(doors.schema.mutation_type.fields)
    assert not mutations & OTHER_MUTATIONS
