"""WHIP (RFC 9725) at `/whip/<room>` and WHEP (draft-ietf-wish-whep) at `/whep/<room>`: media into a room, and out of it, by plain HTTP requests."""

import re

from flask import Blueprint, Response, request
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired, UnsupportedMediaType

from conference.relay import ice_servers
from conference.whip import Manner, Whip
from dashboard.gate import Gate
from foundation.clock import Clock
from foundation.errors import ProtocolError, Unavailable
from foundation.secrets import secret
from foundation.settings import Settings

OFFER_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
"""RFC 8840 section 9."""
LOBBY_AGAIN_S = 5
ICE_USER = re.compile(r"^a=ice-ufrag:([A-Za-z0-9+/]{4,256})\s*$", re.MULTILINE)
FIRST_MID = re.compile(r"^a=mid:([\w\-]{1,32})\s*$", re.MULTILINE)


class WhipViews:
    """The requests of one of the two protocols: they differ in what `manner` says."""

    def __init__(self, gate: Gate, whip: Whip, settings: Settings, clock: Clock, manner: Manner) -> None:
        self._gate = gate
        self._whip = whip
        self._settings = settings
        self._clock = clock
        self._manner: Manner = manner
        self._turn_secret = secret(settings.home, "turn")

    def offer(self, room_id: str) -> Response:
        """`POST /whip/<room>`: a new session (RFC 9725 section 4.2)."""
        sdp = _body(OFFER_TYPE)
        principal = self._gate.principal()
        try:
            answered = self._whip.offer(principal, room_id, sdp, self._manner)
        except Unavailable as error:
            response = self._gate.problems.answer(error)
            response.headers["Retry-After"] = str(LOBBY_AGAIN_S)  # RFC 9725 section 4.5
            return response
        response = Response(answered.sdp, 201, content_type=OFFER_TYPE)
        response.headers["Location"] = f"{request.path}/{answered.session}"
        response.set_etag(answered.ufrag)
        response.headers["Accept-Patch"] = FRAGMENT_TYPE
        now_s = int(self._clock.now().timestamp())
        for server in ice_servers(self._settings.turn_urls, self._turn_secret, answered.participant, now_s):
            for url in server["urls"]:
                # RFC 9725 section 4.6.
                link = f'<{url}>; rel="ice-server"; username="{server["username"]}"; '
                response.headers.add("Link", f'{link}credential="{server["credential"]}"; credential-type="password"')
        return response

    def options(self, room_id: str) -> Response:
        """`OPTIONS /whip/<room>`: what may be posted (RFC 9725 section 4.2)."""
        return Response(status=204, headers={"Accept-Post": OFFER_TYPE, "Allow": "POST, OPTIONS"})

    def change(self, room_id: str, session_id: str) -> Response:
        """`PATCH` of a session: more candidates, or new ICE credentials (RFC 9725 section 4.3)."""
        fragment = _body(FRAGMENT_TYPE)
        principal = self._gate.principal()
        version = self._whip.version(principal, room_id, session_id)
        user = ICE_USER.search(fragment)
        if user is None:
            raise ProtocolError("bad_request", reason="no ice-ufrag")
        if not request.if_match:
            # The draft of WHEP leaves it open, and players come without: their candidates are not needed either.
            if self._manner == "watch":
                return Response(status=204)
            raise PreconditionRequired
        if not request.if_match.star_tag:
            # Candidates (section 4.3.2). The node is ICE-lite: it learns addresses from checks and needs none of them.
            if not request.if_match.contains(version):
                raise PreconditionFailed
            return Response(status=204)
        # A restart (section 4.3.3): If-Match is "*".
        ufrag, password = self._whip.restart(principal, room_id, session_id)
        mid = FIRST_MID.search(fragment)
        lines = [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", "a=ice-lite"]
        if mid is not None:
            lines += ["m=audio 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mid.group(1)}", "a=end-of-candidates"]
        response = Response("\r\n".join([*lines, ""]), 200, content_type=FRAGMENT_TYPE)
        response.set_etag(ufrag)
        return response

    def end(self, room_id: str, session_id: str) -> Response:
        """`DELETE` of a session (RFC 9725 section 4.2)."""
        self._whip.end(self._gate.principal(), room_id, session_id)
        return Response(status=204)


def create_whip(gate: Gate, whip: Whip, settings: Settings, clock: Clock) -> Blueprint:
    """Both protocols as one blueprint."""
    blueprint = Blueprint("whip", __name__)
    public = gate.public("says only what may be posted")
    manners: tuple[tuple[str, Manner], ...] = (("whip", "publish"), ("whep", "watch"))
    for name, manner in manners:
        views = WhipViews(gate, whip, settings, clock, manner)
        joins = gate.needs("room.publish" if manner == "publish" else "room.join")
        place = f"/{name}/<room_id>"
        for method, view in (("POST", joins(views.offer)), ("OPTIONS", public(views.options))):
            # Not Flask's own answer to OPTIONS, which would ask for a login and tell less.
            blueprint.add_url_rule(place, f"{name}_{method}", view, methods=[method], provide_automatic_options=False)
        for method, view in (("PATCH", joins(views.change)), ("DELETE", joins(views.end))):
            blueprint.add_url_rule(f"{place}/<session_id>", f"{name}_{method}", view, methods=[method])
    return blueprint


def _body(kind: str) -> str:
    """The request's text, which must be of this type. Raises UnsupportedMediaType, ProtocolError("bad_request")."""
    if request.mimetype != kind:
        raise UnsupportedMediaType
    try:
        return request.get_data(cache=False).decode()
    except UnicodeDecodeError:
        raise ProtocolError("bad_request", reason="not UTF-8") from None
