"""The certificate that a TLS server shows: who signed it, until when it holds, and whether this machine trusts it."""

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

WRONG_NAME = 62
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH: the certificate is for another name."""
WRONG_ADDRESS = 64
"""X509_V_ERR_IP_ADDRESS_MISMATCH."""


@dataclass(frozen=True)
class Certificate:
    """What the server showed. `distrust` says why this machine does not believe it, empty when it does."""

    issuer: str
    expires_at: datetime
    distrust: str
    names_another: bool


def shown_by(host: str, port: int, timeout_s: float) -> Certificate:
    """Open TLS connections to `host` and look; OSError (ssl.SSLError is one) when there is no such server."""
    # Asked without any check first: an expired certificate must be read, too, to be told.
    lenient = ssl.create_default_context()
    lenient.check_hostname = False
    lenient.verify_mode = ssl.CERT_NONE
    encoded = _handshake(lenient, host, port, timeout_s)
    certificate = x509.load_der_x509_certificate(encoded)
    distrust, code = "", 0
    try:
        _handshake(ssl.create_default_context(), host, port, timeout_s)
    except ssl.SSLCertVerificationError as error:
        distrust, code = error.verify_message, error.verify_code
    return Certificate(
        certificate.issuer.rfc4514_string() or "nobody",
        certificate.not_valid_after_utc,
        distrust,
        code in (WRONG_NAME, WRONG_ADDRESS),
    )


def _handshake(context: ssl.SSLContext, host: str, port: int, timeout_s: float) -> bytes:
    """The server's own certificate (DER) after a handshake."""
    with (
        socket.create_connection((host, port), timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        encoded = secured.getpeercert(binary_form=True)
    if encoded is None:
        raise ssl.SSLError("no certificate was shown")
    return encoded
