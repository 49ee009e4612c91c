"""The link diary: once a minute the journal keeps how each participant's line was, for the review of how a consultation went."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from conference import rooms
from conference.lines import dicts
from conference.nodes import NodeRefused, Nodes
from conference.tables import Participant, Room
from foundation import journal
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import NotFound, Unavailable

EVERY_S = 60.0
LINES_MAX = 64
"""A room has no more sessions than that."""

FIGURES = ("step", "down_bps", "down_loss", "up_bps", "up_loss", "round_trip_ms", "freezes")
"""`freezes`: how often pictures stood still so far, as the participant's own browser counts."""


class Diary:
    """`write` is called every second and does its work once a minute, for the rooms of the nodes that dialled in here."""

    def __init__(self, database: Database, clock: Clock, nodes: Nodes) -> None:
        self._database = database
        self._clock = clock
        self._nodes = nodes
        self._written_at = clock.monotonic()

    def write(self) -> None:
        """Ask every media node how its lines are, and keep the answer."""
        now = self._clock.monotonic()
        if now - self._written_at < EVERY_S:
            return
        self._written_at = now
        for node in self._nodes.media_nodes():
            if not self._nodes.reports(node):
                continue
            try:
                told = self._nodes.call(node.id, "node.stats", {})
            except (Unavailable, NodeRefused):
                continue  # it went away meanwhile; its rooms' minute is missing, which says just that
            for room in dicts(told.get("rooms")):
                self._keep(room)

    def _keep(self, told: dict[str, Any]) -> None:
        lines = {str(one.get("participant")): _line(one) for one in dicts(told.get("sessions"))[:LINES_MAX]}
        room_id = told.get("room")
        if not lines or not isinstance(room_id, str):
            return
        try:
            with self._database.reading() as reader:
                world = rooms.world_of(reader, room_id)
        except NotFound:
            return
        with self._database.writing(world) as session:
            _journal(session, self._clock, room_id, lines)


def _journal(session: Session, clock: Clock, room_id: str, lines: dict[str, dict[str, Any]]) -> None:
    room = session.get(Room, room_id)
    if room is None:
        return
    present = session.execute(select(Participant).where(Participant.room_id == room_id, Participant.id.in_(lines)))
    told = [
        {"participant": row.id, "name": row.name, "site": row.site_id, **lines[row.id]} for row in present.scalars()
    ]
    journal.append(
        session,
        clock,
        kind="room.lines",
        topic="lines",
        subject=room_id,
        actor=journal.SYSTEM,
        site_id=room.site_id,
        detail={"title": room.title, "lines": told},
    )


def _line(session: dict[str, Any]) -> dict[str, Any]:
    line = session.get("line")
    return {figure: line.get(figure) for figure in FIGURES} if isinstance(line, dict) else {}
