"""Sets of networks, and whether a client's address is in one."""

import ipaddress
from collections.abc import Sequence
from typing import Final


class Networks:
    """A set of addresses and networks from the configuration."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        """Raises `ValueError` for a text that is no address and no network."""
        self._networks: Final = [ipaddress.ip_network(text, strict=False) for text in texts]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        """Whether the address is in one of the networks; a text that is no address is in none."""
        if not self._networks or not is_address(address):
            return False
        found = ipaddress.ip_address(address)
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped  # a socket for both families shows an IPv4 peer this way
        return any(found in network for network in self._networks)


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
