"""All files of deploy/ that are generated from the topology."""

from __future__ import annotations

from chatserver.deployment.networkpolicies import network_policies
from chatserver.deployment.nftables import rule_set
from chatserver.deployment.securitygroups import security_groups
from chatserver.deployment.topology import Topology


def generated(topology: Topology) -> dict[str, str]:
    """The text of each file, by its path in deploy/."""
    files = {f"firewall/{name}.nft": rule_set(topology, name) for name in topology.hosts}
    files["kubernetes/base/network-policies.yaml"] = network_policies(topology)
    for module in ("cloud", "single"):
        files[f"terraform/{module}/security_groups.tf"] = security_groups(topology, module)
    return files


def first_difference(found: str, expected: str) -> int:
    """The number of the first line that differs, from 1; 0 if none does."""
    if found == expected:
        return 0
    pairs = zip(found.splitlines(), expected.splitlines(), strict=False)
    same = next((i for i, (one, other) in enumerate(pairs) if one != other), None)
    return 1 + (min(found.count("\n"), expected.count("\n")) if same is None else same)
