"""Tasks: ordered once, brought on by who may, never back, each step in the journal."""

from datetime import timedelta

import pytest

from auth.permissions import Role
from auth.principal import SYSTEM, Principal
from auth.scope import EVERYWHERE
from auth.sites import SiteKind, create_site
from dashboard.snapshots import summary
from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from foundation.errors import Conflict, Forbidden, NotFound, UserError
from foundation.identifiers import new_id
from foundation.journal import Actor, newest
from operations.tasks import FEEDBACK_LENGTH, Task, TaskStatus, bring_on, open_tasks, order_task, task_state

BIZHAI = Principal("person", "p", "碧寨联络员", Role.VILLAGE, "bizhai")
BAIDA = Principal("person", "q", "摆达联络员", Role.VILLAGE, "baida")
OFFICER = Principal("person", "o", "值班员", Role.DUTY, None)


def ordered(database: Database, clock: ManualClock, who: str = "bizhai", origin: str | None = None) -> Task:
    with database.writing() as session:
        return order_task(
            session,
            clock,
            Actor("person", "o", "值班员"),
            text="转移河边 12 户",
            who=who,
            due=clock.now() + timedelta(hours=1),
            incident_id=None,
            site_id=None,
            origin=origin or new_id(),
        )


def kinds(database: Database) -> list[str]:
    with database.reading() as session:
        return [row.kind for row in reversed(newest(session, 10)) if row.topic == "tasks"]


def test_the_site_that_is_named_takes_a_task_up_and_finishes_it(township: Database, clock: ManualClock) -> None:
    task = ordered(township, clock)
    assert (task.site_id, task.status, task.version) == ("bizhai", "ordered", 1)
    clock.advance(60)
    with township.writing() as session:
        bring_on(session, clock, BIZHAI, task.id, TaskStatus.ACKNOWLEDGED, seen_version=1)
    with township.writing() as session:
        done = bring_on(session, clock, BIZHAI, task.id, TaskStatus.DONE, feedback=" 都已转移\n住中心小学 ")
        assert task_state(done) | {"status": "done", "feedback": "都已转移\n住中心小学", "version": 3} == task_state(
            done
        )
        assert (done.changed_by, epoch_ms(done.changed_at)) == ("碧寨联络员", epoch_ms(clock.now()))
    assert kinds(township) == ["task.ordered", "task.acknowledged", "task.done"]
    with township.reading() as session:
        assert open_tasks(session, EVERYWHERE) == []


@pytest.mark.parametrize("who", ["碧寨", "碧寨村", "碧寨村委会", " 碧寨社区", "Bizhai village", "BIZHAI"])
def test_a_village_is_known_by_what_people_call_it(township: Database, clock: ManualClock, who: str) -> None:
    with township.writing() as session:
        create_site(
            session,
            clock,
            SYSTEM,
            id="bizhai",
            code="530523203201",
            name_zh="碧寨",
            name_en="Bizhai",
            kind=SiteKind.VILLAGE,
        )
    assert ordered(township, clock, who=who).site_id == "bizhai"


def test_what_names_no_site_is_the_command_rooms(township: Database, clock: ManualClock) -> None:
    task = ordered(township, clock, who="王小梅")
    assert task.site_id is None
    with pytest.raises(Forbidden), township.writing() as session:
        bring_on(session, clock, BIZHAI, task.id, TaskStatus.DONE)
    with township.writing() as session:
        assert bring_on(session, clock, OFFICER, task.id, TaskStatus.DONE).status == "done"


def test_a_decision_is_one_task_however_often_it_is_told(township: Database, clock: ManualClock) -> None:
    origin = new_id()
    assert ordered(township, clock, origin=origin).id == ordered(township, clock, origin=origin).id
    assert kinds(township) == ["task.ordered"]


def test_nobody_brings_on_what_is_anothers_or_unknown(township: Database, clock: ManualClock) -> None:
    task = ordered(township, clock)
    with pytest.raises(NotFound, match="task_unknown"), township.writing() as session:
        bring_on(session, clock, BAIDA, task.id, TaskStatus.DONE)
    with pytest.raises(NotFound, match="task_unknown"), township.writing() as session:
        bring_on(session, clock, OFFICER, new_id(), TaskStatus.DONE)


def test_of_two_who_finish_a_task_the_second_is_told(township: Database, clock: ManualClock) -> None:
    task = ordered(township, clock)
    with township.writing() as session:
        bring_on(session, clock, OFFICER, task.id, TaskStatus.DONE, seen_version=1)
    with pytest.raises(Conflict, match="changed_meanwhile"), township.writing() as session:
        bring_on(session, clock, BIZHAI, task.id, TaskStatus.DONE, seen_version=1)
    with pytest.raises(UserError, match="task_back"), township.writing() as session:
        bring_on(session, clock, BIZHAI, task.id, TaskStatus.ACKNOWLEDGED)


def test_feedback_that_no_screen_has_room_for_is_refused(township: Database, clock: ManualClock) -> None:
    task = ordered(township, clock)
    with pytest.raises(UserError, match="text_long"), township.writing() as session:
        bring_on(session, clock, OFFICER, task.id, TaskStatus.DONE, feedback="字" * (FEEDBACK_LENGTH + 1))
    with township.reading() as session:
        assert [one.status for one in open_tasks(session, EVERYWHERE)] == ["ordered"]


def test_an_order_is_withdrawn_with_its_reason_by_who_may_order(township: Database, clock: ManualClock) -> None:
    task = ordered(township, clock)
    with pytest.raises(Forbidden), township.writing() as session:
        bring_on(session, clock, BIZHAI, task.id, TaskStatus.WITHDRAWN, feedback="不想去")
    with pytest.raises(UserError, match="text_empty"), township.writing() as session:
        bring_on(session, clock, OFFICER, task.id, TaskStatus.WITHDRAWN, feedback=" ")
    with township.writing() as session:
        bring_on(session, clock, OFFICER, task.id, TaskStatus.WITHDRAWN, feedback="水位已退")
    assert kinds(township) == ["task.ordered", "task.withdrawn"]
    with township.reading() as session:
        assert open_tasks(session, EVERYWHERE) == []
        assert summary("zh", newest(session, 1)[0]) == "值班员 撤回任务：转移河边 12 户（bizhai）——水位已退"


@pytest.mark.parametrize("end", [TaskStatus.DONE, TaskStatus.WITHDRAWN])
@pytest.mark.parametrize("then", TaskStatus)
def test_what_is_over_stays_over(township: Database, clock: ManualClock, end: TaskStatus, then: TaskStatus) -> None:
    task = ordered(township, clock)
    with township.writing() as session:
        bring_on(session, clock, OFFICER, task.id, end, feedback="完")
    with pytest.raises(UserError, match="task_back"), township.writing() as session:
        bring_on(session, clock, OFFICER, task.id, then, feedback="再来")


def test_tasks_of_an_exercise_are_not_the_real_ones(township: Database, clock: ManualClock) -> None:
    ordered(township, clock)
    with township.reading(new_id()) as session:
        assert open_tasks(session, EVERYWHERE) == []


def test_the_system_may_do_all(township: Database, clock: ManualClock) -> None:
    task = ordered(township, clock)
    with township.writing() as session:
        assert bring_on(session, clock, SYSTEM, task.id, TaskStatus.DONE).changed_by == SYSTEM.actor.name
