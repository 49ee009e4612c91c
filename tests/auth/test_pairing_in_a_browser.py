"""A real browser pairs as a wall while a person approves it with the keyboard, over a restart of the server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import BaseWSGIServer, make_server

import dashboard
from auth.authority import Authority
from auth.people import Person
from auth.permissions import Role
from dashboard.gate import Gate
from dashboard.headers import protect
from dashboard.login import create_login
from dashboard.pairing import create_pairing
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.settings import Settings
from tests.auth.conftest import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


def make_app(database: Database, clock: ManualClock, settings: Settings) -> Flask:
    """What a fresh process would make: everything from the database and the data folder."""
    assets = Path(dashboard.__file__).parent / "assets"
    app = Flask("fenghuo-test", static_folder=str(assets), static_url_path="/assets")
    gate = Gate(app, Authority(database, clock, settings.home), settings)
    app.register_blueprint(create_login(gate, settings))
    app.register_blueprint(create_pairing(gate, settings))
    app.add_url_rule("/wall/", "wall", lambda: f"<h1>wall of {gate.principal().name}</h1>")
    protect(app, ())
    return app


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[BaseWSGIServer]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def watched(browser: Browser, complaints: list[str]) -> Page:
    page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    return page


def focused(page: Page, field: str) -> None:
    """Wait until the page has put the cursor into the field."""
    page.wait_for_function("field => document.activeElement.id === field", arg=field)


@pytest.mark.slow
def test_a_wall_is_paired_with_the_keyboard_alone_over_a_restart(
    chromium: Browser, database: Database, clock: ManualClock, settings: Settings, people: dict[Role, Person]
) -> None:
    complaints: list[str] = []
    wall, desk = watched(chromium, complaints), watched(chromium, complaints)
    with serving(make_app(database, clock, settings)) as server:
        port = server.server_port
        address = f"http://127.0.0.1:{port}"
        wall.goto(f"{address}/wall/")
        wall.wait_for_function("document.querySelector('[data-pair=code]').textContent.includes('-')")
        code = wall.inner_text("[data-pair=code]")
        wall.wait_for_function("document.querySelector('[data-pair=qr]').naturalWidth > 0")
    wall.wait_for_selector("[data-pair=state][data-kind=lost]")
    with serving(make_app(database, clock, settings), port):
        wall.wait_for_selector("[data-pair=state][data-kind=waiting]")
        assert wall.inner_text("[data-pair=code]") == code, "the code outlives the server"
        desk.goto(f"{address}/desk/walls/approve?code={code}")
        assert desk.url.startswith(f"{address}/login?next=")
        focused(desk, "name")
        desk.keyboard.type("duty")
        desk.keyboard.press("Tab")
        desk.keyboard.type("wrong")
        desk.keyboard.press("Enter")
        desk.wait_for_selector("#login-error")
        focused(desk, "password")
        desk.keyboard.type(PASSWORD)
        desk.keyboard.press("Enter")
        desk.wait_for_url("**/desk/walls/approve?code=*")
        focused(desk, "name")
        assert desk.input_value("#code") == code
        desk.keyboard.type("指挥室主屏")
        desk.keyboard.press("Enter")
        desk.wait_for_url("**done=approved")
        wall.wait_for_url(f"{address}/wall/")
        assert wall.inner_text("h1") == "wall of 指挥室主屏"
        assert wall.evaluate("document.cookie") == "", "no script sees the token"
    assert complaints == []
