"""The generated firewalls, loaded by nft into one network namespace a machine: every pair is tried at every port."""

import subprocess
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import NamedTuple

import pytest

from chatserver.deployment.nftables import TABLE
from chatserver.deployment.topology import Port
from chatserver.deployment.topologyfile import read_topology
from tests.operation.machines import Machine, machines, run
from tests.tools import ROOT, need_root, need_tool

FOLDER = ROOT / "deploy/firewall"
TOPOLOGY = read_topology(ROOT / "deploy")
UNLISTED = [Port("unlisted", 31337, "tcp"), Port("unlisted", 31337, "udp")]
PORTS = {(each.number, each.protocol): each for each in [*TOPOLOGY.ports.values(), *UNLISTED]}
INTERNET = ["203.0.113.7", "2001:db8:7::7"]
# Addresses are tried after the expected answers came: one second more, which is far longer than they took.
REST_SECONDS = 1.0
MOST_SECONDS = 60.0


class Attempt(NamedTuple):
    source: str
    target: str
    port: Port
    address: str


class Network(NamedTuple):
    """All machines of one layout; `parts` are those of each machine, by its name."""

    machines: dict[str, Machine]
    parts: dict[str, tuple[str, ...]]

    def permitted(self, attempt: Attempt) -> bool:
        """What the topology says of an attempt, by the number of the port."""
        return any(
            TOPOLOGY.allows(source, target, port.name)
            for port in TOPOLOGY.ports.values()
            if (port.number, port.protocol) == (attempt.port.number, attempt.port.protocol)
            for source in self.parts[attempt.source]
            for target in self.parts[attempt.target]
        )

    def load(self) -> None:
        for name in self.hosts():
            self.machines[name].nft((FOLDER / f"{base(name)}.nft").read_text())

    def hosts(self) -> list[str]:
        """Machines that have a firewall."""
        return [name for name in self.machines if base(name) in TOPOLOGY.hosts]

    def attempts(self) -> list[Attempt]:
        hosts = self.hosts()
        return [
            Attempt(source, target, port, address)
            for source in self.machines
            if not source.endswith("-2")
            for target in self.machines
            if source != target and (source in hosts or target in hosts)
            for port in PORTS.values()
            for address in self.machines[target].addresses
        ]

    def differences(
        self, expected: Callable[[Attempt], bool] | None = None, most: float = MOST_SECONDS
    ) -> list[str]:
        """Try everything at once; attempts that went otherwise than expected."""
        expected = expected or self.permitted
        attempts = self.attempts()
        assert any(map(expected, attempts)) and not all(map(expected, attempts))
        by_source: dict[str, list[Attempt]] = {}
        for attempt in attempts:
            by_source.setdefault(attempt.source, []).append(attempt)
        found = []
        for source, own in by_source.items():
            self.machines[source].begin(
                do="try",
                targets=[(each.address, each.port.number, each.port.protocol) for each in own],
                expected=[index for index, each in enumerate(own) if expected(each)],
                rest=REST_SECONDS,
                most=most,
            )
        for source, own in by_source.items():
            reached = set(self.machines[source].result())
            for index, each in enumerate(own):
                if (index in reached) != expected(each):
                    did = "reached" if index in reached else "did not reach"
                    found.append(f"{source} {did} {each.target} at {each.port} over {each.address}")
        return found


def base(machine: str) -> str:
    """The kind of a machine: of each kind there are two, so that members of a cluster can be tried."""
    return machine.removesuffix("-2")


def addresses(networks: tuple[str, ...], number: int) -> list[str]:
    return [str(ip_network(each)[number]) for each in networks]


def build(wanted: dict[str, list[str]], parts: dict[str, tuple[str, ...]]) -> Iterator[Network]:
    need_root()
    need_tool("nft")
    need_tool("ip")
    with machines(wanted) as made:
        for machine in made.values():
            machine.begin(do="listen", ports=list(PORTS))
        for machine in made.values():
            machine.result()
        yield Network(made, parts)


def outside() -> dict[str, list[str]]:
    found = {
        name: addresses(part.addresses, 5)
        for name, part in TOPOLOGY.parts.items()
        if part.addresses
    }
    return found | {"internet": INTERNET}


