"""Pairing a wall, over restarts of everything, and taking it away again."""

import pytest

from auth.authority import Authority
from auth.devices import (
    ALPHABET,
    CODE_CHARACTERS,
    MAX_PENDING,
    MAX_PENDING_OF_ADDRESS,
    PAIRING_LIFE,
    clean_code,
    shown_code,
)
from auth.permissions import Role
from auth.principal import SYSTEM, Principal
from foundation import journal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Forbidden, NotFound, TooMany, Unauthenticated, UserError
from foundation.settings import Settings

DUTY = Principal("person", "p-1", "李春梅", Role.DUTY, None, "login")
VILLAGE = Principal("person", "p-2", "V", Role.VILLAGE, "bizhai", "login")


def token_of(authority: Authority, device_code: str) -> str:
    answer = authority.devices.poll(device_code)
    assert answer.state == "approved" and answer.token is not None
    return answer.token


def test_a_wall_gets_a_token_when_it_is_approved(authority: Authority) -> None:
    devices = authority.devices
    offer = devices.begin("192.0.2.1")
    assert devices.poll(offer.device_code).state == "pending"
    device = devices.approve(DUTY, shown_code(offer.user_code).lower(), "主屏")
    principal = authority.authenticate(token_of(authority, offer.device_code))
    assert (principal.kind, principal.id, principal.name, principal.role) == ("device", device.id, "主屏", Role.VIEWER)
    assert devices.all(DUTY)[0].last_seen_at is not None


def test_pairing_goes_on_over_restarts_of_everything(
    authority: Authority, database: Database, clock: ManualClock, settings: Settings
) -> None:
    offer = authority.devices.begin("192.0.2.1")
    second = Authority(Database(settings.database, clock), clock, settings.home)
    second.devices.approve(DUTY, offer.user_code, "主屏")
    third = Authority(Database(settings.database, clock), clock, settings.home)
    token = token_of(third, offer.device_code)
    clock.advance(300 * 24 * 3600)
    fourth = Authority(Database(settings.database, clock), clock, settings.home)
    assert fourth.authenticate(token).kind == "device"


def test_a_lost_answer_can_be_asked_for_again_until_the_token_was_used(authority: Authority) -> None:
    offer = authority.devices.begin("192.0.2.1")
    authority.devices.approve(DUTY, offer.user_code, "主屏")
    lost, kept = token_of(authority, offer.device_code), token_of(authority, offer.device_code)
    with pytest.raises(Unauthenticated):
        authority.authenticate(lost)
    authority.authenticate(kept)
    assert authority.devices.poll(offer.device_code).state == "expired"


def test_a_denied_screen_learns_it(authority: Authority) -> None:
    offer = authority.devices.begin("192.0.2.1")
    authority.devices.deny(DUTY, offer.user_code)
    assert authority.devices.poll(offer.device_code).state == "denied"
    with pytest.raises(NotFound):
        authority.devices.approve(DUTY, offer.user_code, "主屏")


def test_codes_end_after_ten_minutes(authority: Authority, clock: ManualClock) -> None:
    offer = authority.devices.begin("192.0.2.1")
    clock.advance(PAIRING_LIFE.total_seconds())
    assert authority.devices.poll(offer.device_code).state == "expired"
    with pytest.raises(NotFound):
        authority.devices.approve(DUTY, offer.user_code, "主屏")


def test_an_unknown_device_code_looks_like_an_expired_one(authority: Authority) -> None:
    assert authority.devices.poll("made up").state == "expired"


