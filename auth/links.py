"""Join links: one link lets one guest into one room, and stays with the browser that opened it first.

A guest who stays renews: a link that is in use then lives on, at most `LONGEST_STAY`, and is over a day after its last renewal.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.permissions import Role
from auth.principal import Principal
from auth.refusals import refuse
from auth.tokens import GUEST_S, AccessTokens
from foundation import journal
from foundation.clock import Clock
from foundation.database import Base, Database, UtcDateTime
from foundation.errors import NotFound, TooMany, Unauthenticated, UserError
from foundation.identifiers import new_id
from foundation.texts import folded

PREFIX = "fhl_"
TOKEN_BYTES = 24
LIFE = timedelta(seconds=GUEST_S)
LONGEST_STAY = timedelta(days=7)
"""From the first redemption on, however often it is renewed: as long as a person's login."""
NAME_LENGTH = 64
MAX_OF_ROOM = 500
"""Links of one room that have not expired."""
TOPIC = "auth"

RoomRole = Literal["host", "speaker", "listener"]
ROLES: tuple[RoomRole, ...] = ("host", "speaker", "listener")


class JoinLink(Base):
    """One link; its token is known only by its SHA-256. `bound_at` is when the first browser took it."""

    __tablename__ = "join_links"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    room_id: Mapped[str] = mapped_column(String(36), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    room_role: Mapped[str] = mapped_column(String(16))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    bound_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Redeemed:
    """What a browser gets for a link: the guest, an access token for the one room, and its life in seconds."""

    principal: Principal
    access_token: str
    expires_in: int


class Links:
    """Makes, redeems and revokes join links."""

    def __init__(self, database: Database, clock: Clock, access: AccessTokens) -> None:
        self._database = database
        self._clock = clock
        self._access = access

    def create(
        self, session: Session, principal: Principal, *, room_id: str, name: str, role: str, life: timedelta = LIFE
    ) -> tuple[JoinLink, str]:
        """A link into a room, and its token (shown once).

        Errors: Forbidden; UserError("bad_guest_name"), ("bad_room_role"); TooMany.
        """
        principal.require("room.link")
        name = folded(name)
        if not name or len(name) > NAME_LENGTH:
            raise UserError("bad_guest_name", limit=NAME_LENGTH)
        if role not in ROLES:
            raise UserError("bad_room_role", roles=", ".join(ROLES))
        now = self._clock.now()
        session.execute(delete(JoinLink).where(JoinLink.expires_at <= now))
        count = select(func.count()).select_from(JoinLink).where(JoinLink.room_id == room_id)
        if session.execute(count).scalar_one() >= MAX_OF_ROOM:
            raise TooMany("too_many", retry_after_s=3600)
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        link = JoinLink(
            id=new_id(),
            token_hash=_digest(token),
            room_id=room_id,
            name=name,
            room_role=role,
            expires_at=now + min(life, LIFE),
        )
        session.add(link)
        session.flush()
        self._tell(session, principal, link, "link.created")
        return link, token

    def redeem(self, token: str, shown: list[str]) -> Redeemed:
        """Let a browser in. `shown` are the guest access tokens that the browser holds already (cookies).

        The first redemption binds the link; afterwards only a browser that shows the guest token of this link gets in again. Raises Unauthenticated
        for an unknown, expired, revoked or taken link, always the same.
        """
        now = self._clock.now()
        problem: str | None = None
        with self._database.writing() as session:
            query = select(JoinLink).where(JoinLink.token_hash == _digest(token)).with_for_update()
            link = session.execute(query).scalar_one_or_none()
            if link is None or link.revoked_at is not None or now >= link.expires_at:
                problem = "unknown" if link is None else "over"
            elif link.bound_at is None:
                link.bound_at = now
                self._tell(session, _principal(link), link, "link.used")
            elif not any(self._is_of(text, link.id) for text in shown):
                problem = "bound to another browser"
        if link is None or problem is not None:
            refuse("link", problem or "unknown", link=link.id if link else None)
            raise Unauthenticated("link_refused")
        return self._redeemed(link, now)

    def renew(self, token: str) -> Redeemed:
        """Give the guest who shows their access token a new one; a link that is in use is not over in the middle of a consultation.

        Raises Unauthenticated when the link is revoked or over.
        """
        guest = self._access.read(token)
        if guest.kind != "guest":
            raise refuse("link", "not a guest")
        now = self._clock.now()
        with self._database.reading() as session:
            link = session.get(JoinLink, guest.id)
            extends = link is not None and link.expires_at - now < LIFE / 2
        if extends:
            with self._database.writing() as session:
                link = session.get(JoinLink, guest.id, with_for_update=True)
                if link is not None and link.bound_at is not None:
                    link.expires_at = max(link.expires_at, min(now + LIFE, link.bound_at + LONGEST_STAY))
        if link is None or link.revoked_at is not None or now >= link.expires_at:
            raise refuse("link", "revoked or over", link=guest.id)
        return self._redeemed(link, now)

    def revoke(self, session: Session, principal: Principal, link_id: str) -> None:
        """Take a link and its guest's access away. Errors: Forbidden; NotFound("link_unknown")."""
        principal.require("room.link")
        link = session.get(JoinLink, link_id)
        if link is None:
            raise NotFound("link_unknown")
        if link.revoked_at is None:
            link.revoked_at = self._clock.now()
            self._tell(session, principal, link, "link.revoked")

    def current(self, session: Session, link_id: str) -> Principal | None:
        """Return the guest of this link; None when the link has expired or was revoked."""
        link = session.get(JoinLink, link_id)
        if link is None or link.revoked_at is not None or self._clock.now() >= link.expires_at:
            return None
        return _principal(link)

    def _redeemed(self, link: JoinLink, now: datetime) -> Redeemed:
        principal = _principal(link)
        lifetime = min(GUEST_S, max(1, int((link.expires_at - now).total_seconds())))
        return Redeemed(principal, self._access.issue(principal, lifetime), lifetime)

    def _is_of(self, token: str, link_id: str) -> bool:
        try:
            return self._access.read(token).login_id == link_id
        except Unauthenticated:
            return False

    def _tell(self, session: Session, principal: Principal, link: JoinLink, kind: str) -> None:
        journal.append(
            session,
            self._clock,
            kind=kind,
            topic=TOPIC,
            subject=link.id,
            actor=principal.actor,
            detail={"name": link.name, "room": link.room_id, "role": link.room_role},
        )


def _principal(link: JoinLink) -> Principal:
    return Principal(
        "guest", link.id, link.name, Role.GUEST, login_id=link.id, room_id=link.room_id, room_role=link.room_role
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
