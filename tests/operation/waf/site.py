"""A real nginx with the site and the web application firewall, as their files in deploy/ say, before any upstream."""

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any, Self

import trustme

from tests.servers import free_port
from tests.tools import ROOT, lack, need_tool
from tests.waiting import wait_until

HOST = "chat.example.org"
MODULE = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
CORE_RULES = Path("/usr/share/modsecurity-crs/rules")
WAF = ROOT / "deploy/waf"
INSTALLED = "/etc/nginx/chatserver-waf"  # where the files of WAF belong
SITE = ROOT / "deploy/proxy/nginx/chatserver.conf"


class Site:
    """nginx on free ports of loopback, with copies of the files in `folder`."""

    def __init__(
        self, folder: Path, upstream: int, *, without: str = "", firewall: bool = True
    ) -> None:
        """`upstream` is the server's port. `without` is the beginning of the exception to leave out."""
        for path in (MODULE, CORE_RULES):
            if not path.exists():
                lack(f"{path} is not installed")
        self._nginx = need_tool("nginx")
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.http, self.https = free_port(), free_port()
        authority = trustme.CA()
        certificate = authority.issue_cert(HOST, "localhost", "127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(folder / "fullchain.pem")
        certificate.private_key_pem.write_to_path(folder / "privkey.pem")
        self.tls = ssl.create_default_context()
        authority.configure_trust(self.tls)
        (folder / "site.conf").write_text(self._site(upstream))
        if firewall:
            self._install_firewall(without)
        self._write_config(firewall)
        self._process: subprocess.Popen[bytes] | None = None

    def _site(self, upstream: int) -> str:
        text = SITE.read_text()
        for old, new in {
            r"^ *listen \[::\].*\n": "",
            r"\blisten 80;": f"listen 127.0.0.1:{self.http};",
            r"\blisten 443 ssl;": f"listen 127.0.0.1:{self.https} ssl;",
            r"server 127\.0\.0\.1:4000\b": f"server 127.0.0.1:{upstream}",
            rf"/etc/letsencrypt/live/{re.escape(HOST)}": str(self.folder),
        }.items():
            text, count = re.subn(old, new, text, flags=re.M)
            assert count, old
        return text

    def _install_firewall(self, without: str) -> None:
        installed = self.folder / "chatserver-waf"
        installed.mkdir()
        for path in WAF.glob("*.conf"):
            text = path.read_text().replace(INSTALLED, str(installed))
            text = text.replace("/var/log/nginx/waf.log", str(self.folder / "waf.log"))
            (installed / path.name).write_text(text)
        if without:
            taken = [take_out(path, without) for path in installed.glob("exclusions-*.conf")]
            assert any(taken), without

    def _write_config(self, firewall: bool) -> None:
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temp = "\n".join(f"{name}_temp_path {self.folder}/{name};" for name in names)
        # Root's nginx would become `nobody`, who can't look into a private temporary folder.
        user = "user root;" if os.geteuid() == 0 else ""
        include = f"include {self.folder}/chatserver-waf/chatserver-waf.conf;" if firewall else ""
        (self.folder / "nginx.conf").write_text(
            f"{user} daemon off; worker_processes 1; pid {self.folder}/pid;\n"
            f"load_module {MODULE}; error_log {self.folder}/error.log error;\n"
            f"events {{ worker_connections 4096; }}\n"
            f"http {{ access_log off; {temp}\n{include}\ninclude {self.folder}/site.conf; }}\n"
        )

    def __enter__(self) -> Self:
        command = [self._nginx, "-e", "stderr", "-c", str(self.folder / "nginx.conf")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0, checked.stderr
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(self._listens)
        return self

    def _listens(self) -> bool:
        assert self._process is not None and self._process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.https)) == 0

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.https}"

    @property
    def logs(self) -> str:
        """All that nginx and ModSecurity have logged."""
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def matches(self) -> list[dict[str, Any]]:
        """The entries of the firewall's log: address (`uri`) and the ids of the rules that matched."""
        path = self.folder / "waf.log"
        entries = []
        for line in path.read_text(errors="replace").split("\n")[:-1] if path.exists() else ():
            found = json.loads(line, strict=False)["transaction"]
            rules = [message["details"]["ruleId"] for message in found["messages"]]
            entries.append({"uri": found["request"]["uri"], "rules": rules})
        return entries


def take_out(path: Path, beginning: str) -> bool:
    """Take the directive with this id or this text out of a file of exceptions; whether it had it."""
    directives = re.split(r"\n(?=\S)", path.read_text())
    kept = [each for each in directives if each.startswith("#") or beginning not in each]
    path.write_text("\n".join(kept))
    return len(kept) < len(directives)


def send(site: Site, request: bytes) -> int:
    """Send these bytes over TLS; returns the status of the answer, 0 if the connection ended without one."""
    with (
        socket.create_connection(("127.0.0.1", site.https), timeout=60) as plain,
        site.tls.wrap_socket(plain, server_hostname=HOST) as tls,
    ):
        received = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            tls.sendall(request)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while b"\r\n\r\n" not in received and (data := tls.recv(65536)):
                received += data
    found = re.match(rb"HTTP/1\.[01] (\d{3})", received)
    return int(found[1]) if found else 0
