"""The feed of a running system, through a real Socket.IO client: order, resume, ticks, and clients that do not read."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import socketio

from tests.serving import Served

NAMESPACE = "/feed"


class Page:
    """A page of the feed, as plain as can be: what it was told, in order."""

    def __init__(self, served: Served, token: str | None = None) -> None:
        self._client = socketio.Client(reconnection=False)
        self._changed = threading.Condition()
        self.events: list[dict[str, Any]] = []
        self.prevs: list[int] = []
        self.ticks: list[dict[str, Any]] = []
        self._client.on("journal", self._journal, namespace=NAMESPACE)
        self._client.on("tick", self._tick, namespace=NAMESPACE)
        self._client.connect(
            served.url, namespaces=[NAMESPACE], transports=["websocket"], auth={"token": token or served.token()}
        )

    def _journal(self, message: dict[str, Any]) -> None:
        with self._changed:
            self.prevs.append(message["prev"])
            self.events += message["events"]
            self._changed.notify_all()

    def _tick(self, message: dict[str, Any]) -> None:
        with self._changed:
            self.ticks.append(message)
            self._changed.notify_all()

    def subscribe(self, topics: list[str], after: int | None = None) -> dict[str, Any]:
        """Subscribe; the acknowledgement."""
        answer: dict[str, Any] = self._client.call(
            "subscribe", {"topics": topics, "after": after}, namespace=NAMESPACE, timeout=10
        )
        return answer

    def wait(self, ready: Any, seconds: float = 10.0) -> None:
        """Wait until `ready()` is true."""
        with self._changed:
            assert self._changed.wait_for(ready, seconds)

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()


@pytest.fixture
def page(served: Served) -> Iterator[Page]:
    """A connected page."""
    one = Page(served)
    yield one
    one.close()


def report(served: Served, title: str = "t") -> str:
    status, made = served.call("POST", "/api/v1/incidents", {"title": title, "class": "natural", "level": 4})
    assert status == 201
    return str(made["id"])


def test_a_page_gets_the_whole_state_then_each_event_once_in_order(served: Served, page: Page) -> None:
    answer = page.subscribe(["incidents", "readings", "system"])
    assert len(answer["snapshot"]["readings"]) > 30
    assert answer["snapshot"]["system"]["database"] == "ok"
    made = [report(served) for _ in range(20)]
    page.wait(lambda: len(page.events) >= 20)
    assert [event["subject"] for event in page.events] == made
    ids = [event["id"] for event in page.events]
    assert ids == sorted(set(ids))
    assert page.prevs[0] <= answer["cursor"] and all(event["state"]["status"] == "open" for event in page.events)


def test_a_page_that_was_away_gets_exactly_what_it_missed(served: Served, page: Page) -> None:
    cursor = page.subscribe(["incidents"])["cursor"]
    made = [report(served) for _ in range(5)]
    other = Page(served)
    answer = other.subscribe(["incidents", "readings"], cursor)
    other.close()
    assert [event["subject"] for event in answer["missed"]] == made
    assert answer["snapshot"]["incidents"] is None and answer["snapshot"]["readings"]


def test_a_village_is_told_of_its_own_site_and_of_what_is_common_and_of_nothing_else(served: Served) -> None:
    password = "a long enough password"
    for name, role, site in (("of-bizhai", "village", "bizhai"), ("of-county", "upper", None)):
        person = {"name": name, "password": password, "role": role, "site": site}
        status = served.call("POST", "/api/v1/people", person)[0]
        assert status == (201 if role == "village" else 422), "the county is a platform, not a person"
    token = served.log_in("of-bizhai", password)
    topics = ["incidents", "resources", "tasks", "journal", "sites", "readings", "duty", "rooms", "system"]
    village = Page(served, token)
    cursor = village.subscribe(topics)["cursor"]
    made = {}
    for site in ("bizhai", "baida", None):
        incident = {"title": f"of {site}", "class": "natural", "level": 4, "site": site}
        made[site] = served.call("POST", "/api/v1/incidents", incident)[1]["id"]
    village.wait(lambda: any(event["subject"] == made[None] for event in village.events))
    again = Page(served, token)
    missed = again.subscribe(topics, cursor)["missed"]
    snapshot = again.subscribe(topics)["snapshot"]
    for events in (village.events, missed, snapshot["journal"], served.call("GET", "/api/v1/journal", token=token)[1]):
        seen = {event["subject"] for event in events}
        assert made["baida"] not in seen
        assert {event["site"] for event in events if event["topic"] == "incidents"} <= {"bizhai", None}
    for events in (village.events, missed, snapshot["journal"]):
        assert {made["bizhai"], made[None]} <= {event["subject"] for event in events}
    listed = served.call("GET", "/api/v1/incidents", token=token)[1]
    for incidents in (snapshot["incidents"].values(), listed):
        assert {made["bizhai"], made[None]} <= {incident["id"] for incident in incidents}
        assert {incident["site"] for incident in incidents} == {"bizhai", None}
    resources = served.call("GET", "/api/v1/resources", token=token)[1]
    assert {resource["site"] for resource in resources} <= {"bizhai", None}
    assert set(snapshot["resources"]) == {resource["id"] for resource in resources}
    assert len({state["station"]["site"] for state in snapshot["readings"].values()}) > 1, "a gauge upstream is common"
    assert len(snapshot["sites"]) > 2
    assert served.call("GET", f"/api/v1/incidents/{made['baida']}", token=token)[0] == 404
    assert served.call("PATCH", f"/api/v1/incidents/{made['baida']}", {"level": 1}, token=token)[0] == 404
    village.close()
    again.close()


def test_a_page_from_another_life_gets_a_new_snapshot(page: Page) -> None:
    answer = page.subscribe(["incidents"], 10**9)
    assert answer["missed"] == [] and isinstance(answer["snapshot"]["incidents"], dict)


def test_readings_come_in_one_tick_a_second(served: Served, page: Page) -> None:
    page.subscribe(["readings"])
    page.wait(lambda: len(page.ticks) >= 1)
    at = time.time_ns() // 1_000_000
    rows = [{"sensor": "bizhai-flow", "at": at + step, "value": float(step)} for step in range(5)]
    rows.append({"sensor": "bizhai-wind", "at": at, "value": 3.0})
    assert served.call("POST", "/api/v1/readings", rows)[0] == 200
    page.wait(lambda: any("bizhai-wind" in tick["readings"] for tick in page.ticks), 3)
    tick = next(tick for tick in page.ticks if "bizhai-wind" in tick["readings"])
    assert tick["readings"]["bizhai-flow"] == [[at + step, float(step), 0] for step in range(5)]
    page.wait(lambda: len(page.ticks) >= 4)
    gaps = [(later["now"] - earlier["now"]) / 1000 for earlier, later in zip(page.ticks, page.ticks[1:], strict=False)]
    assert all(0.5 < gap < 1.5 for gap in gaps[-2:])


@pytest.mark.parametrize(
    "payload", [{"topics": ["secrets"]}, {"topics": []}, {}, {"topics": ["sites"], "after": "x"}, {"topics": "sites"}]
)
def test_a_wrong_subscription_is_refused_with_a_reason(page: Page, payload: dict[str, Any]) -> None:
    answer = page._client.call("subscribe", payload, namespace=NAMESPACE, timeout=10)
    assert answer["error"]["code"] == "bad_request"


def test_nobody_listens_without_a_token(served: Served) -> None:
    client = socketio.Client(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(served.url, namespaces=[NAMESPACE], transports=["websocket"], auth={"token": "fhd_none"})


def test_a_client_that_does_not_read_is_closed_and_the_others_go_on(served: Served, page: Page) -> None:
    from benchmarks.feed import deafen

    page.subscribe(["readings", "incidents", "journal"])
    deaf = deafen(served.port, {"token": served.token()})
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    before = len(page.ticks)
    page.wait(lambda: len(page.ticks) >= before + 3)
    deaf.close()
