"""The cookies of Fenghuo: HttpOnly, SameSite=Lax, Secure behind https; none of them can be read by a script.

Lax, not Strict: a link in a chat window into a page must find the reader logged in, and what changes something is guarded by `dashboard.origins`.
"""

from typing import Literal

from flask import Request, Response, request

from auth.logins import Tokens
from foundation.settings import Settings

ACCESS = "fenghuo_access"
REFRESH = "fenghuo_refresh"
GUEST = "fenghuo_guest"
DEVICE = "fenghuo_device"
LANGUAGE = "fenghuo_lang"
THEME = "fenghuo_theme"
"""The theme that was chosen at the desk, set by the page itself, so that a desk at night does not flash white at each load."""
LINK_PREFIX = "fenghuo_link_"
LINK_PATH = "/api/v1/links"
PROOFS = (ACCESS, GUEST, DEVICE)
"""In this order a request's cookies are asked who it is."""
DEVICE_S = 400 * 24 * 3600
"""The longest that browsers keep a cookie; it is set anew at each start of the wall."""
LANGUAGE_S = 365 * 24 * 3600


class Cookies:
    """Sets and clears them as the settings say."""

    def __init__(self, settings: Settings) -> None:
        self._secure = settings.cookies_secure

    def log_in(self, response: Response, tokens: Tokens) -> None:
        """Keep a login's tokens in the browser."""
        self._set(response, ACCESS, tokens.access_token, tokens.expires_in)
        self._set(response, REFRESH, tokens.refresh_token, tokens.refresh_expires_in)

    def log_out(self, response: Response) -> None:
        """Forget a login's tokens."""
        for name in (ACCESS, REFRESH):
            response.delete_cookie(name, secure=self._secure, httponly=True, samesite="Lax")

    def pair(self, response: Response, token: str) -> None:
        """Make this browser the wall."""
        self._set(response, DEVICE, token, DEVICE_S)

    def unpair(self, response: Response) -> None:
        """Make this browser no wall any more."""
        response.delete_cookie(DEVICE, secure=self._secure, httponly=True, samesite="Lax")

    def let_in(self, response: Response, link_id: str, access_token: str, life_s: int) -> None:
        """Make this browser the guest of a join link; a second cookie remembers the link when the browser becomes another room's guest."""
        self._set(response, GUEST, access_token, life_s)
        self._set(response, LINK_PREFIX + link_id, access_token, life_s, path=LINK_PATH)

    def speak(self, response: Response, lang: str) -> None:
        """Remember the reader's language."""
        self._set(response, LANGUAGE, lang, LANGUAGE_S)

    def _set(self, response: Response, name: str, value: str, life_s: int, path: str = "/") -> None:
        response.set_cookie(name, value, max_age=life_s, path=path, secure=self._secure, httponly=True, samesite="Lax")


def guest_tokens(request: Request) -> list[str]:
    """Every guest token that the browser shows."""
    return [value for name, value in request.cookies.items() if name == GUEST or name.startswith(LINK_PREFIX)]


def carries_proof(request: Request) -> bool:
    """Whether the browser sent anything that says who it is."""
    return any(name in request.cookies for name in (*PROOFS, REFRESH)) or bool(guest_tokens(request))


def theme() -> Literal["dark", "light"]:
    """Return the theme that this browser chose at the desk; every page but the wall's follows it."""
    return "dark" if request.cookies.get(THEME) == "dark" else "light"
