"""GraphQL lets users do what the other doors let them do; every exception has its reason here."""

from pathlib import Path
from typing import get_args

from graphql import GraphQLSchema

from chatserver import protocol
from tests.protocol.acting import CASES, stub_scene
from tests.protocol.doors import Doors, all_doors, route_of

# What is not in tests/protocol/acting.py, with the field of the schema that does the same.
FIELDS = {
    "rooms": "Query.rooms",
    "sub": "Subscription.roomsEvents",
    "history": "Room.messages",
    "events": "Room.events",
    "members": "Room.members",
    "search": "Query.search",
    "read": "Mutation.markRead",
    "preferences": "Room.preferences",
    "prefer": "Mutation.setRoomPreferences",
    "prefer_account": "Mutation.setPreferences",
    "bans": "Room.bans",
    "pins": "Room.pins",
    "edits": "Message.edits",
    "thread": "Thread.messages",
    "threads": "Message.replies",
    "typing": "Mutation.setTyping",
    "presence": "Subscription.presence",
    "statuses": "User.status",
    "block": "Mutation.blockUser",
    "unblock": "Mutation.unblockUser",
    "blocks": "Query.myBlocks",
    "room": "Query.room",
    "commands": "Query.commands",
    "complete": "Query.commandSuggestions",
    "POST /api/v1/logout": "Mutation.logout",
    "POST /api/v1/login/proceed": "Mutation.proceedLogin",
    "DELETE /api/v1/me/sessions/{session}": "Mutation.endSession",
    "DELETE /api/v1/admin/users/{user}/sessions": "Mutation.endUserSessions",
    "PUT /api/v1/me/email": "Mutation.setEmail",
    "PUT /api/v1/me/blocks/{block}": "Mutation.blockUser",
    "DELETE /api/v1/me/blocks/{block}": "Mutation.unblockUser",
    "POST /api/v1/email/confirm": "Mutation.confirmEmail",
    "PUT /api/v1/rooms/{room}/read": "Mutation.markRead",
    "POST /api/v1/rooms/{room}/commands/suggestions": "Query.commandSuggestions",
    "PATCH /api/v1/rooms/{room}/preferences": "Mutation.setRoomPreferences",
    "PATCH /api/v1/me/preferences": "Mutation.setPreferences",
    "PATCH /api/v1/me/passkeys/{id}": "Mutation.renamePasskey",
    "POST /api/v1/me/totp/recovery": "Mutation.renewRecoveryCodes",
    "DELETE /api/v1/scheduled": "Mutation.cancelScheduledMessage",
    "saved.save": "Mutation.saveMessage",
    "saved.drop": "Mutation.unsaveMessage",
    "saved.list": "Query.savedMessages",
    "saved.ids": "Query.savedMessages",
    "POST /api/v1/saved": "Mutation.saveMessage",
    "DELETE /api/v1/saved": "Mutation.unsaveMessage",
    "reminders.set": "Mutation.setReminder",
    "reminders.change": "Mutation.changeReminder",
    "reminders.remove": "Mutation.removeReminder",
    "reminders.list": "Query.reminders",
    "reminders.ids": "Query.reminders",
    "POST /api/v1/reminders": "Mutation.setReminder",
    "PATCH /api/v1/reminders": "Mutation.changeReminder",
    "DELETE /api/v1/reminders": "Mutation.removeReminder",
    "DELETE /api/v1/me/deletion": "Mutation.keepMyAccount",
    "drafts.save": "Mutation.saveDraft",
    "drafts.get": "Query.draft",
    "drafts.list": "Query.drafts",
    "PUT /api/v1/drafts": "Mutation.saveDraft",
    "DELETE /api/v1/drafts": "Mutation.saveDraft",
    "receipts.get": "Query.receiptTerms",
    "receipts.choose": "Mutation.chooseReceipts",
    "receipts.readers": "Query.messageReaders",
    "receipts.watch": "Subscription.messageReadCount",
    "PUT /api/v1/receipts": "Mutation.chooseReceipts",
    "join_requests.rooms": "Query.joinableRooms",
    "join_requests.list": "Query.joinRequests",
    "join_requests.all": "Query.joinRequests",
    "join_requests.withdraw": "Mutation.withdrawJoinRequest",
    "join_requests.open": "Mutation.openJoinRequests",
    "DELETE /api/v1/join-requests": "Mutation.withdrawJoinRequest",
    "PUT /api/v1/join-requests/rooms": "Mutation.openJoinRequests",
    "announcements.current": "Query.announcement",
    "announcements.announce": "Mutation.announce",
    "announcements.clear": "Mutation.clearAnnouncement",
    "PUT /api/v1/announcement": "Mutation.announce",
    "DELETE /api/v1/announcement": "Mutation.clearAnnouncement",
    "emoji.list": "Query.emoji",
    "groups.list": "Query.userGroups",
    "groups.get": "Query.userGroup",
    "reports.list": "Query.reports",
    "reports.count": "Query.openReports",
    "reports.own": "Query.ownReports",
    "reports.seen": "Mutation.seeSettledReports",
    "POST /api/v1/reports/own/seen": "Mutation.seeSettledReports",
    "pictures.of": "User.picture",
    "profiles.of": "User.profile",
    "directory.people": "Query.directory",
    "calls.join": "Mutation.joinCall",
    "polls.get": "Query.poll",
    "polls.votes": "Query.pollVotes",
    "link_previews.get": "Message.linkPreviews",
    "POST /api/v1/calls/join": "Mutation.joinCall",
    "translation.translate": "Mutation.translateMessage",
    "POST /api/v1/translations": "Mutation.translateMessage",
    "inbox.list": "Query.inbox",
    "inbox.count": "Query.inbox",
    "inbox.seen": "Mutation.seeInbox",
    "POST /api/v1/inbox/seen": "Mutation.seeInbox",
    "inbox.follow": "Mutation.followThread",
    "inbox.read": "Mutation.readThread",
    "PUT /api/v1/inbox/threads/{message}": "Mutation.followThread",
    "POST /api/v1/inbox/threads/{message}/read": "Mutation.readThread",
    "push.list": "Query.pushDevices",
    "push.remove": "Mutation.removePushDevice",
    "push.active": "Mutation.notePushActive",
    "bots.list": "Query.bots",
    "bots.revoke": "Mutation.revokeBotToken",
    "DELETE /api/v1/bots/{bot}/tokens/{token}": "Mutation.revokeBotToken",
    "POST /api/v1/push/devices": "Mutation.addPushDevice",
    "DELETE /api/v1/push/devices/{device}": "Mutation.removePushDevice",
    "mail_notifications.get": "Query.mailNotifications",
    "mail_notifications.retry": "Mutation.retryMailNotifications",
    "mail_notifications.active": "Mutation.noteMailActive",
    "POST /api/v1/mail-notifications/retry": "Mutation.retryMailNotifications",
}
BYTES = "The bytes of a file go by HTTP: GraphQL carries JSON."
BROWSER = "Another server leads the browser here, which is no client of GraphQL."
SWITCHING = (
    "It changes the schema, and ends the connections of GraphQL: the page and the command do it."
)
EXCEPTIONS = {
    "auth": "A connection of GraphQL signs in by the payload of connection_init.",
    "ping": "The protocol graphql-transport-ws has its own.",
    "unsub": "A subscription ends by the message complete.",
    "shortcodes.list": "The page reads its own list; it changes nothing.",
    "shortcodes.groups": "The page reads its own list; it changes nothing.",
    "POST /graphql": "It is GraphQL.",
    "POST /mcp": "Another protocol, whose tools do what fields of the schema do.",
    "POST /api/v1/login/return": BROWSER,
    "POST /api/v1/oidc/{provider}/logout": "The provider asks, not a user.",
    "POST /api/v1/uploads": BYTES,
    "PATCH /api/v1/uploads/{upload}": BYTES,
    "DELETE /api/v1/uploads/{upload}": BYTES,
    "PUT /api/v1/me/picture": BYTES,
    "POST /api/v1/me/data/export": BYTES,
    "PUT /api/v1/rooms/{room}/picture": BYTES,
    "POST /mail-notifications/unsubscribe/{code}": "A mail program asks by a link, not a user.",
    "POST /hooks/ci": "A program asks with the token of its hook, not a user.",
    "POST /api/v1/plugins/{plugin}": SWITCHING,
    "POST /api/v1/admin/claims/release": SWITCHING,
}


async def asked_elsewhere(doors: Doors) -> dict[str, str | None]:
    """Everything that users ask for by WebSocket and HTTP, with its mutation as far as a case has one."""
    names = {str(kind.__struct_config__.tag) for kind in get_args(protocol.AnyOp)}
    names |= {f"{method} {path}" for method, path in doors.routes} | doors.operations
    found: dict[str, str | None] = dict.fromkeys(names)
    for case in CASES.values():
        mutation = case.mutation(stub_scene())[0] if case.mutation else None
        if case.op is not None:
            found[case.op(stub_scene())[0]] = mutation
        route = route_of(case)
        if route is not None:
            found[" ".join(route)] = mutation
    return found


async def test_graphql_can_do_what_the_other_doors_can(tmp_path: Path) -> None:
    doors = await all_doors(tmp_path)
    elsewhere = await asked_elsewhere(doors)
    missing = {name for name, mutation in elsewhere.items() if mutation is None}
    assert missing == {*FIELDS, *EXCEPTIONS}
    for name in FIELDS.values():
        assert has_field(doors.schema, name), name


def has_field(schema: GraphQLSchema, place: str) -> bool:
    kind, _, field = place.partition(".")
    return field in getattr(schema.get_type(kind), "fields", {})
