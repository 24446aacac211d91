"""Typing notices: sent at once to the followers of a room, and stored nowhere."""

from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import TypingNow
from chatserver.delivery.subscriber import Subscriber
from chatserver.model import User, UserRef
from chatserver.roomlog.room import Room
from chatserver.runtime.rate import UserRate
from chatserver.service.rights import Right, demand

PER_SECOND, BURST = 1.0, 5.0  # notices of one user; each goes to everybody in the room


class Typing:
    """Sends typing notices, for each user no more often than readers can notice."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._rate = UserRate(PER_SECOND, BURST)

    def tell(self, user: User, room: Room, *, but: Subscriber | None = None) -> None:
        """Tell all followers of the room except `but`. Notices above the rate are dropped without an error.

        Raises the error of `rights.demand` if the user may not post.
        """
        demand(user, room, Right.POST)
        if not self._rate.bucket(user.id).take():
            now = TypingNow(room=room.id, user=UserRef.of(user))
            self._hub.tell_room(room, now, but=but)
