"""The three proxies, each with its file of deploy/proxy, on a machine of its own."""

import contextlib
import signal
import socket
import ssl
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import httpx
import psutil
import trustme

from tests import tools
from tests.operation.proxies.machine import HOST, Machine
from tests.waiting import wait_until

FILES = tools.ROOT / "deploy/proxy"
STRANGER = "198.51.100.7"  # an address from outside, which is no operator's
OPERATOR = "127.0.0.1"
NODE, INTERNAL = 4000, 9464  # the ports of the first node


class Proxy(ABC):
    """One of them: install its files, start, reload and stop it, and ask it as a client."""

    name: ClassVar[str]
    needs: ClassVar[str]  # its program

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.folder = folder
        self.program = tools.need_tool(self.needs)
        self.authority = trustme.CA()
        self.root: str | None = (
            None  # the certificate of another authority, in PEM, to trust instead
        )
        self._process: subprocess.Popen[bytes] | None = None

    # -- its files --------------------------------------------------------------------------------

    @abstractmethod
    def install(
        self, nodes: Sequence[int] = (NODE,), changes: Mapping[str, str] | None = None
    ) -> None:
        """Put its files in place, for nodes on these ports, with some of their text replaced."""

    @abstractmethod
    def keep_streams(self, seconds: int) -> dict[str, str]:
        """The change that keeps WebSockets for so long after a reload."""

    def certificate(self) -> tuple[bytes, bytes]:
        """A new chain and its key, in PEM."""
        made = self.authority.issue_cert(HOST)
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        return chain, made.private_key_pem.bytes()

    # -- its process ------------------------------------------------------------------------------

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def check(self) -> subprocess.CompletedProcess[str]:
        """The tool's own check of the files."""

    @abstractmethod
    def reload(self) -> None:
        """Returns when the new configuration serves."""

    environment: ClassVar[dict[str, str]] = {}

    def start(self, port: int = 443) -> None:
        """Returns when it listens on this port."""
        self._process = self.machine.start(
            self.command(), self.folder / f"{self.name}.log", self.environment
        )
        wait_until(lambda: self.listens(port) or self._process.poll() is not None)
        assert self._process.poll() is None, self.log()

    def listens(self, port: int) -> bool:
        def connects() -> bool:
            with contextlib.suppress(OSError), socket.create_connection((OPERATOR, port), 10):
                return True
            return False

        return self.machine.call(connects)

    def log(self) -> str:
        return (self.folder / f"{self.name}.log").read_text()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """End it and its workers as a crash does."""
        if self._process is not None and self._process.poll() is None:
            children = self._children()
            self._process.kill()  # first, as it would start other workers
            self._process.wait()
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(children, timeout=60)

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    # -- as a client ------------------------------------------------------------------------------

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.root)
        if self.root is None:
            self.authority.configure_trust(context)
        return context

    def fetch(
        self,
        path: str,
        *,
        source: str = STRANGER,
        method: str = "GET",
        scheme: str = "https",
        server: str = OPERATOR,
        **options: object,
    ) -> httpx.Response:
        """One answer, asked for from the address `source`. `path` is sent as it stands."""
        host = f"[{server}]" if ":" in server else server
        headers = {"Host": HOST, **options.pop("headers", {})}
        request = httpx.Request(
            method,
            httpx.URL(f"{scheme}://{host}/").copy_with(raw_path=path.encode()),
            headers=headers,
            extensions={"sni_hostname": HOST},
            **options,
        )

        def send() -> httpx.Response:
            transport = httpx.HTTPTransport(verify=self.tls(), local_address=source)
            with httpx.Client(transport=transport, timeout=60) as client:
                return client.send(request)

        return self.machine.call(send)

    def handshake(self, context: ssl.SSLContext) -> tuple[str | None, str | None, bytes | None]:
        """TLS version, application protocol and certificate (DER) that it chooses."""

        def shake() -> tuple[str | None, str | None, bytes | None]:
            with (
                socket.create_connection((OPERATOR, 443), timeout=60) as plain,
                context.wrap_socket(plain, server_hostname=HOST) as tls,
            ):
                chosen = tls.version(), tls.selected_alpn_protocol()
                return *chosen, tls.getpeercert(binary_form=True)

        return self.machine.call(shake)


