"""Pseudonyms: equal names have equal ones within a bundle, and nobody can compute a name from one."""

import hashlib
import hmac
import secrets


class Pseudonyms:
    """Replaces names, with a key that is thrown away."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, kind: str, name: str) -> str:
        """Such as `node-3f9c21d07a`; "" for an empty name."""
        if not name:
            return ""
        digest = hmac.new(self._key, f"{kind}\n{name}".encode(errors="replace"), hashlib.sha256)
        return f"{kind}-{digest.hexdigest()[:10]}"


def shipped_plugins() -> frozenset[str]:
    """Names of the plugins that come with the server."""
    from chatserver.upgrade.releases import releases
    from chatserver.version import __version__

    return frozenset(
        name for each in releases() if each.version == __version__ for name in each.plugins
    )
