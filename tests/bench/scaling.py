"""The arithmetic of docs/scaling.md: what many users at once need, from costs that were measured. No I/O.

All costs are processor time in µs. Work that is shared, such as one write for all messages that wait, costs a
part for each round and a part for each message; the number of rounds a second is bounded by the pace that the
server keeps, so a message costs less on a busy node.
"""

import math
from typing import NamedTuple

import msgspec

MICRO = 1e-6
MOST_NODES = 1_000_000


class StoreCosts(msgspec.Struct, frozen=True):
    """Of one store: processor time of the database, bytes on disk, and what its one primary can take."""

    event_us: float  # to store a message, in a batch of a hundred or more
    batch_us: float  # to store a batch, however small
    bytes: float  # of a message, with all indexes
    most: float  # durable appends a second on one core


class Costs(msgspec.Struct, frozen=True):
    """What was measured. `*_us` are of a node."""

    node_us: float  # a second of a node on which nothing happens
    connection_us: float  # a second of an idle connection
    connection_bytes: float
    memory_bytes: float  # of a node without connections
    room_bytes: float  # of a room in memory
    send_us: float  # a message, in large batches, to the answer of its author
    batch_us: float  # a batch of messages, however small
    delivery_us: float  # an event to one connection
    publish_us: float  # to send a frame of the bus with one event, to all nodes
    frame_us: float  # to receive one
    item_us: float  # one more event in it, sent and received
    followed_us: float  # an event of another node, in a room that is followed here
    consumers_us: float  # an event of another node, in all consumers of the default plugins
    consumers: float  # how many these are
    online_bytes: float  # what a node keeps of a user who is online at another
    item_bytes: float  # of an event in a frame, with its hint
    frame_bytes: float  # of a frame without events
    batches: float  # that a node begins in a second, at most
    frames: float  # likewise
    store: StoreCosts


class Mix(NamedTuple):
    """What users do. All of them are connected."""

    seconds: float = 60.0  # between two messages of a user
    listeners: float = 25.0  # connected members of a room
    rooms: float = 5.0  # that a user follows


class Budget(NamedTuple):
    """What a node may use."""

    cores: float = 0.5  # of its one core: the other half is for a node that fails
    connections: int = 20_000
    bytes: float = 4 * 2**30


class Load(NamedTuple):
    """On the whole installation, in a second."""

    messages: float
    deliveries: float


class Part(NamedTuple):
    """Cores of one node, by cause."""

    idle: float
    sends: float
    deliveries: float
    hearing: float
    following: float

    @property
    def total(self) -> float:
        return sum(self)


class Need(NamedTuple):
    """Of an installation."""

    users: int
    nodes: int
    part: Part  # of each node
    bytes: float  # of each node
    bus_frames: float  # sent by all nodes in a second
    bus_bytes: float  # received by all nodes in a second
    appends: float  # batches in a second, by all nodes
    store_cores: float
    consumer_cores: float  # of the nodes whose consumers hear of all; not in `part`
    primaries: int  # of which each stores a part of the rooms


def load_of(users: float, mix: Mix) -> Load:
    """What so many users do."""
    messages = users / mix.seconds
    return Load(messages, messages * mix.listeners)


def nodes_of_room(nodes: int, listeners: float) -> float:
    """On how many nodes a room has a connection, if its listeners are connected to any."""
    return nodes * (1.0 - (1.0 - 1.0 / nodes) ** listeners)


def rounds(things: float, most: float) -> float:
    """How many rounds share so many things that come in a second: one each, up to the pace of the server."""
    return min(things, most)


def frames_sent(own: float, nodes: int, costs: Costs, *, by_room: bool) -> float:
    """Frames a second that one of the nodes sends, for so many messages of its own."""
    if nodes == 1:
        return 0.0
    return own if by_room else rounds(own, costs.frames)


def part_of(load: Load, users: float, nodes: int, mix: Mix, costs: Costs, *, by_room: bool) -> Part:
    """What each of the nodes does. With `by_room` a node hears only of rooms that it follows."""
    own = load.messages / nodes
    followed = load.messages * (nodes_of_room(nodes, mix.listeners) - 1) / nodes
    heard = followed if by_room else load.messages - own
    # Every other node sends its frames, and with subjects by room those of each room apart.
    frames = heard if by_room else rounds(own, costs.frames) * (nodes - 1)
    published = frames_sent(own, nodes, costs, by_room=by_room)
    return Part(
        idle=(costs.node_us + users / nodes * costs.connection_us) * MICRO,
        sends=(own * costs.send_us + rounds(own, costs.batches) * costs.batch_us) * MICRO,
        deliveries=load.deliveries / nodes * costs.delivery_us * MICRO,
        hearing=(
            published * costs.publish_us
            + frames * costs.frame_us
            + max(0.0, heard - frames) * costs.item_us
        )
        * MICRO,
        following=followed * costs.followed_us * MICRO,
    )


