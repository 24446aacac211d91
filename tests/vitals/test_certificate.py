"""The end of certificates that OpenSSL made, before and after 2050, alone and in a chain."""

import subprocess
from pathlib import Path

import pytest

from chatserver.vitals.certificate import chain_expiry, expiry
from tests.tools import need_tool


def made(folder: Path, end: str, name: str = "a") -> Path:
    """A self-signed certificate that ends at this time (YYYYMMDDHHMMSSZ)."""
    path = folder / f"{name}.pem"
    subprocess.run(
        [
            *(need_tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=chat.example.org"),
            *("-keyout", str(folder / "key.pem"), "-out", str(path)),
            *("-not_before", "20200101000000Z", "-not_after", end),
        ],
        check=True,
        capture_output=True,
    )
    return path


@pytest.mark.parametrize(
    ("end", "unix"), [("20300102030405Z", 1893553445.0), ("20611231235959Z", 2903299199.0)]
)
def test_the_end_of_a_certificate(tmp_path: Path, end: str, unix: float) -> None:
    assert chain_expiry(made(tmp_path, end)) == unix


def test_the_first_to_end_of_a_chain_counts(tmp_path: Path) -> None:
    long, short = made(tmp_path, "20400101000000Z"), made(tmp_path, "20300102030405Z", "b")
    chain = tmp_path / "chain.pem"
    chain.write_text("a comment\n" + long.read_text() + short.read_text())
    assert chain_expiry(chain) == 1893553445.0


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "no.pem"
    file.write_text("nothing")
    with pytest.raises(ValueError, match="no certificate in PEM form"):
        chain_expiry(file)
    for junk in (b"", b"\x30", b"\x30\x03\x30\x01\x00", b"\xff" * 40):
        with pytest.raises(ValueError, match="no certificate in DER form"):
            expiry(junk)
