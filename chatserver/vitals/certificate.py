"""The end of a certificate's validity, read without a library for certificates.

The fields are those of RFC 5280, section 4.1, in the encoding DER of ITU-T X.690.
"""

import ssl
from datetime import UTC, datetime
from pathlib import Path

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
UTC_TIME = 0x17  # two digits of the year: 50 to 99 are of the last century
VERSION = 0xA0


def chain_expiry(path: Path) -> float:
    """The Unix time at which the first certificate of a PEM file ends, or one that signs it.

    Raises `ValueError` if the file has no certificate, `OSError` if it cannot be read.
    """
    blocks = path.read_text(encoding="ascii", errors="replace").split(BEGIN)[1:]
    if not blocks:
        raise ValueError(f"{path}: no certificate in PEM form")
    pems = [BEGIN + block.partition(END)[0] + END for block in blocks]
    return min(expiry(ssl.PEM_cert_to_DER_cert(pem)) for pem in pems)


def expiry(der: bytes) -> float:
    """The Unix time at which a certificate in DER form ends. Raises `ValueError` if it is none."""
    try:
        certificate = _children(_children(der)[0][1])
        fields = _children(certificate[0][1])
        if fields[0][0] == VERSION:
            fields = fields[1:]
        _serial, _algorithm, _issuer, (_, validity), *_ = fields
        kind, end = _children(validity)[1]
        text = end.decode("ascii")
        if kind == UTC_TIME:
            text = ("19" if text >= "50" else "20") + text
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except (IndexError, ValueError) as error:
        raise ValueError("no certificate in DER form") from error


def _children(data: bytes) -> list[tuple[int, bytes]]:
    """The tag and the content of each element, one after the other."""
    found, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length > 0x7F:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size]), at + size
        found.append((tag, data[at : at + length]))
        at += length
    return found
