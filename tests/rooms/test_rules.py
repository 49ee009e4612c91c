"""The rules of rooms: who comes in, as what, and what the journal says of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from auth.permissions import Role
from auth.principal import Principal
from conference import floor, lead, presence, rooms, roster, rules
from conference.tables import room_of
from foundation import journal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Conflict, Forbidden, NotFound, TooMany, UserError
from foundation.identifiers import new_id

OFFICER = Principal("person", "p-officer", "值班员", Role.DUTY, "bizhai", login_id="l1")
VILLAGE = Principal("person", "p-village", "梨树坪", Role.VILLAGE, "lishuping", login_id="l2")
LEADER = Principal("person", "p-leader", "镇长", Role.LEADER, login_id="l3")
WALL = Principal("device", "d-wall", "大屏", Role.VIEWER, "bizhai", login_id="d-wall")


def guest_of(room_id: str, role: str = "speaker") -> Principal:
    return Principal("guest", new_id(), "王医生", Role.GUEST, login_id="k", room_id=room_id, room_role=role)


class House:
    """A database with one open room, and the acts of tests on it."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        with database.writing() as session:
            self.room = rooms.open_room(session, clock, OFFICER, "防汛会商", expected=["lishuping", "zhongzhai"]).id

    def join(self, principal: Principal, session_id: str | None = None, *, watches: bool = False) -> roster.Joined:
        with self.database.writing() as session:
            return roster.join(session, self.clock, principal, self.room, session_id or new_id(), watches=watches)

    def connect(self, joined: roster.Joined) -> bool:
        with self.database.writing() as session:
            link = presence.connected(session, self.clock, self.room, joined.participant.id, joined.participant.session)
            return link is not None

    def lose(self, joined: roster.Joined) -> None:
        with self.database.writing() as session:
            presence.disconnected(session, self.clock, [joined.participant.session])

    def tell_lost(self) -> None:
        with self.database.writing() as session:
            presence.tell_lost(session, self.clock)

    def let_go(self) -> set[str]:
        with self.database.writing() as session:
            return presence.let_go(session, self.clock)

    def roster(self) -> dict[str, dict[str, object]]:
        with self.database.reading() as session:
            return {one["name"]: one for one in roster.whole(session, self.room)["participants"]}

    def version(self) -> int:
        with self.database.reading() as session:
            return int(roster.whole(session, self.room)["version"])

    def kinds(self) -> list[str]:
        with self.database.reading() as session:
            return [row.kind for row in reversed(journal.newest(session, 100, frozenset({"rooms"})))]

    def state(self) -> dict[str, object]:
        with self.database.reading() as session:
            return rooms.snapshot(session)[self.room]


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


def test_the_feed_shows_an_open_room_with_who_is_expected_and_who_is_present(house: House) -> None:
    house.connect(house.join(VILLAGE))
    state = house.state()
    assert (state["title"], state["open"], state["expected"]) == ("防汛会商", True, ["lishuping", "zhongzhai"])
    present = state["present"]
    assert isinstance(present, list)
    assert [(one["name"], one["site"], one["role"], one["connected"]) for one in present] == [
        ("梨树坪", "lishuping", "speaker", True)
    ]


def test_opening_twice_with_one_id_is_once(house: House) -> None:
    with house.database.writing() as session:
        again = rooms.open_room(session, house.clock, OFFICER, "另一个名称", id=house.room)
    assert again.title == "防汛会商"
    assert house.kinds() == ["room.opened"]


@pytest.mark.parametrize("title", ["", "   ", "长" * 121, None, 5])
def test_a_room_needs_a_title_of_bounded_length(house: House, title: object) -> None:
    with pytest.raises(UserError, match="bad_title"), house.database.writing() as session:
        rooms.open_room(session, house.clock, OFFICER, title)


def test_only_who_may_lead_opens_a_room(house: House) -> None:
    for principal in (VILLAGE, WALL):
        with pytest.raises(Forbidden), house.database.writing() as session:
            rooms.open_room(session, house.clock, principal, "会商")


