"""One-time codes by RFC 6238: HMAC-SHA-1, six digits, thirty seconds; and recovery codes."""

import base64
import secrets
import struct
from hashlib import sha256
from hmac import compare_digest, digest
from urllib.parse import quote, urlencode

PERIOD = 30
DIGITS = 6
SECRET_BYTES = 20  # RFC 4226, 4: as long as the hash
DRIFT = 1  # periods that a phone's clock may be off (RFC 6238, 5.2)
RECOVERY_CHARS = 24  # of 5 bits each: more than the 112 bits that need no slow hash (ASVS 6.5.2)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32


def new_secret() -> str:
    """A secret in base 32, as people type it into their apps."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def code_at(secret: str, counter: int) -> str:
    """The code of one period (RFC 4226, 5.3)."""
    # The one algorithm that all apps know; what is broken about SHA-1 does not concern an HMAC.
    mac = digest(base64.b32decode(secret), struct.pack(">Q", counter), "sha1")
    offset = mac[-1] & 15
    (number,) = struct.unpack(">I", mac[offset : offset + 4])
    return f"{(number & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}}"


def counter_of(secret: str, code: str, now: float, after: int) -> int | None:
    """The period of a right code, if it is later than the period `after`, whose code was used; else None."""
    found = None
    present = int(now // PERIOD)
    for counter in range(present - DRIFT, present + DRIFT + 1):
        if compare_digest(code_at(secret, counter).encode(), code.encode()) and counter > after:
            found = counter
    return found


def address(secret: str, issuer: str, account: str) -> str:
    """The address by which apps take over a secret.

    https://github.com/google/google-authenticator/wiki/Key-Uri-Format
    """
    values = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{values}"


def new_recovery_codes(count: int) -> list[str]:
    """Codes such as `k3q8-0vxn-72dm-q1pa-zz03-w9bd`."""
    return [_recovery_code() for _ in range(count)]


def _recovery_code() -> str:
    chars = "".join(secrets.choice(_ALPHABET) for _ in range(RECOVERY_CHARS))
    return "-".join(chars[place : place + 4] for place in range(0, RECOVERY_CHARS, 4))


def cleaned(typed: str) -> str:
    """What somebody typed, without blanks and dashes."""
    return "".join(char for char in typed.lower() if char.isascii() and char.isalnum())


def recovery_hash(code: str) -> str:
    """The form in which a recovery code is stored."""
    return sha256(cleaned(code).encode()).hexdigest()
