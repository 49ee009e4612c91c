"""Web's https: the certificate that is shown, renewed and taken up while connections and rooms go on.

With `tls=local` the installation's own authority signs it (`<home>/secrets/web.pem`); otherwise somebody else renews the files that the settings
name, and we notice. New connections get the newest; those that stand keep what they began with.
"""

import logging
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from fenghuo.own_names import own_names
from fenghuo.shared_tls import SharedTls
from foundation.clock import Clock
from foundation.errors import UserError
from foundation.local_authority import LocalAuthority
from foundation.loops import SupervisedThread
from foundation.secrets import write_private
from foundation.settings import Settings

LEAF_FILE = "web.pem"
LOOK_EVERY_S = 30.0
LEAST_LIFE_LEFT = 1 / 3
"""A certificate with less of its life left is renewed."""

logger = logging.getLogger(__name__)


class Https:
    """The one TLS context of a web process. `start` begins to look after the certificate, `stop` ends it.

    UserError("tls_unusable") when the files that the settings name do not make a certificate.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.thread = SupervisedThread("https", self._look_after)
        self._read_at: tuple[int, ...] = ()
        self._refused: set[str] = set()
        self.authority: LocalAuthority | None = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sslsocket_class = SharedTls
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if not settings.certificate_given:
                self.authority = LocalAuthority.open(settings.home, clock, own_names(settings), settings.township_zh)
            self.look()
        except (OSError, ValueError) as error:
            raise UserError("tls_unusable", reason=str(error), certificate=str(self.certificate_file)) from error

    @property
    def certificate_file(self) -> Path:
        """Where the certificate in use lies."""
        if self._settings.certificate_given:
            return Path(self._settings.tls)
        return self._settings.home / "secrets" / LEAF_FILE

    def start(self) -> None:
        """Look after the certificate from now on."""
        self.thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self.thread.stop()

    def look(self) -> None:
        """Renew our certificate if that is due, and take up what lies in the files when it is new. OSError, ssl.SSLError, ValueError."""
        if self.authority is not None:
            self._renew_if_due(self.authority)
        key = self._settings.tls_key
        files = [self.certificate_file, *([key] if key else [])]
        changed = tuple(file.stat().st_mtime_ns for file in files)
        if changed != self._read_at:
            # On the living context: connections that stand are not touched, each new handshake has the new certificate.
            self.context.load_cert_chain(self.certificate_file, key)
            self._read_at = changed

    def _look_after(self, stopping: threading.Event) -> None:
        while not stopping.wait(LOOK_EVERY_S):
            try:
                self.look()
            except (OSError, ValueError) as error:
                # The certificate that is shown may still be good for months; the doctor tells when it is not.
                logger.error("the certificate could not be renewed", extra={"why": str(error)})

    def _renew_if_due(self, authority: LocalAuthority) -> None:
        wanted = [name for name in own_names(self._settings) if self._permitted(authority, name)]
        if not self._due(authority, wanted):
            return
        write_private(self.certificate_file, authority.issue(wanted))
        logger.info("web has a new certificate", extra={"names": wanted})

    def _permitted(self, authority: LocalAuthority, name: str) -> bool:
        if authority.permits(name):
            return True
        if name not in self._refused:
            self._refused.add(name)
            advice = "remove secrets/authority.pem, start again, and let every device trust the new authority"
            logger.warning("the local authority was not made for a name", extra={"missing": name, "advice": advice})
        return False

    def _due(self, authority: LocalAuthority, wanted: list[str]) -> bool:
        """Whether the certificate is missing, another authority's, for fewer names than there are now, not valid, or old."""
        try:
            leaf = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            leaf.verify_directly_issued_by(authority.certificate)
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
            logger.info("web has no certificate of its authority yet", extra={"why": repr(error)})
            return True
        held = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
        begins, ends, now = leaf.not_valid_before_utc, leaf.not_valid_after_utc, self._clock.now()
        return not held.issuperset(wanted) or now < begins or (ends - now) < (ends - begins) * LEAST_LIFE_LEFT
