"""The server's own part of the schema, registered by the same hook as other plugins' parts."""

from importlib.resources import files

import chatserver
from chatserver import GraphQLPart
from chatserver_plugins.graphql import many
from chatserver_plugins.graphql.resolvers import (
    events,
    messages,
    mutations,
    nodes,
    queries,
    rooms,
    users,
)

LOG_ENTRIES = (
    chatserver.MessagePosted,
    chatserver.MessageEdited,
    chatserver.MessageDeleted,
    chatserver.ReactionAdded,
    chatserver.ReactionRemoved,
    chatserver.PinAdded,
    chatserver.PinRemoved,
    chatserver.MemberJoined,
    chatserver.MemberLeft,
    chatserver.MemberChanged,
    chatserver.RoomChanged,
    chatserver.PluginEvent,
    chatserver.UnknownEvent,
)
USER_EVENTS = (
    chatserver.RoomAdded,
    chatserver.RoomRemoved,
    chatserver.ReadMoved,
    chatserver.Mentioned,
)
MESSAGE_CHANGES = LOG_ENTRIES[1:7]
COSTS = {
    "Query.search": 500,  # messages that may be read without a match
    "Mutation.login": 1000,  # takes as long as the hash of a password
    "Mutation.register": 1000,
    "Query.commandSuggestions": 20,
    "Mutation.runCommand": 50,  # a plugin does what it does
    "Query.node": 10,
    "Query.nodes": 100,  # the greatest number of ids
    "Room.messages": 10,  # share of a read of the store
    "Room.messagesConnection": 10,
    "Room.events": 10,
    "Room.message": 5,
    "Message.replyToMessage": 5,
}
LENGTHS = {
    "Query.rooms": queries.PAGE_MOST,
    "Query.search": queries.PAGE_MOST,
    "Room.messages": rooms.MESSAGES_MOST,
    "Room.messagesConnection": rooms.MESSAGES_MOST,
    "Room.events": rooms.EVENTS_MOST,
    "Room.members": rooms.MEMBERS_MOST,
    # Usual lengths; an operation with much longer lists is stopped.
    "Message.mentions": 2,
    "Message.reactions": 3,
    "Reaction.users": 5,
    "MessageEdited.mentions": 2,
}


def own_part() -> GraphQLPart:
    folder = files("chatserver_plugins.graphql") / "schema"
    texts = sorted(folder.iterdir(), key=lambda file: file.name)
    return GraphQLPart(
        name="chat",
        sdl="\n".join(text.read_text(encoding="utf-8") for text in texts),
        resolvers={
            "Query.me": queries.me,
            "Query.user": queries.user,
            "Query.userByName": queries.user_by_name,
            "Query.rooms": queries.rooms,
            "Query.room": queries.room,
            "Query.commands": queries.commands,
            "Query.commandSuggestions": queries.command_suggestions,
            "Query.search": queries.search,
            "Query.node": nodes.node,
            "Query.nodes": nodes.nodes,
            "User.name": users.name,
            "User.username": users.username,
            "User.role": users.role,
            "User.at": users.at,
            "User.disabled": users.disabled,
            "Room.read": rooms.read,
            "Room.unread": rooms.unread,
            "Room.mentions": rooms.mentions,
            "Room.messages": rooms.messages,
            "Room.messagesConnection": rooms.messages_connection,
            "Room.message": rooms.message,
            "Room.events": rooms.events,
            "Room.members": rooms.members,
            "Member.user": rooms.member_user,
            "Message.roomId": messages.room_id,
            "Message.room": messages.room,
            "Message.replyToMessage": messages.reply_to_message,
            "Message.mentions": messages.mentions,
            "Message.reactions": messages.reactions,
            "Message.data": messages.data,
            "MessagePosted.data": messages.posted_data,
            "MessageEdited.data": messages.data,
            "Reaction.count": messages.reaction_count,
            "Reaction.mine": messages.reaction_mine,
            "Reaction.users": messages.reaction_users,
            **{f"{kind.__name__}.roomId": messages.room_id for kind in LOG_ENTRIES},
            **{f"{kind.__name__}.messageId": messages.changed_message for kind in MESSAGE_CHANGES},
            "MessagePosted.messageId": messages.posted_id,
            "MessagePosted.message": messages.posted_message,
            "MessagePosted.body": messages.posted_body,
            **{f"{kind.__name__}.message": messages.message_of_change for kind in MESSAGE_CHANGES},
            "ChangePayload.message": mutations.changed_message,
            "MessageEdited.mentions": messages.mentions,
            "Query.epoch": queries.epoch,
            "Typing.roomId": messages.room_id,
            "StreamGap.roomId": messages.room_id,
            "RoomGone.roomId": messages.room_id,
            "Mutation.setTyping": mutations.set_typing,
            "UserPresence.user": users.present_user,
            "RoomAdded.room": messages.room,
            **{f"{kind.__name__}.roomId": messages.room_id for kind in USER_EVENTS},
            "Mentioned.messageId": messages.changed_message,
            "Mutation.register": mutations.register,
            "Mutation.login": mutations.login,
            "Mutation.logout": mutations.logout,
            "Mutation.setUserDisabled": mutations.set_user_disabled,
            "Mutation.createRoom": mutations.create_room,
            "Mutation.changeRoom": mutations.change_room,
            "Mutation.joinRoom": mutations.join_room,
            "Mutation.leaveRoom": mutations.leave_room,
            "Mutation.inviteMember": mutations.invite_member,
            "Mutation.removeMember": mutations.remove_member,
            "Mutation.setMemberRole": mutations.set_member_role,
            "Mutation.markRead": mutations.mark_read,
            "Mutation.sendMessage": mutations.send_message,
            "Mutation.runCommand": mutations.run_command,
            "CommandPayload.message": mutations.command_message,
            "Mutation.editMessage": mutations.edit_message,
            "Mutation.deleteMessage": mutations.delete_message,
            "Mutation.addReaction": mutations.add_reaction,
            "Mutation.removeReaction": mutations.remove_reaction,
            "Mutation.pinMessage": mutations.pin_message,
            "Mutation.unpinMessage": mutations.unpin_message,
            **{f"Subscription.{name}": events.event for name in events.OWN_FIELDS},
            "Mutation.interact": mutations.interact,
            "InteractPayload.message": mutations.interacted_message,
        },
        kinds={
            "ServerRole": chatserver.ServerRole,
            "RoomKind": chatserver.RoomKind,
            "RoomRole": chatserver.RoomRole,
            "CommandArgumentKind": chatserver.ArgumentKind,
            **{kind.__name__: kind for kind in (*LOG_ENTRIES, *USER_EVENTS)},
            "StreamGap": many.StreamGap,
            "RoomGone": many.RoomGone,
            # The types that `node` may return.
            "User": chatserver.User,
            "Room": chatserver.RoomView,
            "Message": chatserver.Message,
        },
        costs=COSTS,
        lengths=LENGTHS,
    )
