"""The consultation page `/rooms/<id>` and what the HTTP API knows of rooms: open, list, invite, answer a ring, read the minutes, end."""

from pathlib import Path
from typing import Any

import orjson
import segno
from flask import Blueprint, Response, abort, redirect, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue

import conference
from auth.principal import Principal
from conference import calling, minutes, record, rooms
from conference.lines import Lines
from conference.roles import RoomRole, role_in
from dashboard.gate import Gate
from dashboard.json_body import json_object, text_of
from dashboard.messages import catalogue
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Unauthenticated, UserError
from foundation.settings import Settings

CLIENT = Path(conference.__file__).parent / "client"
SERVED = frozenset({".js", ".css"})
LINK_LENGTH = 200
CODE_SCALE = 4
CHUNK_BYTES = 64 * 1024


class RoomPage:
    """The views, with what they work on."""

    def __init__(self, gate: Gate, database: Database, clock: Clock, settings: Settings, lines: Lines) -> None:
        self._lines = lines
        self._gate = gate
        self._database = database
        self._clock = clock
        self._settings = settings

    def page(self, room_id: str) -> ResponseReturnValue:
        """The page: for who is logged in, for a guest of this room, and with `?link=` for who holds a join link."""
        principal = self._gate.principal_or_none()
        link = request.args.get("link", "")[:LINK_LENGTH] or None
        welcome = (
            principal is not None
            and principal.may("room.join")
            and (principal.kind != "guest" or principal.room_id == room_id)
        )
        if link is not None and welcome:
            # Who may enter anyway does not use up the link.
            keep = f"?lang={request.args['lang']}" if request.args.get("lang") in ("zh", "en") else ""
            return redirect(f"/rooms/{room_id}{keep}", 303)
        if link is not None:
            return self._render(room_id, link=link)
        if principal is None:
            raise Unauthenticated("unauthenticated")
        with self._database.reading() as session:
            room = rooms.find_room(session, room_id)
            role = role_in(room, principal)
        return self._render(room_id, title=room.title, principal=principal, role=role)

    def open(self) -> Response:
        """`POST /api/v1/rooms`."""
        asked = json_object()
        with self._database.writing() as session:
            room = rooms.open_room(
                session,
                self._clock,
                self._gate.principal(),
                asked.get("title"),
                id=_optional(asked, "id"),
                incident=_optional(asked, "incident"),
                expected=asked.get("expected", []),
                lobby=asked.get("lobby", False),
                talk=asked.get("talk", "open"),
            )
            state = record.public_state(session, room)
        return _json({**state, "url": self._address(room.id)}, 201)

    def list(self) -> Response:
        """`GET /api/v1/rooms`: the open ones; a guest sees only their own."""
        principal = self._gate.principal()
        with self._database.reading() as session:
            found = rooms.snapshot(session).values()
        return _json(
            [
                {**state, "url": self._address(state["id"])}
                for state in found
                if principal.kind != "guest" or principal.room_id == state["id"]
            ]
        )

    def invite(self, room_id: str) -> Response:
        """`POST /api/v1/rooms/<id>/links`: a join link for one guest, with its QR code as an SVG data address."""
        asked = json_object()
        principal = self._gate.principal()
        with self._database.writing() as session:
            room = rooms.find_room(session, room_id)
            link, token = self._gate.authority.links.create(
                session,
                principal,
                room_id=room.id,
                name=text_of(asked, "name"),
                role=text_of(asked, "role"),
            )
        url = f"{self._address(room.id)}?link={token}"
        return _json(
            {
                "id": link.id,
                "room": room.id,
                "name": link.name,
                "role": link.room_role,
                "url": url,
                "expires_at": link.expires_at.isoformat(),
                "qr": segno.make(url, error="m").svg_data_uri(scale=CODE_SCALE, border=2),
            },
            201,
        )

    def answer(self, room_id: str, site_id: str) -> Response:
        """`POST /api/v1/rooms/<id>/rings/<site>`: somebody of a site that is rung says that it does not come; who comes just joins."""
        if json_object().get("answer") != "decline":
            raise UserError("bad_request", field="answer")
        with self._database.writing() as session:
            room = rooms.find_room(session, room_id)
            calling.decline(session, self._clock, self._gate.principal(), room, site_id)
            state = record.public_state(session, room)
        return _json(state)

    def minutes(self, room_id: str) -> Response:
        """`GET /api/v1/rooms/<id>/minutes`: what was decided and noted, oldest first, also of a room that is over."""
        with self._database.reading() as session:
            return _json(minutes.read(session, self._gate.principal(), room_id))

    def lines(self, room_id: str) -> Response:
        """`GET /api/v1/rooms/<id>/lines`: how everybody's line is now; for hosts."""
        return _json(self._lines.read(self._gate.principal(), room_id))

    def close(self, room_id: str) -> Response:
        """`POST /api/v1/rooms/<id>/close`: end the consultation for all; the pages are told within a second."""
        with self._database.writing() as session:
            room = rooms.close_room(session, self._clock, self._gate.principal(), room_id)
            state = record.public_state(session, room)
        return _json(state)

    def line(self) -> Response:
        """`POST /api/v1/line`: takes what is sent and forgets it; the page measures how fast its line carries that (dashboard.body_limit)."""
        while request.stream.read(CHUNK_BYTES):
            pass
        return Response(status=204)

    def asset(self, name: str) -> Response:
        """A module or style of the page."""
        if Path(name).suffix not in SERVED:
            abort(404)
        return send_from_directory(CLIENT, name)

    def _render(
        self,
        room_id: str,
        *,
        link: str | None = None,
        title: str | None = None,
        principal: Principal | None = None,
        role: RoomRole | None = None,
    ) -> str:
        lang = self._gate.language()
        texts = catalogue(lang, "room")
        page = {
            "room": room_id,
            "lang": lang,
            "title": title,
            "name": principal.name if principal else None,
            "link": link,
            "role": role,
            "timezone": self._settings.timezone,
            "may_invite": principal is not None and principal.may("room.link"),
            "may_write": principal is not None and principal.may("room.chat"),
            "video_slots": self._settings.video_slots,
            "messages": texts,
        }
        return render_template("room.html", lang=lang, t=texts, page=page)

    def _address(self, room_id: str) -> str:
        base = self._settings.public_url or request.host_url
        return f"{base.rstrip('/')}/rooms/{room_id}"


