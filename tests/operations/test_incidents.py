"""Incidents, resources and the roster: rules, permissions, and each change in the journal."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auth.permissions import Role
from auth.principal import SYSTEM, Principal
from foundation import journal
from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from foundation.errors import Conflict, Forbidden, NotFound, UserError
from foundation.identifiers import new_id
from operations.duty import add_shift, duty_state
from operations.incidents import (
    Incident,
    IncidentClass,
    Level,
    Toll,
    change_level,
    close_incident,
    count_toll,
    find_incident,
    incident_state,
    list_incidents,
    open_incident,
)
from operations.resources import add_resource, change_amount, resource_state

SHANGHAI = ZoneInfo("Asia/Shanghai")
VILLAGE = Principal("person", "p", "联络员", Role.VILLAGE, "bizhai")


def opened(database: Database, clock: ManualClock, principal: Principal = SYSTEM, **changes: object) -> Incident:
    told: dict[str, object] = {
        "zone": SHANGHAI,
        "title": "山洪",
        "incident_class": IncidentClass.NATURAL,
        "level": Level.III,
        "site_id": "bizhai",
        **changes,
    }
    with database.writing() as session:
        return open_incident(session, clock, principal, **told)  # type: ignore[arg-type]


def kinds(database: Database) -> list[str]:
    with database.reading() as session:
        return [
            row.kind for row in reversed(journal.newest(session, 50, frozenset({"incidents", "resources", "duty"})))
        ]


def test_an_incident_is_numbered_within_its_year_and_placed_at_its_site(
    any_township: Database, clock: ManualClock
) -> None:
    first, second = opened(any_township, clock), opened(any_township, clock)
    assert (first.number, second.number) == ("2026-001", "2026-002")
    assert (first.lat, first.lon) == (24.5, 98.9)


def test_sending_an_incident_twice_is_once(any_township: Database, clock: ManualClock) -> None:
    name = new_id()
    assert opened(any_township, clock, id=name).id == opened(any_township, clock, id=name).id == name
    assert kinds(any_township) == ["incident.opened"]


def test_raising_lowering_and_closing_are_told(any_township: Database, clock: ManualClock) -> None:
    incident = opened(any_township, clock)
    for level in (Level.I, Level.II):
        with any_township.writing() as session:
            change_level(session, clock, SYSTEM, incident.id, level)
    with any_township.writing() as session:
        close_incident(session, clock, SYSTEM, incident.id)
    assert kinds(any_township) == ["incident.opened", "incident.raised", "incident.lowered", "incident.closed"]


def test_who_changes_what_they_did_not_see_is_shown_the_other_version(township: Database, clock: ManualClock) -> None:
    incident = opened(township, clock)
    with township.writing() as session:
        change_level(session, clock, SYSTEM, incident.id, Level.II, seen_version=1)
    with pytest.raises(Conflict) as conflict, township.writing() as session:
        change_level(session, clock, SYSTEM, incident.id, Level.IV, seen_version=1)
    assert conflict.value.detail["level"] == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": "  "}, "title_empty"),
        ({"title": "x" * 121}, "text_long"),
        ({"title": "\u200b\u3000\u202e"}, "title_empty"),
        ({"site_id": "nowhere"}, "site_unknown"),
        ({"id": "x"}, "bad_id"),
    ],
)
def test_a_wrong_incident_is_refused(
    township: Database, clock: ManualClock, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(UserError, match=code):
        opened(township, clock, **changes)


def test_an_incident_of_the_future_is_refused(township: Database, clock: ManualClock) -> None:
    with pytest.raises(UserError, match="at_in_the_future"):
        opened(township, clock, happened_at=clock.now() + timedelta(minutes=3))


def test_a_village_takes_in_only_its_own_incidents(township: Database, clock: ManualClock) -> None:
    incident = opened(township, clock, VILLAGE, site_id=None)
    assert incident.site_id == "bizhai"
    with pytest.raises(Forbidden):
        opened(township, clock, VILLAGE, site_id="baida")
    other = opened(township, clock, site_id="baida")
    common = opened(township, clock, site_id=None)
    with township.reading() as session:
        assert {row.id for row in list_incidents(session, VILLAGE)} == {incident.id, common.id}
    with pytest.raises(NotFound), township.writing() as session:
        change_level(session, clock, VILLAGE, other.id, Level.IV)
    with pytest.raises(Forbidden), township.writing() as session:
        change_level(session, clock, VILLAGE, common.id, Level.IV)
    with township.writing() as session:
        change_level(session, clock, VILLAGE, incident.id, Level.IV)


def test_what_others_have_cuts_nothing_off_a_village_s_list(township: Database, clock: ManualClock) -> None:
    own = opened(township, clock, site_id="bizhai", level=Level.IV)
    opened(township, clock, site_id="baida", level=Level.I)
    with township.reading() as session:
        assert [row.id for row in list_incidents(session, VILLAGE, limit=1)] == [own.id]


def test_worst_and_open_come_first(township: Database, clock: ManualClock) -> None:
    mild, bad, done = (
        opened(township, clock, level=Level.IV),
        opened(township, clock, level=Level.I),
        opened(township, clock, level=Level.I),
    )
    with township.writing() as session:
        close_incident(session, clock, SYSTEM, done.id)
    with township.reading() as session:
        assert [incident.id for incident in list_incidents(session, SYSTEM)] == [bad.id, mild.id, done.id]
        with pytest.raises(NotFound):
            find_incident(session, SYSTEM, new_id())


def test_a_stock_is_changed_with_its_version(township: Database, clock: ManualClock) -> None:
    with township.writing() as session:
        tents = add_resource(
            session, clock, SYSTEM, type="stock", zh="帐篷", en="Tents", site_id="bizhai", have=5, need=9, unit="顶"
        )
    with township.writing() as session:
        change_amount(session, clock, SYSTEM, tents.id, have=4, seen_version=1)
    with pytest.raises(Conflict), township.writing() as session:
        change_amount(session, clock, SYSTEM, tents.id, have=3, seen_version=1)
    with pytest.raises(UserError, match="bad_amount"), township.writing() as session:
        change_amount(session, clock, SYSTEM, tents.id, have=float("nan"))
    assert kinds(township) == ["resource.added", "resource.changed"]


def test_an_amount_is_as_old_as_its_last_confirmation(township: Database, clock: ManualClock) -> None:
    with township.writing() as session:
        tents = add_resource(
            session, clock, SYSTEM, type="stock", zh="帐篷", en="Tents", site_id="bizhai", have=5, need=9, unit="顶"
        )
        assert resource_state(tents)["changed_at"] == epoch_ms(clock.now())
    clock.advance(3600)
    with township.writing() as session:
        same = change_amount(session, clock, SYSTEM, tents.id, have=5)
        assert resource_state(same)["changed_at"] == epoch_ms(clock.now())
    assert kinds(township) == ["resource.added", "resource.confirmed"]


def test_the_roster_knows_who_is_on_duty_now_and_next(township: Database, clock: ManualClock) -> None:
    now = clock.now()
    with township.writing() as session:
        add_shift(
            session, clock, SYSTEM, starts=now, ends=now + timedelta(hours=8), leader=("杨", "1"), officer=("李", "2")
        )
        add_shift(
            session,
            clock,
            SYSTEM,
            starts=now + timedelta(hours=8),
            ends=now + timedelta(hours=16),
            leader=("段", "3"),
            officer=("赵", "4"),
        )
    with township.reading() as session:
        state = duty_state(session, now + timedelta(hours=7, minutes=59))
        assert state["next"]["changed_at"] == epoch_ms(now)
        assert (state["shift"]["officer"]["name"], state["next"]["officer"]["name"]) == ("李", "赵")
        assert duty_state(session, now + timedelta(hours=8))["shift"]["officer"]["name"] == "赵"
    with pytest.raises(UserError, match="shift_overlaps"), township.writing() as session:
        add_shift(
            session, clock, SYSTEM, starts=now, ends=now + timedelta(hours=1), leader=("a", ""), officer=("b", "")
        )


def test_the_number_counts_in_the_township_s_year(township: Database) -> None:
    # Half past four in the morning of New Year's Day in the township is still last year in UTC.
    clock = ManualClock(datetime(2026, 12, 31, 20, 30, tzinfo=UTC))
    assert opened(township, clock).number == "2027-001"
    clock = ManualClock(datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    assert opened(township, clock).number == "2026-001"


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("\u3000碧寨村\u00a0三组  滑坡\t", "碧寨村 三组 滑坡"),
        ("消防队👨\u200d🚒到达", "消防队👨\u200d🚒到达"),
        ("塌\u200b方\x07\ufeff", "塌方"),
    ],
)
def test_a_title_is_kept_without_what_nobody_sees(
    township: Database, clock: ManualClock, title: str, kept: str
) -> None:
    incident = opened(township, clock, title=title, place=title)
    assert (incident.title, incident.place) == (kept, kept)


@pytest.mark.parametrize("of_class", list(IncidentClass))
def test_casualties_given_at_intake_are_kept_for_every_class(
    township: Database, clock: ManualClock, of_class: IncidentClass
) -> None:
    incident = opened(township, clock, incident_class=of_class, toll=Toll(1, 2, 80_000.0))
    with township.reading() as session:
        state = journal.newest(session, 1, subject=incident.id)[0].state
    assert state is not None
    assert (state["class"], state["deaths"], state["injuries"], state["loss"]) == (of_class, 1, 2, 80_000.0)


def test_what_is_known_of_casualties_stays_with_the_incident_and_is_corrected(
    database: Database, clock: ManualClock
) -> None:
    with database.writing() as session:
        incident = open_incident(
            session,
            clock,
            SYSTEM,
            zone=SHANGHAI,
            title="翻车",
            incident_class=IncidentClass.ACCIDENT,
            level=Level.IV,
            toll=Toll(injuries=2),
        )
        assert incident_state(incident) | {"deaths": None, "injuries": 2, "loss": None} == incident_state(incident)
        count_toll(session, clock, SYSTEM, incident.id, Toll(1, 2, 80_000.0), incident.version)
        with pytest.raises(Conflict):
            count_toll(session, clock, SYSTEM, incident.id, Toll(3), 1)
        for wrong in (Toll(deaths=-1), Toll(loss=float("nan")), Toll(injuries=10**9)):
            with pytest.raises(UserError):
                count_toll(session, clock, SYSTEM, incident.id, wrong)
    with database.reading() as session:
        newest = journal.newest(session, 1)[0]
    assert newest.state is not None
    assert (newest.kind, newest.detail["before"]["injuries"], newest.state["deaths"]) == ("incident.counted", 2, 1)
