"""The tables of consultations: rooms, who takes part in them, which sites are rung, and the minutes. The rows are the truth; a killed web process
reads them and goes on.
"""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from foundation.database import Base, Json, Operational, UtcDateTime
from foundation.errors import NotFound
from foundation.journal import Actor

Source = Literal["audio", "camera", "screen"]

SOURCES: tuple[Source, ...] = get_args(Source)

Talk = Literal["open", "floor"]
"""Everybody may speak, or only who has the floor (push-to-talk)."""
TALKS: tuple[Talk, ...] = get_args(Talk)

Writers = Literal["everyone", "speakers"]
"""Who may write in the chat: listeners too, or only who may speak."""
WRITERS: tuple[Writers, ...] = get_args(Writers)

RingState = Literal["unheard", "ringing", "joined", "declined", "no_answer", "no_screen"]
"""`unheard`: it rings, and no screen of the site has shown it so far; nobody can be blamed for that (`no_screen` when it stays so)."""
RINGING: tuple[RingState, ...] = ("unheard", "ringing")

MinuteKind = Literal["decision", "note"]
MINUTE_KINDS: tuple[MinuteKind, ...] = get_args(MinuteKind)

OUT = ("out", "gone")
"""What the journal says of who is not in the room."""

TITLE_LENGTH = 120
NAME_LENGTH = 80


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
    locked: Mapped[bool] = mapped_column(Boolean)
    lobby: Mapped[bool] = mapped_column(Boolean)
    talk: Mapped[str] = mapped_column(String(8))
    chat: Mapped[str] = mapped_column(String(8))
    floor: Mapped[str | None] = mapped_column(String(36))
    floor_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    floor_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def bump(self) -> None:
        """The roster has changed: the next one that is told has a higher version."""
        # Counted by the database: two writers never give the same number.
        self.version = Room.version + 1


class Participant(Operational, Base):
    """Who takes part in a room, or waits in its lobby until `waiting_until`. `told` is what the journal last said of them: out, in, lost, or gone
    (out, for want of a link and a page). `page_seen`: when their page was there last, noted while they have no link.

    `session` is the newest, by which they ask; `link` the session whose media link stands: the same, or the one before it, which lives on
    until the new one's link stands. `entered`: was let in once, and may come back; `heard`: had a media link once;
    `login_id`: the login, pairing or join link by which they came last; `watches`: how many pictures a player without a page shows (WHEP).
    """

    __tablename__ = "room_participants"
    __table_args__ = (UniqueConstraint("room_id", "identity"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    room_id: Mapped[str] = mapped_column(String(36), ForeignKey("rooms.id"), index=True)
    identity: Mapped[str] = mapped_column(String(120))
    login_id: Mapped[str | None] = mapped_column(String(36))
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(16))
    session: Mapped[str] = mapped_column(String(36))
    muted: Mapped[bool] = mapped_column(Boolean)
    silenced: Mapped[bool] = mapped_column(Boolean)
    camera: Mapped[bool] = mapped_column(Boolean)
    screen: Mapped[bool] = mapped_column(Boolean)
    link: Mapped[str | None] = mapped_column(String(36))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    present: Mapped[bool] = mapped_column(Boolean)
    removed: Mapped[bool] = mapped_column(Boolean)
    told: Mapped[str] = mapped_column(String(8))
    hand: Mapped[datetime | None] = mapped_column(UtcDateTime)
    hidden: Mapped[bool] = mapped_column(Boolean)
    entered: Mapped[bool] = mapped_column(Boolean)
    heard: Mapped[bool] = mapped_column(Boolean)
    watches: Mapped[int] = mapped_column(Integer)
    page_seen: Mapped[datetime | None] = mapped_column(UtcDateTime)
    waiting_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_out(self) -> bool:
        """Whether the journal says that they are not in the room."""
        return self.told in OUT

    @property
    def connected(self) -> bool:
        """Whether a media link stands."""
        return self.link is not None

    @property
    def sessions(self) -> set[str]:
        """By which media may come: the newest, and the one before it while that lives."""
        return {self.session} if self.link is None else {self.session, self.link}

    @property
    def actor(self) -> Actor:
        """Who it is, for the journal."""
        kind, _, id = self.identity.partition(":")
        return Actor(kind, id, self.name)

    def grants(self, room: Room) -> list[Source]:
        """What the media node may forward of this participant; a listener's packets are dropped there, and the sound of who has not the floor."""
        if self.role == "listener":
            return []
        heard = not self.silenced and (room.talk == "open" or room.floor == self.id)
        return [source for source in SOURCES if source != "audio" or heard]

    def disconnect(self, now: datetime) -> None:
        """Without a media link from now on."""
        if self.connected:
            self.link, self.since = None, now

    def put_out(self, now: datetime) -> set[str]:
        """Not in the room any more; who they are stays known, should they come again. Gives the sessions that are over with it."""
        over = self.sessions
        self.present, self.camera, self.screen, self.told = False, False, False, "out"
        self.hand, self.waiting_until = None, None
        self.disconnect(now)
        return over


class Ring(Operational, Base):
    """A site (`site_id`) that was called into a room, and what came of it."""

    __tablename__ = "room_rings"
    __table_args__ = (UniqueConstraint("room_id", "site_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    room_id: Mapped[str] = mapped_column(String(36), ForeignKey("rooms.id"), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class Minute(Operational, Base):
    """An entry of the minutes (会商纪要); never changed. The task that comes of a decision names its `id` as origin."""

    __tablename__ = "room_minutes"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    room_id: Mapped[str] = mapped_column(String(36), ForeignKey("rooms.id"), index=True)
    incident_id: Mapped[str | None] = mapped_column(String(36), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    who: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    due: Mapped[datetime | None] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(120))
    by_name: Mapped[str] = mapped_column(String(NAME_LENGTH))


def identity_of(principal: Principal) -> str:
    """By what a participant is known again."""
    return f"{principal.kind}:{principal.id}"


def room_of(session: Session, room_id: str) -> Room:
    """The room, open or over; NotFound for an unknown one."""
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("not_found")
    return room


def held(session: Session, room_id: str) -> Room:
    """The room, read anew and held by this transaction: of two web processes that change it one waits for the other. NotFound."""
    room = session.get(Room, room_id, populate_existing=True, with_for_update=True)
    if room is None:
        raise NotFound("not_found")
    return room


def rings_of(session: Session, room_id: str) -> list[Ring]:
    """The sites that were rung, each with what came of it last."""
    return list(session.execute(select(Ring).where(Ring.room_id == room_id).order_by(Ring.site_id)).scalars())


def present(session: Session, room_id: str) -> list[Participant]:
    """Who is in the room, connected or not, in the order in which they first came."""
    return list(
        session.execute(
            select(Participant).where(Participant.room_id == room_id, Participant.present).order_by(Participant.id)
        ).scalars()
    )