def create_room_page(gate: Gate, database: Database, clock: Clock, settings: Settings, lines: Lines) -> Blueprint:
    """The page, its files and its part of the API as one blueprint."""
    views = RoomPage(gate, database, clock, settings, lines)
    blueprint = Blueprint("rooms", __name__, template_folder=str(CLIENT))
    blueprint.add_url_rule(
        "/rooms/<room_id>", "page", gate.public("asks for a login or a join link itself")(views.page)
    )
    blueprint.add_url_rule(
        "/assets/room/<path:name>", "asset", gate.public("the page's own files hold no data")(views.asset)
    )
    blueprint.add_url_rule("/api/v1/rooms", "list", gate.needs("room.join")(views.list))
    blueprint.add_url_rule("/api/v1/rooms/<room_id>/minutes", "minutes", gate.needs("room.join")(views.minutes))
    blueprint.add_url_rule("/api/v1/rooms/<room_id>/lines", "lines", gate.needs("room.join")(views.lines))
    for path, name, view in (
        ("/api/v1/line", "line", gate.public("keeps nothing; who holds a join link has no name yet")(views.line)),
        ("/api/v1/rooms", "open", gate.needs("room.open")(views.open)),
        ("/api/v1/rooms/<room_id>/links", "invite", gate.needs("room.link")(views.invite)),
        ("/api/v1/rooms/<room_id>/rings/<site_id>", "answer", gate.needs("room.answer")(views.answer)),
        ("/api/v1/rooms/<room_id>/close", "close", gate.needs("room.join")(views.close)),
    ):
        blueprint.add_url_rule(path, name, view, methods=["POST"])
    return blueprint


def _optional(asked: dict[str, Any], field: str) -> str | None:
    return None if asked.get(field) is None else text_of(asked, field)


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, content_type="application/json")
