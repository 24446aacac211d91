"""All files of deploy/ that are generated from the topology."""

from __future__ import annotations

from chatserver.deployment.nftables import rule_set
from chatserver.deployment.topology import Topology


def generated(topology: Topology) -> dict[str, str]:
    """The text of each file, by its path in deploy/."""
    return {f"firewall/{name}.nft": rule_set(topology, name) for name in topology.hosts}