@pytest.mark.parametrize("principal", [VILLAGE, WALL])
def test_walls_and_who_chose_to_watch_are_granted_nothing_to_send(house: House, principal: Principal) -> None:
    joined = house.join(principal, watches=True)
    listener = joined.participant
    assert (listener.role, listener.grants(joined.room)) == ("listener", [])
    village = house.join(OFFICER).participant
    with pytest.raises(Forbidden), house.database.writing() as session:
        rules.mute_by_host(session, house.clock, listener.id, listener.session, village.id)
    with pytest.raises(Forbidden), house.database.writing() as session:
        rooms.close_room(session, house.clock, principal, house.room)


def test_a_leader_who_chose_to_watch_is_a_host_again_when_they_take_part(house: House) -> None:
    assert house.join(LEADER, watches=True).participant.role == "listener"
    assert house.join(LEADER).participant.role == "host"
    with house.database.writing() as session:
        assert not rooms.close_room(session, house.clock, LEADER, house.room).open


@pytest.mark.parametrize("role", [Role.ADMIN, Role.LEADER, Role.COMMANDER, Role.DUTY])
def test_who_may_lead_is_a_host_whoever_opened_the_room(house: House, role: Role) -> None:
    assert house.join(Principal("person", new_id(), "指挥", role, login_id="l")).participant.role == "host"


def test_a_guest_comes_into_the_room_of_the_link_and_into_no_other(house: House) -> None:
    assert house.join(guest_of(house.room, "listener")).participant.role == "listener"
    with pytest.raises(Forbidden):
        house.join(guest_of(new_id()))


def test_the_officer_hosts_a_villager_speaks_and_a_guest_is_what_the_link_says(house: House) -> None:
    assert house.join(OFFICER).participant.role == "host"
    village, guest = house.join(VILLAGE), house.join(guest_of(house.room, "listener"))
    assert village.participant.grants(village.room) == ["audio", "camera", "screen"]
    assert guest.participant.grants(guest.room) == []


def test_a_listener_cannot_say_that_it_sends(house: House) -> None:
    listener = house.join(guest_of(house.room, "listener")).participant
    for sends in ({"muted": False}, {"camera": True}, {"screen": True}):
        with pytest.raises(Forbidden), house.database.writing() as session:
            rules.change_state(session, listener.id, listener.session, **sends)


def test_the_newest_session_wins_and_the_roster_has_one_of_each(house: House) -> None:
    first = house.join(VILLAGE)
    house.connect(first)
    second = house.join(VILLAGE)
    assert second.participant.id == first.participant.id
    assert second.replaced == first.participant.session
    assert list(house.roster()) == ["梨树坪"]
    assert house.connect(second) is True
    assert house.connect(first) is False
    with pytest.raises(Forbidden), house.database.writing() as session:
        rules.change_state(session, first.participant.id, first.participant.session, muted=True)


def test_nobody_is_gone_while_a_new_session_is_made_beside_one_that_lives(house: House) -> None:
    first = house.join(VILLAGE)
    house.connect(first)
    since = house.roster()["梨树坪"]["since"]
    house.clock.advance(60)
    second = house.join(VILLAGE)
    assert house.roster()["梨树坪"]["connected"] is True
    assert house.connect(first) is True
    house.connect(second)
    house.lose(first)
    assert (house.roster()["梨树坪"]["connected"], house.roster()["梨树坪"]["since"]) == (True, since)
    house.lose(second)
    assert house.roster()["梨树坪"]["connected"] is False
    assert house.kinds() == ["room.opened", "room.joined"]


def test_who_loses_the_old_session_before_the_new_one_stands_is_gone_until_then(house: House) -> None:
    first = house.join(VILLAGE)
    house.connect(first)
    second = house.join(VILLAGE)
    house.lose(first)
    assert house.roster()["梨树坪"]["connected"] is False
    assert house.connect(first) is False
    assert house.connect(second) is True


def test_who_goes_while_two_sessions_live_takes_both_along(house: House) -> None:
    first = house.join(VILLAGE)
    house.connect(first)
    second = house.join(VILLAGE)
    with house.database.writing() as session:
        over = roster.leave(session, house.clock, second.participant.id, second.participant.session)
    assert over == {first.participant.session, second.participant.session}


def test_a_session_that_joins_again_replaces_nothing(house: House) -> None:
    joined = house.join(VILLAGE)
    house.connect(joined)
    again = house.join(VILLAGE, joined.participant.session)
    assert again.replaced is None
    assert again.participant.connected


