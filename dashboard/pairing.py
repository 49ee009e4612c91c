"""Pairing a wall: the page with the code and the QR, the page where it is approved, the API of both, and the door of `/wall/`."""

import io
from datetime import datetime
from urllib.parse import urlencode

import orjson
import segno
from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as BaseResponse

from auth.devices import NAME_LENGTH, POLL_S, clean_code, device_state, shown_code
from auth.principal import Principal
from auth.sites import list_sites
from dashboard import messages
from dashboard.gate import Gate
from dashboard.json_body import json_object, text_of
from dashboard.origins import local_path
from foundation.errors import FenghuoError, NotFound, TooMany, Unauthenticated, UserError
from foundation.settings import Settings

APPROVE_PATH = "/desk/walls/approve"
WALL_PATH = "/wall/"
PAIR_PATH = "/wall/pair"
DEVICES_PATH = "/api/v1/devices"
DONE = ("approved", "denied", "revoked")


def create_pairing(gate: Gate, settings: Settings) -> Blueprint:
    """`/wall/pair`, `/desk/walls/approve` and `/api/v1/devices…`; mounts `/wall/` with its door."""
    blueprint = Blueprint("pairing", __name__, template_folder="templates")
    devices, cookies = gate.authority.devices, gate.cookies

    def door() -> ResponseReturnValue | None:
        """A wall comes in with its cookie, or once with `?token=`; whoever has neither pairs first and never sees a login page."""
        token = request.args.get("token")
        if token is not None:
            return _enter(gate, token)
        principal = gate.principal_or_none()
        return None if principal is not None and principal.may("wall.view") else redirect(PAIR_PATH, 303)

    gate.mount(WALL_PATH, needs="wall.view", before=door)

    @blueprint.get(PAIR_PATH)
    @gate.public("a screen that is not paired yet shows its code")
    def pair_page() -> BaseResponse:
        lang = gate.language()
        texts = messages.catalogue(lang, "pair")
        config = {
            "poll_ms": POLL_S * 1000,
            "wall": WALL_PATH,
            "messages": {key: text for key, text in texts.items() if key.startswith("pair.live.")},
        }
        page = render_template(
            "pair.html",
            lang=lang,
            t=texts,
            config=config,
            township=settings.township_zh if lang == "zh" else settings.township_en,
            address=_address(settings) + APPROVE_PATH,
        )
        return _fresh(make_response(page))

    @blueprint.get(f"{PAIR_PATH}/<code>.svg")
    @gate.public("draws what the asker says")
    def pair_qr(code: str) -> BaseResponse:
        return _qr(f"{_address(settings)}{APPROVE_PATH}?{urlencode({'code': shown_code(clean_code(code)[:8])})}")

    @blueprint.get(APPROVE_PATH)
    @gate.needs("wall.approve")
    def approve_page() -> BaseResponse:
        return _approve_page(gate, settings, clean_code(request.args.get("code", "")))

    @blueprint.post(APPROVE_PATH)
    @gate.needs("wall.approve")
    def decide() -> BaseResponse:
        form, principal = request.form, gate.principal()
        code, name = clean_code(form.get("code", "")), form.get("name", "")
        action = form.get("action")
        try:
            if action == "approve":
                devices.approve(principal, code, name, form.get("site") or None)
            elif action == "deny":
                devices.deny(principal, code)
            elif action == "revoke":
                devices.revoke(principal, form.get("device", ""))
            else:
                raise UserError("bad_request", field="action")
        except (UserError, NotFound, TooMany) as error:
            return _approve_page(gate, settings, code, name, error)
        done = {"approve": "approved", "deny": "denied", "revoke": "revoked"}[action]
        return redirect(f"{APPROVE_PATH}?{urlencode({'done': done})}", 303)

    @blueprint.post(f"{DEVICES_PATH}/pair")
    @gate.public("a screen that is not paired yet asks for its code")
    def pair() -> BaseResponse:
        offer = devices.begin(request.remote_addr)
        shown = shown_code(offer.user_code)
        address = _address(settings) + APPROVE_PATH
        return _json(
            {
                # RFC 8628 section 3.2.
                "device_code": offer.device_code,
                "user_code": shown,
                "verification_uri": address,
                "verification_uri_complete": f"{address}?{urlencode({'code': shown})}",
                "expires_in": offer.expires_in,
                "interval": offer.interval,
            }
        )

    @blueprint.post(f"{DEVICES_PATH}/poll")
    @gate.public("the device code is the proof")
    def poll() -> BaseResponse:
        body = json_object()
        answer = devices.poll(text_of(body, "device_code"))
        if answer.token is None:
            return _json({"status": answer.state})
        if body.get("cookie") is True:
            # A page of ours asks: the token goes where no script can read it.
            response = _json({"status": answer.state})
            cookies.pair(response, answer.token)
            return response
        return _json({"status": answer.state, "access_token": answer.token, "token_type": "Bearer"})

    @blueprint.post(f"{DEVICES_PATH}/approve")
    @gate.needs("wall.approve")
    def approve() -> BaseResponse:
        body = json_object()
        site = text_of(body, "site") if body.get("site") is not None else None
        device = devices.approve(gate.principal(), text_of(body, "user_code"), text_of(body, "name"), site)
        return _json(device_state(device), 201)

    @blueprint.post(f"{DEVICES_PATH}/deny")
    @gate.needs("wall.approve")
    def deny() -> BaseResponse:
        devices.deny(gate.principal(), text_of(json_object(), "user_code"))
        return make_response("", 204)

    @blueprint.get(DEVICES_PATH)
    @gate.needs("wall.approve")
    def paired() -> BaseResponse:
        return _json([device_state(device) for device in devices.all(gate.principal())])

    @blueprint.delete(f"{DEVICES_PATH}/<device_id>")
    @gate.needs("wall.approve")
    def revoke(device_id: str) -> BaseResponse:
        devices.revoke(gate.principal(), device_id)
        return make_response("", 204)

    return blueprint


