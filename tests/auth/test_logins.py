"""Logins: rotation, reuse, races, lives, and throttling."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from auth.authority import Authority
from auth.logins import (
    ABSOLUTE,
    BY_ADDRESS,
    BY_NAME,
    GRACE_S,
    MAX_LOGINS,
    MAX_SIBLINGS,
    SLIDING,
    KnownPlace,
    Login,
    Logins,
    RefreshToken,
)
from auth.people import Person
from auth.permissions import Role
from auth.throttle import TABLE_SIZE, Limit, Throttle, ThrottleRow, network_of
from auth.tokens import ACCESS_S, AccessTokens
from foundation import journal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import TooMany, Unauthenticated
from foundation.settings import Settings
from tests.auth.conftest import PASSWORD

HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def logins(authority: Authority, people: dict[Role, Person]) -> Logins:
    return authority.logins


def refused(logins: Logins, token: str) -> bool:
    try:
        logins.refresh(token)
    except Unauthenticated as error:
        assert (error.code, error.detail) == ("unauthenticated", {})
        return True
    return False


def test_a_login_gives_a_person_with_role_and_site(logins: Logins, authority: Authority) -> None:
    tokens = logins.open("Village", PASSWORD, HERE)
    principal = authority.authenticate(tokens.access_token)
    assert (principal.kind, principal.role, principal.site_id) == ("person", Role.VILLAGE, "bizhai")
    assert tokens.expires_in == ACCESS_S


def test_each_refresh_uses_its_token_up(logins: Logins, clock: ManualClock) -> None:
    tokens = logins.open("duty", PASSWORD, HERE)
    for _ in range(5):
        clock.advance(600)
        fresh = logins.refresh(tokens.refresh_token)
        assert fresh.refresh_token != tokens.refresh_token
        tokens = fresh


def test_a_used_token_that_comes_again_ends_the_whole_login(
    logins: Logins, clock: ManualClock, database: Database
) -> None:
    stolen = logins.open("duty", PASSWORD, HERE).refresh_token
    other = logins.open("duty", PASSWORD, HERE).refresh_token
    newest = logins.refresh(stolen).refresh_token
    clock.advance(GRACE_S + 1)
    newest = logins.refresh(newest).refresh_token
    assert refused(logins, stolen)
    assert refused(logins, newest), "the thief and the owner are both out"
    assert not refused(logins, other), "the person's other login is not touched"
    with database.reading() as session:
        row = journal.newest(session, 10, frozenset({"auth"}))[0]
    assert (row.kind, row.detail["reason"]) == ("login.closed", "reuse")


def test_two_tabs_may_race_with_one_token(logins: Logins, clock: ManualClock) -> None:
    token = logins.open("duty", PASSWORD, HERE).refresh_token
    first = logins.refresh(token).refresh_token
    clock.advance(GRACE_S - 1)
    second = logins.refresh(token).refresh_token
    clock.advance(600)
    assert not refused(logins, second)
    assert not refused(logins, first)


def test_the_grace_is_only_for_the_token_directly_before(logins: Logins, clock: ManualClock) -> None:
    oldest = logins.open("duty", PASSWORD, HERE).refresh_token
    newest = logins.refresh(logins.refresh(oldest).refresh_token).refresh_token
    clock.advance(1)
    assert refused(logins, oldest)
    assert refused(logins, newest)


def test_many_at_once_with_one_token_all_stay_logged_in(logins: Logins, database: Database) -> None:
    token = logins.open("duty", PASSWORD, HERE).refresh_token
    answers: list[str] = []
    barrier = threading.Barrier(4)

    def race() -> None:
        barrier.wait()
        answers.append(logins.refresh(token).refresh_token)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 4
    with database.reading() as session:
        assert session.execute(select(Login.revoked_at)).scalars().all() == [None]


def test_more_tabs_than_anybody_has_end_nothing(logins: Logins, database: Database, clock: ManualClock) -> None:
    token = logins.open("duty", PASSWORD, HERE).refresh_token
    for _ in range(2 * MAX_SIBLINGS):
        clock.advance(0.1)
        newest = logins.refresh(token).refresh_token
    with database.reading() as session:
        assert session.execute(select(func.count()).select_from(RefreshToken)).scalar_one() <= MAX_SIBLINGS + 1
    assert not refused(logins, newest)


def test_a_device_whose_answer_was_lost_comes_back_whenever_it_can(logins: Logins, clock: ManualClock) -> None:
    token = logins.open("duty", PASSWORD, HERE).refresh_token
    logins.refresh(token)
    clock.advance(3600)
    second = logins.refresh(token).refresh_token
    clock.advance(3600)
    third = logins.refresh(token).refresh_token
    assert not refused(logins, third)
    clock.advance(GRACE_S + 1)
    assert refused(logins, second), "its sibling is in use elsewhere"
    assert refused(logins, third), "the thief and the owner are both out"


def test_the_wall_clock_set_back_logs_nobody_out_and_nobody_in(
    logins: Logins, authority: Authority, clock: ManualClock
) -> None:
    before = logins.open("duty", PASSWORD, HERE)
    changed = logins.change_password(before.principal, PASSWORD, "another good password", HERE)
    while not fail(logins, "village", THERE):
        pass
    waits = fail(logins, "village", THERE)
    clock.set_wall(clock.now() - timedelta(hours=8))
    assert fail(logins, "village", THERE) == waits, "the wait goes on as it was"
    clock.advance(waits)
    assert fail(logins, "village", THERE) == 0
    assert authority.authenticate(changed.access_token).name == "duty"
    assert not refused(logins, changed.refresh_token)
    assert refused(logins, before.refresh_token)
    fresh = logins.open("duty", "another good password", HERE)
    assert authority.still_valid(fresh.principal) and not refused(logins, fresh.refresh_token)
    again = logins.change_password(fresh.principal, "another good password", PASSWORD, HERE)
    assert refused(logins, changed.refresh_token), "an earlier password's login is over though its time lies ahead"
    assert not refused(logins, again.refresh_token)


def test_a_known_place_survives_a_restart(
    database: Database, clock: ManualClock, authority: Authority, logins: Logins
) -> None:
    logins.open("duty", PASSWORD, HERE)
    again = Logins(database, clock, AccessTokens(authority.keys, clock), Throttle(database, clock))
    while not fail(again, address=THERE):
        pass
    again.open("duty", PASSWORD, HERE)


def test_known_places_are_bounded(
    logins: Logins, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.logins.KNOWN_PLACES", 3)
    for number in range(6):
        clock.advance(1)
        logins.open("duty", PASSWORD, f"192.0.2.{number}")
    with database.reading() as session:
        assert set(session.execute(select(KnownPlace.network)).scalars()) == {
            f"192.0.2.{number}" for number in (3, 4, 5)
        }


@pytest.mark.parametrize("typed", ["ｄｕｔｙ", "du\u200bty", "\ufeffDuty\u3000", "\u202aduty\u202c"])
def test_a_name_is_the_same_however_a_keyboard_writes_it(logins: Logins, typed: str) -> None:
    assert logins.open(typed, PASSWORD, HERE).principal.name == "duty"


@pytest.mark.parametrize("typed", ["Cafe\u0301 12３４ 烽火", "Café 1234\u3000烽火", "Ｃafé 1234\u00a0烽火"])
def test_a_password_is_the_same_however_a_keyboard_writes_it(logins: Logins, typed: str) -> None:
    principal = logins.open("duty", PASSWORD, HERE).principal
    logins.change_password(principal, PASSWORD, "Café 1234 烽火", HERE)
    assert logins.open("duty", typed, HERE).principal.id == principal.id


def test_a_login_that_is_not_used_ends(logins: Logins, clock: ManualClock) -> None:
    token = logins.open("duty", PASSWORD, HERE).refresh_token
    clock.advance(SLIDING.total_seconds())
    assert refused(logins, token)


def test_a_login_ends_after_a_week_however_much_it_is_used(logins: Logins, clock: ManualClock) -> None:
    tokens = logins.open("duty", PASSWORD, HERE)
    step = 6 * 3600
    for _ in range(int(ABSOLUTE.total_seconds()) // step - 1):
        clock.advance(step)
        tokens = logins.refresh(tokens.refresh_token)
    clock.advance(step - 60)
    tokens = logins.refresh(tokens.refresh_token)
    assert tokens.expires_in == 60, "no access token outlives the login"
    clock.advance(60)
    assert refused(logins, tokens.refresh_token)


def test_logging_out_ends_the_login_and_its_connections(
    logins: Logins, authority: Authority, clock: ManualClock
) -> None:
    tokens = logins.open("duty", PASSWORD, HERE)
    fresh = logins.refresh(tokens.refresh_token)
    logins.close(tokens.refresh_token)
    assert refused(logins, fresh.refresh_token)
    assert not authority.still_valid(tokens.principal)
    logins.close("fhr_unknown")


def test_tokens_are_not_in_the_database(logins: Logins, settings: Settings, database: Database) -> None:
    tokens = logins.open("duty", PASSWORD, HERE)
    database.close()
    content = b"".join(path.read_bytes() for path in settings.home.glob("fenghuo.db*"))
    assert tokens.refresh_token.removeprefix("fhr_").encode() not in content
    assert PASSWORD.encode() not in content


def test_old_logins_are_forgotten_and_the_newest_kept(logins: Logins, database: Database, clock: ManualClock) -> None:
    first = logins.open("duty", PASSWORD, HERE).refresh_token
    for _ in range(MAX_LOGINS):
        clock.advance(1)
        last = logins.open("duty", PASSWORD, HERE).refresh_token
    assert refused(logins, first)
    assert not refused(logins, last)
    clock.advance((ABSOLUTE * 2).total_seconds())
    logins.open("duty", PASSWORD, HERE)
    with database.reading() as session:
        assert session.execute(select(func.count()).select_from(Login)).scalar_one() == 1
        assert session.execute(select(func.count()).select_from(RefreshToken)).scalar_one() == 1


def test_a_full_disk_logs_nobody_out(logins: Logins, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    token = logins.open("duty", PASSWORD, HERE).refresh_token
    monkeypatch.setattr("foundation.database.MIN_FREE_BYTES", 1 << 60)
    monkeypatch.setattr(database, "_checked_at", float("-inf"))
    kept = logins.refresh(token)
    assert kept.refresh_token == token
    assert refused(logins, "fhr_unknown")
    monkeypatch.undo()
    monkeypatch.setattr(database, "_checked_at", float("-inf"))
    assert logins.refresh(token).refresh_token != token


def test_unknown_name_wrong_password_and_deactivation_look_the_same(logins: Logins) -> None:
    answers = []
    for name, password in (("nobody", PASSWORD), ("duty", "wrong password"), ("duty", "x" * 100_000), ("", "")):
        with pytest.raises(Unauthenticated) as error:
            logins.open(name, password, HERE)
        answers.append((error.value.code, error.value.detail))
    assert set(map(repr, answers)) == {repr(("bad_login", {}))}


def fail(logins: Logins, name: str = "duty", address: str = HERE) -> float:
    """One wrong login; gives the seconds to wait when it was not even tried, 0 when it was."""
    try:
        logins.open(name, "wrong password", address)
    except TooMany as error:
        wait = error.detail["retry_after_s"]
        return float(wait) if isinstance(wait, int) else 0.0
    except Unauthenticated:
        return 0.0
    raise AssertionError("a wrong password was accepted")


def test_guessing_at_a_name_gets_slower_and_slower(logins: Logins, clock: ManualClock) -> None:
    assert [fail(logins, address=f"198.51.100.{i}") for i in range(BY_NAME.free)] == [0] * BY_NAME.free
    waits = []
    for _ in range(9):
        waits.append(fail(logins, address=THERE))
        clock.advance(waits[-1])
        assert fail(logins, address=THERE) == 0
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == BY_NAME.longest_s


def test_an_unknown_name_is_throttled_like_a_known_one(logins: Logins) -> None:
    pattern = [[fail(logins, name, f"198.51.100.{i}") > 0 for i in range(8)] for name in ("duty", "nobody")]
    assert pattern[0] == pattern[1]


def test_guessing_from_an_address_is_throttled_over_all_names(logins: Logins) -> None:
    waits = [fail(logins, f"name-{i}") for i in range(BY_ADDRESS.free + 1)]
    assert waits[-1] > 0 and not any(waits[:-1])
    assert fail(logins, "fresh", THERE) == 0


def test_strangers_cannot_lock_the_duty_officer_out(logins: Logins) -> None:
    logins.open("duty", PASSWORD, HERE)
    while not fail(logins, address=THERE):
        pass
    logins.open("duty", PASSWORD, HERE)


def test_a_good_login_pardons_the_name_but_not_the_address(logins: Logins) -> None:
    for i in range(BY_ADDRESS.free - 1):
        assert fail(logins, f"name-{i}") == 0
    logins.open("duty", PASSWORD, HERE)
    assert fail(logins, "name-x") == 0
    assert fail(logins, "name-y") > 0


def test_a_long_wait_survives_a_restart(
    database: Database, clock: ManualClock, authority: Authority, people: dict[Role, Person]
) -> None:
    while (wait := fail(authority.logins)) <= 60:
        clock.advance(wait)
    again = Logins(database, clock, AccessTokens(authority.keys, clock), Throttle(database, clock))
    assert fail(again) > 60
    clock.advance(BY_ADDRESS.longest_s)
    again.open("duty", PASSWORD, HERE)


def test_the_throttle_table_is_bounded(database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth.throttle.KEPT_SIZE", 5)
    throttle = Throttle(database, clock)
    limit = Limit(free=1, first_s=60, longest_s=60)
    for i in range(20):
        throttle.attempt("test", [(str(i), limit)])
    with database.reading() as session:
        assert session.execute(select(func.count()).select_from(ThrottleRow)).scalar_one() == 5
    for i in range(TABLE_SIZE + 10):
        throttle.attempt("test", [(f"x{i}", Limit(free=5, first_s=1, longest_s=1))])
    assert len(throttle._entries) == TABLE_SIZE


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("garbage", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_subscriber_is_counted_as_one(address: str | None, network: str) -> None:
    assert network_of(address) == network
