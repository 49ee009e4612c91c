"""Headers that every answer carries: what a page may load (itself, nothing else), and how long it may be kept."""

from collections.abc import Iterable

from flask import Flask, Response, request

ASSETS = "/assets/"
VENDOR = "/assets/vendor/"
VENDOR_SECONDS = 86_400


def protect(app: Flask, script_hashes: Iterable[str]) -> None:
    """Add the Content-Security-Policy and its kin to every answer.

    `script_hashes` are those of the inline scripts that Dash writes into its pages; we write none. Styles may be inline, since Plotly and
    Leaflet set them; a style cannot send anything anywhere under this policy.
    """
    scripts = " ".join(sorted({"'self'", *script_hashes}))
    policy = (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' blob: mediastream:; "
        "connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault(
            "Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), geolocation=(self)"
        )
        if request.path.startswith(VENDOR):
            response.headers["Cache-Control"] = f"public, max-age={VENDOR_SECONDS}"
        elif request.path.startswith(ASSETS):
            # Asked again at each load: after an upgrade no page runs with half of the old modules.
            response.headers["Cache-Control"] = "no-cache"
        elif "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response
