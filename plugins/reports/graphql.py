"""Reports in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import GraphQLPart, read_input
from chatserver_plugins.reports.cases import (
    BanSeconds,
    Id,
    MessageId,
    NewReport,
    OwnReport,
    Reason,
    State,
    Step,
    Text,
    Verdict,
)
from chatserver_plugins.reports.desk import CasePage, CaseView, Desk

SDL = '''
extend type Query {
  """
  Reported messages: open ones, oldest first, or settled ones, newest first. Of one room for those who moderate it, of
  all for staff of the server.
  """
  reports(roomId: ID, state: ReportState! = OPEN, first: Int! = 20, after: String): ReportPage
  "The number of open reported messages in one room, or in all. For those who may see them."
  openReports(roomId: ID): Int
  "What the user has reported in the last 30 days, newest first."
  ownReports: [OwnReport!]
}

extend type Mutation {
  "Report a message to those who moderate, or change one's open report of it. Its author is not told."
  reportMessage(input: ReportMessageInput!): ReportMessagePayload
  "Settle the reports of a message. For those who moderate its room, and staff of the server."
  settleReport(input: SettleReportInput!): SettleReportPayload
  "The user's reports that were settled since the last call: each is told once."
  seeSettledReports: SeeSettledReportsPayload
}

"Reported messages."
type ReportPage {
  "The messages."
  reports: [ReportedMessage!]!
  "The place of the next page; null if there is none."
  after: String
}

"A message as it stood when it was first reported, with all reports of it."
type ReportedMessage {
  "Identifies it to `settleReport`."
  id: ID!
  "The room."
  roomId: ID!
  "The room's name at that time; null for a direct room."
  roomName: String
  "The room's kind."
  kind: RoomKind!
  "The message."
  messageId: ID!
  "The message's position in its room."
  seq: Int!
  "Its author."
  author: ReportUser!
  "Its text."
  body: String!
  "The text of what it carried, such as names of files."
  attached: String!
  "When it was posted."
  postedAt: DateTime!
  "When its text had last changed."
  editedAt: DateTime
  "When it was first reported."
  at: DateTime!
  "The number of people who reported it, up to 100."
  count: Int!
  "Who reported it, and why."
  reports: [MessageReport!]!
  "What the reader's rights allow to do."
  steps: [ReportStep!]!
  "How it was settled; null for an open one."
  settled: ReportSettlement
}

"A user as the report shows one: the name is that of the time."
type ReportUser {
  "The id."
  id: ID!
  "The display name."
  name: String!
}

"What one user said of a message."
type MessageReport {
  "The user."
  by: ReportUser!
  "Why."
  reason: ReportReason!
  "In their own words; may be empty."
  text: String!
  "When."
  at: DateTime!
}

"How reports of a message were settled."
type ReportSettlement {
  "Who settled them."
  by: ReportUser!
  "When."
  at: DateTime!
  "What was done; nothing if they were dismissed."
  steps: [ReportStep!]!
  "A note for those who moderate."
  note: String!
}

"A report as its user sees it."
type OwnReport {
  "The room."
  roomId: ID!
  "The message."
  messageId: ID!
  "Why it was reported."
  reason: ReportReason!
  "When."
  at: DateTime!
  "Whether somebody has looked at it."
  state: ReportState!
}

"Why a message is reported."
enum ReportReason {
  "Advertising, or the same again and again."
  SPAM
  "It insults, threatens or pursues somebody."
  HARASSMENT
  "It is against the law."
  ILLEGAL
  "Something else."
  OTHER
}

"Whether somebody has looked at a report."
enum ReportState {
  "It waits."
  OPEN
  "Somebody has looked at it."
  SETTLED
}

"What is done with a reported message and its author."
enum ReportStep {
  "Delete the message."
  DELETE
  "Ban the author from the room."
  BAN
  "Lock the author's account."
  LOCK
}

"A message to report."
input ReportMessageInput {
  "The room."
  roomId: ID!
  "The message."
  messageId: ID!
  "Why."
  reason: ReportReason!
  "In one's own words, up to 500 characters."
  text: String! = ""
}

"The result of reporting a message."
type ReportMessagePayload {
  "Whether the report is new; otherwise it has changed."
  new: Boolean!
}

"How to settle reports of a message."
input SettleReportInput {
  "Which ones: the `id` of the reported message."
  reportId: ID!
  "What to do; nothing dismisses them."
  steps: [ReportStep!]! = []
  "A note for those who moderate, up to 500 characters."
  note: String! = ""
  "The reason of the ban, which the author is told; up to 500 characters."
  banReason: String! = ""
  "The seconds of the ban; null for good."
  banSeconds: Int
}

"The result of settling reports."
type SettleReportPayload {
  "The reported message, as it is settled."
  report: ReportedMessage!
}

"The user's reports that were settled."
type SeeSettledReportsPayload {
  "The reports."
  reports: [OwnReport!]!
}
'''


class Settled(NamedTuple):
    """A `SettleReportPayload`."""

    report: CaseView


class Seen(NamedTuple):
    """A `SeeSettledReportsPayload`."""

    reports: Sequence[OwnReport]


class ReportInput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    message_id: MessageId
    reason: Reason
    text: Text = ""


class SettleInput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    report_id: Annotated[str, Meta(min_length=1, max_length=200)]
    steps: Annotated[tuple[Step, ...], Meta(max_length=3)] = ()
    note: Text = ""
    ban_reason: Text = ""
    ban_seconds: BanSeconds | None = None


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def reports(
        parent: object,
        info: Any,
        state: State,
        first: int,
        room_id: str | None = None,
        after: str | None = None,
    ) -> CasePage:
        asking, limit = info.context, max(first, 1)
        return await desk().page(asking.user, asking.address, room_id, state, after or "", limit)

    async def open_reports(parent: object, info: Any, room_id: str | None = None) -> int:
        return await desk().count(info.context.user, info.context.address, room_id)

    async def own_reports(parent: object, info: Any) -> Sequence[OwnReport]:
        return await desk().own(info.context.user)

    async def report(parent: object, info: Any, input: dict[str, Any]) -> object:
        user, given = info.context.user, read_input(input, ReportInput)
        new = NewReport(
            room=given.room_id, message=given.message_id, reason=given.reason, text=given.text
        )
        return await desk().report(user, new)

    async def settle(parent: object, info: Any, input: dict[str, Any]) -> Settled:
        asking, given = info.context, read_input(input, SettleInput)
        verdict = Verdict(
            steps=given.steps,
            note=given.note,
            ban_reason=given.ban_reason,
            ban_seconds=given.ban_seconds,
        )
        return Settled(await desk().settle(asking.user, asking.address, given.report_id, verdict))

    async def seen(parent: object, info: Any) -> Seen:
        return Seen(await desk().seen(info.context.user))

    return GraphQLPart(
        name="reports",
        sdl=SDL,
        resolvers={
            "Query.reports": reports,
            "Query.openReports": open_reports,
            "Query.ownReports": own_reports,
            "Mutation.reportMessage": report,
            "Mutation.settleReport": settle,
            "Mutation.seeSettledReports": seen,
            "ReportedMessage.roomId": lambda parent, info: parent.room,
            "ReportedMessage.messageId": lambda parent, info: parent.message,
            "OwnReport.roomId": lambda parent, info: parent.room,
            "OwnReport.messageId": lambda parent, info: parent.message,
        },
        kinds={"ReportReason": Reason, "ReportState": State, "ReportStep": Step},
        costs={
            "Query.reports": 50,
            "Query.openReports": 20,
            "Query.ownReports": 10,
            "Mutation.reportMessage": 20,
            "Mutation.settleReport": 50,
            "Mutation.seeSettledReports": 10,
        },
        lengths={
            "ReportPage.reports": 20,
            "Query.ownReports": 20,
            "ReportedMessage.reports": 3,
            "ReportedMessage.steps": 3,
            "ReportSettlement.steps": 2,
            "SeeSettledReportsPayload.reports": 2,
        },
    )
