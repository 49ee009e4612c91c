"""Rooms and their rules: who may open, join, mute, remove and close, and who is in the roster (花名册) at this moment.

A participant is a person, a screen or a guest, apart from the connections they come by: the newest session wins, the roster is always told
whole and numbered, so there are no ghosts. The rows are the truth; a web process that was killed reads them and goes on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Boolean, ForeignKey, Integer, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from foundation import journal
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, Json, Operational, UtcDateTime
from foundation.errors import Conflict, Forbidden, NotFound, TooMany, UserError
from foundation.identifiers import is_id, new_id

RoomRole = Literal["host", "speaker", "listener"]
Source = Literal["audio", "camera", "screen"]

SOURCES: tuple[Source, ...] = get_args(Source)
ROLES: tuple[RoomRole, ...] = get_args(RoomRole)

PARTICIPANTS_MAX = 64
OPEN_ROOMS_MAX = 200
EXPECTED_MAX = 64
TITLE_LENGTH = 120
LOST_AFTER_S = 5.0
"""A link that is back sooner is not told as lost: flapping links would fill the journal (the roster shows it at once)."""


class Room(Operational, Base):
    """A place to meet (会商室); lives until it is closed."""

    __tablename__ = "rooms"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    incident_id: Mapped[str | None] = mapped_column(String(36), index=True)
    open: Mapped[bool] = mapped_column(Boolean, index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by: Mapped[str] = mapped_column(String(80))
    opened_name: Mapped[str] = mapped_column(String(80))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expected: Mapped[list[str]] = mapped_column(Json)
    version: Mapped[int] = mapped_column(Integer)
    node: Mapped[str | None] = mapped_column(String(64))


class Participant(Operational, Base):
    """Who takes part in a room. `told` is what the journal last said of them: out, in or lost."""

    __tablename__ = "room_participants"
    __table_args__ = (UniqueConstraint("room_id", "identity"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    room_id: Mapped[str] = mapped_column(String(36), ForeignKey("rooms.id"), index=True)
    identity: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(16))
    session: Mapped[str] = mapped_column(String(36))
    muted: Mapped[bool] = mapped_column(Boolean)
    silenced: Mapped[bool] = mapped_column(Boolean)
    camera: Mapped[bool] = mapped_column(Boolean)
    screen: Mapped[bool] = mapped_column(Boolean)
    connected: Mapped[bool] = mapped_column(Boolean)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    present: Mapped[bool] = mapped_column(Boolean)
    removed: Mapped[bool] = mapped_column(Boolean)
    told: Mapped[str] = mapped_column(String(8))

    @property
    def actor(self) -> journal.Actor:
        """Who it is, for the journal."""
        kind, _, id = self.identity.partition(":")
        return journal.Actor(kind, id, self.name)

    @property
    def grants(self) -> list[Source]:
        """What the media node may forward of this participant; a listener's packets are dropped there."""
        if self.role == "listener":
            return []
        return [source for source in SOURCES if source != "audio" or not self.silenced]


@dataclass(frozen=True)
class Joined:
    """What a join brought: the room, the participant, and the older session that it replaced, if any."""

    room: Room
    participant: Participant
    replaced: str | None


def open_room(
    session: Session,
    clock: Clock,
    principal: Principal,
    title: object,
    *,
    id: str | None = None,
    incident: str | None = None,
    expected: object = (),
) -> Room:
    """Open a room (needs `room.open`); opening twice with the same `id` is once.

    Raises UserError("bad_title", "bad_id", "bad_incident", "bad_expected"), TooMany("too_many_rooms").
    """
    principal.require("room.open")
    if id is not None:
        if not is_id(id):
            raise UserError("bad_id", field="id")
        known = session.get(Room, id)
        if known is not None:
            return known
    if not isinstance(title, str) or not title.strip() or len(title) > TITLE_LENGTH:
        raise UserError("bad_title", field="title", longest=TITLE_LENGTH)
    if incident is not None and not is_id(incident):
        raise UserError("bad_incident", field="incident")
    sites = _site_ids(expected)
    if session.execute(select(func.count()).select_from(Room).where(Room.open)).scalar_one() >= OPEN_ROOMS_MAX:
        raise TooMany("too_many_rooms", retry_after_s=60)
    room = Room(
        id=id or new_id(),
        site_id=principal.site_id,
        title=title.strip(),
        incident_id=incident,
        open=True,
        opened_at=clock.now(),
        opened_by=_identity(principal),
        opened_name=principal.name,
        closed_at=None,
        expected=sites,
        version=1,
        node=None,
    )
    session.add(room)
    session.flush()
    _tell(session, clock, room, "room.opened", principal.actor)
    return room


