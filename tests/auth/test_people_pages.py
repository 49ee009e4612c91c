"""The page where logins are given and taken, the page of one's own password, and the API of the latter."""

import re
from collections.abc import Callable

from flask.testing import FlaskClient

from auth.people import Person, find_by_name
from auth.permissions import Role
from foundation.database import Database
from tests.auth.conftest import PASSWORD, SAME_ORIGIN

Browser = Callable[[Role], FlaskClient]
NEW = "another good password"


def log_in(client: FlaskClient, name: str, password: str) -> int:
    return client.post("/login", data={"name": name, "password": password}, headers=SAME_ORIGIN).status_code


def test_an_account_is_made_with_a_password_that_is_shown_once(
    browser: Browser, client: FlaskClient, people: dict[Role, Person]
) -> None:
    admin = browser(Role.ADMIN)
    said = {"action": "add", "name": "wang", "display_name": "王村长", "role": "village", "site": "bizhai"}
    page = admin.post("/people", data=said, headers=SAME_ORIGIN)
    assert page.status_code == 200
    found = re.search(r"people__made\">([^<]+)<", page.text)
    assert found is not None
    assert found[1] not in admin.get("/people").text
    assert log_in(client, "wang", found[1]) == 303


def test_a_mistake_is_named_and_what_was_typed_stays(browser: Browser, people: dict[Role, Person]) -> None:
    said = {"action": "add", "name": "duty", "display_name": "李<b>", "role": "duty"}
    page = browser(Role.ADMIN).post("/people", data=said, headers=SAME_ORIGIN)
    assert page.status_code == 409
    assert "“duty”已被使用" in page.text and "李&lt;b&gt;" in page.text


def test_a_login_is_taken_given_back_and_gets_a_new_password(
    browser: Browser, client: FlaskClient, people: dict[Role, Person]
) -> None:
    admin, person = browser(Role.ADMIN), people[Role.DUTY].id
    admin.post("/people", data={"action": "deactivate", "person": person}, headers=SAME_ORIGIN)
    assert log_in(client, "duty", PASSWORD) == 401
    admin.post("/people", data={"action": "reactivate", "person": person}, headers=SAME_ORIGIN)
    admin.post("/people", data={"action": "password", "person": person, "password": NEW}, headers=SAME_ORIGIN)
    assert log_in(client, "duty", PASSWORD) == 401
    assert log_in(client, "duty", NEW) == 303


def test_only_who_manages_people_sees_them(browser: Browser) -> None:
    for role in (Role.COMMANDER, Role.DUTY, Role.VILLAGE):
        assert browser(role).get("/people").status_code == 403


def test_everybody_changes_their_own_password_and_stays_logged_in(
    browser: Browser, client: FlaskClient, database: Database
) -> None:
    field = browser(Role.FIELD)
    wrong = field.post("/password", data={"old": "wrong", "new": NEW, "again": NEW}, headers=SAME_ORIGIN)
    assert wrong.status_code == 422 and "现在的密码不对" in wrong.text
    differ = field.post("/password", data={"old": PASSWORD, "new": NEW, "again": "x"}, headers=SAME_ORIGIN)
    assert differ.status_code == 422 and "不一致" in differ.text
    done = field.post("/password", data={"old": PASSWORD, "new": NEW, "again": NEW}, headers=SAME_ORIGIN)
    assert done.status_code == 303
    assert "密码已修改" in field.get(done.headers["Location"]).text
    assert log_in(client, "field", NEW) == 303
    with database.reading() as session:
        person = find_by_name(session, "field")
    assert person is not None and person.active


def test_a_program_that_changes_its_password_gets_new_tokens(client: FlaskClient) -> None:
    tokens = client.post("/api/v1/auth/token", json={"name": "duty", "password": PASSWORD}).get_json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    refused = client.post("/api/v1/auth/password", json={"old": "wrong", "new": NEW}, headers=bearer)
    assert (refused.status_code, refused.get_json()["code"]) == (422, "old_password_wrong")
    fresh = client.post("/api/v1/auth/password", json={"old": PASSWORD, "new": NEW}, headers=bearer).get_json()
    answer = client.post("/api/v1/auth/refresh", json={"refresh_token": fresh["refresh_token"]})
    assert answer.status_code == 200
