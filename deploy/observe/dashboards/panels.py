"""The panels of the dashboards, said once: `generate` makes Grafana's dashboards and the page of numbers of them.

A line shows one metric of all nodes: how it is read, and by which labels it is split.
"""

from dataclasses import dataclass, field
from typing import Literal

Read = Literal["rate", "sum", "max", "min", "quantile", "age", "share"]
Unit = Literal["s", "short", "ops", "percentunit", "bytes", "bool"]
NODES = 'job=~"$job",instance=~"$instance"'
# Labels of ours that Prometheus gives another name, as it uses theirs itself.
TAKEN = {"job": "exported_job"}
# An error that never came has no series yet, and is shown as 0.
ERRORS = True


@dataclass(frozen=True, kw_only=True)
class Line:
    """A metric on a panel.

    rate: a counter's growth in a second · sum, max, min: of a gauge · quantile: of a histogram · age: seconds since
    the time in a gauge · share: the gauge in relation to the gauge `of`
    """

    metric: str
    read: Read
    by: tuple[str, ...] = ()
    q: float = 0.0
    of: str = ""
    only: tuple[tuple[str, str], ...] = ()  # labels and the regular expressions that they match
    name: str = ""  # in the legend, before the values of `by`
    or_zero: bool = False

    def query(self) -> str:
        """In PromQL."""
        only = "".join(f',{label}=~"{value}"' for label, value in self.only)
        labels = [TAKEN.get(label, label) for label in self.by]
        by = f" by ({', '.join(labels)})" if labels else ""
        seen = f"{self.metric}{{{NODES}{only}}}"
        if self.read == "rate":
            found = f"sum{by} (rate({seen}[$__rate_interval]))"
        elif self.read == "quantile":
            by = f" by ({', '.join(('le', *labels))})"
            buckets = f"{self.metric}_bucket{{{NODES}{only}}}"
            found = f"histogram_quantile({self.q}, sum{by} (rate({buckets}[$__rate_interval])))"
        elif self.read == "age":
            found = f"time() - max{by} ({seen} > 0)"
        elif self.read == "share":
            found = f"max{by} ({seen} / {self.of}{{{NODES}{only}}})"
        else:
            found = f"{self.read}{by} ({seen})"
        return f"{found} or vector(0)" if self.or_zero else found

    def legend(self) -> str:
        parts = [self.name, *(f"{{{{{TAKEN.get(label, label)}}}}}" for label in self.by)]
        return " ".join(part for part in parts if part) or self.metric


@dataclass(frozen=True, kw_only=True)
class Panel:
    title: str
    lines: tuple[Line, ...]
    unit: Unit = "short"
    about: str = ""
    is_stat: bool = False  # one large number instead of a curve
    warn: float | None = None  # from here on it is shown in red; below it if `is_low_bad`
    is_low_bad: bool = False


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    uid: str
    title: str
    about: str
    panels: tuple[Panel, ...] = field(default=())


def rate(metric: str, *by: str, name: str = "", or_zero: bool = False, **only: str) -> Line:
    return Line(
        metric=metric, read="rate", by=by, name=name, or_zero=or_zero, only=tuple(only.items())
    )


def quantiles(
    metric: str, *by: str, of: tuple[float, ...] = (0.5, 0.99), **only: str
) -> tuple[Line, ...]:
    return tuple(
        Line(
            metric=metric,
            read="quantile",
            q=q,
            by=by,
            name=f"p{q * 100:g}",
            only=tuple(only.items()),
        )
        for q in of
    )


def gauge(read: Read, metric: str, *by: str, name: str = "", or_zero: bool = False) -> Line:
    return Line(metric=metric, read=read, by=by, name=name, or_zero=or_zero)


def share(metric: str, of: str, *by: str, name: str = "") -> Line:
    return Line(metric=metric, read="share", of=of, by=by, name=name)


REQUESTS = "http_request_duration_seconds"

OVERVIEW = Dashboard(
    uid="chatserver-overview",
    title="chatserver: overview",
    about="What users feel, and what wakes somebody up.",
    panels=(
        Panel(title="Nodes", is_stat=True, lines=(gauge("sum", "chatserver_info", name="nodes"),)),
        Panel(
            title="Connections",
            is_stat=True,
            lines=(gauge("sum", "websocket_connections_active", name="open"),),
        ),
        Panel(
            title="The store takes writes",
            is_stat=True,
            unit="bool",
            warn=0.5,
            is_low_bad=True,
            lines=(gauge("min", "chatserver_store_up", name="all nodes"),),
        ),
        Panel(
            title="Newest backup",
            is_stat=True,
            unit="s",
            warn=93_600,
            about="Age of the newest backup.",
            lines=(gauge("min", "chatserver_backup_age_seconds", name="age"),),
        ),
        Panel(
            title="Events a second", unit="ops", lines=(rate("messages_processed_total", "type"),)
        ),
        Panel(
            title="From a send to its acknowledgement",
            unit="s",
            warn=1,
            about="The time until a message is durable.",
            lines=quantiles("chatserver_append_seconds", of=(0.5, 0.95, 0.99)),
        ),
        Panel(title="Requests a second", unit="ops", lines=(rate(f"{REQUESTS}_count", "status"),)),
        Panel(
            title="Time of requests",
            unit="s",
            warn=1,
            lines=quantiles(REQUESTS, of=(0.5, 0.95, 0.99), route="/api/.*|/graphql"),
        ),
        Panel(
            title="Failed requests a second",
            unit="ops",
            about="Answered with 500 to 599.",
            lines=(rate(f"{REQUESTS}_count", name="5xx", or_zero=ERRORS, status="5.."),),
        ),
        Panel(
            title="Failed connections a second",
            unit="ops",
            about="WebSocket connections that ended with an error, not those of phones that vanish.",
            lines=(rate("websocket_errors_total", name="errors", or_zero=ERRORS),),
        ),
    ),
)