def find_room(session: Session, room_id: object) -> Room:
    """The open room of that id; NotFound("not_found") when there is none, Conflict("room_closed") when it is over."""
    room = session.get(Room, room_id) if is_id(room_id) else None
    if room is None:
        raise NotFound("not_found")
    if not room.open:
        raise Conflict("room_closed")
    return room


def role_in(room: Room, principal: Principal) -> RoomRole:
    """What the principal is in this room: a guest is what the link says; its opener and who may `room.host` are hosts; the others speak."""
    principal.require("room.join")
    principal.require_room(room.id)
    if principal.kind == "guest":
        return next((role for role in ROLES if role == principal.room_role), "listener")
    if room.opened_by == _identity(principal) or principal.may("room.host"):
        return "host"
    return "speaker"


def join(session: Session, clock: Clock, principal: Principal, room_id: object, session_id: str) -> Joined:
    """Put the principal into the roster with the session named by the page; the newest session wins.

    Connected they are when the media node says so. Raises NotFound, Conflict("room_closed"), Forbidden (no right, or removed by a host),
    TooMany("room_full").
    """
    room = find_room(session, room_id)
    role = role_in(room, principal)
    identity = _identity(principal)
    row = session.execute(
        select(Participant).where(Participant.room_id == room.id, Participant.identity == identity)
    ).scalar_one_or_none()
    if row is not None and row.removed:
        raise Forbidden("removed")
    if (row is None or not row.present) and len(_present(session, room.id)) >= PARTICIPANTS_MAX:
        raise TooMany("room_full", retry_after_s=60)
    if row is None:
        row = Participant(
            id=new_id(),
            room_id=room.id,
            site_id=principal.site_id,
            identity=identity,
            name=principal.name,
            role=role,
            session=session_id,
            muted=False,
            silenced=False,
            camera=False,
            screen=False,
            connected=False,
            since=clock.now(),
            present=True,
            removed=False,
            told="out",
        )
        session.add(row)
        replaced = None
    else:
        replaced = row.session if row.present and row.session != session_id else None
        if not row.present:
            row.muted, row.silenced, row.since = False, False, clock.now()
        if row.session != session_id:
            row.session = session_id
            row.camera, row.screen = False, False
            _disconnect(row, clock)
        row.present, row.name, row.role, row.site_id = True, principal.name, role, principal.site_id
    _bump(room)
    session.flush()
    return Joined(room, row, replaced)


def connected(session: Session, clock: Clock, room_id: str, participant_id: str, session_id: str) -> bool:
    """The node says that this session has its media link. False when the session is not (any more) the participant's: it should be ended."""
    row = session.get(Participant, participant_id)
    if row is None or row.room_id != room_id or row.session != session_id or not row.present:
        return False
    room = session.get(Room, room_id)
    if room is None or not room.open:
        return False
    if not row.connected:
        row.connected, row.since = True, clock.now()
        _bump(room)
        session.flush()
    if row.told != "in":
        kind = "room.returned" if row.told == "lost" else "room.joined"
        row.told = "in"
        session.flush()
        _tell(session, clock, room, kind, row.actor, row)
    return True


def disconnected(session: Session, clock: Clock, session_ids: list[str]) -> set[str]:
    """These sessions have lost their media link; gives the ids of the rooms whose roster changed. The journal is told by `tell_lost`."""
    changed: set[str] = set()
    rows = session.execute(
        select(Participant).where(Participant.session.in_(session_ids), Participant.connected, Participant.present)
    ).scalars()
    for row in rows:
        _disconnect(row, clock)
        changed.add(row.room_id)
    for room_id in changed:
        _bump(_room(session, room_id))
    session.flush()
    return changed


def forget_links(session: Session, clock: Clock) -> set[str]:
    """At the start of web: nobody is connected until a node says so again, and who never was is gone. Gives the rooms whose roster changed."""
    for row in session.execute(select(Participant).where(Participant.present, Participant.told == "out")).scalars():
        row.present = False
    sessions = session.execute(select(Participant.session).where(Participant.connected, Participant.present)).scalars()
    return disconnected(session, clock, list(sessions))


