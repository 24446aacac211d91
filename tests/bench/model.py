"""`python -m tests.bench.model`: nodes, cores, memory and traffic for ten thousand to ten million users at once.

It computes from scaling.json what scaling.py says, and prints the tables of docs/scaling.md. `--measure` measures the
costs again, and installations of 1, 2, 4 and 8 nodes, which the model must explain.
"""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from tests.bench import machine, scaling, tables
from tests.bench.costing import ALL, IN_ROOM, WINDOWS, Measured, costs, measure, read, write
from tests.bench.rows import USERS
from tests.bench.scaling import Budget, Costs, Mix, Need

PAGE = tables.PAGE.with_name("scaling.md")
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
CHECKED = (1, 2, 4, 8)
GIB, MIB = 2.0**30, 2.0**20


def rounded(value: float) -> str:
    """With two or three digits: more would pretend to be exact."""
    if value >= 100:
        digits = len(str(int(value))) - 2
        return f"{round(value, -digits):,.0f}"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---{'|--:' * (len(head) - 1)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def costs_table(found: Measured) -> str:
    """The costs, as they come out of the measurements."""
    one = costs(found)
    rows = [
        ("a node with nothing to do", f"{one.node_us * 1e-4:.1f} % of a core"),
        ("its memory", f"{one.memory_bytes / MIB:.0f} MiB"),
        (
            "an idle connection",
            f"{one.connection_bytes / 1024:.1f} KiB, {one.connection_us:.1f} µs a second",
        ),
        ("a room in memory", f"{one.room_bytes / 1024:.1f} KiB"),
        ("a batch of messages", f"{one.batch_us:.0f} µs"),
        ("a message in it, to the answer", f"{one.send_us:.0f} µs"),
        ("a delivery", f"{one.delivery_us:.1f} µs"),
        ("a frame of the bus with one event, sent to all", f"{one.publish_us:.0f} µs"),
        ("such a frame, received", f"{one.frame_us:.0f} µs"),
        ("one more event in it, sent and received", f"{one.item_us:.1f} µs"),
        ("such an event where its room is followed", f"{one.followed_us:.0f} µs"),
        (
            f"such an event for {one.consumers:.0f} consumers of plugins, where these run",
            f"{one.consumers_us:.0f} µs",
        ),
        ("a user online elsewhere", f"{one.online_bytes:.0f} bytes"),
        (
            "a frame without events; an event",
            f"{one.frame_bytes:.0f} bytes; {one.item_bytes:.0f} bytes",
        ),
    ]
    return table(("what", "a node's processor time, memory or traffic"), rows)


def stores_table(found: Measured, mix: Mix) -> str:
    """What stores cost, and where one primary ends."""
    rows = []
    for name, title in (("mongo", "MongoDB"), ("postgres", "PostgreSQL"), ("sqlite", "SQLite")):
        seen = found.stores[name]
        limit = scaling.limit_of_primary(mix, costs(found, name))
        rows.append(
            (
                title,
                f"{seen['own_batch_us']:.0f} + {seen['batch_us'] + seen['event_us']:.0f}",
                f"{seen['own_event_us']:.1f} + {seen['event_us']:.1f}",
                f"{seen['own_read_us']:.0f} + {seen['read_us']:.0f}",
                f"{seen['bytes']:.0f}",
                rounded(seen["most"]),
                "one node" if name == "sqlite" else rounded(limit),
            )
        )
    return table(
        (
            "store",
            "a batch of one, µs: node + database",
            "one more message in it",
            "a read of news",
            "bytes a message",
            "appends/s in batches of 250",
            "users of one primary",
        ),
        rows,
    )


def check_table(found: Measured) -> str:
    """Cores of all nodes together: computed, and measured."""
    one = costs(found)
    rows = []
    for count in CHECKED:
        seen = found.windows[f"rooms-{count}"]
        mix = Mix(USERS / seen["messages"], IN_ROOM, 1.0)
        need = scaling.used(USERS, count, mix, one, by_room=False)
        part = need.part
        computed = part.total * count + need.consumer_cores
        off = (computed / seen["cores"] - 1) * 100
        rows.append(
            (
                str(count),
                f"{computed:.2f}",
                f"{seen['cores']:.2f}",
                f"{off:+.0f} %",
                f"{seen['database']:.2f}",
                f"{seen['p99']:.0f}",
            )
        )
    head = ("nodes", "cores, computed", "cores, measured", "off by", "MongoDB: cores", "ms p99")
    return table(head, rows)


def sizes_table(one: Costs, mix: Mix, budget: Budget, *, by_room: bool) -> str:
    rows = []
    for users in SIZES:
        load = scaling.load_of(users, mix)
        start = (f"{users:,}", rounded(load.messages), rounded(load.deliveries))
        need = scaling.need(users, mix, one, budget, by_room=by_room)
        rows.append((*start, *(_cells(need) if need else ("not at all", *("" for _ in range(9))))))
    return table(
        (
            "users at once",
            "messages/s",
            "deliveries/s",
            "nodes",
            "cores of all nodes",
            "of which deliver / hear and follow",
            "memory of a node",
            "bus: frames/s sent",
            "bus: received",
            "consumers: cores",
            "store: batches/s",
            "store: cores",
            "primaries",
        ),
        rows,
    )


def _cells(need: Need) -> tuple[str, ...]:
    part, nodes = need.part, need.nodes
    followed = (part.hearing + part.following) * nodes
    return (
        f"{nodes:,}",
        rounded(part.total * nodes),
        f"{rounded(part.deliveries * nodes)} / {rounded(followed)}",
        f"{need.bytes / MIB:,.0f} MiB",
        rounded(need.bus_frames),
        f"{rounded(need.bus_bytes / MIB)} MiB/s",
        rounded(need.consumer_cores),
        rounded(need.appends),
        rounded(need.store_cores),
        f"{need.primaries:,}",
    )


def limits_table(one: Costs, mix: Mix, budget: Budget) -> str:
    """Where each part of the design ends."""
    hearing = scaling.limit_of_hearing(mix, one, budget)
    reading = scaling.limit_of_consumers(mix, one, budget)
    rows = [
        (
            "one node",
            f"{scaling.users_of_node(mix, one, budget):,} users",
            "its core, or its connections: more nodes",
        ),
        (
            "the log: one primary takes all appends",
            f"{rounded(scaling.limit_of_primary(mix, one))} users",
            "rooms in a sharded collection",
        ),
        (
            "the bus: every node gets the frames of all",
            f"{scaling.limit_of_frames(one, budget):,} nodes that are busy",
            "subjects by room",
        ),
        (
            "the bus: every node opens every event",
            f"{rounded(hearing)} users",
            "subjects by room",
        ),
        (
            "consumers: one node takes in all events for each",
            f"{rounded(reading)} users" if reading < math.inf else "more than could be measured",
            "consumers by parts of the rooms",
        ),
        (
            "presence: every node knows who is online",
            f"{rounded(scaling.limit_of_presence(one, budget))} users",
            "presence by room, or of those who are watched alone",
        ),
    ]
    return table(("limit", "met at", "what moves it"), rows)


def parts(found: Measured) -> dict[str, str]:
    """The generated parts of the page, by name."""
    mix, budget, one = Mix(), Budget(), costs(found)
    return {
        "costs": costs_table(found),
        "stores": stores_table(found, mix),
        "check": check_table(found),
        "all": sizes_table(one, mix, budget, by_room=False),
        "by-room": sizes_table(one, mix, budget, by_room=True),
        "limits": limits_table(one, mix, budget),
    }


def page(text: str, found: Measured) -> str:
    """The page with the tables that belong to these measurements."""
    for name, part in parts(found).items():
        text = tables.replaced(text, name, part)
    return text


@click.command()
@click.option("--measure", "names", multiple=True, type=click.Choice(("all", *ALL)), help="Anew.")
@click.option("--write", "writes", is_flag=True, help="Put the tables into docs/scaling.md.")
@click.option("--check", is_flag=True, help="Fail if docs/scaling.md has other tables.")
def main(names: tuple[str, ...], writes: bool, check: bool) -> None:
    """Compute what large installations need."""
    found = read()
    if names:
        machine.allow_open_files()
        machine.use_client_core()
        with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder:
            for name in ALL if "all" in names else names:
                measure(name, Path(folder), found)
                write(found)
    if missing := [name for name in (*WINDOWS, "sends") if name not in found.windows]:
        raise click.ClickException(f"not measured yet: {', '.join(missing)}")
    for name, part in parts(found).items():
        click.echo(f"{name}\n\n{part}\n")
    text = PAGE.read_text(encoding="utf-8")
    made = page(text, found)
    if writes:
        PAGE.write_text(made, encoding="utf-8")
    elif check and made != text:
        raise click.ClickException(
            "docs/scaling.md is out of date: python -m tests.bench.model --write"
        )


if __name__ == "__main__":
    main()
