"""Changes and creations that come at once, from several threads, on SQLite and on PostgreSQL: nothing is lost, nothing is doubled."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import pytest
from sqlalchemy import func, select

from auth.passwords import hash_password
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM, Principal
from auth.sites import SiteKind, create_site
from foundation import journal
from foundation.changing import Versioned
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Conflict, FenghuoError, NotFound
from foundation.identifiers import new_id
from operations.duty import Shift, add_shift
from operations.incidents import Incident, IncidentClass, Level, Toll, change_level, count_toll, open_incident
from operations.resources import Resource, add_resource, change_amount
from operations.tasks import Task, TaskStatus, bring_on, order_task
from operations.township import Mode, set_mode

AT_ONCE = 6
EXERCISE = "019a0000-0000-7000-8000-000000000001"


@pytest.fixture
def places(any_database: Database, clock: ManualClock) -> Database:
    with any_database.writing() as session:
        for site in ("bizhai", "baida"):
            create_site(session, clock, SYSTEM, id=site, code="1", name_zh=site, name_en=site, kind=SiteKind.VILLAGE)
    return any_database


def at_once(act: Callable[[int], object]) -> list[object]:
    """What `act` gave or which FenghuoError it raised, in each of `AT_ONCE` threads that begin together; any other error fails the test."""
    barrier = threading.Barrier(AT_ONCE)

    def run(number: int) -> object:
        barrier.wait()
        try:
            return act(number)
        except FenghuoError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(run, range(AT_ONCE)))


def opened(database: Database, clock: ManualClock, id: str | None = None, world: str | None = None) -> str:
    with database.writing(world) as session:
        return open_incident(
            session, clock, SYSTEM, zone=UTC, title="山洪", incident_class=IncidentClass.NATURAL, level=Level.III, id=id
        ).id


def tents(database: Database, clock: ManualClock, id: str | None = None) -> str:
    with database.writing() as session:
        return add_resource(
            session,
            clock,
            SYSTEM,
            type="stock",
            zh="帐篷",
            en="Tents",
            site_id="bizhai",
            have=0,
            need=9,
            unit="顶",
            id=id,
        ).id


def entries(database: Database, subject: str) -> list[str]:
    with database.reading() as session:
        assert journal.verify(session).first_bad is None
        return [row.kind for row in journal.newest(session, 50, subject=subject)]


def test_of_changes_that_saw_the_same_version_one_holds_and_the_others_are_shown_it(
    places: Database, clock: ManualClock
) -> None:
    incident, stock = opened(places, clock), tents(places, clock)
    origin = new_id()
    with places.writing() as session:
        task = order_task(
            session,
            clock,
            SYSTEM.actor,
            text="转移",
            who="碧寨",
            due=None,
            incident_id=None,
            site_id=None,
            origin=origin,
        ).id

    def count(number: int) -> object:
        with places.writing() as session:
            return count_toll(session, clock, SYSTEM, incident, Toll(deaths=number + 1), 1).deaths

    def set_have(number: int) -> object:
        with places.writing() as session:
            return change_amount(session, clock, SYSTEM, stock, have=number + 1, seen_version=1).have

    def finish(number: int) -> object:
        with places.writing() as session:
            return bring_on(
                session, clock, SYSTEM, task, TaskStatus.DONE, feedback=str(number), seen_version=1
            ).feedback

    for act, table, column, subject in (
        (count, Incident, "deaths", incident),
        (set_have, Resource, "have", stock),
        (finish, Task, "feedback", task),
    ):
        answers = at_once(act)
        won = [answer for answer in answers if not isinstance(answer, FenghuoError)]
        lost = [answer for answer in answers if isinstance(answer, Conflict)]
        assert (len(won), len(lost)) == (1, AT_ONCE - 1)
        with places.reading() as session:
            row = session.get(table, subject)
            assert isinstance(row, Versioned)
            assert (getattr(row, column), row.version) == (won[0], 2)
        assert {answer.detail[column] for answer in lost} == set(won), "each of the others is shown what holds"
        assert len(entries(places, subject)) == 2


def test_changes_that_saw_no_version_follow_each_other(places: Database, clock: ManualClock) -> None:
    incident = opened(places, clock)

    def raise_level(number: int) -> object:
        with places.writing() as session:
            return change_level(session, clock, SYSTEM, incident, Level(1 + number % 2)).version

    at_once(raise_level)
    with places.reading() as session:
        row = session.get(Incident, incident)
        newest = journal.newest(session, 1, subject=incident)[0]
        assert row is not None and newest.state is not None
        assert row.version == len(entries(places, incident)) == newest.state["version"]
        assert row.level == newest.state["level"]


def test_an_id_that_is_sent_several_times_at_once_is_one_row_and_nobody_sees_an_error(
    places: Database, clock: ManualClock
) -> None:
    for create, table, topic in ((opened, Incident, "incident.opened"), (tents, Resource, "resource.added")):
        id = new_id()
        assert at_once(lambda _number, create=create, id=id: create(places, clock, id)) == [id] * AT_ONCE  # type: ignore[misc]
        with places.reading() as session:
            assert session.execute(select(func.count()).select_from(table)).scalar_one() == 1
        assert entries(places, id) == [topic]
    origin = new_id()

    def order(_number: int) -> object:
        with places.writing() as session:
            return order_task(
                session,
                clock,
                SYSTEM.actor,
                text="转移",
                who="碧寨",
                due=None,
                incident_id=None,
                site_id=None,
                origin=origin,
            ).id

    assert len(set(at_once(order))) == 1


def test_incidents_opened_at_once_have_numbers_of_their_own(places: Database, clock: ManualClock) -> None:
    at_once(lambda _number: opened(places, clock))
    with places.reading() as session:
        numbers = session.execute(select(Incident.number).order_by(Incident.number)).scalars().all()
    assert numbers == [f"2026-{number:03d}" for number in range(1, AT_ONCE + 1)]


def test_of_shifts_that_overlap_one_is_put_on_the_roster(places: Database, clock: ManualClock) -> None:
    def add(_number: int) -> object:
        with places.writing() as session:
            now = clock.now()
            return add_shift(
                session, clock, SYSTEM, starts=now, ends=now + timedelta(hours=8), leader=("a", ""), officer=("b", "")
            ).id

    refused = [answer for answer in at_once(add) if isinstance(answer, FenghuoError)]
    assert [error.code for error in refused] == ["shift_overlaps"] * (AT_ONCE - 1)
    with places.reading() as session:
        assert session.execute(select(func.count()).select_from(Shift)).scalar_one() == 1


def test_logins_modes_and_sites_made_at_once_are_never_an_internal_error(places: Database, clock: ManualClock) -> None:
    def person(_number: int) -> object:
        with places.writing() as session:
            return create_person(
                session, clock, SYSTEM, name="duty", password_hash=hash_password("long enough 1"), role=Role.DUTY
            ).id

    def site(_number: int) -> object:
        with places.writing() as session:
            return create_site(
                session, clock, SYSTEM, id="new", code="2", name_zh="新", name_en="New", kind=SiteKind.UNIT
            ).id

    def mode(_number: int) -> object:
        with places.writing() as session:
            set_mode(session, clock, SYSTEM, Mode.EXERCISE)
        return None

    refused = [answer for answer in at_once(person) if isinstance(answer, FenghuoError)]
    assert [error.code for error in refused] == ["name_taken"] * (AT_ONCE - 1)
    assert at_once(site) == ["new"] * AT_ONCE
    assert at_once(mode) == [None] * AT_ONCE
    assert entries(places, "mode") == ["mode.changed"]


def test_an_id_of_the_other_world_or_of_a_site_out_of_scope_is_taken(places: Database, clock: ManualClock) -> None:
    pretended = opened(places, clock, world=EXERCISE)
    with pytest.raises(Conflict, match="id_taken"):
        opened(places, clock, pretended)
    with places.writing() as session:
        other = open_incident(
            session,
            clock,
            SYSTEM,
            zone=UTC,
            title="山洪",
            incident_class=IncidentClass.NATURAL,
            level=Level.III,
            site_id="baida",
        ).id
    village = Principal("person", "p", "联络员", Role.VILLAGE, "bizhai")
    with pytest.raises(Conflict, match="id_taken"), places.writing() as session:
        open_incident(
            session, clock, village, zone=UTC, title="x", incident_class=IncidentClass.NATURAL, level=Level.IV, id=other
        )
    with pytest.raises(NotFound), places.writing() as session:
        change_level(session, clock, village, other, Level.I)
