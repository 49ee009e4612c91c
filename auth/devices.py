"""Walls (大屏) and encoders, each with a device token of its own. A screen shows a code, and a person at the desk approves it.

The pattern is the device authorization grant (RFC 8628). All of it is in the database, so it survives a restart of everything.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import String, delete, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.permissions import Role
from auth.principal import Principal
from auth.refusals import refuse
from auth.sites import find_site
from auth.throttle import Limit, Throttle, network_of
from foundation import journal
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, Database, UtcDateTime
from foundation.errors import NotFound, TooMany, Unavailable, UserError
from foundation.identifiers import new_id
from foundation.texts import folded

PREFIX = "fhd_"
TOKEN_BYTES = 32
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628 section 6.1: no vowels (no words), no characters that look alike. 20^8 codes, 10 minutes and throttled guesses."""
CODE_CHARACTERS = 8
PAIRING_LIFE = timedelta(minutes=10)
POLL_S = 3
MAX_PENDING = 200
"""Pairings that may wait; beyond it the oldest of the network that has most gives way: no ten addresses keep a new screen out."""
MAX_PENDING_OF_ADDRESS = 20
NAME_LENGTH = 64
SEEN_EVERY = timedelta(minutes=1)
"""`last_seen_at` is written at most this often for a device."""
GUESSES = Limit(free=10, first_s=5, longest_s=600)
TOPIC = "auth"

_LOG = logging.getLogger(__name__)

PairingState = Literal["pending", "approved", "denied", "expired"]


