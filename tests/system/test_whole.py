"""What holds for the whole of it: every way in declares its permission, every error and journal entry has words, no page asks another host."""

import re
from pathlib import Path
from typing import get_args

import pytest

from auth.permissions import Permission
from dashboard.messages import LANGUAGES, text
from fenghuo.web import Web
from foundation.settings import Settings
from tests.browser import Watched
from tests.serving import ADMIN, Served
from tests.system.test_killed import wall_token

ROOT = Path(__file__).parents[2]
CODE = ("fenghuo", "dashboard", "conference", "operations", "auth", "foundation")
PEOPLE_ERRORS = re.compile(r'(?:UserError|NotFound|Conflict|TooMany|Unavailable)\(\s*"([a-z_0-9]+)"')
KINDS = re.compile(r'"((?:incident|resource|duty|station|sensor|site|room|task)\.[a-z_]+)"')
NOT_FOR_PEOPLE = frozenset(get_args(Permission)) | {
    "room.busy",
    "room.offer",
    "room.want",
    "room.freezes",
    "room.grants",
    "room.ice",
    "room.leave",
    "room.close",
    "room.json",
    "room.html",
}
ONLY_COMMAND_LINE = frozenset(
    {
        "bad_mqtt_url",
        "media_host_unknown",
        "not_embedded",
        "schema_missing",
        "schema_newer",
        "schema_old",
        "tls_unusable",
    }
)
"""Operators read these in a terminal, in English, with their detail."""


def sources() -> list[str]:
    return [path.read_text("utf-8") for folder in CODE for path in (ROOT / folder).rglob("*.py")]


def test_every_route_callback_and_event_of_the_real_application_declares_its_permission(settings: Settings) -> None:
    web = Web(settings)
    web.start()
    try:
        assert web.gate.undeclared() == []
        assert {entry.kind for entry in web.gate.inventory()} >= {"route", "event"}
    finally:
        web.close()


def test_a_mode_that_cannot_be_read_is_unknown_and_not_peace(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = Web(settings)
    try:
        assert web.system()["mode"] == "peace"
        monkeypatch.setattr(web.database, "probe", lambda: "failed")
        assert web.system()["mode"] is None
    finally:
        monkeypatch.undo()
        web.signalling.start()
        web.feed.start()
        web.close()


def test_every_permission_is_asked_somewhere() -> None:
    """A permission that nothing asks promises a protection that is not there."""
    table = (ROOT / "auth/permissions.py").read_text("utf-8")
    asked = "".join(source for source in sources() if source != table)
    assert [permission for permission in get_args(Permission) if f'"{permission}"' not in asked] == []


def test_the_description_of_the_api_names_every_way_in_with_its_permission(settings: Settings) -> None:
    web = Web(settings)
    try:
        document = web.app.test_client().get("/api/v1/openapi.json").get_json()
        ways = {
            (method, path.replace("<", "{").replace(">", "}")): rule and rule.needs
            for method, path, rule in web.gate.ways("/api/v1")
            if path != "/api/v1/openapi.json"
        }
    finally:
        web.close()
    described = {
        (method.upper(), path): entry.get("x-permission")
        for path, entries in document["paths"].items()
        for method, entry in entries.items()
    }
    assert described == ways


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_error_that_a_person_can_see_has_words(lang: str) -> None:
    wanted = {code for source in sources() for code in PEOPLE_ERRORS.findall(source)} - ONLY_COMMAND_LINE
    missing = []
    for code in sorted(wanted):
        try:
            text(lang, f"error.{code}")  # type: ignore[arg-type]
        except KeyError:
            missing.append(code)
    assert missing == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_of_journal_entry_that_the_feed_tells_has_words(lang: str) -> None:
    wanted = {kind for source in sources() for kind in KINDS.findall(source)} - NOT_FOR_PEOPLE
    missing = []
    for kind in sorted(wanted):
        try:
            text(lang, f"journal.{kind}")  # type: ignore[arg-type]
        except KeyError:
            missing.append(kind)
    assert missing == []


def test_no_page_asks_another_host_or_complains(served: Served, browser: Watched) -> None:
    page = browser.page()
    page.goto(f"{served.url}/wall?token={wall_token(served)}")
    page.wait_for_selector('[data-tile="incidents-open"][data-state="fresh"]', state="attached")
    page.goto(f"{served.url}/")
    page.goto(f"{served.url}/wall/pair")
    page.goto(f"{served.url}/login?next=/desk/")
    page.fill('input[name="name"]', ADMIN[0])
    page.fill('input[name="password"]', ADMIN[1])
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/**")
    page.wait_for_load_state("networkidle")
    room = served.call("POST", "/api/v1/rooms", {"title": "会商"})[1]
    page.goto(f"{served.url}/rooms/{room['id']}")
    page.wait_for_selector('[data-action="join"]')
    page.wait_for_load_state("networkidle")
    assert browser.strangers() == set()
    assert browser.complaints == []