class Nginx(Proxy):
    name = needs = "nginx"

    def install(
        self, nodes: Sequence[int] = (NODE,), changes: Mapping[str, str] | None = None
    ) -> None:
        line = f"    server 127.0.0.1:{NODE} max_fails=0;\n"
        lines = "".join(line.replace(str(NODE), str(node)) for node in nodes)
        of_main = {old: new for old, new in (changes or {}).items() if "shutdown" in old}
        of_site = {old: new for old, new in (changes or {}).items() if old not in of_main}
        self.machine.install(
            FILES / "nginx/chatserver.conf",
            "/etc/nginx/sites-enabled/chatserver.conf",
            {line: lines, **of_site},
        )
        self.machine.install(
            FILES / "nginx/main.conf", "/etc/nginx/modules-enabled/90-chatserver.conf", of_main
        )
        live = self.machine.path(f"/etc/letsencrypt/live/{HOST}")
        live.mkdir(parents=True, exist_ok=True)
        chain, key = self.certificate()
        (live / "fullchain.pem").write_bytes(chain)
        (live / "privkey.pem").write_bytes(key)

    def keep_streams(self, seconds: int) -> dict[str, str]:
        return {"worker_shutdown_timeout 10m;": f"worker_shutdown_timeout {seconds}s;"}

    def command(self) -> list[str]:
        return [self.program, "-g", "daemon off;"]

    def check(self) -> subprocess.CompletedProcess[str]:
        return self.machine.run(self.program, "-t")

    def reload(self) -> None:
        before = {child.pid for child in self._children()}
        assert self.machine.run(self.program, "-s", "reload").returncode == 0
        wait_until(lambda: {child.pid for child in self._children()} - before)


class HAProxy(Proxy):
    name = needs = "haproxy"

    def install(
        self, nodes: Sequence[int] = (NODE,), changes: Mapping[str, str] | None = None
    ) -> None:
        line = f"    server node1 127.0.0.1:{NODE}\n"
        lines = "".join(
            line.replace("node1", f"node{number}").replace(str(NODE), str(node))
            for number, node in enumerate(nodes, 1)
        )
        self.machine.install(
            FILES / "haproxy/haproxy.cfg",
            "/etc/haproxy/haproxy.cfg",
            {line: lines, **(changes or {})},
        )
        self.machine.path(f"/etc/haproxy/certs/{HOST}.pem").write_bytes(
            b"".join(self.certificate())
        )

    def keep_streams(self, seconds: int) -> dict[str, str]:
        return {"hard-stop-after 10m": f"hard-stop-after {seconds}s"}

    def command(self) -> list[str]:
        return [self.program, "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"]

    def check(self) -> subprocess.CompletedProcess[str]:
        return self.machine.run(self.program, "-c", "-f", "/etc/haproxy/haproxy.cfg")

    def reload(self) -> None:
        before = {child.pid for child in self._children()}
        self.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: {child.pid for child in self._children()} - before)


class Caddy(Proxy):
    name = needs = "caddy"
    environment: ClassVar = {
        "XDG_DATA_HOME": "/var/lib",
        "XDG_CONFIG_HOME": "/var/lib/caddy/config",
    }

    def install(
        self, nodes: Sequence[int] = (NODE,), changes: Mapping[str, str] | None = None
    ) -> None:
        line = f"reverse_proxy 127.0.0.1:{NODE} {{"
        lines = line.replace(f"127.0.0.1:{NODE}", " ".join(f"127.0.0.1:{node}" for node in nodes))
        own = "tls /etc/caddy/fullchain.pem /etc/caddy/privkey.pem {"
        self.machine.install(
            FILES / "caddy/Caddyfile",
            "/etc/caddy/Caddyfile",
            {line: lines, "tls {": own, **(changes or {})},
        )
        chain, key = self.certificate()
        self.machine.path("/etc/caddy/fullchain.pem").write_bytes(chain)
        self.machine.path("/etc/caddy/privkey.pem").write_bytes(key)

    def keep_streams(self, seconds: int) -> dict[str, str]:
        return {"stream_close_delay 10m": f"stream_close_delay {seconds}s"}

    def command(self) -> list[str]:
        return [self.program, "run", "--config", "/etc/caddy/Caddyfile"]

    def check(self) -> subprocess.CompletedProcess[str]:
        return self.machine.run(
            self.program,
            "validate",
            "--config",
            "/etc/caddy/Caddyfile",
            environment=self.environment,
        )

    def reload(self) -> None:
        command = [self.program, "reload", "--force", "--config", "/etc/caddy/Caddyfile"]
        done = self.machine.run(*command, environment=self.environment)
        assert done.returncode == 0, done.stderr


ALL = (Nginx, HAProxy, Caddy)
