"""Tasks (任务): orders, mostly of a consultation: given, acknowledged (签收), done with their feedback, or withdrawn (撤回)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.permissions import Permission
from auth.principal import Principal
from auth.scope import SiteScope, scope_of
from auth.sites import site_called
from foundation import journal
from foundation.changing import Event, Subject, Versioned, change, create
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, UtcDateTime
from foundation.errors import UserError
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


class Task(Versioned, Base):
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
    now = clock.now()
    named = site_called(session, who)
    return create(
        session,
        clock,
        TASKS,
        actor=actor,
        event=KINDS[TaskStatus.ORDERED],
        make=lambda: Task(
            id=TaskId(new_id()),
            incident_id=incident_id,
            site_id=site_id if named is None else named.id,
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
        ),
        known=Task.origin == origin,
    )


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
    permission: Permission = "task.withdraw" if status is TaskStatus.WITHDRAWN else "task.change"

    def apply(task: Task) -> Event:
        if status not in OPEN.get(TaskStatus(task.status), ()):
            raise UserError("task_back")
        if feedback.strip() or status is TaskStatus.WITHDRAWN:
            task.feedback = clean(feedback, "feedback", FEEDBACK_LENGTH, lines=True)
        task.status = status.value
        task.changed_at, task.changed_by = clock.now(), principal.actor.name
        return Event(KINDS[status])

    return change(
        session,
        clock,
        TASKS,
        task_id,
        actor=principal.actor,
        within=scope_of(principal, "task.read").criterion(Task.site_id),
        allow=lambda task: principal.require(permission, site=task.site_id),
        apply=apply,
        seen_version=seen_version,
    )


def open_tasks(session: Session, scope: SiteScope) -> list[Task]:
    """What is to be done in `scope`, what is due first before the others, at most OPEN_MAX."""
    query = (
        select(Task)
        .where(Task.status.in_(OPEN), scope.criterion(Task.site_id))
        .order_by(Task.due.is_(None), Task.due, Task.id)
    )
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


def _facts(task: Task) -> dict[str, Any]:
    text = " ".join(task.text.split())
    short = text if len(text) <= TOLD_LENGTH else f"{text[: TOLD_LENGTH - 1]}…"
    return {"name": short, "who": task.who, "feedback": task.feedback, "incident": task.incident_id}


TASKS = Subject(Task, topic="tasks", unknown="task_unknown", state=task_state, facts=_facts)
