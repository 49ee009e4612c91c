"""Logins: a name and a password give a family of refresh tokens, each usable once; showing a used one again ends the family.

The pattern is RFC 9700 section 4.14.2 (refresh token rotation). An answer may be lost, and tabs may race: a used token is honoured as long as
none of its successors was used. Where two successors of one token are used, more than `GRACE_S` apart, two parties hold the login: it is ended.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ForeignKey, Integer, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.passwords import MAX_CHARACTERS, PasswordHash, hash_password, needs_rehash, password_fits
from auth.people import NAME_LENGTH, Person, find_by_name, find_person, login_name, set_password
from auth.permissions import Role
from auth.principal import Principal
from auth.refusals import refuse
from auth.throttle import Limit, Throttle, network_of
from auth.tokens import ACCESS_S, AccessTokens
from foundation import journal
from foundation.clock import Clock
from foundation.database import Base, Database, UtcDateTime
from foundation.errors import Unauthenticated, Unavailable, UserError
from foundation.identifiers import new_id

PREFIX = "fhr_"
TOKEN_BYTES = 32
SLIDING = timedelta(hours=12)
"""A login that is not used this long is over: a watch and a bit."""
ABSOLUTE = timedelta(days=7)
GRACE_S = 10.0
MAX_SIBLINGS = 32
"""Successors of one token that are kept, for tabs and lost answers; with more the oldest is forgotten."""
MAX_LOGINS = 20
"""Of one person at once; the oldest gives way."""
KEEP_ENDED = timedelta(days=1)
KNOWN_PLACES = 2_000
PLACE_SEEN_EVERY = timedelta(days=1)
TOPIC = "auth"

BY_NAME = Limit(free=5, first_s=2, longest_s=300)
BY_ADDRESS = Limit(free=20, first_s=2, longest_s=900)

_LOG = logging.getLogger(__name__)

Reason = Literal["logout", "reuse", "too_many"]


class Login(Base):
    """One login of one person: the family of its refresh tokens."""

    __tablename__ = "logins"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """`ABSOLUTE` after it was opened, however much it is used."""
    password_serial: Mapped[int] = mapped_column(Integer, server_default="1")
    """The person's when it was opened."""
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(16))


class RefreshToken(Base):
    """One refresh token, known only by its SHA-256."""

    __tablename__ = "refresh_tokens"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    login_id: Mapped[str] = mapped_column(ForeignKey("logins.id", ondelete="CASCADE"), index=True)
    parent: Mapped[str | None] = mapped_column(String(64), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class KnownPlace(Base):
    """A network from which somebody has logged in. It has a count of its own, so that strangers cannot lock the duty officer out."""

    __tablename__ = "known_places"

    name: Mapped[str] = mapped_column(String(NAME_LENGTH), primary_key=True)
    network: Mapped[str] = mapped_column(String(64), primary_key=True)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True)
