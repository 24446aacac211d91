"""The resolvers of this plugin that plans may call: they have no effects, and use nothing of `info` but its context."""

from chatserver_plugins.graphql.plan import Pure, Resolve
from chatserver_plugins.graphql.resolvers import events, messages, nodes, queries, rooms, users

RESOLVERS: frozenset[Resolve] = frozenset(
    {
        *(queries.me, queries.user, queries.rooms, queries.room, queries.epoch),
        *(nodes.message, nodes.node, nodes.nodes),
        *(rooms.read, rooms.unread, rooms.mentions, rooms.description, rooms.preferences),
        *(rooms.messages_connection, rooms.message, rooms.events, rooms.members),
        *(rooms.member_count, rooms.bans, rooms.pins, rooms.member_user),
        *(users.status, users.user_of_notice),
        *(messages.room_id, messages.room, messages.reply_to_message, messages.thread_message),
        *(messages.replies, messages.edits, messages.thread_count, messages.thread_seq),
        *(messages.thread_at, messages.thread_authors, messages.thread_messages),
        *(messages.mentions, messages.mentions_room, messages.reactions, messages.data),
        *(messages.reaction_count, messages.reaction_mine, messages.reaction_users),
        *(messages.changed_message, messages.posted_id, messages.posted_message),
        *(messages.posted_body, messages.posted_data, events.event),
    }
)
FOR_ALL: dict[Resolve, Resolve] = {
    users.name: users.names,
    users.username: users.usernames,
    users.role: users.roles,
    users.at: users.ats,
    users.disabled: users.disableds,
    users.bot: users.bots,
    rooms.messages: rooms.messages_of_all,
}
MAY_REPEAT: frozenset[Resolve] = frozenset({*FOR_ALL, users.status}) - {rooms.messages}
PURE = Pure(RESOLVERS, FOR_ALL, may_repeat=MAY_REPEAT)