def test_each_change_of_the_roster_has_a_higher_version(house: House) -> None:
    versions = [house.version()]
    joined = house.join(VILLAGE)
    for change in (
        lambda: house.connect(joined),
        lambda: house.lose(joined),
        lambda: house.connect(joined),
    ):
        versions.append(house.version())
        change()
    versions.append(house.version())
    assert versions == sorted(set(versions))


def test_a_short_loss_is_not_journalled_and_a_long_one_is_with_its_return(house: House) -> None:
    joined = house.join(VILLAGE)
    house.connect(joined)
    house.lose(joined)
    house.clock.advance(presence.LOST_AFTER_S - 1)
    house.tell_lost()
    house.connect(joined)
    assert house.kinds() == ["room.opened", "room.joined"]
    house.lose(joined)
    house.clock.advance(presence.LOST_AFTER_S)
    house.tell_lost()
    house.tell_lost()
    assert house.roster()["梨树坪"]["connected"] is False
    house.connect(joined)
    assert house.kinds() == ["room.opened", "room.joined", "room.lost", "room.returned"]


def test_who_never_had_a_link_is_neither_told_nor_left_behind(house: House) -> None:
    joined = house.join(VILLAGE)
    with house.database.writing() as session:
        assert presence.forget_unheard(session, joined.participant.id, joined.participant.session)
    assert house.roster() == {}
    assert house.kinds() == ["room.opened"]


def test_leaving_takes_one_off_the_roster_and_coming_back_keeps_the_identity(house: House) -> None:
    joined = house.join(VILLAGE)
    house.connect(joined)
    with house.database.writing() as session:
        assert roster.leave(session, house.clock, joined.participant.id, joined.participant.session)
        assert not roster.leave(session, house.clock, joined.participant.id, joined.participant.session)
    assert house.roster() == {}
    assert house.join(VILLAGE).participant.id == joined.participant.id
    assert house.kinds() == ["room.opened", "room.joined", "room.left"]


def test_mute_survives_a_new_session(house: House) -> None:
    joined = house.join(VILLAGE)
    with house.database.writing() as session:
        rules.change_state(session, joined.participant.id, joined.participant.session, muted=True)
    house.join(VILLAGE)
    assert house.roster()["梨树坪"]["muted"] is True


def test_a_host_mutes_by_taking_the_grant_and_unmuting_oneself_gives_it_back(house: House) -> None:
    host, village = house.join(OFFICER).participant, house.join(VILLAGE).participant
    with house.database.writing() as session:
        muted = rules.mute_by_host(session, house.clock, host.id, host.session, village.id)
        room = room_of(session, house.room)
    assert (muted.muted, muted.grants(room)) == (True, ["camera", "screen"])
    with house.database.writing() as session:
        spoken = rules.change_state(session, village.id, village.session, muted=False)
    assert spoken.grants(room) == ["audio", "camera", "screen"]
    with pytest.raises(Forbidden), house.database.writing() as session:
        rules.mute_by_host(session, house.clock, village.id, village.session, host.id)


def test_who_was_removed_stays_removed(house: House) -> None:
    host, village = house.join(OFFICER).participant, house.join(VILLAGE)
    house.connect(village)
    with house.database.writing() as session:
        rules.remove(session, house.clock, host.id, host.session, village.participant.id)
    assert list(house.roster()) == ["值班员"]
    with pytest.raises(Forbidden):
        house.join(VILLAGE)
    assert house.kinds()[-1] == "room.left"


def test_only_a_host_ends_a_room_and_then_nobody_comes_in(house: House) -> None:
    house.connect(house.join(VILLAGE))
    with pytest.raises(Forbidden), house.database.writing() as session:
        rooms.close_room(session, house.clock, VILLAGE, house.room)
    with house.database.writing() as session:
        rooms.close_room(session, house.clock, OFFICER, house.room)
    assert house.kinds()[-1] == "room.closed"
    with pytest.raises(Conflict):
        house.join(VILLAGE)
    with house.database.reading() as session:
        assert rooms.snapshot(session) == {}
        assert rooms.closed_among(session, {house.room}) == {house.room}


def test_a_room_has_a_bound(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "PARTICIPANTS_MAX", 1)
    house.join(VILLAGE)
    house.join(VILLAGE)
    with pytest.raises(TooMany, match="room_full"):
        house.join(OFFICER)


