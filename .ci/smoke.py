"""Starts an installed chatserver in an empty folder, asks it for its page, stops it.

usage: smoke.py PATH/TO/chatserver
"""

import signal
import socket
import subprocess
import sys
import tempfile
import time
from urllib.error import URLError
from urllib.request import urlopen

START_SECONDS = 30
STOP_SECONDS = 45  # a drain takes up to 30 s


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until_ready(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if server.poll() is not None:
            sys.exit(f"smoke: the server ended at its start with exit code {server.returncode}")
        try:
            urlopen(f"{address}/health/ready", timeout=5).close()
            return
        except URLError as error:
            if time.monotonic() > deadline:
                sys.exit(f"smoke: not ready after {START_SECONDS} s: {error}")
            time.sleep(0.1)


def main(program: str) -> None:
    address = f"http://127.0.0.1:{(port := free_port())}"
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "dev", "--store", "memory", "--port", str(port)]
        server = subprocess.Popen(command, cwd=folder)
        try:
            wait_until_ready(server, address)
            with urlopen(f"{address}/", timeout=10) as page:
                kind, body = page.headers["Content-Type"], page.read()
            if not kind.startswith("text/html") or b"<script" not in body:
                sys.exit(f"smoke: GET / is no page: {kind}, {body[:200]!r}")
            server.send_signal(signal.SIGTERM)
            code = server.wait(STOP_SECONDS)
        finally:
            server.kill()
    if code != 0:
        sys.exit(f"smoke: SIGTERM led to exit code {code}, not 0")
    print("smoke: ready, page served, stopped with exit code 0")


if __name__ == "__main__":
    main(sys.argv[1])
