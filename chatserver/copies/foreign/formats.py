"""The formats that an import reads, by the names that the command has for them."""

from collections.abc import Mapping

from chatserver.copies.foreign import discord
from chatserver.copies.foreign.mattermost import Mattermost
from chatserver.copies.foreign.reading import Format
from chatserver.copies.foreign.rocketchat import RocketChat
from chatserver.copies.foreign.slack import Slack
from chatserver.copies.foreign.zulip import Zulip

FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("slack", Slack),
        Format("mattermost", Mattermost),
        Format("zulip", Zulip),
        Format("rocketchat", RocketChat),
        Format("discord", discord.reader),
    )
}
