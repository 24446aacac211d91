"""Passwords (argon2id) and revocable session tokens, kept in the server's own store."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from chatserver import Authenticator, Context, Job, Powers, Records, Settings, hookimpl
from chatserver_plugins.password import strength
from chatserver_plugins.password.authenticator import LoginLimits, PasswordAuthenticator
from chatserver_plugins.password.breached import BreachedFile
from chatserver_plugins.password.hashing import Hasher
from chatserver_plugins.password.limiter import FailureLimit, GrowingDelay
from chatserver_plugins.password.places import Places
from chatserver_plugins.password.sessions import Sessions
from chatserver_plugins.password.sweep import SWEEP_SECONDS, Sweep


class PasswordPlugin:
    """The default authenticator. Each node has its own limits on failures and token cache."""

    # The defaults of memory, passes and lanes are from the OWASP Password Storage Cheat Sheet.
    class Config(Settings, frozen=True, kw_only=True):
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

    powers = Powers(service=("accounts.sessions_end",))

    def __init__(self, config: Config) -> None:
        self.config = config
        self._hasher: Hasher | None = None
        self._sessions: Sessions | None = None
        self._breached: BreachedFile | None = None

    @hookimpl
    def provide_authenticator(self, records: Records) -> Authenticator:
        config = self.config
        self._hasher = Hasher(
            memory_kib=config.memory_kib,
            passes=config.passes,
            lanes=config.lanes,
            threads=config.threads,
            waiting=config.waiting,
        )
        seconds, keys = config.failure_seconds, config.failure_keys
        self._sessions = Sessions(
            records,
            lifetime=config.session_days * 86400,
            per_user=config.sessions_per_user,
            cache_seconds=config.cache_seconds,
            cache_size=config.cache_size,
        )
        self._breached = BreachedFile(config.breached_file) if config.breached_file else None
        return PasswordAuthenticator(
            records,
            self._hasher,
            self._sessions,
            Places(records),
            LoginLimits(
                here=FailureLimit(config.failures_per_account, seconds, keys),
                addresses=FailureLimit(config.failures_per_address, seconds, keys),
                strangers=GrowingDelay(
                    config.failures_of_strangers, config.longest_wait_seconds, keys
                ),
            ),
            strength.Length(config.min_characters, config.max_characters),
            self._breached,
        )

    @hookimpl
    def register_jobs(self, context: Context) -> Sequence[Job]:
        sweep = Sweep(context.records, self.config.session_days * 86400)
        return [Job(name="password.expired", every=SWEEP_SECONDS, run=sweep.run, deadline=600)]

    @hookimpl
    async def startup(self, context: Context) -> None:
        if self._sessions is not None:
            self._sessions.ending = context.service.accounts.sessions_end

    @hookimpl
    async def shutdown(self) -> None:
        if self._hasher is not None:
            self._hasher.close()
        if self._breached is not None:
            self._breached.close()
