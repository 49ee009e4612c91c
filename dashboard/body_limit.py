"""How large a request may be; what is larger gets an answer instead of a torn connection."""

from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_FILE_BYTES = 64 * 1024 * 1024
LIMITS = {"/api/v1/readings/import": MAX_FILE_BYTES, "/api/v1/line": 1024 * 1024}
"""Paths with a limit of their own: files, and what measures a line."""
MAX_DRAINED_BYTES = 64 * 1024 * 1024
"""Read and thrown away of a body that is too large: a sender that is still writing would otherwise never see the answer."""
CHUNK_BYTES = 64 * 1024


def limit_bodies(app: Flask) -> None:
    """Refuse larger bodies with 413, on every path."""

    @app.before_request
    def check() -> None:
        limit = LIMITS.get(request.path, MAX_BODY_BYTES)
        request.max_content_length = limit
        length = request.content_length or 0
        if length <= limit:
            return
        left = min(length, MAX_DRAINED_BYTES)
        stream = request.environ["wsgi.input"]
        while left > 0 and (chunk := stream.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
        raise RequestEntityTooLarge
