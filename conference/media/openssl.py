"""DTLS-SRTP by the OpenSSL that Python's own ssl module has loaded, for encoders whose certificates the one inside pyOpenSSL refuses.

ffmpeg's WHIP muxer built with GnuTLS (as in Debian and in PyAV) shows a certificate on P-224. OpenSSL 4, which cryptography brings along from 47 on,
has no such group any more and ends the handshake with "wrong curve"; OpenSSL 3 takes it when it is asked to, as a client: towards a server that
such a muxer calls itself (`dtls_active`), its own hello rules the group out. Called through cffi in ABI mode, as libc in conference.media.udp.
Nothing here awaits or sends: `Association` takes datagrams and gives datagrams.
"""

import contextlib
from typing import Any

import cffi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pylibsrtp import Policy

GROUPS = b"X25519:P-256:P-384:P-521:P-224"
"""Of keys and of the peer's certificate, the preferred ones first."""
CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA"
)
PROFILES = {
    b"SRTP_AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
    b"SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    b"SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
}
"""Each SRTP profile as libsrtp has it, and its bytes of master key and of salt (RFC 5764 section 4.1.2, RFC 7714 section 12); the preferred first."""
EXPORTER = b"EXTRACTOR-dtls_srtp"
DATAGRAM_BYTES_MAX = 1400

_SET_GROUPS_LIST = 92
_GET_TIMEOUT, _HANDLE_TIMEOUT = 73, 74
_VERIFY_PEER = 0x01 | 0x02
_EC_KEY = 408
_WANT_READ, _ZERO_RETURN = 2, 6

ffi = cffi.FFI()
ffi.cdef("""
typedef struct { long seconds; long microseconds; } timeval;
typedef struct { const char *name; unsigned long id; } srtp_profile;
const void *DTLS_method(void);
void *SSL_CTX_new(const void *method);
void SSL_CTX_free(void *context);
long SSL_CTX_ctrl(void *context, int command, long number, const void *pointer);
int SSL_CTX_set_cipher_list(void *context, const char *list);
int SSL_CTX_use_certificate_ASN1(void *context, int size, const unsigned char *der);
int SSL_CTX_use_PrivateKey_ASN1(int kind, void *context, const unsigned char *der, long size);
void SSL_CTX_set_verify(void *context, int mode, int (*check)(int, void *));
int SSL_CTX_set_tlsext_use_srtp(void *context, const char *profiles);
void *SSL_new(void *context);
void SSL_free(void *ssl);
void SSL_set_bio(void *ssl, void *in, void *out);
void SSL_set_accept_state(void *ssl);
void SSL_set_connect_state(void *ssl);
int SSL_do_handshake(void *ssl);
int SSL_read(void *ssl, void *buffer, int size);
int SSL_shutdown(void *ssl);
int SSL_get_error(const void *ssl, int result);
long SSL_ctrl(void *ssl, int command, long number, void *pointer);
srtp_profile *SSL_get_selected_srtp_profile(void *ssl);
int SSL_export_keying_material(void *ssl, unsigned char *out, size_t size, const char *label, size_t label_size,
    const unsigned char *context, size_t context_size, int use_context);
void *SSL_get1_peer_certificate(const void *ssl);
int i2d_X509(void *certificate, unsigned char **out);
void X509_free(void *certificate);
const void *BIO_s_mem(void);
void *BIO_new(const void *kind);
int BIO_write(void *bio, const void *data, int size);
int BIO_read(void *bio, void *data, int size);
size_t BIO_ctrl_pending(void *bio);
void ERR_clear_error(void);
unsigned long ERR_get_error(void);
const char *ERR_reason_error_string(unsigned long code);
""")


@ffi.callback("int(int, void *)")  # type: ignore[untyped-decorator]
def _accept(_known: int, _store: object) -> int:
    """Accept every chain: the certificate is compared with the offer's fingerprint afterwards (RFC 8122)."""
    return 1


def _load() -> Any | None:
    """Return the library behind Python's ssl module, or None where it is linked in or older than 3.0."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import _ssl

        library = ffi.dlopen(_ssl.__file__)
        if library.SSL_get1_peer_certificate and library.DTLS_method:
            return library
    return None


_lib = _load()


class DtlsRefused(Exception):
    """The handshake failed; the text is OpenSSL's reason."""


