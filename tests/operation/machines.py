"""Machines for the firewall's test: network namespaces on one bridge, each with an agent that listens and connects."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chatserver.deployment.nftables import TABLE

AGENT = Path(__file__).with_name("network_agent.py")


def run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


class Machine:
    """A namespace with one address of each family."""

    def __init__(self, namespace: str, addresses: list[str]) -> None:
        self.namespace = namespace
        self.addresses = addresses
        self._agent: subprocess.Popen[str] | None = None

    def nft(self, text: str) -> None:
        run("ip", "netns", "exec", self.namespace, "nft", "-f", "-", text=text)

    def open_firewall(self) -> None:
        self.nft(f"table inet {TABLE}\ndelete table inet {TABLE}\n")

    def begin(self, **request: Any) -> None:
        if self._agent is None:
            self._agent = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, sys.executable, "-I", "-S", str(AGENT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._agent.stdin
        self._agent.stdin.write(json.dumps(request) + "\n")
        self._agent.stdin.flush()

    def result(self) -> Any:
        assert self._agent and self._agent.stdout
        line = self._agent.stdout.readline()
        assert line, f"the agent of {self.namespace} ended"
        return json.loads(line)

    def stop(self) -> None:
        if self._agent is not None:
            self._agent.kill()
            self._agent.communicate(timeout=60)


@contextmanager
def machines(wanted: dict[str, list[str]]) -> Iterator[dict[str, Machine]]:
    """A machine for each name, with its addresses. All are neighbours on one bridge, in a namespace of its own."""
    prefix = f"cs{secrets.token_hex(3)}"
    switch = f"{prefix}-switch"
    made: list[str] = []
    found: dict[str, Machine] = {}
    try:
        run("ip", "netns", "add", switch)
        made.append(switch)
        run("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "bridge", "up")
        for number, (name, addresses) in enumerate(wanted.items()):
            namespace = f"{prefix}-{number}"
            run("ip", "netns", "add", namespace)
            made.append(namespace)
            # Every address is a neighbour, so no machine needs a router. `nodad`: addresses are usable at once.
            batch = [
                f"link add port{number} type veth peer name eth0 netns {namespace}",
                f"link set port{number} master bridge up",
            ]
            run("ip", "-n", switch, "-batch", "-", text="\n".join(batch))
            batch = ["link set lo up", "link set eth0 up"]
            for address in addresses:
                family, length = ("-6", "128 nodad") if ":" in address else ("-4", "32")
                batch.append(f"addr add {address}/{length} dev eth0")
                batch.append(f"route add {'::/0' if family == '-6' else '0.0.0.0/0'} dev eth0")
            run("ip", "-n", namespace, "-batch", "-", text="\n".join(batch))
            found[name] = Machine(namespace, addresses)
        yield found
    finally:
        for machine in found.values():
            machine.stop()
        for namespace in reversed(made):
            subprocess.run(["ip", "netns", "del", namespace], check=False, timeout=60)