class Tokens:
    """What a login or a refresh gives; lives are in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int
    principal: Principal


class Logins:
    """Opens, renews and ends logins."""

    def __init__(self, database: Database, clock: Clock, access: AccessTokens, throttle: Throttle) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._throttle = throttle

    def open(self, name: str, password: str, address: str | None) -> Tokens:
        """Log in. Raises Unauthenticated("bad_login"), the same for an unknown name, a wrong password and a deactivated person; TooMany."""
        name = login_name(name)[: NAME_LENGTH + 1]
        network = network_of(address)
        with self._database.reading() as session:
            person = find_by_name(session, name)
            known = session.get(KnownPlace, (name, network)) is not None
        own = f"place:{name}:{network}" if known else f"name:{name}"
        keys = [(own, BY_NAME), (f"address:{network}", BY_ADDRESS)]
        self._throttle.attempt("login", keys)
        fits = password_fits(person.password_hash if person else None, password)
        if person is None or not fits or not person.active or len(password) > MAX_CHARACTERS:
            refuse("password", "unknown name, wrong password or deactivated", address=address)
            raise Unauthenticated("bad_login")
        fresh_hash = hash_password(password) if needs_rehash(person.password_hash) else None
        self._throttle.succeeded("login", cleared=own, refunded=f"address:{network}")
        return self._opened(person, fresh_hash, network)

    def change_password(self, principal: Principal, old: str, new: str, address: str | None) -> Tokens:
        """Give oneself another password: every login of this person is over, and a new one is opened for whoever changed it.

        Errors: UserError("old_password_wrong"), ("password_short"), ("password_long"); TooMany; Unauthenticated when deactivated meanwhile.
        """
        principal.require("self.manage")
        network = network_of(address)
        self._throttle.attempt("password", [(principal.id, BY_NAME), (f"address:{network}", BY_ADDRESS)])
        with self._database.reading() as session:
            person = find_person(session, principal.id)
        if not person.active:
            raise refuse("password", "deactivated", address=address)
        if not password_fits(person.password_hash, old):
            refuse("password", "wrong old password", address=address)
            # Not 401: the login holds, and a page must not renew it and ask again.
            raise UserError("old_password_wrong")
        self._throttle.succeeded("password", cleared=principal.id, refunded=f"address:{network}")
        hashed = hash_password(new)
        with self._database.writing() as session:
            person = set_password(session, self._clock, principal, principal.id, hashed)
        return self._opened(person, None, network)

    def refresh(self, token: str) -> Tokens:
        """New tokens for a refresh token, which is used up by it. Raises Unauthenticated; a token shown again ends its whole login.

        While nothing can be written (full disk) the token is not used up and comes back itself: whoever is logged in must see what is wrong.
        """
        try:
            return self._rotate(token)
        except Unavailable:
            return self._unrotated(token)

    def _rotate(self, token: str) -> Tokens:
        shown = _digest(token)
        now = self._clock.now()
        problem: str | None = None
        with self._database.writing() as session:
            row = session.get(RefreshToken, shown)
            login = session.get(Login, row.login_id, with_for_update=True) if row else None
            person = session.get(Person, login.person_id) if login else None
            if row is None or login is None or person is None:
                problem = "unknown"
            else:
                # On PostgreSQL another refresh may have come between: read again, now that the login is locked.
                session.refresh(row)
                problem = _problem(row, login, person, now) or self._reuse(session, row, login, person, now)
            if problem is None and row and login and person:
                row.used_at = row.used_at or now
                fresh, expires = self._token(session, login, shown, now)
                principal = _principal(person, login)
        if problem is not None:
            raise refuse("refresh", problem, login=row.login_id if row else None)
        return self._answer(principal, fresh, expires, now)

    def _unrotated(self, token: str) -> Tokens:
        now = self._clock.now()
        with self._database.reading() as session:
            row = session.get(RefreshToken, _digest(token))
            login = session.get(Login, row.login_id) if row else None
            person = session.get(Person, login.person_id) if login else None
            if row is None or login is None or person is None:
                raise refuse("refresh", "unknown")
            problem = _problem(row, login, person, now)
            if problem is None and _is_reused(session, row, now):
                problem = "used again"
        if problem is not None:
            raise refuse("refresh", problem, login=login.id)
        return self._answer(_principal(person, login), token, row.expires_at, now)

    def close(self, token: str) -> None:
        """Log out: the token's whole login is over. An unknown token is no error, since being logged out is what was wanted."""
        with self._database.writing() as session:
            row = session.get(RefreshToken, _digest(token))
            login = session.get(Login, row.login_id) if row else None
            person = session.get(Person, login.person_id) if login else None
            if login is not None and person is not None and login.revoked_at is None:
                self._end(session, login, person, "logout")

    def current(self, session: Session, login_id: str) -> Principal | None:
        """Return the person of this login as they are now; None when the login is over or the person deactivated."""
        login = session.get(Login, login_id)
        person = session.get(Person, login.person_id) if login else None
        if login is None or person is None or _ended(login, person, self._clock.now()) is not None:
            return None
        return _principal(person, login)

    def _opened(self, person: Person, fresh_hash: PasswordHash | None, network: str) -> Tokens:
        now = self._clock.now()
        with self._database.writing() as session:
            row = session.get(Person, person.id)
            if row is None or not row.active or row.password_hash != person.password_hash:
                # Deactivated, or given another password, while this one was being checked.
                raise Unauthenticated("bad_login")
            if fresh_hash is not None:
                row.password_hash = fresh_hash
            self._tidy(session, row, now)
            self._remember(session, row.name, network, now)
            login = Login(
                id=new_id(),
                person_id=row.id,
                opened_at=now,
                ends_at=now + ABSOLUTE,
                password_serial=row.password_serial,
            )
            session.add(login)
            session.flush()
            fresh, expires = self._token(session, login, None, now)
            principal = _principal(row, login)
            self._tell(session, login, row, "login.opened", {})
        return self._answer(principal, fresh, expires, now)

    def _reuse(self, session: Session, row: RefreshToken, login: Login, person: Person, now: datetime) -> str | None:
        """None for a token that may be used (again); otherwise the login is ended and the reason given."""
        if _is_reused(session, row, now):
            self._end(session, login, person, "reuse")
            return "used again"
        children = select(RefreshToken).where(RefreshToken.parent == row.hash).order_by(RefreshToken.expires_at)
        for child in session.execute(children).scalars().all()[: -(MAX_SIBLINGS - 1)]:
            session.delete(child)
        return None

    def _token(self, session: Session, login: Login, parent: str | None, now: datetime) -> tuple[str, datetime]:
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        expires = min(now + SLIDING, login.ends_at)
        session.add(RefreshToken(hash=_digest(token), login_id=login.id, parent=parent, expires_at=expires))
        return token, expires

    def _answer(self, principal: Principal, refresh_token: str, expires: datetime, now: datetime) -> Tokens:
        left = int((expires - now).total_seconds())
        # An access token must not outlive the login it comes from.
        lifetime = max(1, min(ACCESS_S, left))
        return Tokens(self._access.issue(principal, lifetime), refresh_token, lifetime, left, principal)

    def _tidy(self, session: Session, person: Person, now: datetime) -> None:
        """Forget logins that ended a day ago, and end the person's oldest ones beyond the limit."""
        over = select(Login.id).where((Login.ends_at < now - KEEP_ENDED) | (Login.revoked_at < now - KEEP_ENDED))
        session.execute(delete(RefreshToken).where(RefreshToken.login_id.in_(over)))
        session.execute(delete(Login).where(Login.id.in_(over)))
        living = (
            select(Login)
            .where(Login.person_id == person.id, Login.revoked_at.is_(None), Login.ends_at > now)
            .order_by(Login.opened_at.desc())
            .offset(MAX_LOGINS - 1)
        )
        for login in session.execute(living).scalars():
            self._end(session, login, person, "too_many")

    def _end(self, session: Session, login: Login, person: Person, reason: Reason) -> None:
        login.revoked_at, login.reason = self._clock.now(), reason
        if reason == "reuse":
            _LOG.warning("a used refresh token came again, its login is over", extra={"login": login.id})
        self._tell(session, login, person, "login.closed", {"reason": reason})

    def _tell(self, session: Session, login: Login, person: Person, kind: str, detail: dict[str, str]) -> None:
        journal.append(
            session,
            self._clock,
            kind=kind,
            topic=TOPIC,
            subject=login.id,
            actor=_principal(person, login).actor,
            site_id=person.site_id,
            detail={"name": person.display_name, **detail},
        )

    def _remember(self, session: Session, name: str, network: str, now: datetime) -> None:
        place = session.get(KnownPlace, (name, network))
        if place is not None:
            if abs(now - place.last_at) >= PLACE_SEEN_EVERY:
                place.last_at = now
            return
        session.add(KnownPlace(name=name, network=network, last_at=now))
        if session.execute(select(func.count()).select_from(KnownPlace)).scalar_one() > KNOWN_PLACES:
            oldest = session.execute(select(KnownPlace).order_by(KnownPlace.last_at).limit(1)).scalar_one()
            session.delete(oldest)