def forget_unheard(session: Session, participant_id: str, session_id: str) -> bool:
    """The page went before its media link ever stood: it was never there. False when that is not so."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id or row.told != "out" or row.connected:
        return False
    row.present = False
    _bump(_room(session, row.room_id))
    session.flush()
    return True


def tell_lost(session: Session, clock: Clock) -> set[str]:
    """Journal who has been without a link for LOST_AFTER_S; gives the ids of their rooms."""
    rows = session.execute(
        select(Participant).where(
            Participant.present,
            Participant.connected.is_(False),
            Participant.told == "in",
            Participant.since <= clock.now() - timedelta(seconds=LOST_AFTER_S),
        )
    ).scalars()
    changed: set[str] = set()
    for row in list(rows):
        room = _room(session, row.room_id)
        row.told = "lost"
        session.flush()
        _tell(session, clock, room, "room.lost", row.actor, row)
        changed.add(room.id)
    return changed


def some_are_to_be_told(session: Session, clock: Clock) -> bool:
    """Whether `tell_lost` would tell anything: asked every second, so it only reads."""
    return (
        session.execute(
            select(Participant.id)
            .where(
                Participant.present,
                Participant.connected.is_(False),
                Participant.told == "in",
                Participant.since <= clock.now() - timedelta(seconds=LOST_AFTER_S),
            )
            .limit(1)
        ).scalar_one_or_none()
        is not None
    )


def leave(session: Session, clock: Clock, participant_id: str, session_id: str) -> bool:
    """The participant goes; False when a newer session has taken over (then nothing changes)."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id:
        return False
    _leave(session, clock, _room(session, row.room_id), row, row.actor)
    return True


def change_state(
    session: Session,
    participant_id: str,
    session_id: str,
    *,
    muted: bool | None = None,
    camera: bool | None = None,
    screen: bool | None = None,
) -> Participant:
    """What the participant now sends. Who unmutes themself also ends a host's muting.

    Forbidden for an older session, and for a listener that would send.
    """
    row = of_session(session, participant_id, session_id)
    if row.role == "listener" and (muted is False or camera or screen):
        raise Forbidden("listener")
    if muted is not None:
        row.muted = muted
        row.silenced = row.silenced and muted
    if camera is not None:
        row.camera = camera
    if screen is not None:
        row.screen = screen
    _bump(_room(session, row.room_id))
    session.flush()
    return row


