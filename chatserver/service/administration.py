"""Who may administrate the server, and from which addresses: demanded by every operation on accounts or all data."""

from collections.abc import Sequence

from chatserver.errors import ChatError
from chatserver.logging.repeated import Repeated
from chatserver.model import User
from chatserver.runtime.networks import Networks
from chatserver.service.rights import demand_staff

_warnings = Repeated()


class Administration:
    """The staff of the server, at the addresses of `server.admin_networks`."""

    def __init__(self, networks: Sequence[str]) -> None:
        """No networks mean any address."""
        self._networks = Networks(networks)

    def demand(self, user: User, address: str | None) -> None:
        """Raise `ChatError` user.forbidden for others than staff, auth.address for staff elsewhere.

        `address` is the client's, as far as trusted proxies tell it; None is in no network.
        """
        demand_staff(user)
        if self._networks and (address or "") not in self._networks:
            _warnings.warning(
                f"admin address {user.id}",
                f"{user.id} of the staff was refused at {address}, which is not in server.admin_networks: "
                "if it was not they, end their sessions with `chatserver user passwd`",
            )
            raise ChatError("auth.address")
