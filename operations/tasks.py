"""Tasks (任务): orders, mostly of a consultation: given, acknowledged (签收), done with their feedback, or withdrawn (撤回)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Integer, String, Text, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from auth.sites import Site
from foundation import journal
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, Operational, UtcDateTime
from foundation.errors import Conflict, NotFound, UserError
from foundation.identifiers import TaskId, new_id
from foundation.texts import clean

WHO_LENGTH = 80
FEEDBACK_LENGTH = 500
TOLD_LENGTH = 120
"""So much of a task's text stands in a journal entry's sentence."""
OPEN_MAX = 500
"""Of more open tasks those that are due first are shown."""


class TaskStatus(StrEnum):
    """How far it is; it only goes on, never back."""

    ORDERED = "ordered"
    ACKNOWLEDGED = "acknowledged"
    DONE = "done"
    WITHDRAWN = "withdrawn"


OPEN = {
    TaskStatus.ORDERED: (TaskStatus.ACKNOWLEDGED, TaskStatus.DONE, TaskStatus.WITHDRAWN),
    TaskStatus.ACKNOWLEDGED: (TaskStatus.DONE, TaskStatus.WITHDRAWN),
}
"""Where a task can go from where it stands; what is done or withdrawn stays so."""
KINDS = {
    TaskStatus.ORDERED: "task.ordered",
    TaskStatus.ACKNOWLEDGED: "task.acknowledged",
    TaskStatus.DONE: "task.done",
    TaskStatus.WITHDRAWN: "task.withdrawn",
}


class Task(Operational, Base):
    """One task. `who` is as people say it; `site_id` the site that it names, else the one that ordered; `origin` the decision that it came of."""

    __tablename__ = "tasks"
    __table_args__ = (UniqueConstraint("origin"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    incident_id: Mapped[str | None] = mapped_column(String(36), index=True)
    origin: Mapped[str] = mapped_column(String(36))
    text: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(WHO_LENGTH))
    due: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16), index=True)
    feedback: Mapped[str] = mapped_column(Text)
    ordered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ordered_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(Integer)


def order_task(
    session: Session,
    clock: Clock,
    actor: journal.Actor,
    *,
    text: str,
    who: str,
    due: datetime | None,
    incident_id: str | None,
    site_id: str | None,
    origin: str,
) -> Task:
    """Order what a consultation decided; the caller has checked that `actor` leads it, and what was written. The same `origin` twice is once."""
    known = session.execute(select(Task).where(Task.origin == origin)).scalar_one_or_none()
    if known is not None:
        return known
    now = clock.now()
    task = Task(
        id=TaskId(new_id()),
        incident_id=incident_id,
        site_id=_site_named(session, who) or site_id,
        origin=origin,
        text=text,
        who=who,
        due=due,
        status=TaskStatus.ORDERED.value,
        feedback="",
        ordered_at=now,
        ordered_by=actor.name,
        changed_at=now,
        changed_by=actor.name,
        version=1,
    )
    session.add(task)
    session.flush()
    _tell(session, clock, actor, task)
    return task


def bring_on(
    session: Session,
    clock: Clock,
    principal: Principal,
    task_id: str,
    status: TaskStatus,
    *,
    feedback: str = "",
    seen_version: int | None = None,
) -> Task:
    """Acknowledge a task, say that it is done and what came of it, or withdraw it and say why.

    Errors: NotFound("task_unknown"), Forbidden, Conflict("changed_meanwhile") when somebody was faster, UserError("task_back") for a step back or
    none, and those of `texts.clean`: who withdraws an order owes those who began with it the reason.
    """
    task = session.get(Task, task_id, with_for_update=True)
    if task is None or not principal.may("task.read", site=task.site_id):
        raise NotFound("task_unknown")
    principal.require("task.withdraw" if status is TaskStatus.WITHDRAWN else "task.change", site=task.site_id)
    if seen_version is not None and seen_version != task.version:
        raise Conflict("changed_meanwhile", status=task.status, version=task.version)
    if status not in OPEN.get(TaskStatus(task.status), ()):
        raise UserError("task_back")
    if feedback.strip() or status is TaskStatus.WITHDRAWN:
        task.feedback = clean(feedback, "feedback", FEEDBACK_LENGTH, lines=True)
    task.status = status.value
    task.changed_at, task.changed_by = clock.now(), principal.actor.name
    task.version += 1
    _tell(session, clock, principal.actor, task)
    return task


def open_tasks(session: Session) -> list[Task]:
    """What is to be done, what is due first before the others, at most OPEN_MAX."""
    query = select(Task).where(Task.status.in_(OPEN)).order_by(Task.due.is_(None), Task.due, Task.id)
    return list(session.execute(query.limit(OPEN_MAX)).scalars())


def task_state(task: Task) -> dict[str, Any]:
    """What the feed and the API tell about a task (docs/feed-protocol.md, topic `tasks`)."""
    return {
        "id": task.id,
        "incident": task.incident_id,
        "site": task.site_id,
        "origin": task.origin,
        "text": task.text,
        "who": task.who,
        "due": None if task.due is None else epoch_ms(task.due),
        "status": task.status,
        "feedback": task.feedback,
        "ordered_at": epoch_ms(task.ordered_at),
        "ordered_by": task.ordered_by,
        "changed_at": epoch_ms(task.changed_at),
        "changed_by": task.changed_by,
        "version": task.version,
    }


def _site_named(session: Session, who: str) -> str | None:
    """The one site that is called so, in either language."""
    named = session.execute(select(Site.id).where(or_(Site.name_zh == who, Site.name_en == who)).limit(2)).scalars()
    found = list(named)
    return found[0] if len(found) == 1 else None


def _tell(session: Session, clock: Clock, actor: journal.Actor, task: Task) -> None:
    text = " ".join(task.text.split())
    short = text if len(text) <= TOLD_LENGTH else f"{text[: TOLD_LENGTH - 1]}…"
    journal.append(
        session,
        clock,
        kind=KINDS[TaskStatus(task.status)],
        topic="tasks",
        subject=task.id,
        actor=actor,
        site_id=task.site_id,
        detail={"name": short, "who": task.who, "feedback": task.feedback, "incident": task.incident_id},
        state=task_state(task),
    )