def of_session(session: Session, participant_id: str, session_id: str) -> Participant:
    """The participant who is here by this session; Forbidden("old_session") when a newer one has taken over or they have left."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id:
        raise Forbidden("old_session")
    return row


def carried_by(session: Session, room_id: str, node: str) -> None:
    """Remember the media node that carries the room: all of it is on one."""
    _room(session, room_id).node = node


def mute_by_host(session: Session, host_id: str, participant_id: object) -> Participant:
    """A host mutes somebody: the node drops their sound until they unmute themself. Forbidden for anybody but a host."""
    row = _of_same_room(session, host_id, participant_id)
    row.muted, row.silenced = True, True
    _bump(_room(session, row.room_id))
    session.flush()
    return row


def remove(session: Session, clock: Clock, host_id: str, participant_id: object) -> Participant:
    """A host removes somebody, who stays removed from this room. Forbidden for anybody but a host, or to remove oneself."""
    host = session.get(Participant, host_id)
    row = _of_same_room(session, host_id, participant_id)
    if host is None or row.id == host.id:
        raise Forbidden("not_oneself")
    row.removed = True
    _leave(session, clock, _room(session, row.room_id), row, host.actor)
    return row


def close_room(session: Session, clock: Clock, principal: Principal, room_id: object) -> Room:
    """End the consultation for all; its hosts may. Raises NotFound, Conflict("room_closed"), Forbidden."""
    room = find_room(session, room_id)
    if role_in(room, principal) != "host":
        raise Forbidden("not_host")
    for row in _present(session, room.id):
        row.present, row.camera, row.screen, row.told = False, False, False, "out"
        _disconnect(row, clock)
    room.open, room.closed_at = False, clock.now()
    _bump(room)
    session.flush()
    _tell(session, clock, room, "room.closed", principal.actor)
    return room


def roster(session: Session, room_id: str) -> dict[str, Any]:
    """The whole roster as docs/room-protocol.md tells it to browsers, with its version; times in epoch milliseconds."""
    room = _room(session, room_id)
    return {
        "version": room.version,
        "participants": [
            {
                "participant": row.id,
                "name": row.name,
                "site": row.site_id,
                "role": row.role,
                "muted": row.muted,
                "camera": row.camera,
                "screen": row.screen,
                "connected": row.connected,
                "since": epoch_ms(row.since),
            }
            for row in _present(session, room.id)
        ],
    }


def public_state(session: Session, room: Room) -> dict[str, Any]:
    """The room as docs/feed-protocol.md shows it under topic `rooms`: who is present, and who was expected."""
    return {
        "id": room.id,
        "title": room.title,
        "incident": room.incident_id,
        "open": room.open,
        "since": epoch_ms(room.opened_at),
        "expected": room.expected,
        "present": [
            {
                "participant": row.id,
                "name": row.name,
                "site": row.site_id,
                "role": row.role,
                "connected": row.connected,
                "since": epoch_ms(row.since),
            }
            for row in _present(session, room.id)
            if row.told != "out"
        ],
    }


def snapshot(session: Session) -> dict[str, dict[str, Any]]:
    """The open rooms of the session's world, for the feed's topic `rooms`."""
    rooms = session.execute(select(Room).where(Room.open).order_by(Room.opened_at, Room.id)).scalars()
    return {room.id: public_state(session, room) for room in list(rooms)}


def world_of(session: Session, room_id: str) -> str | None:
    """The exercise that a room belongs to (null: the real world); NotFound for an unknown room.

    A media node knows rooms, not worlds: this is the one question that must be asked before a session of the right world can be opened.
    """
    table = Room.__table__
    found = session.execute(select(table.c.exercise_id).where(table.c.id == room_id)).first()
    if found is None:
        raise NotFound("not_found")
    return found[0]  # type: ignore[no-any-return]


def open_worlds(session: Session) -> list[str | None]:
    """The worlds that have an open room, for work that goes through all of them."""
    table = Room.__table__
    return list(session.execute(select(table.c.exercise_id).where(table.c.open).distinct()).scalars())


def closed_among(session: Session, room_ids: set[str]) -> set[str]:
    """Those of the rooms, of any world, that are over."""
    table = Room.__table__
    query = select(table.c.id).where(table.c.id.in_(room_ids), table.c.open.is_(False))
    return set(session.execute(query).scalars())


def _identity(principal: Principal) -> str:
    return f"{principal.kind}:{principal.id}"


def _site_ids(value: object) -> list[str]:
    if (
        not isinstance(value, list | tuple)
        or len(value) > EXPECTED_MAX
        or not all(isinstance(site, str) and 0 < len(site) <= 64 for site in value)
    ):
        raise UserError("bad_expected", field="expected")
    return list(dict.fromkeys(value))


def _room(session: Session, room_id: str) -> Room:
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("not_found")
    return room


def _present(session: Session, room_id: str) -> list[Participant]:
    return list(
        session.execute(
            select(Participant).where(Participant.room_id == room_id, Participant.present).order_by(Participant.id)
        ).scalars()
    )


def _of_same_room(session: Session, host_id: str, participant_id: object) -> Participant:
    host = session.get(Participant, host_id)
    if host is None or not host.present or host.role != "host":
        raise Forbidden("not_host")
    row = session.get(Participant, participant_id) if is_id(participant_id) else None
    if row is None or row.room_id != host.room_id or not row.present:
        raise NotFound("not_found")
    return row


def _disconnect(row: Participant, clock: Clock) -> None:
    if row.connected:
        row.connected, row.since = False, clock.now()


def _leave(session: Session, clock: Clock, room: Room, row: Participant, actor: journal.Actor) -> None:
    was_told = row.told != "out"
    row.present, row.camera, row.screen, row.told = False, False, False, "out"
    _disconnect(row, clock)
    _bump(room)
    session.flush()
    if was_told:
        _tell(session, clock, room, "room.left", actor, row)


def _bump(room: Room) -> None:
    # Counted by the database: two writers never give the same number.
    room.version = Room.version + 1


def _tell(
    session: Session, clock: Clock, room: Room, kind: str, actor: journal.Actor, row: Participant | None = None
) -> None:
    journal.append(
        session,
        clock,
        kind=kind,
        topic="rooms",
        subject=room.id,
        actor=actor,
        site_id=row.site_id if row else room.site_id,
        detail={"title": room.title, "name": row.name if row else actor.name},
        state=public_state(session, room),
    )