def _enter(gate: Gate, token: str) -> Response:
    """Keep the token of the address in a cookie and take it out of the address, where people could read it."""
    try:
        gate.authority.devices.authenticate(token)
    except Unauthenticated:
        return _fresh(make_response(redirect(PAIR_PATH, 303)))
    rest = urlencode([(key, value) for key, value in request.args.items(multi=True) if key != "token"])
    response = make_response(redirect(local_path(request.path) + (f"?{rest}" if rest else ""), 303))
    gate.cookies.pair(response, token)
    return _fresh(response)


def _approve_page(
    gate: Gate, settings: Settings, code: str, name: str = "", error: FenghuoError | None = None
) -> Response:
    principal: Principal = gate.principal()
    lang = gate.language()
    devices = gate.authority.devices.all(principal)
    with gate.authority.database.reading() as session:
        sites = [(site.id, site.name_zh if lang == "zh" else site.name_en) for site in list_sites(session)]
    names = dict(sites)
    rows = [
        {
            "id": device.id,
            "name": device.name,
            "site": names.get(device.site_id or "", ""),
            "approved_at": _moment(device.approved_at, settings),
            "approved_by": device.approved_by,
            "last_seen_at": _moment(device.last_seen_at, settings),
        }
        for device in devices
    ]
    done = request.args.get("done")
    page = render_template(
        "approve.html",
        lang=lang,
        t=messages.catalogue(lang, "pair"),
        code=shown_code(code) if len(code) == 8 else code,
        name=name,
        name_length=NAME_LENGTH,
        sites=sites,
        own_site=principal.site_id,
        devices=rows,
        action=APPROVE_PATH,
        done=done if done in DONE else None,
        error=gate.problems.sentence(error) if error else None,
    )
    return _fresh(make_response(page, error.status if error else 200))


def _moment(moment: datetime | None, settings: Settings) -> str:
    return moment.astimezone(settings.zone).strftime("%Y-%m-%d %H:%M") if moment else ""


def _address(settings: Settings) -> str:
    return settings.public_url.rstrip("/") or request.url_root.rstrip("/")


def _qr(address: str) -> Response:
    drawn = io.BytesIO()
    # Dark on light whatever the theme, with the quiet zone: scanners want it so (ISO/IEC 18004 section 9.1).
    segno.make(address, error="m", micro=False).save(
        drawn, kind="svg", scale=8, border=4, dark="#0d1217", light="#ffffff", xmldecl=False
    )
    return Response(drawn.getvalue(), mimetype="image/svg+xml", headers={"Cache-Control": "no-store"})


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, mimetype="application/json", headers={"Cache-Control": "no-store"})
