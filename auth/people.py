"""People: who has a login, what they are called, which role they have and at which site."""

import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.passwords import PasswordHash
from auth.permissions import PEOPLE, Role
from auth.principal import Principal
from auth.sites import find_site
from foundation import journal, texts
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, UtcDateTime
from foundation.errors import Conflict, NotFound, UserError
from foundation.identifiers import new_id

NAME_LENGTH = 64
TOPIC = "auth"


class Person(Base):
    """One person. `name` is what is typed at the login, case-folded and unique; `display_name` what others read."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), unique=True)
    display_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    role: Mapped[str] = mapped_column(String(16))
    site_id: Mapped[str | None] = mapped_column(String(64))
    password_hash: Mapped[str] = mapped_column(String(255))
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    password_serial: Mapped[int] = mapped_column(Integer, server_default="1")
    """Counts passwords: logins opened under an earlier one are over. A count, since a clock may be set back."""
    active: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def login_name(text: str) -> str:
    """Return a login name as it is compared: in one Unicode form (NFKC), without case, spaces around it, and what nobody can see."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _visible(text)).casefold()).strip()


def _visible(text: str) -> str:
    """Without format characters (category Cf: zero-width spaces, joiners, marks of direction)."""
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")


def create_person(
    session: Session,
    clock: Clock,
    principal: Principal,
    *,
    name: str,
    password_hash: PasswordHash,
    role: Role,
    display_name: str = "",
    site_id: str | None = None,
) -> Person:
    """Give somebody a login.

    Errors: Forbidden; UserError("bad_name"), ("role_not_for_people"), ("site_needed"); NotFound("site_unknown"); Conflict("name_taken").
    """
    principal.require("people.manage")
    folded = login_name(name)
    shown = texts.folded(display_name) or texts.folded(name)
    if not folded or max(len(folded), len(shown)) > NAME_LENGTH or not folded.isprintable():
        raise UserError("bad_name", limit=NAME_LENGTH)
    if role not in PEOPLE:
        raise UserError("role_not_for_people", role=role.value)
    if site_id is not None:
        find_site(session, site_id)
    elif role in (Role.VILLAGE, Role.UNIT, Role.FIELD):
        # Without a site such a person could do nothing at all.
        raise UserError("site_needed", role=role.value)
    journal.lock(session)
    if find_by_name(session, folded) is not None:
        raise Conflict("name_taken", name=folded)
    person = Person(
        id=new_id(),
        name=folded,
        display_name=shown,
        role=role.value,
        site_id=site_id,
        password_hash=password_hash,
        password_serial=1,
        password_changed_at=clock.now(),
        active=True,
        created_at=clock.now(),
    )
    session.add(person)
    session.flush()
    _tell(session, clock, principal, person, "person.added")
    return person


def set_password(
    session: Session, clock: Clock, principal: Principal, person_id: str, password_hash: PasswordHash
) -> Person:
    """Give a person another password: their own, or anybody's for who manages people. Errors: as `create_person`; NotFound("person_unknown")."""
    principal.require("self.manage" if principal.id == person_id else "people.manage")
    person = find_person(session, person_id)
    person.password_hash = password_hash
    _end_logins(person, clock)
    _tell(session, clock, principal, person, "person.password_changed")
    return person


def deactivate(session: Session, clock: Clock, principal: Principal, person_id: str) -> Person:
    """Take a login away; it stays known to the journal. Refreshing ends at once, changes and connections within seconds
    (auth.authority.RECHECK_S), looking with the access token (15 minutes).

    UserError("own_account"): so that somebody is always left who can give logins.
    """
    principal.require("people.manage")
    person = find_person(session, person_id)
    if person.id == principal.id:
        raise UserError("own_account")
    if person.active:
        person.active = False
        _tell(session, clock, principal, person, "person.deactivated")
    return person


def reactivate(session: Session, clock: Clock, principal: Principal, person_id: str) -> Person:
    """Give a login back, with the password that it had. Logins that were open before stay over."""
    principal.require("people.manage")
    person = find_person(session, person_id)
    if not person.active:
        person.active = True
        _end_logins(person, clock)
        _tell(session, clock, principal, person, "person.reactivated")
    return person


def person_state(person: Person) -> dict[str, Any]:
    """What the API tells about a person."""
    return {
        "id": person.id,
        "name": person.name,
        "display_name": person.display_name,
        "role": person.role,
        "site": person.site_id,
        "active": person.active,
        "created_at": epoch_ms(person.created_at),
    }


def find_person(session: Session, person_id: str) -> Person:
    """One person, or NotFound."""
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("person_unknown")
    return person


def find_by_name(session: Session, name: str) -> Person | None:
    """The person with this login name, active or not."""
    return session.execute(select(Person).where(Person.name == login_name(name))).scalar_one_or_none()


def list_people(session: Session, principal: Principal) -> list[Person]:
    """Everybody who has or had a login, by name."""
    principal.require("people.manage")
    return list(session.execute(select(Person).order_by(Person.name)).scalars())


def _end_logins(person: Person, clock: Clock) -> None:
    person.password_serial += 1
    person.password_changed_at = clock.now()


def _tell(session: Session, clock: Clock, principal: Principal, person: Person, kind: str) -> None:
    journal.append(
        session,
        clock,
        kind=kind,
        topic=TOPIC,
        subject=person.id,
        actor=principal.actor,
        site_id=person.site_id,
        detail={"name": person.display_name, "role": person.role},
    )
