"""Certificates by ACME: certbot through nginx and HAProxy with the hooks of deploy/proxy/certbot, Caddy alone.

The authority is another Caddy on the machine. It looks for the challenge at port 80 of the name, as Let's
Encrypt does.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import tools
from tests.operation.proxies.machine import HOST, Machine
from tests.operation.proxies.sites import FILES, NODE, Caddy, HAProxy, Nginx, Proxy
from tests.operation.proxies.sockets import WebSocket
from tests.waiting import wait_until

DIRECTORY = "https://acme.example.org:14000/acme/local/directory"
ROOT = "/var/lib/authority/pki/authorities/local/root.crt"
AUTHORITY = """
{
    admin off
    storage file_system /var/lib/authority
    skip_install_trust
    http_port 14080
}
https://acme.example.org:14000 {
    tls internal
    acme_server {
        lifetime 1h
        challenges http-01
    }
}
"""
PAGE = tools.ROOT / "docs/proxies.md"
HOOKS = "/etc/letsencrypt/renewal-hooks/deploy"
# Without a terminal it would sleep for up to eight minutes first, for the sake of the authority.
RENEW = ("renew", "--force-renewal", "--no-random-sleep-on-renew")


@pytest.fixture(scope="module")
def authority(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that runs; its root certificate in PEM."""
    machine.path("/etc/authority").write_text(AUTHORITY)
    process = machine.start(
        [tools.need_tool("caddy"), "run", "--config", "/etc/authority", "--adapter", "caddyfile"],
        tmp_path_factory.mktemp("authority") / "log",
    )
    wait_until(lambda: machine.path(ROOT).exists())
    yield machine.path(ROOT).read_text()
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def served(proxy: Proxy, authority: str, start_upstream: Callable[..., object]) -> Iterator[None]:
    if not proxy.listens(NODE):
        start_upstream(NODE)
        wait_until(lambda: proxy.listens(NODE))
    proxy.root = authority
    yield
    proxy.kill()


def certbot(machine: Machine, *arguments: str) -> None:
    """Run it as the docs say, with the authority of the test in place of Let's Encrypt."""
    done = machine.run(
        *(tools.need_tool("certbot"), *arguments, "--non-interactive"),
        environment={"REQUESTS_CA_BUNDLE": ROOT, "PATH": "/run/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def first(machine: Machine, *how: str) -> None:
    account = ("--agree-tos", "--register-unsafely-without-email", "--server", DIRECTORY)
    certbot(machine, "certonly", *account, "-d", HOST, *how)


def install_hook(machine: Machine, name: str, reload: str) -> str:
    """The path of the hook. No systemd runs here, so `systemctl reload` is what its unit does."""
    machine.path(HOOKS).mkdir(parents=True, exist_ok=True)
    machine.install(FILES / "certbot" / name, f"{HOOKS}/{name}")
    machine.path("/run/bin").mkdir(exist_ok=True)
    systemctl = machine.path("/run/bin/systemctl")
    systemctl.write_text(f'#!/bin/sh\n[ "$1" = reload ] || exit 1\n{reload}\n')
    systemctl.chmod(0o755)
    return f"{HOOKS}/{name}"


def served_certificate(proxy: Proxy) -> bytes | None:
    """The certificate, if it is one of the authority's for this name."""
    try:
        return proxy.handshake(proxy.tls())[2]
    except OSError:  # an SSLError is one
        return None


def wait_for_another(proxy: Proxy, old: bytes | None = None) -> bytes:
    wait_until(lambda: served_certificate(proxy) not in (None, old))
    found = served_certificate(proxy)
    assert found is not None
    return found


def test_a_certificate_is_got_and_renewed_and_websockets_stay(
    proxy: Proxy, machine: Machine, tmp_path: Path
) -> None:
    renew: Callable[[], None]
    match proxy:
        case Nginx():
            renew = start_nginx(proxy, machine)
        case HAProxy():
            renew = start_haproxy(proxy, machine)
        case _:
            renew = start_caddy(proxy)
    old = wait_for_another(proxy)
    with WebSocket(proxy) as line:
        renew()
        new = wait_for_another(proxy, old)
        assert new != old
        line.send("still here")
        assert line.receive() == "still here"


def start_nginx(proxy: Nginx, machine: Machine) -> Callable[[], None]:
    """The first certificate through Debian's default site, then ours in front of it."""
    proxy.install()
    site = machine.path("/etc/nginx/sites-enabled/chatserver.conf")
    text = site.read_text()
    site.unlink()
    assert machine.run("rm", "-r", "/etc/letsencrypt/live").returncode == 0
    hook = install_hook(machine, "chatserver-nginx", "nginx -s reload")
    proxy.start(80)
    first(machine, "--webroot", "-w", "/var/www/html")
    site.write_text(text)
    assert (
        machine.run(hook, environment={"PATH": "/run/bin:/usr/sbin:/usr/bin:/bin"}).returncode == 0
    )
    return lambda: certbot(machine, *RENEW)


def start_haproxy(proxy: HAProxy, machine: Machine) -> Callable[[], None]:
    """It begins with the certificate of nobody that the docs make, and passes the challenge to certbot."""
    proxy.install()
    commands = re.search(r"    (\(umask 077; openssl .*?\.pem\))\n", PAGE.read_text(), re.S)
    assert commands is not None
    made = machine.run("sh", "-c", commands[1].replace("YOUR.NAME", HOST))
    assert made.returncode == 0, made.stderr
    proxy.start()
    hook = install_hook(machine, "chatserver-haproxy", f"kill -USR2 {proxy.process.pid}")
    first(
        machine,
        *("--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", "8402"),
        *("--deploy-hook", hook),
    )
    pem = machine.path(f"/etc/haproxy/certs/{HOST}.pem")
    assert pem.stat().st_mode & 0o777 == 0o600
    return lambda: certbot(machine, *RENEW)


def start_caddy(proxy: Caddy) -> Callable[[], None]:
    """It gets its certificate by itself; here it renews at once, again and again."""
    proxy.install(
        changes={
            "tls {": "tls {",
            "\tgrace_period 30s\n": f"\tgrace_period 30s\n\tacme_ca {DIRECTORY}\n\tacme_ca_root {ROOT}\n"
            "\trenew_interval 1s\n\trenewal_window_ratio 0.9999\n",
        }
    )
    proxy.start()
    return lambda: None
