"""How the line of everybody in a room is at this moment, as the media node measures it: for hosts, and for support on the telephone."""

from typing import Any

from sqlalchemy import select

from auth.principal import Principal
from conference.nodes import Nodes
from conference.roles import role_in
from conference.tables import Participant, room_of
from foundation.database import Database
from foundation.errors import Forbidden, Unavailable
from foundation.identifiers import is_id


class Lines:
    """Asks the node that carries the room. Thread-safe."""

    def __init__(self, database: Database, nodes: Nodes) -> None:
        self._database = database
        self._nodes = nodes

    def read(self, principal: Principal, room_id: str) -> list[dict[str, Any]]:
        """One entry for each session, with its line, what it sends and each of its slots (docs/room-protocol.md, `node.stats`).

        Errors: NotFound, Forbidden("not_host"), Unavailable("no_node"), NodeRefused.
        """
        with self._database.reading() as session:
            room = room_of(session, room_id if is_id(room_id) else "")
            if role_in(room, principal) != "host":
                raise Forbidden("not_host")
            people = session.execute(select(Participant).where(Participant.room_id == room.id)).scalars()
            names = {row.id: {"name": row.name, "site": row.site_id} for row in people}
            node, carried = room.node, room.open
        if node is None or not carried:
            return []
        carrier = self._nodes.media_node(node)
        if carrier is None or not self._nodes.reports(carrier):
            raise Unavailable("no_node")
        told = dicts(self._nodes.call(node, "node.stats", {"room": room_id}).get("rooms"))
        sessions = [one for room in told if room.get("room") == room_id for one in dicts(room.get("sessions"))]
        return [{**names[one["participant"]], **one} for one in sessions if one.get("participant") in names]


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list that a node told; none for what is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
