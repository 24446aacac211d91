"""A software authenticator: keeps private keys, and answers options of WebAuthn as a browser with it would.

Written from the specification (https://www.w3.org/TR/webauthn-3/), without the library that the server checks with.
"""

import base64
import json
import os
import struct
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40  # flags of authenticator data


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """With one passkey at a time, the last that was made. All its fields may be changed, to answer wrongly."""

    def __init__(self, origin: str = "http://localhost", domain: str = "localhost") -> None:
        self.origin, self.domain = origin, domain
        self.flags = UP | UV
        self.counter = 0
        self.step = 1  # that the counter grows by
        self.credential = b""
        self.handle: bytes | None = None
        self.challenge: str | None = None  # instead of that of the options

    def create(self, options: Mapping[str, Any]) -> str:
        """The answer to `navigator.credentials.create`."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential = self.credential or os.urandom(32)
        self.handle = decoded(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        # COSE, RFC 9053, 7.1.1: EC2, ES256, P-256
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + struct.pack(">H", len(self.credential)) + self.credential
        data = self._data(self.flags | AT) + attested + cbor2.dumps(public)
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            clientDataJSON=self._client_data("webauthn.create", options["challenge"]),
            attestationObject=encoded(made),
            transports=["internal", "hybrid"],
        )

    def get(self, options: Mapping[str, Any]) -> str:
        """The answer to `navigator.credentials.get`."""
        self.counter += self.step
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._data(self.flags)
        signed = data + sha256(decoded(client_data)).digest()
        handle = {} if self.handle is None else {"userHandle": encoded(self.handle)}
        return self._answer(
            clientDataJSON=client_data,
            authenticatorData=encoded(data),
            signature=encoded(self.key.sign(signed, ec.ECDSA(SHA256()))),
            **handle,
        )

    def _data(self, flags: int) -> bytes:
        return sha256(self.domain.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _client_data(self, kind: str, challenge: str) -> str:
        found = {"type": kind, "challenge": self.challenge or challenge, "origin": self.origin}
        return encoded(json.dumps(found).encode())

    def _answer(self, **response: object) -> str:
        name = encoded(self.credential)
        return json.dumps(
            {
                "id": name,
                "rawId": name,
                "type": "public-key",
                "authenticatorAttachment": "platform",
                "clientExtensionResults": {},
                "response": response,
            }
        )
