"""How a room is led: muting all, asking, hands, the lock, the lobby, the floor, ringing, the roll, chat and minutes, over real connections."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from auth.principal import SYSTEM
from auth.scope import EVERYWHERE
from conference import calling, chat, floor, lobby, minutes
from conference.turnstile import TEXTS_BURST
from foundation import journal
from foundation.clock import ManualClock, epoch_ms, from_epoch_ms
from foundation.identifiers import new_id
from operations.tasks import open_tasks
from tests.rooms.harness import Page, RoomWeb, Screen, ScriptedNode, until
from tests.rooms.test_signalling import OFFICER, VILLAGE, go_in

OTHER = "中寨 赵永福"


@pytest.fixture
def other(web: RoomWeb) -> Iterator[Page]:
    """A second village's page, connected."""
    page = Page(web, web.token("zhongzhai"))
    yield page
    page.close()


def guest(web: RoomWeb, room: str, role: str = "speaker", name: str = "王医生") -> Page:
    return Page(web, web.authority.links.redeem(web.link(room, name, role).split("link=")[1], []).access_token)


def code(answer: dict[str, Any]) -> str | None:
    error = answer.get("error")
    return None if error is None else str(error["code"])


def granted(node: ScriptedNode, page: Page) -> list[str] | None:
    """What the node was last told to forward of this page."""
    told = [one["publish"] for one in node.had("room.grants") if one["session"] == page.session]
    return told[-1] if told else None


def entries(web: RoomWeb, topic: str = "rooms") -> list[journal.JournalRow]:
    with web.database.reading() as session:
        return list(reversed(journal.newest(session, 200, frozenset({topic}))))


def kinds(web: RoomWeb, topic: str = "rooms") -> list[str]:
    return [row.kind for row in entries(web, topic)]


def told(page: Page) -> dict[str, Any]:
    """The newest roster with how the room is led."""
    rosters = page.told("roster")
    return max(rosters, key=lambda one: int(one["version"])) if rosters else {"rules": {}, "rollcall": [], "rings": {}}


def missing(page: Page) -> dict[str, str | None]:
    """Each expected site: why it is missing, or null."""
    return {one["site"]: one["why"] for one in told(page)["rollcall"]}


# Muting, asking, hands


def test_a_host_mutes_all_but_themself_and_the_holder_of_the_floor(
    room: str, officer: Page, village: Page, other: Page, node: ScriptedNode
) -> None:
    for page in (officer, village, other):
        go_in(page, room, node)
    officer.ask("rules", {"talk": "floor"})
    assert code(other.ask("mute_all", {})) == "forbidden"
    village.ask("floor", {"take": True})
    assert officer.ask("mute_all", {}) == {}
    until(lambda: officer.roster()[OTHER]["muted"])
    assert not officer.roster()[OFFICER]["muted"] and not officer.roster()[VILLAGE]["muted"]
    until(lambda: granted(node, village) == ["audio", "camera", "screen"])
    until(lambda: granted(node, other) == ["camera", "screen"])


