"""Real servers that backups are copied to: SeaweedFS as S3, and OpenSSH's sshd, each on loopback in a folder of its own."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers import free_port
from tests.tools import need_tool
from tests.waiting import wait_until

ADMIN, SERVER = "admin", "server"
RIGHTS = [
    "Read",
    "Write",
    "List",
    "PutObjectRetention",
    "GetObjectRetention",
    "GetBucketObjectLockConfiguration",
]
SECRET = secrets.token_hex(16)


class SeaweedS3:
    """SeaweedFS with its S3 gateway. `ADMIN` may do everything; `SERVER` may neither remove versions nor locks."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._others = [free_port() for _ in range(7)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it lists buckets; again after `kill`, on the same data and port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        identities = self.folder / "identities.json"
        identities.write_text(json.dumps({"identities": [_identity(ADMIN), _identity(SERVER)]}))
        master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3_grpc = self._others
        ports = {
            "master.port": master,
            "master.port.grpc": master_grpc,
            "volume.port": volume,
            "volume.port.grpc": volume_grpc,
            "filer.port": filer,
            "filer.port.grpc": filer_grpc,
            "s3.port": self.port,
            "s3.port.grpc": s3_grpc,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
        }
        command = [
            *(need_tool("weed"), "server", "-s3", "-iam=false", f"-dir={self.folder}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
            *("-master.volumeSizeLimitMB=64", "-volume.max=5000", f"-s3.config={identities}"),
            f"-filer.localSocket={self.folder}/filer.sock",
            *(f"-{name}={port}" for name, port in ports.items()),
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._is_ready)

    def kill(self) -> None:
        """As a power failure ends it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def client(self, user: str = ADMIN) -> Any:
        return botocore.session.Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=user,
            aws_secret_access_key=SECRET,
            config=Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        client = self.client()
        try:
            client.list_buckets()
            bucket = f"ready-{secrets.token_hex(4)}"
            client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key="probe", Body=b"x")
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True


def _identity(user: str) -> dict[str, Any]:
    actions = ["Admin"] if user == ADMIN else RIGHTS
    keys = [{"accessKey": user, "secretKey": SECRET}]
    return {"name": user, "credentials": keys, "actions": actions}


class Sshd:
    """OpenSSH's server, for SFTP alone, as this process's user; files are below `root`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.root = folder / "files"
        self.key, self.known_hosts = folder / "client", folder / "known_hosts"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it accepts connections; again after `kill`, on the same port."""
        self.root.mkdir(parents=True, exist_ok=True)
        host = self.folder / "host"
        if not host.exists():
            for path in (host, self.key):
                command = [
                    need_tool("ssh-keygen"),
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-f",
                    str(path),
                ]
                subprocess.run(command, check=True)
            public = host.with_suffix(".pub").read_text().split()
            self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public[0]} {public[1]}\n")
            shutil.copy(self.key.with_suffix(".pub"), self.folder / "authorized_keys")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # for the separation of privileges
        (self.folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {host}\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
            "Subsystem sftp internal-sftp\nForceCommand internal-sftp\n"
        )
        command = [need_tool("sshd"), "-D", "-e", "-f", str(self.folder / "config")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._is_ready)

    def kill(self) -> None:
        """Kill it with the processes of its connections."""
        if self._process is not None:
            family = _family(self._process.pid)
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True
        return False


def _family(pid: int) -> list[int]:
    import psutil

    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]
