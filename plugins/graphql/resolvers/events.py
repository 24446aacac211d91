"""Resolves the fields of `Subscription`."""

# The fields whose events come from the server itself; those of other parts have a `GraphQLSource`.
OWN_FIELDS = frozenset(
    {"roomEvents", "roomsEvents", "typing", "roomNotices", "userEvents", "presence"}
)


def event(parent: object, info: object, **arguments: object) -> object:
    """The root value of each execution is the event."""
    return parent
