"""How large a request may be; what is larger gets an answer instead of a torn connection."""

from flask import Flask, Request, request
from werkzeug.exceptions import LengthRequired, RequestEntityTooLarge

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_FILE_BYTES = 64 * 1024 * 1024
LINE_PATH = "/api/v1/line"
LIMITS = {"/api/v1/readings/import": MAX_FILE_BYTES, LINE_PATH: 1024 * 1024}
"""Paths with a limit of their own: files, and what measures a line."""
MAX_PUBLIC_BYTES = 64 * 1024
"""Of what needs no login: so much is read before a thread is taken (fenghuo.connections), so that no stranger's body is waited for."""


def limit_bodies(app: Flask) -> None:
    """Refuse larger bodies with 413, on every path. The worker takes what still comes, so that its sender sees the answer."""

    @app.before_request
    def check() -> None:
        limit = LIMITS.get(request.path, MAX_BODY_BYTES)
        request.max_content_length = limit
        if (request.content_length or 0) > limit:
            raise RequestEntityTooLarge


def require_small_body(request: Request) -> None:
    """Refuse a body that one would have to wait for, where no login is needed: 411 without a length, 413 when it is large."""
    if "Transfer-Encoding" in request.headers:
        raise LengthRequired
    if request.path != LINE_PATH and (request.content_length or 0) > MAX_PUBLIC_BYTES:
        raise RequestEntityTooLarge
