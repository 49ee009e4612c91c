"""Logging in and out: the login page, the quiet renewal of a page's login, the token endpoints of the API, and join links."""

from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from auth.logins import Tokens
from auth.tokens import MAX_CHARACTERS
from dashboard import messages
from dashboard.cookies import DEVICE, DEVICE_S, GUEST, REFRESH, guest_tokens
from dashboard.gate import Gate
from dashboard.json_body import json_object, text_of
from dashboard.origins import local_path
from foundation.errors import FenghuoError, TooMany, Unauthenticated
from foundation.settings import Settings

LANGUAGES = (("zh", "中文"), ("en", "English"))
"""Each language by its own name, as its readers look for it."""


def create_login(gate: Gate, settings: Settings) -> Blueprint:
    """`/login`, `/logout`, `/auth/…`, `/api/v1/auth/…` and `/api/v1/links/redeem`."""
    blueprint = Blueprint("login", __name__, template_folder="templates")
    logins, cookies = gate.authority.logins, gate.cookies

    @blueprint.get("/login")
    @gate.public("who is not logged in must be able to")
    def login_page() -> BaseResponse:
        back = local_path(request.args.get("next"))
        known = gate.principal_or_none()
        if known is not None and known.kind == "person":
            return redirect(back, 303)
        response = _page(gate, settings, back)
        if request.args.get("lang") in dict(LANGUAGES):
            cookies.speak(response, gate.language())
        return response

    @blueprint.post("/login")
    @gate.public("who is not logged in must be able to")
    def log_in() -> BaseResponse:
        back = local_path(request.form.get("next"))
        name = request.form.get("name", "")
        try:
            tokens = logins.open(name, request.form.get("password", ""), request.remote_addr)
        except (Unauthenticated, TooMany) as error:
            return _page(gate, settings, back, name[:64], error)
        response = make_response(redirect(back, 303))
        cookies.log_in(response, tokens)
        return response

    @blueprint.post("/logout")
    @gate.public("who is logged out already may log out again")
    def log_out() -> BaseResponse:
        _close(gate, request.cookies.get(REFRESH))
        response = make_response(redirect("/login", 303))
        cookies.log_out(response)
        return response

    @blueprint.get("/auth/renew")
    @gate.public("asks for the refresh token itself")
    def renew() -> BaseResponse:
        back = local_path(request.args.get("next"))
        try:
            tokens = logins.refresh(_refresh_cookie())
        except Unauthenticated:
            response = make_response(redirect(f"/login?{urlencode({'next': back})}", 303))
            cookies.log_out(response)
            return response
        response = make_response(redirect(back, 303))
        cookies.log_in(response, tokens)
        return response

    @blueprint.post("/auth/refresh")
    @gate.public("asks for the refresh token, or for the guest's or the screen's own token, itself")
    def refresh_page() -> BaseResponse:
        try:
            return _renewed(gate)
        except Unauthenticated as error:
            response = gate.problems.answer(error)
            cookies.log_out(response)
            return response

    @blueprint.post("/api/v1/auth/token")
    @gate.public("who is not logged in must be able to")
    def token() -> BaseResponse:
        body = json_object()
        return _json(_shown(logins.open(text_of(body, "name"), text_of(body, "password"), request.remote_addr)))

    @blueprint.post("/api/v1/auth/refresh")
    @gate.public("asks for the refresh token itself")
    def refresh() -> BaseResponse:
        return _json(_shown(logins.refresh(text_of(json_object(), "refresh_token"))))

    @blueprint.post("/api/v1/auth/logout")
    @gate.public("asks for the refresh token itself")
    def close() -> BaseResponse:
        _close(gate, text_of(json_object(), "refresh_token"))
        return make_response("", 204)

    @blueprint.post("/api/v1/auth/password")
    @gate.needs("self.manage")
    def change_password() -> BaseResponse:
        body = json_object()
        old, new = text_of(body, "old"), text_of(body, "new")
        tokens = logins.change_password(gate.principal(), old, new, request.remote_addr)
        if "Authorization" in request.headers:
            return _json(_shown(tokens))
        # A page of ours asks: the tokens go where no script can read them.
        response = make_response("", 204)
        cookies.log_in(response, tokens)
        return response

    @blueprint.post("/api/v1/links/redeem")
    @gate.public("the link itself is the proof")
    def redeem() -> BaseResponse:
        redeemed = gate.authority.links.redeem(text_of(json_object(), "link", MAX_CHARACTERS), guest_tokens(request))
        guest = redeemed.principal
        response = _json({"room": guest.room_id, "name": guest.name, "role": guest.room_role})
        cookies.let_in(response, guest.id, redeemed.access_token, redeemed.expires_in)
        return response

    return blueprint


def _page(gate: Gate, settings: Settings, back: str, name: str = "", error: FenghuoError | None = None) -> Response:
    lang = gate.language()
    page = render_template(
        "login.html",
        lang=lang,
        t=messages.catalogue(lang, "login"),
        township=settings.township_zh if lang == "zh" else settings.township_en,
        languages=[(code, label) for code, label in LANGUAGES if code != lang],
        trust=settings.tls == "local",
        query=urlencode({"next": back}),
        back=back,
        name=name,
        error=gate.problems.sentence(error) if error else None,
    )
    response = make_response(page, error.status if error else 200)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.detail.get("retry_after_s", 1))
    response.headers["Cache-Control"] = "no-store"
    return response


def _renewed(gate: Gate) -> BaseResponse:
    """Renew whatever the browser is here, a person before a guest before a wall, and say for how many seconds. Raises Unauthenticated."""
    cookies = gate.cookies
    try:
        tokens = gate.authority.logins.refresh(_refresh_cookie())
    except Unauthenticated:
        if GUEST not in request.cookies and DEVICE not in request.cookies:
            raise
    else:
        response = _json({"expires_in": tokens.expires_in})
        cookies.log_in(response, tokens)
        return response
    if GUEST in request.cookies:
        stay = gate.authority.links.renew(request.cookies[GUEST])
        response = _json({"expires_in": stay.expires_in})
        cookies.let_in(response, stay.principal.id, stay.access_token, stay.expires_in)
        return response
    # A screen's token lives until it is revoked.
    gate.authority.devices.authenticate(request.cookies[DEVICE])
    return _json({"expires_in": DEVICE_S})


def _refresh_cookie() -> str:
    token = request.cookies.get(REFRESH)
    if not token:
        raise Unauthenticated("unauthenticated")
    return token


def _close(gate: Gate, token: str | None) -> None:
    if token:
        gate.authority.logins.close(token)


def _shown(tokens: Tokens) -> dict[str, str | int]:
    """RFC 6749 section 5.1."""
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
    }


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), mimetype="application/json", headers={"Cache-Control": "no-store"})
