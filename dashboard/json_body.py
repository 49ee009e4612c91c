"""Reading small JSON bodies: an object with texts of a bounded length, every mistake named by its field."""

from typing import Any

import orjson
from flask import request

from foundation.errors import UserError

MAX_BYTES = 16 * 1024


def json_object() -> dict[str, Any]:
    """The request's body, which must be a JSON object of at most `MAX_BYTES`. Raises UserError("bad_request", field="body")."""
    if (request.content_length or 0) > MAX_BYTES:
        raise UserError("bad_request", field="body")
    try:
        # orjson bounds the depth (an error like any other); the standard library ends in a RecursionError.
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        raise UserError("bad_request", field="body") from None
    if not isinstance(body, dict):
        raise UserError("bad_request", field="body")
    return body


def text_of(body: dict[str, Any], field: str, limit: int = 1024) -> str:
    """The text in `field`. Raises UserError("bad_request", field=…) when it is missing, no text, or longer than `limit` characters."""
    value = body.get(field)
    if not isinstance(value, str) or len(value) > limit:
        raise UserError("bad_request", field=field)
    return value
