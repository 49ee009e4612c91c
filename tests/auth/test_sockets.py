"""The gate's Socket.IO side, with Flask-SocketIO's own test client."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIO, SocketIOTestClient

from auth.authority import Authority
from auth.permissions import Role
from auth.principal import Principal
from conference.nodes import Nodes
from dashboard.gate import Gate
from foundation.clock import ManualClock
from foundation.errors import NotFound
from foundation.settings import Settings
from tests.auth.conftest import PASSWORD

Browser = Callable[[Role], FlaskClient]
FEED = "/feed"


@pytest.fixture
def feed(app: Flask, gate: Gate, socketio: SocketIO) -> SocketIO:
    def answer(principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        if payload.get("fail") == "ours":
            raise RuntimeError("inside")
        if payload.get("fail"):
            raise NotFound("incident_unknown")
        return {"name": principal.name}

    gate.on_connect(socketio, FEED, needs="feed.read")
    gate.on(socketio, "who", FEED, needs="feed.read", handler=answer)
    gate.on(socketio, "open", FEED, needs="incident.create", handler=answer)
    return socketio


def connected(
    socketio: SocketIO, app: Flask, http: FlaskClient | None = None, token: object = None, **headers: str
) -> SocketIOTestClient:
    auth = None if token is None else {"token": token}
    return socketio.test_client(app, namespace=FEED, auth=auth, headers=headers, flask_test_client=http)


def ask(client: SocketIOTestClient, event: str, *payload: object) -> Any:
    return client.emit(event, *payload, namespace=FEED, callback=True)


def test_a_page_connects_with_its_cookie(feed: SocketIO, app: Flask, browser: Browser) -> None:
    client = connected(feed, app, browser(Role.DUTY), Origin="http://localhost")
    assert client.is_connected(FEED)
    assert ask(client, "who", {}) == {"name": "duty"}
    assert ask(client, "who") == {"name": "duty"}, "no payload is an empty one"


def test_a_program_connects_with_its_token(feed: SocketIO, app: Flask, authority: Authority) -> None:
    token = authority.logins.open("leader", PASSWORD, None).access_token
    assert ask(connected(feed, app, token=token), "who", {}) == {"name": "leader"}


@pytest.mark.parametrize("token", [None, "forged", "fhd_forged", 5, ["x"]])
def test_nobody_connects_without_a_proof(feed: SocketIO, app: Flask, token: object) -> None:
    assert not connected(feed, app, token=token).is_connected(FEED)


def test_another_sites_page_cannot_connect_with_our_users_cookie(feed: SocketIO, app: Flask, browser: Browser) -> None:
    assert not connected(feed, app, browser(Role.DUTY), Origin="http://evil.example").is_connected(FEED)


def test_each_event_asks_for_its_own_permission(feed: SocketIO, app: Flask, browser: Browser) -> None:
    expert = connected(feed, app, browser(Role.EXPERT), Origin="http://localhost")
    refusal = ask(expert, "open", {})
    assert refusal == {"error": {"code": "forbidden", "message": "您没有这项权限。"}}


@pytest.mark.parametrize("payload", ["text", 5, [], None, {"x": b"bytes"}, {"x": "y" * 100_000}])
def test_a_payload_that_is_no_small_object_is_refused(
    feed: SocketIO, app: Flask, browser: Browser, payload: object
) -> None:
    client = connected(feed, app, browser(Role.DUTY), Origin="http://localhost")
    assert ask(client, "who", payload)["error"]["code"] == "bad_request"
    assert ask(client, "who", {}) == {"name": "duty"}, "the connection lives on"


def test_errors_are_acknowledged_and_tell_nothing_of_the_inside(feed: SocketIO, app: Flask, browser: Browser) -> None:
    client = connected(feed, app, browser(Role.DUTY), Origin="http://localhost")
    assert ask(client, "who", {"fail": "theirs"})["error"]["code"] == "incident_unknown"
    ours = ask(client, "who", {"fail": "ours"})
    assert ours["error"]["code"] == "internal" and "inside" not in repr(ours)


def test_a_connection_outlives_its_access_token_but_not_its_login(
    feed: SocketIO, app: Flask, browser: Browser, authority: Authority, clock: ManualClock
) -> None:
    http = browser(Role.DUTY)
    client = connected(feed, app, http, Origin="http://localhost")
    clock.advance(3600)
    assert ask(client, "who", {}) == {"name": "duty"}
    refresh = http.get_cookie("fenghuo_refresh")
    assert refresh is not None
    authority.logins.close(refresh.value)
    clock.advance(16)
    assert ask(client, "who", {})["error"]["code"] == "unauthenticated"
    assert not client.is_connected(FEED)


def test_only_our_processes_dial_in_as_nodes(
    app: Flask, gate: Gate, socketio: SocketIO, clock: ManualClock, settings: Settings
) -> None:
    nodes = Nodes(socketio, clock)
    clock.advance(60)
    gate.socket_namespace(socketio, "/nodes", nodes)
    token = (settings.home / "secrets" / "node").read_text()
    hello = {"kind": "worker", "node": "worker-1", "version": "0.1.0"}
    stranger = socketio.test_client(app, namespace="/nodes", auth={**hello, "token": "forged"})
    assert not stranger.is_connected("/nodes")
    nameless = socketio.test_client(app, namespace="/nodes", auth={"token": token})
    assert not nameless.is_connected("/nodes")
    node = socketio.test_client(app, namespace="/nodes", auth={**hello, "token": token})
    assert node.is_connected("/nodes")
    assert nodes.system_state()["worker"]["state"] == "up"
    node.emit("ingest", {"state": "stopped", "reason": "disk_full"}, namespace="/nodes")
    assert nodes.system_state()["ingest"]["reason"] == "disk_full"
    node.disconnect(namespace="/nodes")
    assert nodes.system_state()["worker"]["state"] == "down"
    assert not [entry for entry in gate.undeclared() if entry.kind == "event"]