def test_a_host_asks_somebody_to_unmute_and_they_decide(
    room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    host, participant = go_in(officer, room, node), go_in(village, room, node)
    officer.ask("mute", {"participant": participant})
    assert officer.ask("ask", {"participant": participant}) == {}
    until(lambda: village.told("asked") == [{"by": OFFICER}])
    assert officer.told("asked") == []
    until(lambda: village.roster()[VILLAGE]["muted"])
    assert code(village.ask("ask", {"participant": host})) == "forbidden"
    assert code(officer.ask("ask", {"participant": new_id()})) == "not_found"


def test_a_hand_is_raised_and_lowered_by_oneself_or_a_host(
    room: str, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    host, participant = go_in(officer, room, node), go_in(village, room, node)
    assert village.ask("hand", {"up": True}) == {}
    until(lambda: officer.roster()[VILLAGE]["hand"] == epoch_ms(clock.now()))
    raised = epoch_ms(clock.now())
    clock.advance(5)
    village.ask("hand", {"up": True})
    assert officer.roster()[VILLAGE]["hand"] == raised
    assert code(village.ask("hand", {"up": False, "participant": host})) == "forbidden"
    assert code(officer.ask("hand", {"up": True, "participant": participant})) == "forbidden"
    assert officer.ask("hand", {"up": False, "participant": participant}) == {}
    until(lambda: officer.roster()[VILLAGE]["hand"] is None)
    assert code(village.ask("hand", {"up": 1})) == "bad_request"


# Lock and lobby


def test_a_locked_room_lets_in_hosts_and_who_was_in_before(
    web: RoomWeb, room: str, officer: Page, village: Page, other: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    go_in(village, room, node)
    assert code(village.ask("rules", {"locked": True})) == "forbidden"
    assert officer.ask("rules", {"locked": True}) == {}
    until(lambda: told(village)["rules"]["locked"] is True)
    assert code(other.join(room)) == "room_locked"
    village.ask("leave", {})
    village.session = new_id()
    assert "participant" in village.join(room)
    officer.ask("rules", {"locked": False})
    assert "participant" in other.join(room)
    assert [kind for kind in kinds(web) if "lock" in kind] == ["room.locked", "room.unlocked"]


def test_the_lobby_holds_a_guest_until_a_host_lets_them_in(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    officer.ask("rules", {"lobby": True})
    assert "participant" in village.join(room)
    doctor = guest(web, room)
    assert doctor.join(room)["waiting"] is True
    until(lambda: [one["name"] for one in officer.told("waiting")[-1]["participants"]] == ["王医生"])
    waiting = officer.told("waiting")[-1]["participants"][0]["participant"]
    assert village.told("waiting") == []
    officer.ask("say", {"text": "只给会商室里的人"})
    until(lambda: officer.told("said"))
    assert doctor.told("said") == [] and doctor.told("roster") == []
    assert code(doctor.ask("say", {"text": "我在外面"})) == "bad_request"
    assert code(village.ask("admit", {"participant": waiting})) == "forbidden"
    assert officer.ask("admit", {"participant": waiting}) == {}
    until(lambda: doctor.told("admitted") == [{}])
    until(lambda: officer.told("waiting")[-1] == {"participants": []})
    assert doctor.join(room)["participant"] == waiting
    assert code(officer.ask("admit", {"participant": waiting})) == "not_waiting"
    assert "room.admitted" in kinds(web)
    doctor.close()


def test_a_refused_guest_is_told_so_and_may_ask_again(
    web: RoomWeb, room: str, officer: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    officer.ask("rules", {"lobby": True})
    doctor = guest(web, room)
    doctor.join(room)
    until(lambda: officer.told("waiting")[-1]["participants"])
    waiting = officer.told("waiting")[-1]["participants"][0]["participant"]
    assert officer.ask("refuse", {"participant": waiting}) == {}
    until(lambda: doctor.told("closed") == [{"reason": "refused"}])
    assert kinds(web)[-1] == "room.refused"
    assert doctor.join(room)["waiting"] is True
    doctor.close()
    until(lambda: officer.told("waiting")[-1] == {"participants": []})


def test_who_waits_and_asks_no_more_is_forgotten_also_after_a_killed_web(
    web: RoomWeb, room: str, officer: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    officer.ask("rules", {"lobby": True})
    doctor = guest(web, room)
    doctor.join(room)
    until(lambda: officer.told("waiting"))
    clock.advance(lobby.WAITS_S - 1)
    doctor.join(room)
    clock.advance(lobby.WAITS_S - 1)
    web.tick()
    assert officer.told("waiting")[-1]["participants"]
    clock.advance(1)
    web.tick()
    until(lambda: officer.told("waiting")[-1] == {"participants": []})
    doctor.close()


# The floor


def test_in_push_to_talk_the_node_forwards_the_holder_of_the_floor_and_nobody_else(
    web: RoomWeb, room: str, officer: Page, village: Page, other: Page, node: ScriptedNode
) -> None:
    for page in (officer, village, other):
        go_in(page, room, node)
    assert code(village.ask("floor", {"take": True})) == "no_floor"
    officer.ask("rules", {"talk": "floor"})
    until(lambda: all(granted(node, page) == ["camera", "screen"] for page in (officer, village, other)))
    taken = village.ask("floor", {"take": True})["floor"]
    assert taken["until"] - taken["since"] == floor.HELD_S * 1000
    until(lambda: granted(node, village) == ["audio", "camera", "screen"])
    assert granted(node, other) == ["camera", "screen"]
    assert code(other.ask("floor", {"take": True})) == "floor_taken"
    until(lambda: told(other)["floor"] == taken)
    assert village.ask("floor", {"take": False}) == {"floor": None}
    until(lambda: granted(node, village) == ["camera", "screen"])
    officer.ask("rules", {"talk": "open"})
    until(lambda: all(granted(node, page) == ["audio", "camera", "screen"] for page in (officer, village, other)))
    assert kinds(web, "floor") == ["floor.taken", "floor.freed"]
    assert kinds(web)[-2:] == ["room.floor_set", "room.floor_lifted"]


def test_an_offer_in_push_to_talk_is_granted_no_sound(
    room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    officer.ask("rules", {"talk": "floor"})
    go_in(village, room, node)
    assert node.had("room.offer")[-1]["grants"]["publish"] == ["camera", "screen"]


def test_the_floor_is_handed_by_its_holder_or_a_host(
    web: RoomWeb, room: str, officer: Page, village: Page, other: Page, node: ScriptedNode
) -> None:
    host, first, second = (go_in(page, room, node) for page in (officer, village, other))
    officer.ask("rules", {"talk": "floor"})
    assert code(village.ask("pass", {"participant": second})) == "forbidden"
    assert officer.ask("pass", {"participant": first})["floor"]["participant"] == first
    assert code(other.ask("pass", {"participant": second})) == "forbidden"
    assert village.ask("pass", {"participant": second})["floor"]["participant"] == second
    until(lambda: granted(node, other) == ["audio", "camera", "screen"])
    until(lambda: granted(node, village) == ["camera", "screen"])
    assert officer.ask("pass", {"participant": host})["floor"]["participant"] == host
    listener = guest(web, room, "listener")
    ear = go_in(listener, room, node)
    assert code(officer.ask("pass", {"participant": ear})) == "forbidden"
    assert code(listener.ask("floor", {"take": True})) == "forbidden"
    listener.close()


def test_the_floor_lapses_unless_it_is_renewed(
    room: str, officer: Page, village: Page, node: ScriptedNode, web: RoomWeb, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    go_in(village, room, node)
    officer.ask("rules", {"talk": "floor"})
    village.ask("floor", {"take": True})
    clock.advance(floor.HELD_S - 1)
    village.ask("floor", {"take": True})
    clock.advance(floor.HELD_S - 1)
    web.tick()
    until(lambda: told(officer)["floor"] is not None)
    clock.advance(1)
    web.tick()
    until(lambda: told(officer)["floor"] is None)
    until(lambda: granted(node, village) == ["camera", "screen"])
    assert kinds(web, "floor") == ["floor.taken", "floor.renewed", "floor.freed"]
    assert entries(web, "floor")[-1].detail["why"] == "time_over"


@pytest.mark.parametrize("how", ["leave", "lost", "muted"])
def test_the_floor_is_free_when_its_holder_leaves_is_lost_or_is_muted(
    how: str, room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    holder = go_in(village, room, node)
    officer.ask("rules", {"talk": "floor"})
    village.ask("floor", {"take": True})
    if how == "leave":
        village.ask("leave", {})
    elif how == "lost":
        node.session(room, holder, village.session, "lost")
    else:
        officer.ask("mute", {"participant": holder})
    until(lambda: told(officer)["floor"] is None)


def test_a_session_that_returns_to_its_node_is_granted_what_it_has_now(
    room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    holder = go_in(village, room, node)
    officer.ask("rules", {"talk": "floor"})
    village.ask("floor", {"take": True})
    node.session(room, holder, village.session, "lost")
    node.session(room, holder, village.session, "connected")
    until(lambda: granted(node, village) == ["camera", "screen"])


# Ringing and the roll


def test_a_site_is_rung_and_joins(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    assert officer.ask("ring", {"site": "lishuping"}) == {"contact": ""}
    now = epoch_ms(clock.now())
    until(lambda: told(officer)["rings"] == {"lishuping": {"state": "unheard", "since": now}})
    rung = entries(web)[-1]
    assert rung.kind == "room.rung" and rung.detail["zh"] == "梨树坪"
    assert rung.state is not None and rung.state["rings"]["lishuping"]["state"] == "unheard"
    clock.advance(3)
    go_in(village, room, node)
    until(lambda: told(officer)["rings"]["lishuping"] == {"state": "joined", "since": now + 3000})
    clock.advance(calling.RINGS_FOR_S)
    web.tick()
    assert told(officer)["rings"]["lishuping"]["state"] == "joined"
    assert code(officer.ask("ring", {"site": "lishuping"})) == "site_present"
    assert code(officer.ask("ring", {"site": "nowhere"})) == "site_unknown"
    assert code(officer.ask("ring", {"site": None})) == "bad_request"
    assert code(village.ask("ring", {"site": "zhongzhai"})) == "forbidden"


def test_a_site_that_does_not_answer_is_shown_so_after_45_seconds(
    web: RoomWeb, room: str, officer: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    officer.ask("ring", {"site": "zhongzhai"})
    with contextlib.closing(Screen(web, web.token("zhongzhai"))) as screen:
        assert screen.ask("heard", {"room": room}) == {}
    clock.advance(calling.RINGS_FOR_S - 1)
    web.tick()
    until(lambda: told(officer)["rings"]["zhongzhai"]["state"] == "ringing")
    clock.advance(1)
    web.tick()
    until(lambda: told(officer)["rings"]["zhongzhai"]["state"] == "no_answer")
    assert missing(officer)["zhongzhai"] == "no_answer"
    assert kinds(web)[-1] == "room.unanswered"
    assert officer.ask("ring", {"site": "zhongzhai"}) == {"contact": ""}
    until(lambda: missing(officer)["zhongzhai"] == "unheard")


def test_only_somebody_of_the_site_declines(
    web: RoomWeb, room: str, officer: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    officer.ask("ring", {"site": "zhongzhai"})
    path = f"/api/v1/rooms/{room}/rings/zhongzhai"
    client = web.app.test_client()

    def answer(who: str, said: dict[str, str]) -> tuple[int, str | None]:
        got = client.post(path, json=said, headers={"Authorization": f"Bearer {web.token(who)}"})
        return got.status_code, got.get_json().get("code")

    assert answer("lishuping", {"answer": "decline"}) == (403, "forbidden")
    assert answer("officer", {"answer": "decline"}) == (403, "forbidden")
    assert answer("zhongzhai", {"answer": "maybe"}) == (422, "bad_request")
    assert answer("zhongzhai", {"answer": "decline"}) == (200, None)
    assert answer("zhongzhai", {"answer": "decline"}) == (409, "not_ringing")
    assert kinds(web)[-1] == "room.declined"
    web.tick()
    until(lambda: missing(officer)["zhongzhai"] == "declined")


def test_who_is_rung_is_expected_from_then_on(web: RoomWeb, officer: Page, node: ScriptedNode) -> None:
    answer = web.app.test_client().post(
        "/api/v1/rooms", json={"title": "会商"}, headers={"Authorization": f"Bearer {web.token('officer')}"}
    )
    go_in(officer, answer.get_json()["id"], node)
    officer.ask("ring", {"site": "zhongzhai"})
    until(lambda: missing(officer) == {"zhongzhai": "unheard"})


def test_the_roll_says_why_each_site_is_missing(
    web: RoomWeb, room: str, officer: Page, village: Page, other: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    until(lambda: missing(officer) == {"lishuping": "never_came", "zhongzhai": "never_came"})
    first, second = go_in(village, room, node), go_in(other, room, node)
    until(lambda: missing(officer) == {"lishuping": None, "zhongzhai": None})
    clock.advance(7)
    village.ask("state", {"hidden": True})
    node.session(room, first, village.session, "lost")
    node.session(room, second, other.session, "lost")
    until(lambda: missing(officer) == {"lishuping": "asleep", "zhongzhai": "link_lost"})
    assert {one["since"] for one in told(officer)["rollcall"]} == {epoch_ms(clock.now())}
    other.ask("leave", {})
    until(lambda: missing(officer)["zhongzhai"] == "left")
    officer.ask("remove", {"participant": first})
    until(lambda: missing(officer)["lishuping"] == "removed")
    assert told(officer)["rollcall"][0]["name"] == {"zh": "梨树坪", "en": "Lishuping"}


def test_a_roll_call_is_kept_in_the_journal(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    go_in(village, room, node)
    assert code(village.ask("rollcall", {})) == "forbidden"
    called = officer.ask("rollcall", {})
    assert called["at"] == epoch_ms(clock.now())
    assert [(one["site"], one["state"]) for one in called["rollcall"]] == [
        ("lishuping", "present"),
        ("zhongzhai", "missing"),
    ]
    kept = entries(web)[-1]
    assert (kept.kind, kept.detail["there"], kept.detail["missing"]) == ("room.called", 1, 1)
    assert kept.detail["rollcall"] == called["rollcall"]


# Chat and minutes


def test_what_is_written_reaches_everybody_and_who_comes_later(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    writer = go_in(officer, room, node)
    assert officer.ask("say", {"text": "  水位 3.2 米 <b>\n请注意 👨‍👩‍👧  "})["id"] > 0
    until(lambda: officer.told("said"))
    said = officer.told("said")[0]
    assert (said["participant"], said["name"], said["text"]) == (writer, OFFICER, "水位 3.2 米 <b>\n请注意 👨‍👩‍👧")
    assert village.join(room)["chat"] == [said]
    assert kinds(web, "chat") == ["room.said"]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (None, "bad_request"),
        (7, "bad_request"),
        ("  \n ", "text_empty"),
        ("字" * (chat.LONGEST + 1), "text_long"),
        ("\0\u200b\x1b", "text_empty"),
    ],
)
def test_a_text_that_cannot_be_shown_is_refused(room: str, officer: Page, text: object, refused: str) -> None:
    officer.join(room)
    assert code(officer.ask("say", {"text": text})) == refused


def test_who_writes_too_fast_is_throttled_and_goes_on_a_second_later(
    room: str, officer: Page, clock: ManualClock
) -> None:
    officer.join(room)
    codes = [code(officer.ask("say", {"text": "快"})) for _ in range(int(TEXTS_BURST) + 1)]
    assert codes == [None] * int(TEXTS_BURST) + ["too_many"]
    clock.advance(1)
    assert code(officer.ask("say", {"text": "慢"})) is None


def test_listeners_write_unless_the_host_closed_it(web: RoomWeb, room: str, officer: Page, node: ScriptedNode) -> None:
    go_in(officer, room, node)
    leader = guest(web, room, "listener", "县领导")
    leader.join(room)
    assert code(leader.ask("say", {"text": "收到"})) is None
    officer.ask("rules", {"chat": "speakers"})
    assert code(leader.ask("say", {"text": "收到"})) == "forbidden"
    officer.ask("say", {"text": "请听"})
    until(lambda: [one["text"] for one in leader.told("said")] == ["收到", "请听"])
    leader.close()


def test_a_wall_hears_the_chat_and_cannot_write_in_it(web: RoomWeb, room: str, officer: Page) -> None:
    officer.join(room)
    with web.database.writing() as session:
        _, token = web.authority.devices.add(session, SYSTEM, "大屏")
    wall = Page(web, token)
    wall.join(room)
    assert code(wall.ask("say", {"text": "假消息"})) == "forbidden"
    officer.ask("say", {"text": "请听"})
    until(lambda: [one["text"] for one in wall.told("said")] == ["请听"])
    wall.close()


def test_minutes_are_told_kept_and_read_with_the_incident(
    web: RoomWeb, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    incident = new_id()
    client = web.app.test_client()
    head = {"Authorization": f"Bearer {web.token('officer')}"}
    room = client.post("/api/v1/rooms", json={"title": "会商", "incident": incident}, headers=head).get_json()["id"]
    go_in(officer, room, node)
    due = epoch_ms(clock.now()) + 3_600_000
    decision = {"kind": "decision", "text": "转移河边 12 户", "who": "王小梅", "due": due}
    first = officer.ask("minute", decision)["id"]
    clock.advance(1)
    officer.ask("minute", {"kind": "note", "text": "水位仍涨"})
    until(lambda: len(officer.told("minuted")) == 2)
    kept = officer.told("minuted")
    assert kept[0] == {"id": first, "at": epoch_ms(clock.now()) - 1000, "by": OFFICER, **decision}
    assert (kept[1]["who"], kept[1]["due"]) == (None, None)
    assert village.join(room)["minutes"] == kept
    assert [(row.kind, row.detail["incident"]) for row in entries(web)[-2:]] == [
        ("room.decided", incident),
        ("room.noted", incident),
    ]
    assert code(village.ask("minute", {"kind": "note", "text": "x"})) == "forbidden"
    client.post(f"/api/v1/rooms/{room}/close", headers=head)
    assert client.get(f"/api/v1/rooms/{room}/minutes", headers=head).get_json() == kept
    assert client.get(f"/api/v1/rooms/{new_id()}/minutes", headers=head).status_code == 404


def test_a_decision_that_names_who_does_it_is_a_task(
    web: RoomWeb, room: str, officer: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    due = epoch_ms(clock.now()) + 3_600_000
    officer.ask("minute", {"kind": "decision", "text": "继续观察"})
    decision = officer.ask("minute", {"kind": "decision", "text": "转移 12 户", "who": "梨树坪", "due": due})["id"]
    with web.database.reading() as session:
        (task,) = open_tasks(session, EVERYWHERE)
    assert (task.origin, task.text, task.site_id) == (decision, "转移 12 户", "lishuping")
    assert (task.due, task.ordered_by) == (from_epoch_ms(due), OFFICER)


def test_a_decision_that_is_sent_twice_is_one_and_one_task_of_the_site_whose_person_it_names(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    go_in(village, room, node)
    entry = {"id": new_id(), "kind": "decision", "text": "转移 12 户", "who": VILLAGE}
    assert officer.ask("minute", entry) == officer.ask("minute", entry) == {"id": entry["id"]}
    assert len(officer.join(room)["minutes"]) == 1
    with web.database.reading() as session:
        assert [task.site_id for task in open_tasks(session, EVERYWHERE)] == ["lishuping"]
    elsewhere = web.open_room()
    officer.join(elsewhere)
    assert code(officer.ask("minute", entry)) == "bad_minute"


def test_a_guest_reads_the_minutes_of_their_room_and_of_no_other(web: RoomWeb, room: str) -> None:
    elsewhere = web.open_room("另一个会商")
    token = web.authority.links.redeem(web.link(room, "王医生", "speaker").split("link=")[1], []).access_token
    head = {"Authorization": f"Bearer {token}"}
    client = web.app.test_client()
    assert client.get(f"/api/v1/rooms/{room}/minutes", headers=head).get_json() == []
    assert client.get(f"/api/v1/rooms/{elsewhere}/minutes", headers=head).status_code == 403


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ({}, "bad_minute"),
        ({"kind": "order", "text": "x"}, "bad_minute"),
        ({"kind": ["note"], "text": "x"}, "bad_minute"),
        ({"kind": "note"}, "bad_request"),
        ({"kind": "note", "text": "字" * (minutes.LONGEST + 1)}, "text_long"),
        ({"kind": "decision", "text": "x", "who": ""}, "text_empty"),
        ({"kind": "decision", "text": "x", "due": "tomorrow"}, "bad_minute"),
        ({"kind": "decision", "text": "x", "due": True}, "bad_minute"),
        ({"kind": "decision", "text": "x", "due": 10**15}, "bad_minute"),
    ],
)
def test_a_bad_entry_of_the_minutes_is_refused(room: str, officer: Page, entry: dict[str, Any], refused: str) -> None:
    officer.join(room)
    assert code(officer.ask("minute", entry)) == refused


def test_the_minutes_have_a_bound(room: str, officer: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minutes, "ENTRIES_MAX", 1)
    officer.join(room)
    assert code(officer.ask("minute", {"kind": "note", "text": "一"})) is None
    assert code(officer.ask("minute", {"kind": "note", "text": "二"})) == "too_many_minutes"


@pytest.mark.parametrize(
    "rules", [{}, {"locked": 1}, {"talk": "shout"}, {"chat": True}, {"other": True}, {"locked": True, "talk": []}]
)
def test_what_is_no_rule_is_refused(room: str, officer: Page, rules: dict[str, Any]) -> None:
    officer.join(room)
    assert code(officer.ask("rules", rules)) == "bad_request"


def test_a_room_is_opened_with_its_rules(web: RoomWeb, officer: Page) -> None:
    client = web.app.test_client()
    head = {"Authorization": f"Bearer {web.token('officer')}"}
    asked = {"title": "会商", "lobby": True, "talk": "floor"}
    opened = client.post("/api/v1/rooms", json=asked, headers=head).get_json()
    rules = {"locked": False, "lobby": True, "talk": "floor", "chat": "everyone"}
    assert opened["rules"] == rules
    assert officer.join(opened["id"])["roster"]["rules"] == rules
    for bad in ({"lobby": "yes"}, {"talk": "loud"}):
        assert client.post("/api/v1/rooms", json={"title": "会商", **bad}, headers=head).status_code == 422