def _digest(token: str) -> str:
    # The token is 256 random bits: a plain hash is enough, there is nothing to guess.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _problem(row: RefreshToken, login: Login, person: Person, now: datetime) -> str | None:
    return _ended(login, person, now) or ("expired" if now >= row.expires_at else None)


def _ended(login: Login, person: Person, now: datetime) -> str | None:
    if login.revoked_at is not None:
        return "revoked"
    if now >= login.ends_at:
        return "expired"
    if not person.active:
        return "deactivated"
    return "password changed" if login.password_serial != person.password_serial else None


def _is_reused(session: Session, row: RefreshToken, now: datetime) -> bool:
    """Return whether showing this token means that two parties hold the login."""

    def used(parent: str) -> list[datetime]:
        query = select(RefreshToken.used_at).where(
            RefreshToken.parent == parent, RefreshToken.hash != row.hash, RefreshToken.used_at.is_not(None)
        )
        return [moment for moment in session.execute(query).scalars() if moment is not None]

    if row.used_at is not None:
        return bool(used(row.hash))
    # Tabs that raced each got a successor, and the browser keeps one of them; two that are used at different times are in two places.
    siblings = used(row.parent) if row.parent is not None else []
    return any(abs((now - moment).total_seconds()) > GRACE_S for moment in siblings)


def _principal(person: Person, login: Login) -> Principal:
    return Principal("person", person.id, person.display_name, Role(person.role), person.site_id, login.id)