class Association:
    """One DTLS association over datagrams that the caller carries."""

    def __init__(self, certificate: x509.Certificate, key: Any, *, server: bool) -> None:
        """DtlsRefused where the library does not do what is needed."""
        if _lib is None:
            raise DtlsRefused("no library")
        self._context = _lib.SSL_CTX_new(_lib.DTLS_method())
        self._ssl = ffi.NULL
        shown = certificate.public_bytes(Encoding.DER)
        secret = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        usable = (
            _lib.SSL_CTX_set_cipher_list(self._context, CIPHERS) == 1
            and _lib.SSL_CTX_ctrl(self._context, _SET_GROUPS_LIST, 0, ffi.from_buffer(GROUPS + b"\0")) == 1
            and _lib.SSL_CTX_use_certificate_ASN1(self._context, len(shown), shown) == 1
            and _lib.SSL_CTX_use_PrivateKey_ASN1(_EC_KEY, self._context, secret, len(secret)) == 1
            and _lib.SSL_CTX_set_tlsext_use_srtp(self._context, b":".join(PROFILES)) == 0
        )
        if not usable:
            reason = self._reason()
            raise DtlsRefused(reason)
        _lib.SSL_CTX_set_verify(self._context, _VERIFY_PEER, _accept)
        self._ssl = _lib.SSL_new(self._context)
        self._in, self._out = _lib.BIO_new(_lib.BIO_s_mem()), _lib.BIO_new(_lib.BIO_s_mem())
        _lib.SSL_set_bio(self._ssl, self._in, self._out)  # it owns both from now on
        (_lib.SSL_set_accept_state if server else _lib.SSL_set_connect_state)(self._ssl)
        self._server = server
        self._buffer = ffi.new("unsigned char[]", 16_384)

    def shake(self) -> bool:
        """Go as far as possible with what was taken; True when the handshake is over. Raises DtlsRefused."""
        _library().ERR_clear_error()
        result = _library().SSL_do_handshake(self._ssl)
        if result == 1:
            return True
        if _library().SSL_get_error(self._ssl, result) != _WANT_READ:
            raise DtlsRefused(self._reason())
        return False

    def take(self, datagram: bytes) -> None:
        """Take one datagram of the peer."""
        _library().BIO_write(self._in, datagram, len(datagram))

    def datagrams(self) -> list[bytes]:
        """Return what is to be sent to the peer."""
        found = []
        while (waiting := _library().BIO_ctrl_pending(self._out)) > 0:
            size = _library().BIO_read(self._out, self._buffer, min(waiting, len(self._buffer)))
            if size <= 0:
                break
            found += _datagrams(bytes(ffi.buffer(self._buffer, size)))
        return found

    def timeout_s(self) -> float | None:
        """Return in how many seconds the last flight is to be sent again (RFC 6347 section 4.2.4), or None."""
        when = ffi.new("timeval *")
        if not _library().SSL_ctrl(self._ssl, _GET_TIMEOUT, 0, when):
            return None
        return float(when.seconds + when.microseconds / 1e6)

    def pass_time(self) -> None:
        """Send the last flight again when that is due."""
        _library().SSL_ctrl(self._ssl, _HANDLE_TIMEOUT, 0, ffi.NULL)

    def closed_by_peer(self) -> bool:
        """Read what was taken after the handshake; True when the peer has said goodbye."""
        _library().ERR_clear_error()
        result = _library().SSL_read(self._ssl, self._buffer, len(self._buffer))
        return bool(result <= 0 and _library().SSL_get_error(self._ssl, result) == _ZERO_RETURN)

    def say_goodbye(self) -> None:
        """Prepare close_notify for the peer."""
        _library().ERR_clear_error()
        _library().SSL_shutdown(self._ssl)

    def peer_certificate(self) -> x509.Certificate:
        """Return the certificate that the peer has shown. Raises DtlsRefused when it has shown none."""
        shown = _library().SSL_get1_peer_certificate(self._ssl)
        if shown == ffi.NULL:
            raise DtlsRefused("no certificate")
        try:
            size = _library().i2d_X509(shown, ffi.NULL)
            buffer = ffi.new("unsigned char[]", max(size, 1))
            _library().i2d_X509(shown, ffi.new("unsigned char **", buffer))
            return x509.load_der_x509_certificate(bytes(ffi.buffer(buffer, size)))
        finally:
            _library().X509_free(shown)

    def keys(self) -> tuple[int, bytes, bytes]:
        """Return the SRTP profile, and the master keys with their salts to receive and to send by (RFC 5764 section 4.2). Raises DtlsRefused."""
        chosen = _library().SSL_get_selected_srtp_profile(self._ssl)
        name = ffi.string(chosen.name) if chosen != ffi.NULL else b""
        if name not in PROFILES:
            raise DtlsRefused("no SRTP profile in common")
        profile, key_bytes, salt_bytes = PROFILES[name]
        size = 2 * (key_bytes + salt_bytes)
        out = ffi.new("unsigned char[]", size)
        made = _library().SSL_export_keying_material(self._ssl, out, size, EXPORTER, len(EXPORTER), ffi.NULL, 0, 0)
        if made != 1:
            raise DtlsRefused("no keys")
        view, both = bytes(ffi.buffer(out, size)), 2 * key_bytes
        client = view[:key_bytes] + view[both : both + salt_bytes]
        server = view[key_bytes:both] + view[both + salt_bytes :]
        return (profile, client, server) if self._server else (profile, server, client)

    def __del__(self) -> None:
        """Give the memory back: tasks that still hold it may use it until then."""
        self._free()

    def _free(self) -> None:
        if _lib is not None and self._ssl != ffi.NULL:
            _lib.SSL_free(self._ssl)
        if _lib is not None and self._context != ffi.NULL:
            _lib.SSL_CTX_free(self._context)
        self._ssl = self._context = ffi.NULL

    def _reason(self) -> str:
        text = _library().ERR_reason_error_string(_library().ERR_get_error())
        return ffi.string(text).decode("ascii", "replace") if text != ffi.NULL else "refused"


def _library() -> Any:
    if _lib is None:
        raise DtlsRefused("no library")
    return _lib


def _datagrams(flight: bytes) -> list[bytes]:
    """Split a flight between records (RFC 6347 section 4.1) so that no datagram exceeds DATAGRAM_BYTES_MAX, or is one record."""
    found: list[bytes] = []
    at = begin = 0
    while at + 13 <= len(flight):
        end = at + 13 + int.from_bytes(flight[at + 11 : at + 13], "big")
        if end - begin > DATAGRAM_BYTES_MAX and at > begin:
            found.append(flight[begin:at])
            begin = at
        at = end
    found.append(flight[begin:])
    return found
