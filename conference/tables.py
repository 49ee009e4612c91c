"""The two tables of consultations: rooms, and who takes part in them. The rows are the truth; a killed web process reads them and goes on."""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Boolean, ForeignKey, Integer, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from foundation.database import Base, Json, Operational, UtcDateTime
from foundation.errors import NotFound
from foundation.journal import Actor

Source = Literal["audio", "camera", "screen"]

SOURCES: tuple[Source, ...] = get_args(Source)

TITLE_LENGTH = 120


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

    def bump(self) -> None:
        """The roster has changed: the next one that is told has a higher version."""
        # Counted by the database: two writers never give the same number.
        self.version = Room.version + 1


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
    def actor(self) -> Actor:
        """Who it is, for the journal."""
        kind, _, id = self.identity.partition(":")
        return Actor(kind, id, self.name)

    @property
    def grants(self) -> list[Source]:
        """What the media node may forward of this participant; a listener's packets are dropped there."""
        if self.role == "listener":
            return []
        return [source for source in SOURCES if source != "audio" or not self.silenced]

    def disconnect(self, now: datetime) -> None:
        """Without a media link from now on."""
        if self.connected:
            self.connected, self.since = False, now

    def put_out(self, now: datetime) -> None:
        """Not in the room any more; who they are stays known, should they come again."""
        self.present, self.camera, self.screen, self.told = False, False, False, "out"
        self.disconnect(now)


def identity_of(principal: Principal) -> str:
    """By what a participant is known again."""
    return f"{principal.kind}:{principal.id}"


def room_of(session: Session, room_id: str) -> Room:
    """The room, open or over; NotFound for an unknown one."""
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("not_found")
    return room


def present(session: Session, room_id: str) -> list[Participant]:
    """Who is in the room, connected or not, in the order in which they first came."""
    return list(
        session.execute(
            select(Participant).where(Participant.room_id == room_id, Participant.present).order_by(Participant.id)
        ).scalars()
    )