def test_only_the_command_room_approves(authority: Authority) -> None:
    offer = authority.devices.begin("192.0.2.1")
    for attempt in (
        lambda: authority.devices.approve(VILLAGE, offer.user_code, "x"),
        lambda: authority.devices.deny(VILLAGE, offer.user_code),
        lambda: authority.devices.revoke(VILLAGE, "x"),
        lambda: authority.devices.all(VILLAGE),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_guesses_at_a_code_are_limited(authority: Authority, clock: ManualClock) -> None:
    tried = 0
    with pytest.raises(TooMany):
        for _ in range(1_000):
            with pytest.raises(NotFound):
                authority.devices.approve(DUTY, "BBBB-BBBB", "x")
            tried += 1
    assert tried == 10
    for _ in range(12):
        # Long waits are written to the database: that must work beside the pairing's own transaction.
        clock.advance(600)
        with pytest.raises(NotFound):
            authority.devices.deny(DUTY, "BBBB-BBBB")


def test_screens_that_wait_are_bounded(authority: Authority, clock: ManualClock) -> None:
    for _ in range(MAX_PENDING_OF_ADDRESS):
        authority.devices.begin("192.0.2.1")
    with pytest.raises(TooMany):
        authority.devices.begin("192.0.2.1")
    authority.devices.begin("192.0.2.2")
    clock.advance(PAIRING_LIFE.total_seconds())
    authority.devices.begin("192.0.2.1")


def test_ten_addresses_make_no_room_for_themselves_alone(authority: Authority, clock: ManualClock) -> None:
    screen = authority.devices.begin("198.51.100.1")
    for number in range(MAX_PENDING):
        clock.advance(0.1)
        authority.devices.begin(f"192.0.2.{number // MAX_PENDING_OF_ADDRESS}")
    late = authority.devices.begin("198.51.100.2")
    for offer in (screen, late):
        assert authority.devices.poll(offer.device_code).state == "pending"


def test_screens_from_before_the_clock_was_set_back_hold_no_place(authority: Authority, clock: ManualClock) -> None:
    for _ in range(MAX_PENDING_OF_ADDRESS):
        authority.devices.begin("192.0.2.1")
    clock.set_wall(clock.now() - 2 * PAIRING_LIFE)
    authority.devices.begin("192.0.2.1")


def test_a_revoked_wall_is_out_at_once_and_its_connections_are_told(
    authority: Authority, database: Database, clock: ManualClock
) -> None:
    with database.writing() as session:
        device, token = authority.devices.add(session, SYSTEM, "主屏")
    wall = authority.authenticate(token)
    assert authority.still_valid(wall)
    told: list[str] = []
    authority.devices.on_revoked(told.append)
    authority.devices.revoke(DUTY, device.id)
    with pytest.raises(Unauthenticated):
        authority.authenticate(token)
    assert told == [device.id]
    assert not authority.still_valid(wall)
    assert authority.devices.all(DUTY) == []
    with database.reading() as session:
        assert [row.kind for row in journal.newest(session, 2)] == ["device.revoked", "device.paired"]
    with pytest.raises(NotFound):
        authority.devices.revoke(DUTY, "nothing")


def test_a_full_disk_does_not_darken_the_wall(
    authority: Authority, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.writing() as session:
        _device, token = authority.devices.add(session, SYSTEM, "主屏")
    monkeypatch.setattr("foundation.database.MIN_FREE_BYTES", 1 << 60)
    monkeypatch.setattr(database, "_checked_at", float("-inf"))
    assert authority.authenticate(token).kind == "device"


def test_codes_are_easy_to_read_and_to_type(authority: Authority) -> None:
    offer = authority.devices.begin("192.0.2.1")
    assert len(offer.user_code) == CODE_CHARACTERS and set(offer.user_code) <= set(ALPHABET)
    assert not set(ALPHABET) & set("AEIOUY01258"), "no words, and no figure that looks like a letter"
    assert clean_code(f" {offer.user_code[:4].lower()} - {offer.user_code[4:]} ") == offer.user_code


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "\u200b\u3000"])
def test_a_wall_needs_a_name(authority: Authority, name: str) -> None:
    offer = authority.devices.begin("192.0.2.1")
    with pytest.raises(UserError, match="bad_device_name"):
        authority.devices.approve(DUTY, offer.user_code, name)
    assert authority.devices.poll(offer.device_code).state == "pending"
