"""Pods of the Deployment as processes of this machine: probed, taken in and ended as a kubelet does it.

All times, thresholds, paths and settings are those of the built manifests.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.operation.manifests import Document, Workload, named, of_kind, workloads
from tests.servers import free_port


class Probe(NamedTuple):
    """One probe of a container, with the defaults of Kubernetes."""

    path: str
    port: str
    period: float
    timeout: float
    failures: int
    successes: int

    @classmethod
    def read(cls, given: Document) -> "Probe":
        return cls(
            given["httpGet"]["path"],
            given["httpGet"]["port"],
            given.get("periodSeconds", 10),
            given.get("timeoutSeconds", 1),
            given.get("failureThreshold", 3),
            given.get("successThreshold", 1),
        )


class Plan:
    """What the manifests say about the Deployment `chatserver`."""

    def __init__(self, documents: Sequence[Document]) -> None:
        document = named(documents, "Deployment", "chatserver")
        workload: Workload = next(workloads([document]))
        spec, [self.container] = document["spec"], workload.spec["containers"]
        rolling = spec["strategy"]["rollingUpdate"]
        self.surge: int = rolling["maxSurge"]
        self.unavailable: int = rolling["maxUnavailable"]
        self.min_ready: float = spec.get("minReadySeconds", 0)
        self.deadline: float = spec.get("progressDeadlineSeconds", 600)
        scalers = of_kind(documents, "HorizontalPodAutoscaler")
        self.replicas: int = (
            scalers[0]["spec"]["minReplicas"] if scalers else spec.get("replicas", 1)
        )
        self.grace: float = workload.spec.get("terminationGracePeriodSeconds", 30)
        lifecycle = self.container.get("lifecycle", {})
        self.pause: float = lifecycle.get("preStop", {}).get("sleep", {}).get("seconds", 0)
        self.probes = {
            name: Probe.read(self.container[f"{name}Probe"])
            for name in ("startup", "liveness", "readiness")
        }
        [self.settings] = [
            each["data"]["production.toml"]
            for each in of_kind(documents, "ConfigMap")
            if "production.toml" in each["data"]
        ]


class Pod:
    """One process of the server, and its kubelet. `on_ready` hears each change of its readiness."""

    def __init__(
        self,
        name: str,
        plan: Plan,
        folder: Path,
        overrides: Mapping[str, object],
        on_ready: Callable[["Pod", bool], Awaitable[None]],
    ) -> None:
        self.name, self._plan = name, plan
        self.folder = folder / name
        self.folder.mkdir()
        self.ports = {port["name"]: free_port() for port in plan.container["ports"]}
        self.is_ready = False
        self.ready_since: float | None = None
        self.was_killed = False  # as it did not end in time, or by a probe
        self.status: int | None = None
        self._on_ready = on_ready
        self._overrides = {
            **overrides,
            "server.host": "127.0.0.1",
            "server.port": self.ports["http"],
            "server.internal_host": "127.0.0.1",
            "server.internal_port": self.ports["internal"],
            "server.data": self.folder / "data",
            "plugin.audit.folder": self.folder / "audit",
        }
        self._process: asyncio.subprocess.Process | None = None
        self._kubelet: asyncio.Task[None] | None = None

    def command(self, *arguments: str) -> list[str]:
        """A command of chatserver with the settings of this Pod."""
        file = self.folder / "production.toml"
        file.write_text(self._plan.settings)
        options = [f"--set={key}={value}" for key, value in self._overrides.items()]
        return [sys.executable, "-m", "chatserver", *arguments, "-c", str(file), *options]

    async def start(self) -> None:
        """Start the process and its probes; returns at once."""
        verb, *rest = self._plan.container["args"]
        assert (verb, rest) == ("serve", ["-c", "production"])
        with (self.folder / "console.log").open("wb") as console:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(verb), stdout=console, stderr=console, cwd=self.folder
            )
        self._kubelet = asyncio.create_task(self._watch(), name=f"kubelet of {self.name}")

    async def _watch(self) -> None:
        async with httpx.AsyncClient() as client:
            await self._until(client, self._plan.probes["startup"])
            async with asyncio.TaskGroup() as group:
                group.create_task(self._live(client, self._plan.probes["liveness"]))
                group.create_task(self._readiness(client, self._plan.probes["readiness"]))

    async def _until(self, client: httpx.AsyncClient, probe: Probe) -> None:
        """Until the startup probe has succeeded; a Pod that does not start is killed."""
        for _ in range(probe.failures):
            if await self._ask(client, probe):
                return
            await asyncio.sleep(probe.period)
        self._kill()

    async def _live(self, client: httpx.AsyncClient, probe: Probe) -> None:
        failures = 0
        while failures < probe.failures:
            failures = 0 if await self._ask(client, probe) else failures + 1
            await asyncio.sleep(probe.period)
        self._kill()

    async def _readiness(self, client: httpx.AsyncClient, probe: Probe) -> None:
        row, last = 0, False
        while True:
            good = await self._ask(client, probe)
            row, last = (row + 1 if good == last else 1), good
            if good != self.is_ready and row >= (probe.successes if good else probe.failures):
                await self._turn(good)
            await asyncio.sleep(probe.period)

    async def _ask(self, client: httpx.AsyncClient, probe: Probe) -> bool:
        url = f"http://127.0.0.1:{self.ports[probe.port]}{probe.path}"
        try:
            return (await client.get(url, timeout=probe.timeout)).status_code < 400
        except httpx.TransportError:
            return False

    async def _turn(self, is_ready: bool) -> None:
        self.is_ready = is_ready
        self.ready_since = asyncio.get_running_loop().time() if is_ready else None
        await self._on_ready(self, is_ready)

    def is_available(self) -> bool:
        """Ready, and for long enough."""
        now = asyncio.get_running_loop().time()
        return self.ready_since is not None and now - self.ready_since >= self._plan.min_ready

    async def end(self) -> None:
        """End it as a kubelet does: preStop, SIGTERM, and after the grace SIGKILL. Both begin together."""
        if self._kubelet is not None:
            self._kubelet.cancel()
        assert self._process is not None
        try:
            async with asyncio.timeout(self._plan.grace):
                await asyncio.sleep(self._plan.pause)
                self._process.send_signal(signal.SIGTERM)
                await self._process.wait()
        except TimeoutError:
            self._kill()
        self.status = await self._process.wait()

    def _kill(self) -> None:
        self.was_killed = True
        self.kill()

    def kill(self) -> None:
        """End the process and its probes at once."""
        if self._kubelet is not None:
            self._kubelet.cancel()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def remove(self) -> None:
        """Kill it, and wait for its end."""
        self.kill()
        if self._kubelet is not None:
            await asyncio.wait([self._kubelet])
        if self._process is not None:
            await self._process.wait()


class Deployment:
    """The Pods of a plan, and a rolling update of them as the Deployment's controller does it."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        overrides: Mapping[str, object],
        endpoints: "Endpoints",
    ) -> None:
        self.plan, self._folder, self._overrides = plan, folder, overrides
        self._endpoints = endpoints
        self.pods: list[Pod] = []
        self.ended: list[Pod] = []
        self._ending: list[asyncio.Task[None]] = []
        self._made = 0

    def make(self) -> Pod:
        self._made += 1
        pod = Pod(
            f"pod-{self._made}", self.plan, self._folder, self._overrides, self._endpoints.turn
        )
        self.pods.append(pod)
        return pod

    async def scale(self, replicas: int) -> None:
        """Start so many Pods; returns when all are available."""
        for _ in range(replicas):
            await self.make().start()
        await self._until(lambda: all(pod.is_available() for pod in self.pods))

    async def update(self) -> None:
        """Replace all Pods. Raises `TimeoutError` if there is no progress within the deadline."""
        old = list(self.pods)
        wanted = len(old)
        while old:
            while len(self.pods) < wanted + self.plan.surge and self._new(old) < wanted:
                await self.make().start()
            available = [pod for pod in self.pods if pod.is_available()]
            spare = len(available) - (wanted - self.plan.unavailable)
            for pod in old[: max(0, spare)]:
                old.remove(pod)
                self._end(pod)
            await asyncio.sleep(0.1)
        await self._until(lambda: all(pod.is_available() for pod in self.pods))
        await asyncio.gather(*self._ending)

    def _new(self, old: Sequence[Pod]) -> int:
        return len([pod for pod in self.pods if pod not in old])

    def _end(self, pod: Pod) -> None:
        """The Pod is taken from the endpoints and told to end, at the same moment."""
        self.pods.remove(pod)
        self.ended.append(pod)
        self._ending.append(asyncio.create_task(self._endpoints.turn(pod, False)))
        self._ending.append(asyncio.create_task(pod.end()))

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(self.plan.deadline):
            while not condition():
                await asyncio.sleep(0.05)

    async def remove(self) -> None:
        """Kill all Pods, at the end of a test."""
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*(pod.remove() for pod in [*self.pods, *self.ended]))


class Endpoints:
    """What a proxy knows of the Pods. It hears of a Pod that is gone some seconds late, as in a cluster."""

    def __init__(self, proxy: "SupportsServers", late_seconds: float) -> None:
        self._proxy, self._late = proxy, late_seconds

    async def turn(self, pod: Pod, is_ready: bool) -> None:
        if not is_ready:
            await asyncio.sleep(self._late)
        await self._proxy.set(pod.name, pod.ports["http"], is_ready)


class SupportsServers:
    """A proxy whose servers come and go."""

    async def set(self, name: str, port: int, is_used: bool) -> None:
        raise NotImplementedError
