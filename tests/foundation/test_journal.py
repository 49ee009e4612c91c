"""The journal: one order, a chain that shows any change, two worlds that do not see each other."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from foundation import journal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.journal import JournalRow, Verdict


def tell(session: Session, clock: ManualClock, number: int = 0) -> int:
    return journal.append(
        session,
        clock,
        kind="incident.opened",
        topic="incidents",
        subject="1",
        actor=journal.SYSTEM,
        detail={"number": number},
    )


def written(database: Database, clock: ManualClock, count: int) -> None:
    for number in range(count):
        with database.writing() as session:
            tell(session, clock, number)


def verdict(database: Database) -> Verdict:
    with database.reading() as session:
        return journal.verify(session)


def test_an_untouched_journal_verifies(any_database: Database, clock: ManualClock) -> None:
    written(any_database, clock, 5)
    assert verdict(any_database) == Verdict(5, None)


def test_a_changed_entry_is_named(any_database: Database, clock: ManualClock) -> None:
    written(any_database, clock, 5)
    with any_database.writing() as session:
        session.execute(update(JournalRow).where(JournalRow.id == 3).values(detail={"number": 99}))
    assert verdict(any_database).first_bad == 3


def test_a_removed_entry_is_named(any_database: Database, clock: ManualClock) -> None:
    written(any_database, clock, 5)
    with any_database.writing() as session:
        session.execute(delete(JournalRow).where(JournalRow.id == 2))
    assert verdict(any_database).first_bad == 2


def test_a_journal_cut_off_at_its_end_is_noticed(any_database: Database, clock: ManualClock) -> None:
    written(any_database, clock, 5)
    with any_database.writing() as session:
        session.execute(delete(JournalRow).where(JournalRow.id == 5))
    assert verdict(any_database).first_bad == 5


def test_a_journal_that_grows_while_it_is_verified_is_intact(
    any_database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(any_database, clock, 5)
    walk = journal._all

    def walk_while_others_write(session: Session) -> Iterator[JournalRow]:
        for row in walk(session):
            if row.id <= 5:
                written(any_database, clock, 1)
            yield row

    monkeypatch.setattr(journal, "_all", walk_while_others_write)
    assert verdict(any_database) == Verdict(5, None)


def test_writers_at_once_get_one_order_without_gaps(any_database: Database, clock: ManualClock) -> None:
    threads = [threading.Thread(target=written, args=(any_database, clock, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdict(any_database) == Verdict(40, None)


def test_what_was_not_committed_leaves_no_trace(any_database: Database, clock: ManualClock) -> None:
    try:
        with any_database.writing() as session:
            tell(session, clock)
            raise RuntimeError("the power went")
    except RuntimeError:
        pass
    written(any_database, clock, 1)
    assert verdict(any_database) == Verdict(1, None)


def test_an_exercise_reads_only_its_own_entries(any_database: Database, clock: ManualClock) -> None:
    written(any_database, clock, 2)
    with any_database.writing("019a0000-0000-7000-8000-000000000001") as session:
        tell(session, clock)
    with any_database.reading() as session:
        assert [row.id for row in journal.after(session, 0, 10)] == [1, 2]
    with any_database.reading("019a0000-0000-7000-8000-000000000001") as session:
        assert [row.id for row in journal.newest(session, 10)] == [3]


def test_a_commit_that_journalled_wakes_the_listeners(any_database: Database, clock: ManualClock) -> None:
    woken: list[int] = []
    any_database.on_journalled(lambda: woken.append(1))
    with any_database.writing():
        pass
    written(any_database, clock, 1)
    assert woken == [1]
