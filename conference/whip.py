"""Sessions of who comes without a page: an encoder or a camera that publishes into a room (WHIP), a player that watches one (WHEP).

They stand in the roster like everybody else, under the same rules, and have the same media session on the same node. Nothing of them is kept
here: the participant's row says whose session it is and how many pictures it shows, the node knows its ICE credentials.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from auth.permissions import Role
from auth.principal import Principal
from conference import rooms, roster, rules
from conference.nodes import Nodes
from conference.standing import of_session
from conference.switchboard import Connection, Switchboard
from conference.tables import Participant, identity_of, present
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import FenghuoError, NotFound, ProtocolError, Unavailable
from foundation.identifiers import is_id, new_id

Manner = Literal["publish", "watch"]

SDP_BYTES_MAX = 64 * 1024
TOLD_AGAIN_S = 5.0
"""What a player is to see is told again after so long: a node that was away has not heard it."""
WATCHED_HEIGHT = 1080
"""A player does not say how large it shows the picture."""


@dataclass(frozen=True)
class Answered:
    """What an offer brought: the new session, its participant, the answer, and the ICE user name that is its version."""

    session: str
    participant: str
    sdp: str
    ufrag: str


class Whip:
    """Thread-safe. `follow` is the work of one second: what players look at follows who speaks and who shares a screen."""

    def __init__(self, board: Switchboard, database: Database, clock: Clock, nodes: Nodes) -> None:
        self._board = board
        self._database = database
        self._clock = clock
        self._nodes = nodes
        self._shown: dict[str, tuple[list[dict[str, Any]], float]] = {}
        """What each player's node was told to show, and when (monotonic seconds)."""

    def offer(self, principal: Principal, room_id: str, sdp: str, manner: Manner) -> Answered:
        """Come into the room with this offer; the newest session of a principal wins, as on pages.

        Raises ProtocolError("bad_offer"), NotFound, Conflict("room_closed", "room_locked"), Forbidden (removed; a listener that would publish),
        TooMany("room_full"), Unavailable("no_node"; "lobby": a host has been asked, come again).
        """
        if len(sdp.encode()) > SDP_BYTES_MAX:
            raise ProtocolError("bad_offer", reason="larger than 64 KiB")
        session_id = new_id()
        room_id = _room_of(principal, room_id)
        world = self._world(room_id)
        with self._database.writing(world) as session:
            joined = roster.join(session, self._clock, principal, room_id, session_id, watches=manner == "watch")
            row, node_before = joined.participant, joined.room.node
            if manner == "publish" and not joined.waits:
                # Refused here, with a reason, and not silently by the node.
                rules.change_state(session, row.id, session_id, muted=False, camera=_sends_video(sdp))
            publish = [] if joined.waits else roster.grants(session, row.id, session_id)
            page = Connection("", room_id, row.id, session_id, world)
        self._board.end_replaced(joined)
        if joined.waits:
            self._board.tell_waiting(room_id, world, self._clock)
            raise Unavailable("lobby")
        try:
            answer = self._negotiate(page, node_before, sdp, publish)
        except FenghuoError:
            with self._database.writing(world) as session:
                over = roster.leave(session, self._clock, page.participant, session_id)
            for gone in over:
                self._board.end_media(gone, "left")
            raise
        self._board.tell_roster(room_id, world)
        if manner == "watch":
            with self._database.writing(world) as session:
                of_session(session, page.participant, session_id).watches = _pictures(answer)
        return Answered(session_id, page.participant, str(answer["sdp"]), self._ice(page, restart=False)["ufrag"])

    def _negotiate(self, page: Connection, node_before: str | None, sdp: str, publish: list[Any]) -> dict[str, Any]:
        node = self._board.node_for(page.room, node_before)
        if node.id != node_before:
            with self._database.writing(page.world) as session:
                carrier = rooms.carry(session, page.room, node_before, node.id)
            node = self._nodes.media_node(carrier) or node
        # Known before the node answers: its first word about the session may come before the answer.
        self._board.serve(page.session, node.id, page.room)
        asked = {"room": page.room, "participant": page.participant, "session": page.session, "sdp": sdp}
        try:
            return self._nodes.call(
                node.id, "room.offer", {**asked, "grants": {"publish": publish, "subscribe": not publish}}
            )
        except FenghuoError:
            self._board.release(page.session)
            raise

    def version(self, principal: Principal, room_id: str, session_id: str) -> str:
        """The ICE user name in force. NotFound for a session that is over, or another's."""
        return self._ice(self._page(principal, room_id, session_id), restart=False)["ufrag"]

    def restart(self, principal: Principal, room_id: str, session_id: str) -> tuple[str, str]:
        """New ICE credentials (RFC 8445 section 9): user name and password; media goes on meanwhile. NotFound, Unavailable."""
        told = self._ice(self._page(principal, room_id, session_id), restart=True)
        return told["ufrag"], told["password"]

    def end(self, principal: Principal, room_id: str, session_id: str) -> None:
        """Leave. NotFound for a session that is over already, or another's."""
        page = self._page(principal, room_id, session_id)
        with self._database.writing(page.world) as session:
            over = roster.leave(session, self._clock, page.participant, session_id)
        for gone in {session_id, *over}:
            self._board.end_media(gone, "left")
        self._board.tell_roster(page.room, page.world)

    def follow(self) -> None:
        """Let every player see what is shown now: a shared screen, else who has the floor, else the first camera."""
        with self._database.reading() as reader:
            worlds = rooms.open_worlds(reader)
        wanted: dict[str, list[dict[str, Any]]] = {}
        for world in worlds:
            with self._database.reading(world) as session:
                for row in session.execute(
                    select(Participant).where(Participant.watches > 0, Participant.present)
                ).scalars():
                    if self._board.served(row.session):
                        wanted[row.session] = _wanted(session, row)
        self._shown = {name: shown for name, shown in self._shown.items() if name in wanted}
        now = self._clock.monotonic()
        for name, pictures in wanted.items():
            before, told_at = self._shown.get(name, ([], now - TOLD_AGAIN_S))
            if before != pictures or now - told_at >= TOLD_AGAIN_S:
                # Not waited for: a node that hangs would hold up the players of all the others.
                self._board.send(name, "room.want", {"video": pictures})
                self._shown[name] = pictures, now

    def _ice(self, page: Connection, *, restart: bool) -> dict[str, str]:
        told = self._board.command(page, "room.ice", {"restart": restart})
        return {"ufrag": str(told.get("ufrag")), "password": str(told.get("password"))}

    def _page(self, principal: Principal, room_id: str, session_id: str) -> Connection:
        room_id = _room_of(principal, room_id)
        world = self._world(room_id)
        with self._database.reading(world) as session:
            query = select(Participant).where(Participant.room_id == room_id, Participant.session == session_id)
            row = session.execute(query).scalar_one_or_none()
            if row is None or not row.present or row.identity != identity_of(principal):
                raise NotFound("not_found")
            return Connection("", room_id, row.id, session_id, world)

    def _world(self, room_id: str) -> str | None:
        if not is_id(room_id):
            raise NotFound("not_found")
        with self._database.reading() as reader:
            return rooms.world_of(reader, room_id)


