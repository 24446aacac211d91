"""A real slapd for tests: private, on free ports, in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import trustme

from tests.servers import START_SECONDS, free_port

SUFFIX = "dc=example,dc=org"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
READER, READER_PASSWORD = f"cn=reader,{SUFFIX}", "the reader's own"
CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
TLSVerifyClient never
security {security}
database mdb
suffix "{suffix}"
rootdn "cn=admin,{suffix}"
directory {folder}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""
ENTRIES = f"""\
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups

dn: {READER}
objectClass: person
cn: reader
sn: reader
userPassword: {READER_PASSWORD}

"""


class Slapd:
    """Takes simple binds only over TLS, and lets only `READER` read. It starts again after `stop` or `kill`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.ca_file = folder / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None
        self._make()

    @property
    def url(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    def add(self, ldif: str) -> None:
        """Add entries, while it does not run."""
        command = ["slapadd", "-f", str(self.folder / "slapd.conf")]
        subprocess.run(command, input=ldif.encode(), check=True, capture_output=True, env=_env())

    def person(self, name: str, password: str, *groups: str, **more: str) -> None:
        attributes = {"cn": name.title(), "sn": name.title(), "mail": f"{name}@example.org"} | more
        lines = "".join(f"{key}: {value}\n" for key, value in attributes.items())
        lines += "".join(f"memberOf: cn={group},{GROUPS}\n" for group in groups)
        self.add(
            f"dn: uid={name},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {name}\n{lines}"
            f"userPassword: {password}\n\n"
        )

    def group(self, name: str, *members: str) -> None:
        lines = "".join(f"member: uid={member},{PEOPLE}\n" for member in members)
        self.add(f"dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\n{lines}\n")

    def start(self) -> None:
        """Returns when it takes connections."""
        urls = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"
        command = [program(), "-d", "0", "-f", str(self.folder / "slapd.conf"), "-h", urls]
        with (self.folder / "slapd.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=_env())
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"see {self.folder / 'slapd.log'}"
            try:
                for port in (self.port, self.tls_port):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("slapd did not get ready")

    def stop(self) -> None:
        """End it in order; nothing happens if it does not run."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._process.terminate()
            self._process.wait(30)

    def freeze(self) -> None:
        """Stop its process (SIGSTOP): connections stay open, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _make(self) -> None:
        program()
        (self.folder / "db").mkdir(parents=True)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        server = authority.issue_cert("localhost")
        server.private_key_pem.write_to_path(self.folder / "server.key")
        for part in server.cert_chain_pems:
            part.write_to_path(self.folder / "server.pem", append=True)
        text = CONFIG.format(
            folder=self.folder, suffix=SUFFIX, reader=READER, security="simple_bind=128"
        )
        (self.folder / "slapd.conf").write_text(text)
        self.add(ENTRIES)


def program() -> str:
    """The path of slapd. Without one the test is skipped, but fails where CI is set."""
    found = shutil.which("slapd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is not None:
        return found
    missing = "no slapd found (Debian: apt install slapd)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _env() -> dict[str, str]:
    return os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
