"""Duty watch (值班): the roster's shifts, who leads and who sits at the desk now and next."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from foundation.changing import Subject, create
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, Operational, UtcDateTime
from foundation.errors import UserError
from foundation.identifiers import ShiftId, new_id
from foundation.texts import folded

DUTY_SUBJECT = "roster"
"""The roster is one subject in the journal: its state is who is on duty now and next."""


class Shift(Operational, Base):
    """One shift (班次): a leader on duty (带班领导) and an officer at the desk (值班员), from `starts` up to, not including, `ends`."""

    __tablename__ = "shifts"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    starts: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ends: Mapped[datetime] = mapped_column(UtcDateTime)
    leader_name: Mapped[str] = mapped_column(String(40))
    leader_phone: Mapped[str] = mapped_column(String(24))
    officer_name: Mapped[str] = mapped_column(String(40))
    officer_phone: Mapped[str] = mapped_column(String(24))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was put on the roster."""


def add_shift(
    session: Session,
    clock: Clock,
    principal: Principal,
    *,
    starts: datetime,
    ends: datetime,
    leader: tuple[str, str],
    officer: tuple[str, str],
    site_id: str | None = None,
) -> Shift:
    """Put a shift on the roster (leader and officer as name and telephone).

    UserError("shift_empty") when it does not end after it starts, ("shift_overlaps") when another one covers part of it.
    """
    principal.require("duty.change", site=site_id)
    if ends <= starts:
        raise UserError("shift_empty")

    def make() -> Shift:
        if session.execute(select(Shift.id).where(Shift.starts < ends, Shift.ends > starts).limit(1)).first():
            raise UserError("shift_overlaps")
        return Shift(
            id=ShiftId(new_id()),
            starts=starts,
            ends=ends,
            leader_name=folded(leader[0]),
            leader_phone=leader[1],
            officer_name=folded(officer[0]),
            officer_phone=officer[1],
            changed_at=clock.now(),
            site_id=site_id,
        )

    shifts = Subject(
        Shift,
        topic="duty",
        unknown="shift_unknown",
        # The roster is one subject in the journal.
        subject_id=lambda _shift: DUTY_SUBJECT,
        state=lambda _shift: duty_state(session, clock.now()),
        facts=lambda shift: {
            "leader": shift.leader_name,
            "officer": shift.officer_name,
            "starts": epoch_ms(shift.starts),
            "ends": epoch_ms(shift.ends),
        },
    )
    return create(session, clock, shifts, actor=principal.actor, event="duty.shift_added", make=make)


def duty_state(session: Session, moment: datetime) -> dict[str, Any]:
    """Who is on duty at `moment` and who is next (docs/feed-protocol.md, topic `duty`)."""
    present = session.execute(
        select(Shift).where(Shift.starts <= moment, Shift.ends > moment).limit(1)
    ).scalar_one_or_none()
    coming = session.execute(
        select(Shift).where(Shift.starts > moment).order_by(Shift.starts).limit(1)
    ).scalar_one_or_none()
    return {"shift": _shift_state(present), "next": _shift_state(coming)}


def _shift_state(shift: Shift | None) -> dict[str, Any] | None:
    if shift is None:
        return None
    return {
        "id": shift.id,
        "starts": epoch_ms(shift.starts),
        "ends": epoch_ms(shift.ends),
        "leader": {"name": shift.leader_name, "phone": shift.leader_phone},
        "officer": {"name": shift.officer_name, "phone": shift.officer_phone},
        "changed_at": epoch_ms(shift.changed_at),
    }