def _room_of(principal: Principal, address: str) -> str:
    """Return the room behind `/whip/<address>`: an encoder's own id stands for the room that it is assigned to, so that its address never changes."""
    own = principal.role is Role.ENCODER and address == principal.id
    return principal.room_id if own and principal.room_id is not None else address


def _sends_video(sdp: str) -> bool:
    """Whether the offer has a picture to send; what else is wrong with it the node says."""
    sections = sdp.split("\nm=")[1:]
    return any(each.startswith("video") and "a=recvonly" not in each and "a=inactive" not in each for each in sections)


def _pictures(answer: dict[str, Any]) -> int:
    return sum(1 for one in answer.get("slots", []) if one.get("kind") == "video")


def _wanted(session: Session, viewer: Participant) -> list[dict[str, Any]]:
    room = rooms.find_room(session, viewer.room_id)
    others = [row for row in present(session, room.id) if row.connected and row.id != viewer.id]
    pictures = [(row.id, "screen") for row in others if row.screen]
    cameras = [row.id for row in others if row.camera]
    pictures += [(one, "camera") for one in sorted(cameras, key=lambda one: one != room.floor)]
    return [
        {"slot": f"v{number}", "participant": participant, "kind": kind, "height": WATCHED_HEIGHT}
        for number, (participant, kind) in enumerate(pictures[: viewer.watches])
    ]
