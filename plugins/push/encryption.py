"""Messages that only one browser can read (RFC 8291, with aes128gcm of RFC 8188), and who sends them (VAPID, RFC 8292).

On the primitives of cryptography: pywebpush brings aiohttp and requests for HTTP that we do ourselves, guarded.
"""

import base64
import json
import os
import time
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()
POINT_BYTES, AUTH_BYTES, SCALAR_BYTES = (
    65,
    16,
    32,
)  # of a public key, of a browser's secret, of a private key
RECORD_BYTES = 4096  # which every push service takes; a message is one record
MOST_BYTES = 3000  # of a message's text, well below what fits
TOKEN_SECONDS = 12 * 3600  # RFC 8292 permits a day; clocks differ


def from_text(text: str) -> bytes:
    """The bytes of base64url, with or without padding. Raises `ValueError`."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def to_text(raw: bytes) -> str:
    """As base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def demand_keys(p256dh: str, auth: str) -> None:
    """Raise `ValueError` for keys of a subscription with which nothing can be encrypted."""
    if len(from_text(auth)) != AUTH_BYTES or len(point := from_text(p256dh)) != POINT_BYTES:
        raise ValueError("wrong length")
    ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)


def encrypted(text: bytes, p256dh: str, auth: str) -> bytes:
    """The body of a request that carries `text` to the browser with these keys."""
    theirs = from_text(p256dh)
    own, salt = ec.generate_private_key(CURVE), os.urandom(16)
    point = public_point(own.public_key())
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs))
    secret = _derived(shared, from_text(auth), b"WebPush: info\0" + theirs + point, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    record = AESGCM(key).encrypt(nonce, text + b"\x02", None)  # 2: the last record, without padding
    return salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(point)]) + point + record


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def new_key() -> bytes:
    """A private key for `Sender`, of SCALAR_BYTES."""
    return (
        ec.generate_private_key(CURVE).private_numbers().private_value.to_bytes(SCALAR_BYTES, "big")
    )


class Voucher:
    """Vouches for this installation towards push services."""

    def __init__(self, key: bytes, contact: str) -> None:
        """`contact` is a mailto: or https: address of who runs the server; "" for none."""
        self._key, self._contact = ec.derive_private_key(int.from_bytes(key, "big"), CURVE), contact
        self.public_key = to_text(public_point(self._key.public_key()))

    def authorization(self, endpoint: str) -> str:
        """The header Authorization for a request to this address."""
        parts = urlsplit(endpoint)
        claims: dict[str, object] = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + TOKEN_SECONDS,
        }
        if self._contact:
            claims["sub"] = self._contact
        signed = ".".join(_json_text(part) for part in ({"typ": "JWT", "alg": "ES256"}, claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        signature = r.to_bytes(SCALAR_BYTES, "big") + s.to_bytes(SCALAR_BYTES, "big")
        return f"vapid t={signed}.{to_text(signature)}, k={self.public_key}"


def _json_text(value: object) -> str:
    return to_text(json.dumps(value, separators=(",", ":")).encode())