ROOMS = Dashboard(
    uid="chatserver-rooms",
    title="chatserver: rooms and delivery",
    about="The way of a message from the log to the connections.",
    panels=(
        Panel(
            title="Deliveries a second",
            unit="ops",
            lines=(rate("chatserver_deliveries_total", name="events"),),
        ),
        Panel(
            title="From durable to the sockets",
            unit="s",
            lines=quantiles("chatserver_delivery_lag_seconds"),
        ),
        Panel(title="Events of a batch", lines=quantiles("chatserver_append_batch_events")),
        Panel(
            title="Appends that wait", lines=(gauge("sum", "chatserver_append_queue", "instance"),)
        ),
        Panel(
            title="Oldest append",
            unit="s",
            lines=(gauge("max", "chatserver_append_oldest_seconds", "instance"),),
        ),
        Panel(
            title="Batches that met another node's",
            unit="ops",
            lines=(rate("chatserver_append_conflicts_total", name="conflicts", or_zero=ERRORS),),
        ),
        Panel(
            title="Rooms in memory", lines=(gauge("sum", "chatserver_rooms_loaded", "instance"),)
        ),
        Panel(
            title="Connections that are behind",
            lines=(gauge("sum", "chatserver_connections_lagging", "instance"),),
        ),
        Panel(
            title="Slow readers a second",
            unit="ops",
            lines=(
                rate("chatserver_connections_fell_behind_total", name="fell behind"),
                rate("chatserver_connections_dropped_total", name="cut off"),
            ),
        ),
        Panel(
            title="The bus",
            unit="bool",
            warn=0.5,
            is_low_bad=True,
            lines=(gauge("min", "chatserver_bus_connected", "instance"),),
        ),
        Panel(
            title="Frames of the bus a second",
            unit="ops",
            lines=(
                rate("chatserver_bus_frames_sent_total", name="sent"),
                rate("chatserver_bus_frames_received_total", "kind", name="received"),
            ),
        ),
        Panel(
            title="GraphQL subscriptions",
            lines=(
                gauge("sum", "chatserver_graphql_subscriptions", name="subscriptions"),
                gauge(
                    "sum", "chatserver_graphql_groups", name="groups that share their executions"
                ),
            ),
        ),
    ),
)

STORE = Dashboard(
    uid="chatserver-store",
    title="chatserver: store and backups",
    about="The database, what waits for it, and the copies of it.",
    panels=(
        Panel(
            title="The store takes writes",
            unit="bool",
            warn=0.5,
            is_low_bad=True,
            lines=(gauge("min", "chatserver_store_up", "instance"),),
        ),
        Panel(
            title="A small durable write",
            unit="s",
            lines=(gauge("max", "chatserver_store_write_seconds", "instance"),),
        ),
        Panel(title="Replicas", lines=(gauge("max", "chatserver_store_replicas", name="working"),)),
        Panel(
            title="Replicas are behind by",
            unit="s",
            lines=(gauge("max", "chatserver_store_replica_lag_seconds", "replica"),),
        ),
        Panel(
            title="Changes of the writing member",
            lines=(rate("chatserver_store_failovers_total", name="a second", or_zero=ERRORS),),
        ),
        Panel(
            title="Refused appends a second",
            unit="ops",
            lines=(rate("chatserver_appends_refused_total", name="refused"),),
        ),
        Panel(
            title="Outage",
            unit="s",
            lines=(gauge("max", "chatserver_store_outage_seconds", "instance"),),
        ),
        Panel(
            title="Backups",
            unit="s",
            warn=93_600,
            lines=(
                gauge("min", "chatserver_backup_age_seconds", name="age of the newest"),
                gauge(
                    "age",
                    "chatserver_backup_last_verified_timestamp_seconds",
                    name="since one was verified",
                ),
            ),
        ),
        Panel(
            title="Changes shipped to the backup",
            unit="s",
            warn=120,
            lines=(gauge("max", "chatserver_backup_shipping_age_seconds", name="behind by"),),
        ),
        Panel(
            title="Copies on targets",
            unit="s",
            warn=1800,
            lines=(gauge("max", "chatserver_backup_target_age_seconds", "target"),),
        ),
        Panel(
            title="Size of the newest backup",
            unit="bytes",
            lines=(gauge("max", "chatserver_backup_size_bytes", name="size"),),
        ),
        Panel(
            title="Files beside the backups",
            unit="bytes",
            lines=(
                gauge("max", "chatserver_backup_files_bytes", name="here"),
                gauge("max", "chatserver_backup_target_files_bytes", "target"),
            ),
        ),
        Panel(
            title="Since a job succeeded",
            unit="s",
            lines=(gauge("age", "chatserver_job_last_success_timestamp_seconds", "job"),),
        ),
        Panel(
            title="Time of jobs",
            unit="s",
            lines=quantiles("chatserver_job_seconds", "job", of=(0.99,)),
        ),
    ),
)

