"""What a process of ours believes when it dials web by https: this machine's authorities, and the certificate of the installation itself."""

import ssl

from foundation.local_authority import CERTIFICATE_FILE
from foundation.settings import Settings


def dialling(settings: Settings) -> ssl.SSLContext:
    """The context for a connection to `settings.web_address`; made anew for each, since certificates are renewed.

    With `tls=local` the installation's authority counts, too (on another machine: a copy of `secrets/authority.crt`). With a given certificate
    a process on the same machine dials the loopback address, which no certificate names: it believes exactly the certificate in the file.
    OSError when that file cannot be read.
    """
    context = ssl.create_default_context()
    if settings.certificate_given and not settings.web_url:
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(settings.tls)
        return context
    own = settings.home / "secrets" / CERTIFICATE_FILE
    if own.exists():
        context.load_verify_locations(own)
    return context
