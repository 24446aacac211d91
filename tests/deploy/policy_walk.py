"""Evaluates NetworkPolicies as Kubernetes does: may a pod or an address open a connection to another at a port?

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/#the-two-sorts-of-pod-isolation
"""

from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple


class End(NamedTuple):
    """A pod with its namespace and labels, or an address outside the cluster (then `namespace` is empty)."""

    namespace: str
    labels: dict[str, str]
    address: str = ""


class Policies(NamedTuple):
    """The policies of one namespace."""

    namespace: str
    documents: list[dict[str, Any]]

    def permit(self, source: End, target: End, protocol: str, port: int) -> bool:
        return self._side(source, target, "Egress", protocol, port) and self._side(
            target, source, "Ingress", protocol, port
        )

    def _side(self, pod: End, peer: End, direction: str, protocol: str, port: int) -> bool:
        """Whether the policies of one end permit it; an end that no policy selects is open."""
        if pod.namespace != self.namespace:
            return True
        isolating = [
            each["spec"]
            for each in self.documents
            if direction in each["spec"]["policyTypes"]
            and selects(each["spec"]["podSelector"], pod.labels)
        ]
        if not isolating:
            return True
        key = "to" if direction == "Egress" else "from"
        return any(
            self._peers(rule.get(key), peer) and at_port(rule.get("ports"), protocol, port)
            for spec in isolating
            for rule in spec.get(direction.lower(), [])
        )

    def _peers(self, peers: list[dict[str, Any]] | None, end: End) -> bool:
        return not peers or any(self._peer(each, end) for each in peers)

    def _peer(self, peer: dict[str, Any], end: End) -> bool:
        if block := peer.get("ipBlock"):
            if not end.address:
                return False
            address = ip_address(end.address)
            inside = [each for each in block.get("except", []) if address in ip_network(each)]
            return address in ip_network(block["cidr"]) and not inside
        if not end.namespace:
            return False
        if "namespaceSelector" in peer:
            names = {"kubernetes.io/metadata.name": end.namespace}
            if not selects(peer["namespaceSelector"], names):
                return False
        elif end.namespace != self.namespace:
            return False
        return selects(peer.get("podSelector", {}), end.labels)


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "a selector that is not evaluated here"
    return selector.get("matchLabels", {}).items() <= labels.items()


def at_port(ports: list[dict[str, Any]] | None, protocol: str, port: int) -> bool:
    return not ports or {"protocol": protocol.upper(), "port": port} in ports