PLUGINS = Dashboard(
    uid="chatserver-plugins",
    title="chatserver: plugins",
    about="What each plugin costs, and which fails.",
    panels=(
        Panel(
            title="Time in hooks",
            unit="s",
            lines=quantiles("chatserver_hook_seconds", "plugin", "hook", of=(0.99,)),
        ),
        Panel(
            title="Calls a second",
            unit="ops",
            lines=(rate("chatserver_hook_seconds_count", "plugin", "hook"),),
        ),
        Panel(
            title="Failures a second",
            unit="ops",
            lines=(rate("chatserver_hook_errors_total", "plugin", "reason"),),
        ),
        Panel(
            title="Observations that wait",
            lines=(gauge("sum", "chatserver_observer_queue", "instance"),),
        ),
        Panel(
            title="Oldest observation",
            unit="s",
            lines=(gauge("max", "chatserver_observer_oldest_seconds", "plugin"),),
        ),
        Panel(
            title="Consumers are behind by",
            lines=(gauge("sum", "chatserver_consumer_lag_events", "consumer"),),
        ),
        Panel(
            title="Oldest event of a consumer",
            unit="s",
            lines=(gauge("max", "chatserver_consumer_oldest_seconds", "consumer"),),
        ),
        Panel(
            title="Consumers a second",
            unit="ops",
            lines=(
                rate("chatserver_consumer_events_total", "consumer", name="events"),
                rate(
                    "chatserver_consumer_failures_total",
                    "consumer",
                    name="failures",
                    or_zero=ERRORS,
                ),
                rate(
                    "chatserver_consumer_dead_letters_total",
                    "consumer",
                    name="dead letters",
                    or_zero=ERRORS,
                ),
            ),
        ),
        Panel(
            title="GraphQL operations a second",
            unit="ops",
            lines=(rate("chatserver_graphql_operations_total", "type", "outcome"),),
        ),
        Panel(
            title="Time of GraphQL operations",
            unit="s",
            lines=quantiles("chatserver_graphql_seconds", "type", of=(0.99,)),
        ),
        Panel(
            title="Refused GraphQL requests a second",
            unit="ops",
            lines=(rate("chatserver_graphql_refused_total", "reason"),),
        ),
    ),
)

NODES_BOARD = Dashboard(
    uid="chatserver-nodes",
    title="chatserver: nodes",
    about="Processors, memory, disks and the event loop of each node.",
    panels=(
        Panel(title="Processors", about="A node uses at most one.", lines=(rate("process_cpu_seconds_total", "instance"),)),
        Panel(
            title="Memory", unit="percentunit", warn=0.8,
            lines=(share("chatserver_memory_used_bytes", "chatserver_memory_limit_bytes", "instance", name="of the limit"),),
        ),
        Panel(title="Memory of the process", unit="bytes", lines=(gauge("max", "process_resident_memory_bytes", "instance"),)),
        Panel(
            title="Free on the disks", unit="percentunit", warn=0.15, is_low_bad=True,
            lines=(share("chatserver_disk_free_bytes", "chatserver_disk_size_bytes", "instance", "folder"),),
        ),
        Panel(
            title="Delay of the loop", unit="s", about="The first to look at if everything is slow.",
            lines=quantiles("chatserver_event_loop_lag_seconds", "instance", of=(0.99,)),
        ),
        Panel(title="The loop stood still", unit="ops", lines=(rate("chatserver_loop_blocked_total", name="a second", or_zero=ERRORS),)),
        Panel(
            title="Open files", unit="percentunit", warn=0.8,
            lines=(share("process_open_fds", "process_max_fds", "instance", name="of the limit"),),
        ),
        Panel(
            title="Connections",
            lines=(
                gauge("sum", "websocket_connections_active", "instance", name="WebSocket"),
                gauge("sum", "chatserver_http_connections_active", "instance", name="HTTP"),
            ),
        ),
        Panel(title="Refused connections a second", unit="ops", lines=(rate("chatserver_http_connections_refused_total", name="refused"),)),
        Panel(title="Garbage collections a second", unit="ops", lines=(rate("python_gc_collections_total", "generation"),)),
    ),
)  # fmt: skip

DASHBOARDS = (OVERVIEW, ROOMS, STORE, PLUGINS, NODES_BOARD)
