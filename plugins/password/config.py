"""The settings of the plugin."""

from typing import Annotated

import msgspec

from chatserver import Settings
from chatserver_plugins.password import strength


# The defaults of memory, passes and lanes are from the OWASP Password Storage Cheat Sheet.
class PasswordConfig(Settings, frozen=True, kw_only=True):
    memory_kib: Annotated[
        int, msgspec.Meta(description="Memory of one argon2id hash, in KiB.", ge=8, le=4194304)
    ] = 19456
    passes: Annotated[
        int, msgspec.Meta(description="Passes of argon2id over its memory.", ge=1, le=1000)
    ] = 2
    lanes: Annotated[int, msgspec.Meta(description="Lanes of argon2id.", ge=1, le=64)] = 1
    threads: Annotated[
        int, msgspec.Meta(description="Passwords hashed at the same time.", ge=1, le=64)
    ] = 2
    waiting: Annotated[
        int,
        msgspec.Meta(
            description="Passwords that may wait to be hashed; further ones are refused with "
            "limit.rate.",
            ge=0,
        ),
    ] = 64
    min_characters: Annotated[
        int,
        msgspec.Meta(description="Least characters of a new password.", ge=8, le=64),
    ] = strength.MIN_CHARACTERS
    max_characters: Annotated[
        int,
        msgspec.Meta(description="Most characters of a new password.", ge=64, le=256),
    ] = strength.MAX_CHARACTERS
    breached_file: Annotated[
        str,
        msgspec.Meta(
            description="File of breached passwords, which new ones must not be among: SHA-1 digests, one a "
            "line, sorted. Empty: the short list of the server alone."
        ),
    ] = ""
    session_days: Annotated[
        float,
        msgspec.Meta(
            description="Days without use after which a session, and a page's cookie, expire.",
            gt=0,
        ),
    ] = 30.0
    sessions_per_user: Annotated[
        int,
        msgspec.Meta(
            description="Sessions a user may have; a further one ends the session that was unused for "
            "longest.",
            ge=1,
            le=1000,
        ),
    ] = 100
    cache_seconds: Annotated[
        float,
        msgspec.Meta(
            description="Seconds for which a valid token is trusted without asking the store. A "
            "revocation on another node takes as long to come into force.",
            ge=0,
            le=60,
        ),
    ] = 0.4
    cache_size: Annotated[
        int, msgspec.Meta(description="Most valid tokens kept in memory.", ge=1)
    ] = 10_000
    failures_per_account: Annotated[
        int,
        msgspec.Meta(
            description="Most failed logins to one account from one network, or one known device, "
            "in `failure_seconds`.",
            ge=1,
        ),
    ] = 10
    failures_per_address: Annotated[
        int,
        msgspec.Meta(
            description="Most failed logins from one address (IPv6: from one /64 network) in "
            "`failure_seconds`.",
            ge=1,
        ),
    ] = 50
    failure_seconds: Annotated[
        int, msgspec.Meta(description="Seconds until failed logins are forgiven.", ge=1)
    ] = 300
    failures_of_strangers: Annotated[
        int,
        msgspec.Meta(
            description="Failed logins to one account, from all unknown networks and devices, after "
            "which each further one doubles the wait.",
            ge=1,
        ),
    ] = 20
    longest_wait_seconds: Annotated[
        int,
        msgspec.Meta(
            description="Longest wait for unknown networks and devices, and seconds until one of "
            "their failed logins is forgiven.",
            ge=1,
        ),
    ] = 900
    failure_keys: Annotated[
        int,
        msgspec.Meta(
            description="Most accounts, and most addresses, with remembered failures.", ge=1
        ),
    ] = 20_000
