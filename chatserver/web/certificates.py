"""Loads the server's certificate and key, with errors that name the wrong file."""

import ssl
from pathlib import Path

from chatserver.errors import StartupError

MISMATCH = "KEY_VALUES_MISMATCH"  # OpenSSL's name of the reason


def load_chain(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load the certificate into `context`. Raises `StartupError` that names the setting and the path."""
    for setting, path in (("tls_certificate", certificate), ("tls_key", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise StartupError(f"server.{setting}: {path}: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise StartupError(_refusal(certificate, key, error)) from error


def _no_password() -> str:
    """Called by OpenSSL in place of a prompt on the terminal, which nobody may be there to answer."""
    raise ValueError("it is protected by a password, which the server cannot give")


def _refusal(certificate: str, key: str, error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return f"server.tls_key: {key}: {error}"
    reason = getattr(error, "reason", None)
    if reason == MISMATCH:
        return f"server.tls_key: {key} is not the key of the certificate in {certificate}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    except OSError:
        return f"server.tls_certificate: {certificate}: no certificate in PEM form"
    return f"server.tls_key: {key}: no usable key in PEM form ({reason or error})"
