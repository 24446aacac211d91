"""The two ceremonies of WebAuthn: registering a passkey, and signing with it.

https://www.w3.org/TR/webauthn-3/#sctn-rp-operations. The library checks signatures and formats; challenges, users
and counters are the plugin's.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from chatserver import ChatError, User
from chatserver_plugins.passkeys.book import Passkey, Use, refused

TIMEOUT_MS = 300_000  # for the person, as WebAuthn recommends where they are verified
CREDENTIAL_BYTES = 1023  # the longest id that WebAuthn allows
CHALLENGE_BYTES = 32
ResultT = TypeVar("ResultT")


class Asked(NamedTuple):
    """Options for the client, and the challenge in them, in base64url."""

    options: dict[str, Any]
    challenge: str


class Claimed(NamedTuple):
    """Whom an answer claims to come from; nothing of it is checked. `user` is None if it does not say."""

    credential: str
    user: str | None


class Ceremonies:
    """For one relying party: passkeys belong to `domain` (RP ID), and are used on pages of `origins`."""

    def __init__(self, domain: str, name: str, origins: Sequence[str]) -> None:
        self.domain, self._name, self._origins = domain, name, list(origins)

    def ask_to_register(self, user: User, passkeys: Iterable[Passkey]) -> Asked:
        """Ask for a discoverable passkey, on any authenticator that has none of this user's."""
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = generate_registration_options(
            rp_id=self.domain,
            rp_name=self._name,
            user_id=user.id.encode(),
            user_name=user.username,
            user_display_name=user.name,
            challenge=challenge,
            timeout=TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(passkeys),
        )
        return _asked(options_to_json(options))

    def ask_to_sign(self, passkeys: Iterable[Passkey] = ()) -> Asked:
        """Ask for a signature by one of these passkeys; without any, by whichever the person chooses."""
        options = generate_authentication_options(
            rp_id=self.domain,
            challenge=secrets.token_bytes(CHALLENGE_BYTES),
            timeout=TIMEOUT_MS,
            allow_credentials=_descriptors(passkeys),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _asked(options_to_json(options))

    def registered(self, answer: str, challenge: str, name: str, now: float) -> Passkey:
        """The passkey of an answer to `ask_to_register`. Raises `ChatError` auth.refused."""

        def verify() -> Passkey:
            given = parse_registration_credential_json(answer)
            self._demand_origin(given.response.client_data_json)
            found = verify_registration_response(
                credential=given,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.domain,
                expected_origin=self._origins,
                require_user_verification=True,
            )
            credential = bytes_to_base64url(found.credential_id)
            if credential != given.id or len(found.credential_id) > CREDENTIAL_BYTES:
                raise ValueError("credential id")
            attachment = given.authenticator_attachment
            return Passkey(
                credential=credential,
                key=found.credential_public_key,
                counter=found.sign_count,
                name=name,
                made=now,
                transports=tuple(each.value for each in given.response.transports or ()),
                attachment="" if attachment is None else attachment.value,
                model=found.aaguid,
                may_be_backed_up=_may_be_backed_up(found.credential_device_type),
                is_backed_up=found.credential_backed_up,
            )

        return _contained(verify)

    def claimed(self, answer: str) -> Claimed:
        """Whom an answer to `ask_to_sign` claims to come from. Raises `ChatError` auth.refused."""

        def parse() -> Claimed:
            given = parse_authentication_credential_json(answer)
            handle = given.response.user_handle
            return Claimed(given.id, handle.decode() if handle else None)

        return _contained(parse)

    def signed(self, answer: str, challenge: str, passkey: Passkey) -> Use:
        """Check the signature of an answer to `ask_to_sign`. Raises `ChatError` auth.refused.

        The caller compares the counters, and whose passkey it is.
        """

        def verify() -> Use:
            given = parse_authentication_credential_json(answer)
            self._demand_origin(given.response.client_data_json)
            found = verify_authentication_response(
                credential=given,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.domain,
                expected_origin=self._origins,
                credential_public_key=passkey.key,
                credential_current_sign_count=0,  # compared where it is kept
                require_user_verification=True,
            )
            if _may_be_backed_up(found.credential_device_type) != passkey.may_be_backed_up:
                raise ValueError("backup eligibility")
            return Use(found.new_sign_count, found.credential_backed_up)

        return _contained(verify)

    def _demand_origin(self, client_data: bytes) -> None:
        if parse_client_data_json(client_data).origin not in self._origins:
            origin = self._origins[0]
            text = f"Passkeys of this server are used on {origin} alone."
            raise refused("passkey", "origin", text, origin=origin)


def _contained(check: Callable[[], ResultT]) -> ResultT:
    try:
        return check()
    except ChatError:
        raise
    except Exception as error:  # whatever a parser raises, the client's answer is wrong
        raise refused("passkey", "invalid", "This passkey's answer is not valid.") from error


def _asked(options: str) -> Asked:
    found = json.loads(options)
    return Asked(found, found["challenge"])


def _descriptors(passkeys: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(each.credential),
            transports=[AuthenticatorTransport(transport) for transport in each.transports],
        )
        for each in passkeys
    ]


def _may_be_backed_up(kind: CredentialDeviceType) -> bool:
    return kind is CredentialDeviceType.MULTI_DEVICE
