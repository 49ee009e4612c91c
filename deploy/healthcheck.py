"""Says by its exit code whether web in this container answers `/readyz`; nothing beside Python's own library is needed."""

import os
import ssl
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 4


def main() -> int:
    """0 if web is ready, else 1 with the reason on standard error."""
    scheme = "http" if os.environ.get("FENGHUO_TLS", "off") == "off" else "https"
    url = f"{scheme}://127.0.0.1:{os.environ.get('FENGHUO_PORT', '8050')}/readyz"
    # Asked of this container itself, about its health: nobody stands between, and no certificate names the loopback address.
    trust = ssl.create_default_context()
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=trust):
            return 0
    except (urllib.error.URLError, TimeoutError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
