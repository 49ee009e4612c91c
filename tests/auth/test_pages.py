"""The login page, the token endpoints, the pages of pairing, and the door of the wall."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from auth.authority import Authority
from auth.devices import PAIRING_LIFE
from auth.permissions import Role
from auth.principal import SYSTEM, Principal
from dashboard import messages
from foundation.clock import ManualClock
from foundation.database import Database
from tests.auth.conftest import PASSWORD, SAME_ORIGIN

Browser = Callable[[Role], FlaskClient]


def json_of(answer: object) -> dict[str, Any]:
    content = getattr(answer, "json", None)
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("page", ["login", "pair", "people", "field", "error"])
def test_both_languages_say_the_same_things(page: str) -> None:
    zh, en = messages.catalogue("zh", page), messages.catalogue("en", page)
    assert zh.keys() == en.keys()
    assert all(zh[key] != en[key] for key in zh), "everything is translated"


@pytest.mark.parametrize(
    "data", [{}, {"name": "duty"}, {"name": "duty", "password": "wrong"}, {"name": "<b>nobody", "password": PASSWORD}]
)
def test_a_failed_login_says_one_thing_only(client: FlaskClient, data: dict[str, str]) -> None:
    answer = client.post("/login", data=data, headers=SAME_ORIGIN)
    assert answer.status_code == 401
    assert "用户名或密码不对" in answer.text and "<b>nobody" not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_login_cookies_are_out_of_reach_of_scripts(client: FlaskClient) -> None:
    answer = client.post("/login", data={"name": "duty", "password": PASSWORD}, headers=SAME_ORIGIN)
    cookies = answer.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)


def test_a_throttled_login_says_when_to_come_back(client: FlaskClient) -> None:
    for _ in range(6):
        answer = client.post("/login", data={"name": "duty", "password": "wrong"}, headers=SAME_ORIGIN)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "2" and "2 秒" in answer.text


def test_logging_out_forgets_the_login_on_both_sides(browser: Browser, authority: Authority) -> None:
    client = browser(Role.DUTY)
    refresh = client.get_cookie("fenghuo_refresh")
    assert refresh is not None
    assert client.post("/logout", headers=SAME_ORIGIN).headers["Location"] == "/login"
    assert client.get("/desk/").headers["Location"].startswith("/login")
    assert client.post("/api/v1/auth/refresh", json={"refresh_token": refresh.value}).status_code == 401


def test_the_api_gives_refreshes_and_takes_back_tokens(client: FlaskClient) -> None:
    first = json_of(client.post("/api/v1/auth/token", json={"name": "duty", "password": PASSWORD}))
    assert first.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (first["token_type"], first["expires_in"]) == ("Bearer", 900)
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    assert client.post("/api/v1/things", headers=headers).status_code == 200
    second = json_of(client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}))
    assert second["refresh_token"] != first["refresh_token"]
    assert client.post("/api/v1/auth/logout", json={"refresh_token": second["refresh_token"]}).status_code == 204
    assert client.post("/api/v1/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [(b"", "body"), (b"[]", "body"), (b"{", "body"), (b"{}", "name"), (b'{"name": 5, "password": "x"}', "name")],
)
def test_a_bad_body_names_the_field(client: FlaskClient, body: bytes, field: str) -> None:
    answer = client.post("/api/v1/auth/token", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert json_of(answer)["params"] == {"field": field}


def test_a_long_open_page_renews_in_the_background(browser: Browser, clock: ManualClock) -> None:
    client = browser(Role.DUTY)
    for _ in range(6):
        clock.advance(600)
        assert json_of(client.post("/auth/refresh", headers=SAME_ORIGIN)) == {"expires_in": 900}
        assert client.get("/desk/").status_code == 200
    clock.advance(13 * 3600)
    assert client.post("/auth/refresh", headers=SAME_ORIGIN).status_code == 401
    assert client.get_cookie("fenghuo_refresh") is None


def test_a_guest_renews_a_stay_and_a_screen_has_nothing_to_renew(
    client: FlaskClient, authority: Authority, database: Database, clock: ManualClock
) -> None:
    duty = Principal("person", "p-1", "李春梅", Role.DUTY, None, "login")
    with database.writing() as session:
        link, token = authority.links.create(session, duty, room_id="room-1", name="王某", role="speaker")
    assert client.post("/api/v1/links/redeem", json={"link": token}).status_code == 200
    for _ in range(30):
        clock.advance(3600)
        assert json_of(client.post("/auth/refresh", headers=SAME_ORIGIN))["expires_in"] > 11 * 3600
    with database.writing() as session:
        authority.links.revoke(session, duty, link.id)
    assert client.post("/auth/refresh", headers=SAME_ORIGIN).status_code == 401
    client.delete_cookie("fenghuo_guest")
    client.set_cookie("fenghuo_device", "fhd_unknown")
    assert client.post("/auth/refresh", headers=SAME_ORIGIN).status_code == 401


def test_a_screen_pairs_through_the_pages_and_is_the_wall_from_then_on(client: FlaskClient, browser: Browser) -> None:
    assert client.get("/wall/").headers["Location"] == "/wall/pair"
    assert client.get("/wall/pair").status_code == 200
    offer = json_of(client.post("/api/v1/devices/pair", json={}))
    poll = {"device_code": offer["device_code"], "cookie": True}
    assert json_of(client.post("/api/v1/devices/poll", json=poll)) == {"status": "pending"}
    desk = browser(Role.DUTY)
    assert offer["user_code"] in desk.get(offer["verification_uri_complete"]).text
    form = {"code": offer["user_code"], "name": "主屏", "site": "bizhai", "action": "approve"}
    assert "done=approved" in desk.post("/desk/walls/approve", data=form, headers=SAME_ORIGIN).headers["Location"]
    answer = client.post("/api/v1/devices/poll", json=poll)
    assert json_of(answer) == {"status": "approved"}, "the page never sees the token"
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert client.get("/wall/").text == "device"
    assert json_of(client.post("/auth/refresh", headers=SAME_ORIGIN))["expires_in"] > 0


def test_a_program_pairs_through_the_api(client: FlaskClient, authority: Authority) -> None:
    offer = json_of(client.post("/api/v1/devices/pair"))
    token = json_of(client.post("/api/v1/auth/token", json={"name": "duty", "password": PASSWORD}))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"user_code": offer["user_code"], "name": "副屏", "site": "bizhai"}
    device = json_of(client.post("/api/v1/devices/approve", json=body, headers=headers))
    assert (device["name"], device["site"], device["last_seen_at"]) == ("副屏", "bizhai", None)
    given = json_of(client.post("/api/v1/devices/poll", json={"device_code": offer["device_code"]}))
    assert authority.authenticate(given["access_token"]).id == device["id"]
    assert [one["id"] for one in client.get("/api/v1/devices", headers=headers).json or []] == [device["id"]]
    assert client.delete(f"/api/v1/devices/{device['id']}", headers=headers).status_code == 204
    assert client.get("/api/v1/devices", headers=headers).json == []


def test_a_token_in_the_address_is_kept_and_taken_out_of_sight(
    client: FlaskClient, authority: Authority, database: Database
) -> None:
    with database.writing() as session:
        _device, token = authority.devices.add(session, SYSTEM, "主屏")
    answer = client.get(f"/wall/?token={token}&lang=en")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/wall/?lang=en")
    assert client.get("/wall/").text == "device"


def test_a_bad_token_in_the_address_leads_to_pairing_and_never_to_a_login(client: FlaskClient) -> None:
    assert client.get("/wall/?token=fhd_forged").headers["Location"] == "/wall/pair"
    assert client.get("/wall/?token=").headers["Location"] == "/wall/pair"


def test_a_revoked_wall_is_led_to_pairing_and_never_to_a_login(client: FlaskClient, browser: Browser) -> None:
    offer = json_of(client.post("/api/v1/devices/pair", json={}))
    desk = browser(Role.LEADER)
    form = {"code": offer["user_code"], "name": "主屏", "action": "approve"}
    desk.post("/desk/walls/approve", data=form, headers=SAME_ORIGIN)
    client.post("/api/v1/devices/poll", json={"device_code": offer["device_code"], "cookie": True})
    device = (desk.get("/api/v1/devices").json or [])[0]["id"]
    desk.post("/desk/walls/approve", data={"device": device, "action": "revoke"}, headers=SAME_ORIGIN)
    assert client.get("/wall/").headers["Location"] == "/wall/pair"


def test_a_person_who_may_sees_the_wall_too(browser: Browser) -> None:
    assert browser(Role.LEADER).get("/wall/").text == "person"


def test_a_village_cannot_approve_walls(browser: Browser) -> None:
    village = browser(Role.VILLAGE)
    assert village.get("/desk/walls/approve").status_code == 403
    form = {"code": "BCDF-GHJK", "name": "x", "action": "approve"}
    assert village.post("/desk/walls/approve", data=form, headers=SAME_ORIGIN).status_code == 403


def test_an_approval_that_fails_keeps_what_was_typed(client: FlaskClient, browser: Browser, clock: ManualClock) -> None:
    offer = json_of(client.post("/api/v1/devices/pair", json={}))
    desk = browser(Role.DUTY)
    form = {"code": offer["user_code"], "name": "", "action": "approve"}
    answer = desk.post("/desk/walls/approve", data=form, headers=SAME_ORIGIN)
    assert answer.status_code == 422 and offer["user_code"] in answer.text
    clock.advance(PAIRING_LIFE.total_seconds())
    answer = desk.post("/desk/walls/approve", data={**form, "name": "<主屏>"}, headers=SAME_ORIGIN)
    assert answer.status_code == 404 and "&lt;主屏&gt;" in answer.text


def test_the_qr_is_drawn_for_our_own_address_only(client: FlaskClient) -> None:
    answer = client.get("/wall/pair/BCDF-GHJK.svg")
    assert answer.mimetype == "image/svg+xml" and b"<svg" in answer.data
    other = client.get("/wall/pair/https:evil.svg")
    assert other.status_code == 200 and b"evil" not in other.data


def test_a_join_link_is_redeemed_into_one_browser(
    app: object, client: FlaskClient, authority: Authority, database: Database
) -> None:
    principal = authority.logins.open("duty", PASSWORD, None).principal
    tokens = []
    for room in ("room-1", "room-2"):
        with database.writing() as session:
            tokens.append(authority.links.create(session, principal, room_id=room, name="王某", role="speaker")[1])
    body = {"link": tokens[0]}
    first = client.post("/api/v1/links/redeem", json=body)
    assert json_of(first) == {"room": "room-1", "name": "王某", "role": "speaker"}
    assert all("HttpOnly" in cookie for cookie in first.headers.getlist("Set-Cookie"))
    assert client.post("/api/v1/links/redeem", json={"link": tokens[1]}, headers=SAME_ORIGIN).status_code == 200
    again = client.post("/api/v1/links/redeem", json=body, headers=SAME_ORIGIN)
    assert again.status_code == 200, "this browser keeps its first link, though it was another room's guest meanwhile"
    stranger = client.application.test_client().post("/api/v1/links/redeem", json=body)
    assert stranger.status_code == 401 and json_of(stranger)["code"] == "link_refused"


def test_every_page_follows_the_theme_that_was_chosen(client: FlaskClient) -> None:
    assert 'data-theme="light"' in client.get("/login").text
    client.set_cookie("fenghuo_theme", "dark")
    assert 'data-theme="dark"' in client.get("/login").text
    # A value that somebody else wrote is no theme.
    client.set_cookie("fenghuo_theme", '"><script>')
    assert 'data-theme="light"' in client.get("/login").text
