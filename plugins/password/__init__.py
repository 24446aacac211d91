"""Passwords (argon2id) and revocable session tokens, kept in the server's own store."""

from collections.abc import Sequence

from chatserver import Authenticator, Context, Job, PersonalData, Powers, Records, hookimpl
from chatserver_plugins.password import strength
from chatserver_plugins.password.authenticator import (
    LoginLimits,
    PasswordAuthenticator,
    password_key,
)
from chatserver_plugins.password.breached import BreachedFile
from chatserver_plugins.password.config import PasswordConfig
from chatserver_plugins.password.hashing import Hasher
from chatserver_plugins.password.limiter import FailureLimit, GrowingDelay
from chatserver_plugins.password.places import Places
from chatserver_plugins.password.sessions import Sessions
from chatserver_plugins.password.sweep import SWEEP_SECONDS, Sweep


class PasswordPlugin:
    """The default authenticator. Each node has its own limits on failures and token cache."""

    Config = PasswordConfig
    powers = Powers(service=("accounts.sessions_end",))

    def __init__(self, config: PasswordConfig) -> None:
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
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        places = Places(context.records)

        async def erase(user: str) -> None:
            await places.forget(user)
            await context.records.delete(password_key(user))

        return [
            PersonalData(
                name="password",
                title={"en": "Places where you signed in", "ja": "ログインした場所"},
                export=places.held,
                erase=erase,
            )
        ]

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
