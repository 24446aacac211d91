"""ID tokens that must not be trusted, keys that change, and answers of other providers."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from chatserver_plugins.oidc import published
from tests.oidc.chatting import begin, chatting, code_of, proceed, reason_of, sign_in
from tests.oidc.provider import CLIENT, SECRET, Key, Provider, Published, hmac_signed

NOW = int(time.time())


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://another.example"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": None},
        {"aud": [CLIENT, "another client"]},
        {"aud": [CLIENT, "another client"], "azp": "another client"},
        {"azp": "another client"},
        {"exp": NOW - 120},
        {"exp": None},
        {"iat": NOW + 3600},
        {"iat": None},
        {"nonce": "that of another sign-in"},
        {"nonce": None},
        {"nonce": 5},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
    ],
)
async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    provider: Provider, changes: dict[str, Any]
) -> None:
    async with chatting(provider) as chat:
        provider.changes = changes
        answer = await sign_in(chat, provider)
        assert (code_of(answer), reason_of(answer)) == ("auth.refused", "answer")
        provider.changes = {}
        assert (await sign_in(chat, provider)).json["token"]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another client"], "azp": CLIENT},
        {"azp": CLIENT},
        {"exp": NOW - 20},
        {"iat": NOW + 20},
    ],
)
async def test_what_the_specification_allows_is_accepted(
    provider: Provider, changes: dict[str, Any]
) -> None:
    async with chatting(provider) as chat:
        provider.changes = {
            name: value + int(time.time()) - NOW if isinstance(value, int) else value
            for name, value in changes.items()
        }
        assert (await sign_in(chat, provider)).json["token"]


def signed_by_secret(secret: bytes, alg: str = "HS256") -> Any:
    return lambda claims: hmac_signed(claims, secret, alg)


def public_bytes(key: Key) -> bytes:
    return key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


async def test_a_token_must_be_signed_by_the_provider(provider: Provider) -> None:
    stranger = Key("first")
    forged = [
        signed_by_secret(b"", "none"),
        signed_by_secret(SECRET.encode()),
        signed_by_secret(public_bytes(provider.key)),
        stranger.sign,
        # A key that the token brings along is no key.
        lambda claims: stranger.sign(claims, kid="own", jwk=stranger.public),
        lambda claims: stranger.sign(claims, kid="own", jku="https://evil.example/keys"),
        lambda claims: provider.key.sign(claims, crit=["x"], x=1),
        lambda claims: provider.key.sign(claims, alg="RS512"),
        lambda claims: provider.key.sign(claims, kid="unknown"),
        lambda claims: provider.key.sign(claims)[:-8] + "AAAAAAAA",
        lambda claims: "no token",
        lambda claims: "a." * 40_000,
        lambda claims: "",
    ]
    async with chatting(provider) as chat:
        for sign in forged:
            provider.sign = sign
            answer = await sign_in(chat, provider)
            assert (code_of(answer), reason_of(answer)) == ("auth.refused", "answer")
        provider.sign = None
        assert (await sign_in(chat, provider)).json["token"]


async def test_a_published_secret_is_no_key(provider: Provider) -> None:
    """A provider that lists the client's secret as a key, as some do for HS256."""

    shared = {"kty": "oct", "kid": "first", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXM"}
    async with chatting(provider) as chat:
        provider.published = [Published(shared)]
        provider.sign = signed_by_secret(b"secret-secret-secret-secret-s")
        assert reason_of(await sign_in(chat, provider)) == "answer"


async def test_a_key_that_cannot_be_read_is_no_key(provider: Provider) -> None:
    async with chatting(provider) as chat:
        provider.published = [Published({"kty": "RSA", "kid": "first", "n": "!", "e": 5})]
        assert reason_of(await sign_in(chat, provider)) == "answer"


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
async def test_other_kinds_of_keys(provider: Provider, alg: str) -> None:
    private: Any
    if alg == "ES256":
        private, kind = ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm
    else:
        private, kind = ed25519.Ed25519PrivateKey.generate(), jwt.algorithms.OKPAlgorithm
    public = kind.to_jwk(private.public_key(), as_dict=True) | {"kid": "other"}
    provider.published.append(Published(public))
    provider.sign = lambda claims: jwt.encode(claims, private, alg, {"kid": "other"})
    async with chatting(provider) as chat:
        assert (await sign_in(chat, provider)).json["token"]
    async with chatting(provider, algorithms=["RS256"]) as chat:
        assert reason_of(await sign_in(chat, provider)) == "answer"


async def test_without_a_key_id_there_must_be_one_key_that_fits(provider: Provider) -> None:
    provider.sign = lambda claims: provider.key.sign(claims, kid=None)
    async with chatting(provider) as chat:
        assert (await sign_in(chat, provider)).json["token"]
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    other_kind = jwt.algorithms.ECAlgorithm.to_jwk(curve, as_dict=True)
    provider.published = [provider.key, Published(other_kind)]
    async with chatting(provider) as chat:
        assert (await sign_in(chat, provider)).json["token"]
    provider.published = [provider.key, Key("second")]
    async with chatting(provider) as chat:
        assert reason_of(await sign_in(chat, provider)) == "answer"


async def test_a_new_key_is_found_and_an_old_one_is_no_longer_trusted(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "PAUSE_SECONDS", 0.0)
    async with chatting(provider) as chat:
        assert (await sign_in(chat, provider)).json["token"]
        old, provider.key = provider.key, Key("second")
        provider.published = [provider.key]
        assert (await sign_in(chat, provider)).json["token"]
        provider.key = old
        assert reason_of(await sign_in(chat, provider)) == "answer"


async def test_unknown_keys_are_not_looked_for_again_and_again(provider: Provider) -> None:
    async with chatting(provider) as chat:
        assert (await sign_in(chat, provider)).json["token"]
        provider.sign = lambda claims: provider.key.sign(claims, kid="unknown")
        for _ in range(5):
            assert reason_of(await sign_in(chat, provider)) == "answer"
        assert provider.asked.count("/keys") == 1


async def test_addresses_and_keys_are_kept(provider: Provider) -> None:
    async with chatting(provider) as chat:
        for _ in range(3):
            assert (await sign_in(chat, provider)).json["token"]
        assert provider.asked.count("/.well-known/openid-configuration") == 1
        assert provider.asked.count("/keys") == 1


async def test_the_answer_of_another_issuer_is_refused(provider: Provider) -> None:
    async with chatting(provider) as chat:
        for issuer, is_right in ((provider.issuer, True), ("https://another.example", False)):
            begun = await begin(chat)
            values = provider.authorize(begun["step"]["url"]) | {"iss": issuer}
            answer = await proceed(chat, begun, values)
            assert (answer.status == 200) is is_right
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    async with chatting(provider) as chat:
        assert reason_of(await sign_in(chat, provider)) == "answer"


async def test_the_code_of_another_sign_in_is_of_no_use(provider: Provider) -> None:
    async with chatting(provider) as chat:
        first, second = await begin(chat), await begin(chat)
        stolen = provider.authorize(first["step"]["url"])
        answer = await proceed(chat, second, stolen)
        assert (code_of(answer), reason_of(answer)) == ("auth.refused", "answer")
        assert provider.granted, "PKCE is checked by the provider"


async def test_an_answer_without_a_code_asks_nobody(provider: Provider) -> None:
    async with chatting(provider) as chat:
        for values in ({}, {"code": ""}):
            assert reason_of(await proceed(chat, await begin(chat), values)) == "answer"
        assert not provider.granted
