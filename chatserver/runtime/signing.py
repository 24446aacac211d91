"""Signatures of requests to other systems (Standard Webhooks 1.0: https://www.standardwebhooks.com)."""

import base64
import binascii
import hmac

PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """The signing key of a secret. Raises `ValueError`, as settings do."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("secret: expected base64 after whsec_") from None


def signed_headers(key: bytes, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a delivery."""
    signed = b"%s.%d.%s" % (id.encode(), timestamp, body)
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
