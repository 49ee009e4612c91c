"""No other site may act for our users (CSRF): what changes something must come from a page of ours.

The scheme is the one of the OWASP cheat sheet's "Fetch Metadata" and "verifying origin", and of Go's net/http.CrossOriginProtection: a browser
says itself, in headers that no page can set, where a request comes from. `Sec-Fetch-Site` decides where the browser sends it (https and
localhost), `Origin` otherwise. A request with an `Authorization` header needs no check, since no browser adds one by itself; one with neither
header and without our cookies is a program. There is no token to put into forms, and Dash's callbacks pass as they are. It needs a
`Referrer-Policy` other than `no-referrer`, under which browsers call every form's origin "null".
"""

from urllib.parse import urlsplit

from flask import Request

from dashboard.cookies import carries_proof
from foundation.errors import Forbidden
from foundation.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def require_same_origin(request: Request, settings: Settings) -> None:
    """Raise Forbidden for a changing request that another site's page made."""
    if request.method in SAFE_METHODS or "Authorization" in request.headers:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        # "same-site" is another port or a sister name: also somebody else.
        passes = site == "same-origin"
    elif origin is not None:
        passes = is_own_origin(request, settings)
    else:
        passes = not carries_proof(request)
    if not passes:
        raise Forbidden("forbidden", reason="cross origin", origin=origin, site=site)


def is_own_origin(request: Request, settings: Settings) -> bool:
    """Whether the `Origin` header, if there is one, names the host that was asked, or the public address of the settings."""
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    shown = _place(origin)
    return shown is not None and shown in (
        _place(f"{urlsplit(origin).scheme}://{request.host}"),
        _place(settings.public_url),
    )


def local_path(text: str | None) -> str:
    """`text` if it is a path of ours to go to after a login, "/" otherwise: a link must not lead from our login page to another site."""
    if not text or len(text) > 1024 or not text.startswith("/") or text.startswith("//"):
        return "/"
    # A browser takes a backslash for a slash, and drops tabs and line ends before it looks.
    if "\\" in text or any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        return "/"
    return text


def _place(origin: str) -> tuple[str, int | None] | None:
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in DEFAULT_PORTS:
        return None
    return parts.hostname.lower(), port or DEFAULT_PORTS[parts.scheme]