def bytes_of(users: float, nodes: int, mix: Mix, costs: Costs) -> float:
    """Memory of each node. Every node knows who is online anywhere."""
    here = users / nodes
    all_rooms = users * mix.rooms / mix.listeners
    rooms = all_rooms * nodes_of_room(nodes, mix.listeners) / nodes
    return (
        costs.memory_bytes
        + here * costs.connection_bytes
        + rooms * costs.room_bytes
        + (users - here) * costs.online_bytes
    )


def fits(users: int, nodes: int, mix: Mix, costs: Costs, budget: Budget, *, by_room: bool) -> bool:
    """Whether so many nodes are enough."""
    part = part_of(load_of(users, mix), users, nodes, mix, costs, by_room=by_room)
    return (
        part.total <= budget.cores
        and users / nodes <= budget.connections
        and bytes_of(users, nodes, mix, costs) <= budget.bytes
    )


def need(users: int, mix: Mix, costs: Costs, budget: Budget, *, by_room: bool) -> Need | None:
    """The fewest nodes that are enough, and what they use; None if no number of them is."""
    nodes = 1
    while not fits(users, nodes, mix, costs, budget, by_room=by_room):
        nodes = max(nodes + 1, math.ceil(nodes * 1.01))
        if nodes > MOST_NODES:
            return None
    # It went up in steps: the fewest may be within the last one.
    while nodes > 1 and fits(users, nodes - 1, mix, costs, budget, by_room=by_room):
        nodes -= 1
    return used(users, nodes, mix, costs, by_room=by_room)


def used(users: int, nodes: int, mix: Mix, costs: Costs, *, by_room: bool) -> Need:
    """What so many nodes use."""
    load = load_of(users, mix)
    own = load.messages / nodes
    followed = load.messages * (nodes_of_room(nodes, mix.listeners) - 1) / nodes
    heard = followed if by_room else load.messages - own
    sent = frames_sent(own, nodes, costs, by_room=by_room)
    received = heard if by_room else sent * (nodes - 1)
    appends = rounds(own, costs.batches) * nodes
    store = costs.store
    store_cores = (load.messages * store.event_us + appends * store.batch_us) * MICRO
    return Need(
        users=users,
        nodes=nodes,
        part=part_of(load, users, nodes, mix, costs, by_room=by_room),
        bytes=bytes_of(users, nodes, mix, costs),
        bus_frames=sent * nodes,
        bus_bytes=nodes * (received * costs.frame_bytes + heard * costs.item_bytes),
        appends=appends,
        store_cores=store_cores,
        consumer_cores=(load.messages - own) * costs.consumers_us * MICRO,
        primaries=max(1, math.ceil(load.messages / (store.most / 2))),
    )


def limit_of_hearing(mix: Mix, costs: Costs, budget: Budget, share: float = 0.5) -> float:
    """Users at which opening every event takes this share of a node's budget, however many nodes there are.

    The frames come on top, so it is a bound from above.
    """
    return budget.cores * share / (costs.item_us * MICRO) * mix.seconds


def limit_of_frames(costs: Costs, budget: Budget, share: float = 0.5) -> int:
    """Nodes at which the frames of all others, at the pace of the server, take this share of the budget."""
    return int(budget.cores * share / (costs.frames * costs.frame_us * MICRO)) + 1


def limit_of_consumers(mix: Mix, costs: Costs, budget: Budget) -> float:
    """Users at which one consumer, which runs on one node at a time, takes all of its budget.

    Infinite if what a consumer takes was too little to be measured.
    """
    if not costs.consumers_us:
        return math.inf
    return budget.cores / (costs.consumers_us / costs.consumers * MICRO) * mix.seconds


def limit_of_presence(costs: Costs, budget: Budget, share: float = 0.5) -> float:
    """Users online at which knowing all of them takes this share of a node's memory."""
    return budget.bytes * share / costs.online_bytes


def limit_of_primary(mix: Mix, costs: Costs) -> float:
    """Users at which one primary has half of the appends that it can take."""
    return costs.store.most / 2 * mix.seconds


def users_of_node(mix: Mix, costs: Costs, budget: Budget) -> int:
    """Users that one node alone can have."""
    low, high = 0, budget.connections
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle, 1, mix, costs, budget, by_room=False):
            low = middle
        else:
            high = middle - 1
    return low