def test_a_restarted_web_gives_up_only_the_sessions_that_no_node_tells_of(house: House) -> None:
    village, officer, unheard = house.join(VILLAGE), house.join(OFFICER), house.join(guest_of(house.room))
    house.connect(village)
    house.connect(officer)
    with house.database.reading() as session:
        left = presence.left_over(session)
    assert left == {one.participant.session for one in (village, officer, unheard)}
    with house.database.writing() as session:
        assert presence.give_up(session, house.clock, left - {village.participant.session}) == {house.room}
    assert {name: one["connected"] for name, one in house.roster().items()} == {"梨树坪": True, "值班员": False}


def test_who_closed_the_tab_is_gone_after_two_minutes_and_only_their_site_is_missing(house: House) -> None:
    guest = guest_of(house.room)
    joined, village = house.join(guest), house.join(VILLAGE)
    for one in (joined, village):
        house.connect(one)
        house.lose(one)
    house.clock.advance(presence.LOST_AFTER_S)
    house.tell_lost()
    house.clock.advance(presence.GONE_S - presence.LOST_AFTER_S - 1)
    assert house.let_go() == set()
    house.clock.advance(1)
    assert house.let_go() == {house.room}
    assert house.roster() == {}
    assert house.kinds()[-1] == "room.left"
    house.clock.advance(10 * presence.GONE_S)
    assert house.let_go() == set()
    state = house.state()
    assert state["present"] == []
    assert [(one["site"], one["state"], one["why"]) for one in state["rollcall"]] == [  # type: ignore[attr-defined]
        ("lishuping", "missing", "link_lost"),
        ("zhongzhai", "missing", "never_came"),
    ]
    again = house.join(guest)
    assert again.participant.id == joined.participant.id
    assert house.connect(again)


def test_a_guest_whose_link_comes_and_goes_stays(house: House) -> None:
    joined = house.join(guest_of(house.room))
    for _ in range(3):
        house.connect(joined)
        house.lose(joined)
        house.clock.advance(presence.GONE_S - 1)
        assert house.let_go() == set()
    house.connect(joined)
    house.clock.advance(10 * presence.GONE_S)
    assert house.let_go() == set()


def test_of_two_who_take_the_floor_at_once_one_has_it(any_database: Database, clock: ManualClock) -> None:
    house = House(any_database, clock)
    host, village = house.join(OFFICER).participant, house.join(VILLAGE).participant
    with any_database.writing() as session:
        lead.change(session, clock, host.id, host.session, {"talk": "floor"})

    def take() -> None:
        with any_database.writing() as session:
            floor.take(session, clock, village.id, village.session)

    with ThreadPoolExecutor(1) as other:
        with any_database.writing() as session:
            floor.take(session, clock, host.id, host.session)
            late = other.submit(take)
            with pytest.raises(TimeoutError):
                late.result(0.3)
        with pytest.raises(Conflict, match="floor_taken"):
            late.result(10)


def test_two_web_processes_that_hear_of_one_link_journal_it_once(any_database: Database, clock: ManualClock) -> None:
    house = House(any_database, clock)
    joined = house.join(VILLAGE)
    with ThreadPoolExecutor(1) as other:
        with any_database.writing() as session:
            presence.connected(session, clock, house.room, joined.participant.id, joined.participant.session)
            late = other.submit(house.connect, joined)
            with pytest.raises(TimeoutError):
                late.result(0.3)
        assert late.result(10) is True
    assert house.kinds() == ["room.opened", "room.joined"]


def test_an_exercise_has_rooms_of_its_own(house: House) -> None:
    exercise = new_id()
    with house.database.writing(exercise) as session:
        drill = rooms.open_room(session, house.clock, OFFICER, "演练会商").id
    with house.database.reading() as session:
        assert set(rooms.snapshot(session)) == {house.room}
        assert rooms.world_of(session, drill) == exercise
        assert rooms.world_of(session, house.room) is None
        assert set(rooms.open_worlds(session)) == {None, exercise}
        with pytest.raises(NotFound):
            rooms.find_room(session, drill)
    with house.database.reading(exercise) as session:
        assert set(rooms.snapshot(session)) == {drill}


def test_a_bad_id_is_not_found(database: Database) -> None:
    def find(session: Session, room_id: object) -> None:
        with pytest.raises(NotFound):
            rooms.find_room(session, room_id)

    with database.reading() as session:
        for room_id in ("", "x", new_id(), None, 7, "../../etc/passwd"):
            find(session, room_id)
