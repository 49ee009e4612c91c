"""What a refused request gets: problem details (RFC 9457) for programs, a plain page in the reader's language for people."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode

import orjson
from dash.exceptions import DependencyException
from flask import Flask, Request, Response, g, make_response, redirect, render_template, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from auth.principal import Principal
from dashboard import messages
from dashboard.cookies import REFRESH
from dashboard.messages import Lang
from foundation.errors import FenghuoError, Forbidden, ProtocolError, TooMany, Unauthenticated, Unavailable, UserError

API_PREFIXES = (
    "/api/",
    "/sta/",
    "/feeds/",
    "/whip/",
    "/whep/",
    "/assets/",
    "/auth/refresh",
    "/metrics",
    "/healthz",
    "/readyz",
)
DASH_PART = "/_dash-"
PROBLEM_TYPE = "application/problem+json"
CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    411: "bad_request",
    413: "too_large",
    415: "bad_request",
    429: "too_many",
}
"""What the web framework refuses itself, by status."""

UNAVAILABLE_RETRY_S = 5
"""A database that came back, a disk with room again: looked for once a second."""

logger = logging.getLogger(__name__)


class Problems:
    """Turns errors into answers. `language` tells the reader's language."""

    def __init__(self, app: Flask, language: Callable[[], Lang]) -> None:
        self._language = language
        app.register_error_handler(FenghuoError, self.answer)
        app.register_error_handler(HTTPException, self._answer_http)
        app.register_error_handler(DependencyException, self._answer_no_such_file)
        app.register_error_handler(ParseException, self._answer_ill_formed)
        app.register_error_handler(Exception, self._answer_unexpected)

    def answer(self, error: FenghuoError) -> Response:
        """The answer for an error of ours."""
        if isinstance(error, Forbidden):
            logger.info("forbidden", extra={"path": request.path, "why": error.detail})
        if isinstance(error, Unauthenticated) and not wants_problem(request):
            return _to_login()
        code, detail = public_face(error)
        why = self._why(error) if isinstance(error, Forbidden) and not wants_problem(request) else None
        response = self._response(error.status, code, detail, why)
        if isinstance(error, TooMany) and "retry_after_s" in error.detail:
            response.headers["Retry-After"] = str(error.detail["retry_after_s"])
        if isinstance(error, Unavailable):
            response.headers["Retry-After"] = str(UNAVAILABLE_RETRY_S)
        if isinstance(error, Unauthenticated):
            # RFC 9110 section 15.5.2: a 401 names the scheme that would do.
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def sentence(self, error: FenghuoError) -> str:
        """What the error says to people, in the reader's language."""
        code, detail = public_face(error)
        return self._text(error.status, code, detail)

    def _answer_http(self, error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400:
            return make_response(error.get_response())
        response = self._response(status, CODES.get(status, "internal" if status >= 500 else "bad_request"), {})
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After"):
                response.headers[name] = value
        return response

    def _answer_no_such_file(self, _error: Exception) -> Response:
        """Dash's, for a path that is none of its files."""
        return self._response(404, "not_found", {})

    def _answer_ill_formed(self, _error: Exception) -> Response:
        """A body that is no HTTP (a chunk size that is no number, RFC 9112 section 7.1), found while it was read."""
        return self._response(400, "bad_request", {})

    def _answer_unexpected(self, error: Exception) -> Response:
        logger.error("a request failed", extra={"path": request.path}, exc_info=error)
        return self._response(500, "internal", {})

    def _why(self, error: Forbidden) -> str | None:
        """Why whoever looks at a page may not: their own role, which they know; nothing of what others may."""
        principal: Principal | None = g.get("fenghuo_principal")
        if principal is None or "permission" not in error.detail:
            return None
        lang = self._language()
        if principal.kind != "person":
            return messages.text(lang, f"error.forbidden.{principal.kind}")
        role = messages.text(lang, f"desk.role.{principal.role}")
        return messages.text(lang, "error.forbidden.person", name=principal.name, role=role)

    def _response(self, status: int, code: str, detail: dict[str, object], why: str | None = None) -> Response:
        sentence = why or self._text(status, code, detail)
        if wants_problem(request):
            # RFC 9457 section 3.1; `code` and `params` are extension members (section 3.2).
            problem = {
                "type": "about:blank",
                "title": HTTPStatus(status).phrase,
                "status": status,
                "detail": sentence,
                "code": code,
                **({"params": detail} if detail else {}),
            }
            response = Response(orjson.dumps(problem, default=str), status, content_type=PROBLEM_TYPE)
        else:
            lang = self._language()
            page = render_template(
                "error.html", lang=lang, t=messages.catalogue(lang, "error"), status=status, sentence=sentence
            )
            response = make_response(page, status)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _text(self, status: int, code: str, detail: dict[str, object]) -> str:
        lang = self._language()
        keys = [f"error.{code}", f"error.status.{status}"]
        if "field" in detail:
            keys.insert(0, f"error.{code}.field")
        for key in keys:
            try:
                sentence = messages.text(lang, key, **detail)
            except KeyError:
                continue
            if detail or "{" not in sentence:
                return sentence
        return messages.text(lang, "error.status.500" if status >= 500 else "error.bad_request")


def public_face(error: FenghuoError) -> tuple[str, dict[str, object]]:
    """The code and the facts that may leave the server: all of what a user did wrong, nothing of why somebody may not."""
    if isinstance(error, Unauthenticated):
        return error.code, {}
    if isinstance(error, Forbidden):
        # Whose proxy changes the host must learn it; another site's page learns nothing that it did not know.
        return ("cross_origin" if error.detail.get("reason") == "cross origin" else "forbidden"), {}
    if isinstance(error, UserError | ProtocolError):
        return error.code, dict(error.detail)
    return error.code, {}


def wants_problem(asked: Request) -> bool:
    """Whether a program asks: by the address, or because it takes JSON and no page."""
    if asked.path.startswith(API_PREFIXES) or DASH_PART in asked.path or "Authorization" in asked.headers:
        return True
    accepted = asked.accept_mimetypes
    return accepted.accept_json and not accepted.accept_html


def _to_login() -> Response:
    """To the login page, and back afterwards; by way of a renewal when the browser still has a refresh token."""
    back = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else request.path
    door = "/auth/renew" if REFRESH in request.cookies else "/login"
    return make_response(redirect(f"{door}?{urlencode({'next': back})}", 303))