@pytest.fixture(scope="module")
def separate() -> Iterator[Network]:
    """Two machines of each kind, and one for each part of others."""
    wanted = outside()
    parts = {name: (name,) for name in wanted}
    for name, host in TOPOLOGY.hosts.items():
        if not host.alone:
            for number, machine in ((5, name), (6, f"{name}-2")):
                wanted[machine] = addresses(host.addresses, number)
                parts[machine] = host.parts
    yield from build(wanted, parts)


@pytest.fixture(scope="module")
def single() -> Iterator[Network]:
    """The machine that runs everything, and one for each part of others."""
    wanted = outside() | {"single": ["198.51.100.9", "2001:db8:9::9"]}
    parts = {name: (name,) for name in wanted} | {"single": TOPOLOGY.hosts["single"].parts}
    yield from build(wanted, parts)


def accept_all(network: Network, chain: str) -> None:
    """Take one chain away, so that the other decides alone."""
    for name in network.hosts():
        network.machines[name].nft(
            f"flush chain inet {TABLE} {chain}\n"
            f"table inet {TABLE} {{ chain {chain} {{ type filter hook {chain} priority filter; policy accept; }}; }}\n"
        )


def test_without_rules_everything_is_reached(separate: Network) -> None:
    """Otherwise a dropped attempt would prove nothing."""
    for name in separate.hosts():
        separate.machines[name].open_firewall()
    attempts = separate.attempts()
    own = [each for each in attempts if each.source == "internet"]
    separate.machines["internet"].begin(
        do="try",
        targets=[(each.address, each.port.number, each.port.protocol) for each in own],
        expected=list(range(len(own))),
        rest=0,
        most=MOST_SECONDS,
    )
    assert separate.machines["internet"].result() == list(range(len(own)))


def test_each_permitted_path_works_and_all_others_are_dropped(separate: Network) -> None:
    separate.load()
    assert separate.differences() == []


def test_what_comes_in_is_filtered_whatever_the_sender_lets_out(separate: Network) -> None:
    separate.load()
    accept_all(separate, "output")
    hosts = separate.hosts()
    assert (
        separate.differences(lambda each: each.target not in hosts or separate.permitted(each))
        == []
    )


def test_what_goes_out_is_filtered_whatever_the_receiver_lets_in(separate: Network) -> None:
    separate.load()
    accept_all(separate, "input")
    hosts = separate.hosts()
    assert (
        separate.differences(lambda each: each.source not in hosts or separate.permitted(each))
        == []
    )


def test_one_machine_with_everything_shows_only_what_it_must(single: Network) -> None:
    single.load()
    assert single.differences() == []