class Device(Base):
    """One paired screen, or one encoder; its token is known only by its SHA-256."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    site_id: Mapped[str | None] = mapped_column(String(64))
    room_id: Mapped[str | None] = mapped_column(String(36))
    """The room that an encoder publishes into; null for a screen."""
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    approved_by: Mapped[str] = mapped_column(String(80))
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Pairing(Base):
    """One screen that waits to be approved, or was, but has not fetched its token yet."""

    __tablename__ = "pairings"

    device_code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_code: Mapped[str] = mapped_column(String(CODE_CHARACTERS), unique=True)
    network: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    state: Mapped[str] = mapped_column(String(16))
    device_id: Mapped[str | None] = mapped_column(String(36))


@dataclass(frozen=True)
class PairingOffer:
    """What a screen gets to begin with: the secret that it polls with, and the code that it shows."""

    device_code: str
    user_code: str
    expires_in: int
    interval: int


@dataclass(frozen=True)
class PairingAnswer:
    """What a poll learns; `token` only when approved."""

    state: PairingState
    token: str | None = None


class Devices:
    """Pairs, knows and revokes screens."""

    def __init__(self, database: Database, clock: Clock, throttle: Throttle) -> None:
        self._database = database
        self._clock = clock
        self._throttle = throttle
        self._listeners: list[Callable[[str], None]] = []

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        """Call `listener` (quick, must not raise) with the id of a device that this process has just revoked, to close its connections."""
        self._listeners.append(listener)

    def begin(self, address: str | None) -> PairingOffer:
        """Offer a new screen a pair of codes. Raises TooMany when too many wait already."""
        now = self._clock.now()
        network = network_of(address)
        device_code = secrets.token_urlsafe(TOKEN_BYTES)
        user_code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARACTERS))
        with self._database.writing() as session:
            # One that ends later than any can comes from before the clock was set back.
            over = (Pairing.expires_at <= now) | (Pairing.expires_at > now + PAIRING_LIFE)
            session.execute(delete(Pairing).where(over))
            count = select(func.count()).select_from(Pairing)
            everywhere = session.execute(count).scalar_one()
            here = session.execute(count.where(Pairing.network == network)).scalar_one()
            if here >= MAX_PENDING_OF_ADDRESS:
                raise TooMany("too_many", retry_after_s=60)
            if everywhere >= MAX_PENDING:
                self._make_room(session)
            session.add(
                Pairing(
                    device_code_hash=_digest(device_code),
                    user_code=user_code,
                    network=network,
                    expires_at=now + PAIRING_LIFE,
                    state="pending",
                )
            )
        return PairingOffer(device_code, user_code, int(PAIRING_LIFE.total_seconds()), POLL_S)

    def _make_room(self, session: Session) -> None:
        """Forget the oldest pending pairing of the network that has most of them."""
        pending = Pairing.state == "pending"
        most = select(Pairing.network).where(pending).group_by(Pairing.network).order_by(func.count().desc()).limit(1)
        network = session.execute(most).scalar_one_or_none()
        if network is None:
            raise TooMany("too_many", retry_after_s=60)
        oldest = select(Pairing).where(pending, Pairing.network == network).order_by(Pairing.expires_at).limit(1)
        session.delete(session.execute(oldest).scalar_one())

    def poll(self, device_code: str) -> PairingAnswer:
        """What became of a pairing. Once approved it gives the token, again and anew until the screen has used one: an answer may get lost."""
        now = self._clock.now()
        with self._database.reading() as session:
            state = self._polled(session, device_code, now)[0]
        if state != "approved":
            return PairingAnswer(state)
        with self._database.writing() as session:
            state, device = self._polled(session, device_code, now)
            if state != "approved" or device is None:
                return PairingAnswer(state)
            token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
            device.token_hash = _digest(token)
        return PairingAnswer("approved", token)

    def approve(self, principal: Principal, user_code: str, name: str, site_id: str | None = None) -> Device:
        """Let the screen that shows `user_code` in.

        Errors: Forbidden; TooMany; NotFound("pairing_unknown"), ("site_unknown"); UserError("bad_device_name").
        """
        principal.require("wall.approve")
        self._guess(principal)
        with self._database.writing() as session:
            pairing = self._pending(session, principal, user_code)
            device = self._add(session, principal, name, site_id)
            pairing.state, pairing.device_id = "approved", device.id
        return device

    def deny(self, principal: Principal, user_code: str) -> None:
        """Turn the screen that shows `user_code` away. Errors: Forbidden; TooMany; NotFound("pairing_unknown")."""
        principal.require("wall.approve")
        self._guess(principal)
        with self._database.writing() as session:
            pairing = self._pending(session, principal, user_code)
            pairing.state = "denied"
            journal.append(
                session,
                self._clock,
                kind="device.denied",
                topic=TOPIC,
                subject=pairing.user_code,
                actor=principal.actor,
            )

    def add(self, session: Session, principal: Principal, name: str, site_id: str | None = None) -> tuple[Device, str]:
        """A device without a pairing, and its token, for whoever sets up a screen from the command line."""
        principal.require("wall.approve")
        device = self._add(session, principal, name, site_id)
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        device.token_hash = _digest(token)
        return device, token

    def add_encoder(self, session: Session, principal: Principal, name: str, room_id: str) -> tuple[Device, str]:
        """Return an encoder that may publish into this room until it is revoked, and its token. Forbidden; UserError("bad_device_name")."""
        principal.require("room.host")
        device, token = self.add(session, principal, name)
        device.room_id = room_id
        return device, token

    def assign(self, session: Session, principal: Principal, device_id: str, room_id: str) -> Device:
        """Let an encoder publish into another room from now on; its token and its address stay. Forbidden; NotFound("device_unknown")."""
        principal.require("room.host")
        device = session.get(Device, device_id)
        if device is None or device.room_id is None or device.revoked_at is not None:
            raise NotFound("device_unknown")
        device.room_id = room_id
        self._tell(session, principal, device, "device.assigned")
        return device

    def authenticate(self, token: str) -> Principal:
        """Who shows this device token. Raises Unauthenticated for an unknown or revoked one."""
        now = self._clock.now()
        with self._database.reading() as session:
            device = session.execute(select(Device).where(Device.token_hash == _digest(token))).scalar_one_or_none()
        if device is None or device.revoked_at is not None:
            raise refuse("device", "unknown" if device is None else "revoked", device=device.id if device else None)
        if device.last_seen_at is None or abs(now - device.last_seen_at) >= SEEN_EVERY:
            try:
                self.seen(device.id)
            except (Unavailable, OperationalError):
                # A full or busy disk must not darken the wall.
                _LOG.warning("a device's presence could not be noted", extra={"device": device.id})
        return device_principal(device)

    def seen(self, device_id: str) -> None:
        """Note that the device is there. It has its token then, so its pairing is over."""
        now = self._clock.now()
        with self._database.writing() as session:
            device = session.get(Device, device_id)
            if device is not None:
                if device.last_seen_at is None:
                    session.execute(delete(Pairing).where(Pairing.device_id == device_id))
                device.last_seen_at = now

    def current(self, session: Session, device_id: str) -> Principal | None:
        """Return the device as it is now; None when it was revoked."""
        device = session.get(Device, device_id)
        return None if device is None or device.revoked_at is not None else device_principal(device)

    def revoke(self, principal: Principal, device_id: str) -> None:
        """Take the token away; the screen shows the pairing page again. Errors: Forbidden; NotFound("device_unknown")."""
        with self._database.writing() as session:
            self.revoke_in(session, principal, device_id)
        for listener in self._listeners:
            listener(device_id)

    def revoke_in(self, session: Session, principal: Principal, device_id: str) -> None:
        """Take the token away, from outside web: its processes see it within seconds. Errors as `revoke`."""
        principal.require("wall.approve")
        device = session.get(Device, device_id)
        if device is None:
            raise NotFound("device_unknown")
        if device.revoked_at is None:
            device.revoked_at = self._clock.now()
            self._tell(session, principal, device, "device.revoked")

    def all(self, principal: Principal) -> list[Device]:
        """The screens that are paired, newest first."""
        principal.require("wall.approve")
        query = select(Device).where(Device.revoked_at.is_(None)).order_by(Device.approved_at.desc(), Device.id.desc())
        with self._database.reading() as session:
            return list(session.execute(query).scalars())

    def _polled(self, session: Session, device_code: str, now: datetime) -> tuple[PairingState, Device | None]:
        pairing = session.get(Pairing, _digest(device_code))
        if pairing is None or pairing.expires_at <= now:
            return "expired", None
        if pairing.state == "denied":
            return "denied", None
        device = session.get(Device, pairing.device_id) if pairing.device_id else None
        if device is None:
            return "pending", None
        return ("expired", None) if device.revoked_at is not None else ("approved", device)

    def _guess(self, principal: Principal) -> None:
        """RFC 8628 section 5.1: guesses at the user code are limited. Not inside a transaction: the throttle has its own."""
        self._throttle.attempt("pairing", [(principal.id, GUESSES)])

    def _pending(self, session: Session, principal: Principal, user_code: str) -> Pairing:
        query = select(Pairing).where(
            Pairing.user_code == clean_code(user_code),
            Pairing.state == "pending",
            Pairing.expires_at > self._clock.now(),
        )
        pairing = session.execute(query).scalar_one_or_none()
        if pairing is None:
            raise NotFound("pairing_unknown")
        self._throttle.succeeded("pairing", cleared=principal.id)
        return pairing

    def _add(self, session: Session, principal: Principal, name: str, site_id: str | None) -> Device:
        name = folded(name)
        if not name or len(name) > NAME_LENGTH:
            raise UserError("bad_device_name", limit=NAME_LENGTH)
        if site_id is not None:
            find_site(session, site_id)
        device = Device(
            id=new_id(),
            name=name,
            site_id=site_id,
            approved_at=self._clock.now(),
            approved_by=principal.name,
        )
        session.add(device)
        session.flush()
        self._tell(session, principal, device, "device.paired")
        return device

    def _tell(self, session: Session, principal: Principal, device: Device, kind: str) -> None:
        journal.append(
            session,
            self._clock,
            kind=kind,
            topic=TOPIC,
            subject=device.id,
            actor=principal.actor,
            site_id=device.site_id,
            detail={"name": device.name, "room": device.room_id},
        )


def encoders(session: Session) -> list[Device]:
    """Return the encoders that may publish, the newest first."""
    query = select(Device).where(Device.room_id.is_not(None), Device.revoked_at.is_(None))
    return list(session.execute(query.order_by(Device.approved_at.desc(), Device.id.desc())).scalars())


def device_principal(device: Device) -> Principal:
    """Return what a device is: a paired screen is a viewer, an encoder publishes into its room."""
    role = Role.VIEWER if device.room_id is None else Role.ENCODER
    return Principal("device", device.id, device.name, role, device.site_id, device.id, room_id=device.room_id)


def device_state(device: Device) -> dict[str, Any]:
    """What the API tells about a screen; times are epoch milliseconds."""
    return {
        "id": device.id,
        "name": device.name,
        "site": device.site_id,
        "room": device.room_id,
        "approved_at": epoch_ms(device.approved_at),
        "approved_by": device.approved_by,
        "last_seen_at": epoch_ms(device.last_seen_at) if device.last_seen_at else None,
    }


def clean_code(text: str) -> str:
    """A user code as it is kept, from what somebody typed: any case, with or without the dash (RFC 8628 section 6.1)."""
    return "".join(character for character in text[:64].upper() if character in ALPHABET)


def shown_code(code: str) -> str:
    """A user code as it is shown: `BCDF-GHJK`."""
    return f"{code[:4]}-{code[4:]}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
