"""The gate: nothing answers that declared nothing, other sites' pages cannot act, refusals look as they should."""

from collections.abc import Callable

import pytest
from dash import Dash, Input, Output, html
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIO

from auth.authority import Authority
from auth.permissions import Role
from auth.principal import SYSTEM
from dashboard.gate import Gate
from dashboard.origins import local_path
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Conflict, ProtocolError, TooMany, Unavailable
from foundation.settings import Settings
from tests.auth.conftest import PASSWORD, SAME_ORIGIN

Browser = Callable[[Role], FlaskClient]


def bearer(authority: Authority, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {authority.logins.open(name, PASSWORD, '192.0.2.1').access_token}"}


# --- deny by default


def test_a_route_that_declares_nothing_is_refused_even_to_the_administrator(browser: Browser) -> None:
    answer = browser(Role.ADMIN).get("/forgotten")
    assert answer.status_code == 403
    assert "nobody should see this" not in answer.text


def test_the_inventory_names_what_declares_nothing(gate: Gate, socketio: SocketIO) -> None:
    @socketio.on("careless", namespace="/feed")  # type: ignore[untyped-decorator]
    def careless(_payload: object) -> None:
        """Declares nothing."""

    gate.on(socketio, "careful", "/feed", needs="feed.read", handler=lambda _principal, _payload: {})
    assert [entry.name for entry in gate.undeclared()] == ["/feed careless", "/forgotten (forgotten)"]


def test_the_inventory_knows_dash_pages_and_their_callbacks(app: Flask, gate: Gate) -> None:
    dash_app = Dash("mounted", server=app, url_base_pathname="/duty/")  # type: ignore[arg-type]
    dash_app.layout = html.Div([html.Div(id="a"), html.Div(id="b"), html.Div(id="c")])

    @dash_app.callback(Output("b", "children"), Input("a", "children"))
    @gate.callback_needs("incident.create")
    def good(value: str) -> str:
        return value

    @dash_app.callback(Output("c", "children"), Input("a", "children"))
    def careless(value: str) -> str:
        return value

    assert any(entry.name.startswith("/duty/ (") for entry in gate.undeclared()), "not mounted yet"
    gate.mount("/duty/", needs="desk.use")
    careless_ones = [entry.name for entry in gate.undeclared() if "duty" in entry.name]
    assert careless_ones == ["/duty/ c.children"]


def test_a_permission_that_does_not_exist_cannot_be_declared(gate: Gate, socketio: SocketIO) -> None:
    for declare in (
        lambda: gate.needs("incident.craete"),  # type: ignore[arg-type]
        lambda: gate.on(socketio, "x", "/feed", needs="nothing", handler=lambda _p, _q: {}),  # type: ignore[arg-type]
        lambda: gate.public(""),
    ):
        with pytest.raises(ValueError):
            declare()


# --- who


def test_who_is_not_logged_in_is_sent_to_the_login_and_back(client: FlaskClient) -> None:
    answer = client.get("/desk/?incident=7&tab=2")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login?next=%2Fdesk%2F%3Fincident%3D7%26tab%3D2"


def test_a_program_that_is_not_logged_in_gets_a_problem(client: FlaskClient) -> None:
    answer = client.post("/api/v1/things")
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json is not None and answer.json["code"] == "unauthenticated" and answer.json["status"] == 401


def test_bad_expired_and_missing_proofs_get_one_same_answer(
    client: FlaskClient, authority: Authority, clock: ManualClock
) -> None:
    expired = bearer(authority, "duty")
    clock.advance(901)
    headers = [
        {},
        expired,
        {"Authorization": "Bearer forged"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer fhd_forged"},
    ]
    answers = {client.post("/api/v1/things", headers=each).text for each in headers}
    assert len(answers) == 1


def test_a_role_without_the_permission_is_refused_without_a_reason(client: FlaskClient, authority: Authority) -> None:
    answer = client.post("/api/v1/things", headers=bearer(authority, "expert"))
    assert answer.status_code == 403
    assert answer.json == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "您没有这项权限。",
        "code": "forbidden",
    }


def test_a_bearer_is_not_helped_out_by_a_cookie(browser: Browser) -> None:
    answer = browser(Role.DUTY).post("/api/v1/things", headers={"Authorization": "Bearer forged"})
    assert answer.status_code == 401


def test_a_device_token_is_a_bearer_too(client: FlaskClient, authority: Authority, database: Database) -> None:
    with database.writing() as session:
        _device, token = authority.devices.add(session, SYSTEM, "主屏")
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/wall/", headers=headers).text == "device"
    assert client.post("/api/v1/things", headers=headers).status_code == 403
    assert client.get("/desk/", headers=headers).status_code == 403


def test_a_page_renews_its_login_by_itself(browser: Browser, clock: ManualClock) -> None:
    client = browser(Role.DUTY)
    clock.advance(901)
    client.delete_cookie("fenghuo_access")
    first = client.get("/desk/?tab=2")
    assert first.headers["Location"] == "/auth/renew?next=%2Fdesk%2F%3Ftab%3D2"
    assert client.get("/desk/?tab=2", follow_redirects=True).text == "duty"


def test_a_renewal_that_fails_ends_at_the_login_and_not_in_a_circle(browser: Browser, clock: ManualClock) -> None:
    client = browser(Role.DUTY)
    clock.advance(13 * 3600)
    answer = client.get("/desk/", follow_redirects=True)
    assert answer.request.path == "/login"
    assert len(answer.history) == 2
    assert client.get_cookie("fenghuo_refresh") is None


def test_a_forged_cookie_is_no_proof_but_does_not_hide_a_good_one(
    client: FlaskClient, authority: Authority, database: Database
) -> None:
    with database.writing() as session:
        _device, token = authority.devices.add(session, SYSTEM, "主屏")
    client.set_cookie("fenghuo_access", "forged")
    assert client.get("/desk/").status_code == 303
    client.set_cookie("fenghuo_device", token)
    assert client.get("/wall/").text == "device"


# --- other sites

EVIL = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:8081"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "javascript:alert(1)"},
    {"Origin": "http://[broken"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {},
]


@pytest.mark.parametrize("headers", EVIL)
def test_another_sites_page_cannot_act_for_our_user(browser: Browser, headers: dict[str, str]) -> None:
    client = browser(Role.DUTY)
    assert client.post("/api/v1/things", headers=headers).status_code == 403
    assert client.post("/logout", headers=headers).status_code == 403
    assert client.get("/desk/").status_code == 200, "still logged in"


def test_a_proxy_that_changes_the_host_is_told_what_to_set(browser: Browser) -> None:
    answer = browser(Role.DUTY).post(
        "/api/v1/things", headers={"Origin": "https://county.example", "Host": "localhost"}
    )
    assert answer.json is not None
    assert answer.json["code"] == "cross_origin" and "FENGHUO_PUBLIC_URL" in answer.json["detail"]


@pytest.mark.parametrize("headers", [each for each in EVIL if each])
def test_another_sites_page_cannot_log_our_user_in_as_somebody_else(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    answer = client.post("/login", data={"name": "duty", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert client.get_cookie("fenghuo_access") is None


@pytest.mark.parametrize("headers", [SAME_ORIGIN, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost:80"}])
def test_our_own_pages_can(browser: Browser, headers: dict[str, str]) -> None:
    assert browser(Role.DUTY).post("/api/v1/things", headers=headers).json == {"by": "duty"}


def test_the_public_address_behind_a_proxy_is_our_own(authority: Authority, database: Database) -> None:
    settings = Settings(public_url="https://yingji.example")
    app = Flask("behind-a-proxy")
    gate = Gate(app, authority, settings)
    app.add_url_rule("/x", "x", gate.public("a test")(lambda: "done"), methods=["POST"])
    client = app.test_client()
    client.set_cookie("fenghuo_access", "x")
    assert client.post("/x", headers={"Origin": "https://yingji.example"}).status_code == 200
    assert client.post("/x", headers={"Origin": "http://yingji.example"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        None,
        "/" + "x" * 2000,
        " /x",
    ],
)
def test_the_login_leads_to_no_other_site(path: str | None) -> None:
    assert local_path(path) == "/"


def test_the_login_leads_back_to_a_page_of_ours(client: FlaskClient) -> None:
    data = {"name": "duty", "password": PASSWORD, "next": "/desk/?incident=7"}
    assert client.post("/login", data=data, headers=SAME_ORIGIN).headers["Location"] == "/desk/?incident=7"


# --- what refusals look like


@pytest.mark.parametrize(
    ("error", "status", "params"),
    [
        (Conflict("name_taken", name="duty"), 409, {"name": "duty"}),
        (ProtocolError("bad_request", field="after"), 400, {"field": "after"}),
        (Unavailable("no_node", secret="not for you"), 503, None),
        (TooMany("too_many", retry_after_s=7), 429, {"retry_after_s": 7}),
        (Conflict("a_code_without_text"), 409, None),
        (RuntimeError("inside"), 500, None),
    ],
)
def test_errors_become_problems_for_programs_and_pages_for_people(
    app: Flask, gate: Gate, error: Exception, status: int, params: dict[str, object] | None
) -> None:
    def fail() -> str:
        raise error

    view = gate.public("a test")(fail)
    app.add_url_rule("/api/fail", "api_fail", view)
    app.add_url_rule("/page/fail", "page_fail", view)
    answer = app.test_client().get("/api/fail")
    assert answer.status_code == status and answer.content_type == "application/problem+json"
    assert answer.json is not None and answer.json.get("params") == params
    assert answer.json["detail"] and "{" not in answer.json["detail"]
    assert "inside" not in answer.text and "not for you" not in answer.text
    if status == 429:
        assert answer.headers["Retry-After"] == "7"
    for lang in ("zh", "en"):
        page = app.test_client().get(f"/page/fail?lang={lang}", headers={"Accept": "text/html"})
        assert page.status_code == status and page.content_type.startswith("text/html")
    assert "That did not work" in page.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/x", 404), ("GET", "/api/v1/things", 405)])
def test_what_is_not_there_is_a_problem_too(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status and answer.content_type == "application/problem+json"


def test_a_page_that_is_not_there_says_so_in_the_readers_language(client: FlaskClient) -> None:
    assert "没有找到" in client.get("/nothing").text
    client.get("/login?lang=en")
    assert "Not found" in client.get("/nothing").text


def test_a_failing_callback_permission_is_a_problem(app: Flask, gate: Gate, browser: Browser) -> None:
    dash_app = Dash("permitted", server=app, url_base_pathname="/duty/")  # type: ignore[arg-type]
    dash_app.layout = html.Div([html.Div(id="a"), html.Div(id="b")])
    ran: list[str] = []

    @dash_app.callback(Output("b", "children"), Input("a", "children"))
    @gate.callback_needs("people.manage")
    def manage(value: str) -> str:
        ran.append(value)
        return value

    gate.mount("/duty/", needs="desk.use", dash_app=dash_app)
    body = {
        "output": "b.children",
        "outputs": {"id": "b", "property": "children"},
        "inputs": [{"id": "a", "property": "children", "value": "x"}],
        "changedPropIds": ["a.children"],
    }
    answers = [
        browser(role).post("/duty/_dash-update-component", json=body, headers=SAME_ORIGIN).status_code
        for role in (Role.DUTY, Role.ADMIN)
    ]
    assert answers == [403, 200] and ran == ["x"]
    assert app.test_client().post("/duty/_dash-update-component", json=body).status_code == 401
    assert browser(Role.ADMIN).post("/duty/_dash-update-component", json=body, headers=EVIL[0]).status_code == 403


@pytest.mark.parametrize("path", ["auth/token", "auth/refresh", "auth/logout", "links/redeem", "devices/poll"])
@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"a":' * 5_000, "{", "\udcff", ""], ids=["lists", "objects", "open", "bytes", "none"]
)
def test_a_body_that_is_no_small_json_object_is_the_sender_s_mistake(client: FlaskClient, path: str, body: str) -> None:
    content = body.encode("utf-8", "surrogateescape")[:16_000]
    answer = client.post(f"/api/v1/{path}", data=content, content_type="application/json")
    assert answer.status_code == 422 and answer.json is not None and answer.json["code"] == "bad_request"


def test_who_cannot_be_served_now_is_told_when_to_ask_again(gate: Gate, app: Flask) -> None:
    with app.test_request_context("/api/v1/things"):
        answer = gate.problems.answer(Unavailable("database_failed"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_file_that_is_none_of_dash_s_is_not_found(app: Flask, gate: Gate, browser: Browser) -> None:
    dash_app = Dash("mounted", server=app, url_base_pathname="/desk/dash/")  # type: ignore[arg-type]
    dash_app.layout = html.Div()
    gate.mount("/desk/dash/", needs="desk.use", dash_app=dash_app)
    assert browser(Role.DUTY).get("/desk/dash/_dash-component-suites/os/os.py").status_code == 404