MUTANTS = {
    "the policy is accept": (
        "hook input priority filter; policy drop",
        "hook input priority filter; policy accept",
    ),
    "a rule is missing": (
        "ip saddr @app4 tcp dport 27017 accept",
        "ip saddr @app4 tcp dport 27018 accept",
    ),
    "a rule is missing for IPv6": (
        "ip6 saddr @app6 tcp dport 27017 accept",
        "ip6 saddr @app6 tcp dport 1 accept",
    ),
    "a rule is too wide": ("ip saddr @app4 tcp dport 27017 accept", "tcp dport 27017 accept"),
    "members are strangers": (
        "ip saddr @mongo4 tcp dport 27017 accept",
        "ip saddr @app4 tcp dport 1 accept",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_rule_set_is_noticed(separate: Network, name: str) -> None:
    separate.load()
    text = (FOLDER / "mongo.nft").read_text()
    old, new = MUTANTS[name]
    assert text.count(old) == 1
    for member in ("mongo", "mongo-2"):
        separate.machines[member].nft(text.replace(old, new))
    few = only(separate, "app", "redis", "mongo", "mongo-2", "internet")
    found = few.differences(most=5.0)  # a path that is closed is waited for
    assert found and all(" mongo at " in each or " mongo-2 at " in each for each in found)


def only(network: Network, *names: str) -> Network:
    return Network({name: network.machines[name] for name in names}, network.parts)


@pytest.mark.parametrize("port", ["http", "https"])
@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_an_address_that_opens_too_many_connections_is_slowed(
    separate: Network, family: int, port: str
) -> None:
    """The burst is served, what exceeds it is dropped, and another address is served meanwhile."""
    separate.load()
    proxy = separate.machines["proxy"]
    [rule] = [each for each in TOPOLOGY.rules if each.ports == (port,) and each.new_connections]
    assert rule.new_connections
    count = rule.new_connections.burst * 3
    flooding = separate.machines["internet"]
    flooding.begin(
        do="burst", address=proxy.addresses[family], port=TOPOLOGY.ports[port].number, count=count
    )
    made = flooding.result()
    other = separate.machines["operators"]
    target = (proxy.addresses[family], TOPOLOGY.ports[port].number, "tcp")
    other.begin(do="try", targets=[target], expected=[0], rest=0, most=MOST_SECONDS)
    assert other.result() == [0]
    assert rule.new_connections.burst <= made < count


def test_the_files_are_those_of_the_topology() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(TOPOLOGY.hosts)


def test_loading_again_replaces_the_rules_and_leaves_other_tables(separate: Network) -> None:
    proxy = separate.machines["proxy"]
    proxy.nft("table inet other { chain c { tcp dport 1 drop; }; }")
    separate.load()
    separate.load()
    proxy.nft("delete table inet other")


@pytest.fixture
def container(single: Network) -> Iterator[Machine]:
    """A container on the machine with everything, behind a bridge such as Podman makes."""
    host = single.machines["single"].namespace
    namespace = f"{host}c"
    run("ip", "netns", "add", namespace)
    made = Machine(namespace, ["10.88.0.2"])
    try:
        run("ip", "-n", host, "link", "add", "podman0", "type", "bridge")
        run("ip", "-n", host, "addr", "add", "10.88.0.1/16", "dev", "podman0")
        run("ip", "-n", host, "link", "set", "podman0", "up")
        run(
            "ip",
            "-n",
            host,
            "link",
            "add",
            "veth0",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            namespace,
        )
        run("ip", "-n", host, "link", "set", "veth0", "master", "podman0", "up")
        run("ip", "-n", namespace, "addr", "add", "10.88.0.2/16", "dev", "eth0")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")
        run("ip", "-n", namespace, "route", "add", "default", "via", "10.88.0.1")
        # Neighbours outside ask for the container's address, and its machine answers.
        for name in ("net.ipv4.ip_forward", "net.ipv4.conf.eth0.proxy_arp"):
            run("ip", "netns", "exec", host, "sysctl", "-qw", f"{name}=1")
        made.begin(do="listen", ports=list(PORTS))
        made.result()
        yield made
    finally:
        made.stop()
        subprocess.run(["ip", "-n", host, "link", "del", "podman0"], check=False, timeout=60)
        subprocess.run(["ip", "netns", "del", namespace], check=False, timeout=60)


def reached(
    source: Machine, targets: dict[str, tuple[str, int, str]], expected: set[str]
) -> set[str]:
    names = list(targets)
    source.begin(
        do="try",
        targets=list(targets.values()),
        expected=[index for index, name in enumerate(names) if name in expected],
        rest=REST_SECONDS,
        most=10.0,
    )
    return {names[index] for index in source.result()}


def test_a_container_gets_out_as_its_machine_may_and_nobody_gets_in(
    single: Network, container: Machine
) -> None:
    single.load()
    made = single.machines
    outwards = {
        "webhook": (made["internet"].addresses[0], 443, "tcp"),
        "names": (made["dns"].addresses[0], 53, "udp"),
        "names of containers": ("10.88.0.1", 53, "udp"),
        "mail": (made["mail"].addresses[0], 587, "tcp"),
        "shell of the internet": (made["internet"].addresses[0], 22, "tcp"),
        "redis of somebody": (made["mirror"].addresses[0], 6379, "tcp"),
        "shell of the machine": ("10.88.0.1", 22, "tcp"),
        "internal listener": ("10.88.0.1", 9464, "tcp"),
    }
    may = {"webhook", "names", "names of containers", "mail"}
    assert reached(container, outwards, may) == may
    assert reached(made["single"], {"app": ("10.88.0.2", 4000, "tcp")}, {"app"}) == {"app"}
    # The machine would pass these on: without a firewall they arrive.
    inwards = {str(port): ("10.88.0.2", port.number, port.protocol) for port in PORTS.values()}
    run(
        "ip",
        "-n",
        made["internet"].namespace,
        "route",
        "add",
        "10.88.0.2/32",
        "via",
        made["single"].addresses[0],
        "dev",
        "eth0",
        "onlink",
    )
    for name in ("internet", "operators"):
        assert reached(made[name], inwards, set()) == set()
    made["single"].open_firewall()
    assert reached(made["internet"], inwards, set(inwards)) == set(inwards)
