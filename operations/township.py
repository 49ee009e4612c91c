"""The township's mode: 平时 peace, 演练 exercise, 战时 war. The same screens serve all three; the mode is on each of them."""

from enum import StrEnum

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from foundation import journal
from foundation.clock import Clock
from foundation.database import Base


class Mode(StrEnum):
    """How the township stands."""

    PEACE = "peace"
    EXERCISE = "exercise"
    EMERGENCY = "emergency"
    WAR = "war"


class Township(Base):
    """The one row that says how the township stands; without it there is peace."""

    __tablename__ = "township"

    key: Mapped[int] = mapped_column(Integer, primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))


def mode_of(session: Session) -> Mode:
    """The mode in force."""
    row = session.get(Township, 1)
    return Mode(row.mode) if row else Mode.PEACE


def set_mode(session: Session, clock: Clock, principal: Principal, mode: Mode) -> None:
    """Change the mode; journalled, shown on every screen with the next tick."""
    principal.require("mode.change")
    journal.lock(session)
    before = mode_of(session)
    if before is mode:
        return
    session.merge(Township(key=1, mode=mode.value))
    journal.append(
        session,
        clock,
        kind="mode.changed",
        topic="system",
        subject="mode",
        actor=principal.actor,
        detail={"from": before.value, "to": mode.value},
    )
