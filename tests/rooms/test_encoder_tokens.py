"""An encoder's token: long-lived, revocable, and it opens its publishing address and nothing else."""

from typing import Any

from click.testing import CliRunner

from auth.permissions import GRANTS
from auth.principal import SYSTEM
from conference.whip import TOLD_AGAIN_S
from fenghuo.cli import main
from foundation.clock import ManualClock
from tests.rooms.harness import Page, RoomWeb, ScriptedNode, until
from tests.rooms.test_signalling import go_in

OFFER = "v=0\r\nm=audio 9\r\na=sendonly\r\nm=video 9\r\na=sendonly\r\n"


def encoder(web: RoomWeb, room: str) -> tuple[str, str]:
    """A new encoder of this room: its id and its token."""
    with web.database.writing() as session:
        device, token = web.authority.devices.add_encoder(session, SYSTEM, "无人机", room)
        return device.id, token


def post(web: RoomWeb, path: str, token: str, data: str = OFFER) -> Any:
    """Offer something at an address."""
    headers = {"Authorization": f"Bearer {token}"}
    return web.app.test_client().post(path, data=data, content_type="application/sdp", headers=headers)


def test_an_encoder_publishes_at_its_address_for_months_and_nowhere_else(
    web: RoomWeb, room: str, node: ScriptedNode, clock: ManualClock
) -> None:
    ident, token = encoder(web, room)
    answer = post(web, f"/whip/{ident}", token)
    assert answer.status_code == 201, answer.text
    asked = node.had("room.offer")[-1]
    assert asked["room"] == room and asked["grants"] == {"publish": ["audio", "camera", "screen"], "subscribe": False}
    assert answer.headers["Location"].startswith(f"/whip/{ident}/")
    headers = {"Authorization": f"Bearer {token}"}
    client = web.app.test_client()
    assert client.delete(answer.headers["Location"], headers=headers).status_code == 204
    assert post(web, f"/whip/{room}", token).status_code == 201
    # No other room, no player, no other part of the platform.
    other = web.open_room("另一会商")
    for address in (f"/whip/{other}", f"/whep/{room}", f"/whep/{ident}"):
        assert post(web, address, token).status_code == 403, address
    assert client.get("/rooms", headers=headers).status_code in (302, 303, 401, 403, 404)
    clock.advance(200 * 24 * 3600)
    principal = web.authority.authenticate(token)
    granted = {name for name in GRANTS if principal.may(name)}
    assert granted == {"room.publish"}


def test_a_revoked_encoder_is_refused_and_one_that_moved_publishes_into_its_new_room(
    web: RoomWeb, room: str, node: ScriptedNode
) -> None:
    ident, token = encoder(web, room)
    other = web.open_room("另一会商")
    with web.database.writing() as session:
        web.authority.devices.assign(session, SYSTEM, ident, other)
    assert post(web, f"/whip/{ident}", token).status_code == 201
    assert node.had("room.offer")[-1]["room"] == other
    web.authority.devices.revoke(SYSTEM, ident)
    assert post(web, f"/whip/{ident}", token).status_code == 401


def test_the_command_line_makes_lists_moves_and_revokes_encoders(web: RoomWeb, room: str) -> None:
    other = web.open_room("另一会商")

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["encoder", *words], env={"FENGHUO_HOME": str(web.settings.home)})
        assert done.exit_code == 0, done.output
        return done.output

    made = run("add", "无人机一号", "--room", room).split()
    address, token = made[1], made[3]
    ident = address.removeprefix("/whip/")
    assert web.authority.authenticate(token).room_id == room
    assert f"{ident}  {room}  " in run("list")
    run("move", ident, "--room", other)
    assert web.authority.authenticate(token).room_id == other
    run("revoke", ident)
    assert run("list") == ""
    assert post(web, f"/whip/{ident}", token).status_code == 401


def test_players_on_a_node_that_hangs_hold_up_nobody_and_are_told_again(
    web: RoomWeb, room: str, node: ScriptedNode, officer: Page, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    officer.ask("state", {"camera": True})
    node.slots = [{"mid": "3", "slot": "v0", "kind": "video"}]
    for number in range(3):
        with web.database.writing() as session:
            _, token = web.authority.devices.add(session, SYSTEM, f"大屏 {number}")
        web.signalling.whip.offer(web.authority.authenticate(token), room, "v=0\nm=video 9\na=recvonly\n", "watch")
    node.hangs.add("room.want")
    web.signalling.whip.follow()  # returns although nothing answers
    until(lambda: len(node.had("room.want")) == 3)
    web.signalling.whip.follow()
    clock.advance(TOLD_AGAIN_S)
    web.signalling.whip.follow()
    until(lambda: len(node.had("room.want")) == 6)
