"""The HTTP API of a running system: what it gives, and what bad input gets."""

import time
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tests.serving import ADMIN, Served


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_an_incident_is_taken_in_listed_changed_and_told_in_the_journal(served: Served) -> None:
    status, made = served.call(
        "POST", "/api/v1/incidents", {"title": "山洪", "class": "natural", "level": 3, "site": "bizhai"}
    )
    assert status == 201
    assert made["id"] in [incident["id"] for incident in served.call("GET", "/api/v1/incidents")[1]]
    status, changed = served.call("PATCH", f"/api/v1/incidents/{made['id']}", {"level": 2, "version": made["version"]})
    assert (status, changed["level"]) == (200, 2)
    assert served.call("PATCH", f"/api/v1/incidents/{made['id']}", {"level": 1, "version": made["version"]})[0] == 409
    status, whole = served.call("GET", f"/api/v1/incidents/{made['id']}")
    assert [event["kind"] for event in whole["timeline"]] == ["incident.raised", "incident.opened"]
    assert served.call("PATCH", f"/api/v1/incidents/{made['id']}", {"status": "closed"})[1]["status"] == "closed"


def test_a_reading_that_was_acknowledged_is_there(served: Served) -> None:
    at = now_ms()
    status, outcome = served.call("POST", "/api/v1/readings", [{"sensor": "bizhai-flow", "at": at, "value": 59.5}])
    assert (status, outcome) == (200, {"accepted": 1, "rejected": []})
    status, found = served.call("GET", f"/api/v1/readings?sensor=bizhai-flow&from={at}&to={at}")
    assert (status, found["points"]) == (200, [[at, 59.5]])


def test_bad_rows_are_named_and_the_rest_is_kept(served: Served) -> None:
    at = now_ms()
    rows = (
        f'[{{"sensor":"bizhai-flow","at":{at},"value":1}},{{"sensor":"bizhai-flow","at":{at},"value":NaN}},'
        f'{{"sensor":"nobody","at":{at},"value":1}},{{"sensor":"bizhai-flow","at":{at},"value":1,"unit":"cfs"}},'
        f'{{"sensor":"bizhai-flow","at":{at + 10_000_000},"value":1}}]'
    )
    status, outcome = served.call("POST", "/api/v1/readings", raw=rows.encode())
    assert (status, outcome["accepted"]) == (200, 1)
    assert [(each["index"], each["field"], each["code"]) for each in outcome["rejected"]] == [
        (1, "value", "not_finite"),
        (2, "sensor", "sensor_unknown"),
        (3, "unit", "wrong_unit"),
        (4, "at", "in_the_future"),
    ]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({"title": "x", "class": "fire", "level": 3}, ["class"]),
        ({"title": "x", "class": "natural", "level": 9}, ["level"]),
        ({"title": "x", "class": "natural"}, ["level"]),
        ({"title": "x", "class": "natural", "level": True}, ["level"]),
        ({"title": "x", "class": "natural", "level": 3, "at": 179549000000000000000}, ["at"]),
        ({"title": "x", "class": "natural", "level": 3, "at": "2026-08-19T10:00:00"}, ["at"]),
        ({"title": "x", "class": "natural", "level": 3, "colour": "red"}, ["colour"]),
        ({"title": "x", "class": "natural", "level": 3, "lat": 91}, ["lat"]),
    ],
)
def test_a_wrong_incident_names_its_fields(served: Served, content: Any, fields: list[str]) -> None:
    status, problem = served.call("POST", "/api/v1/incidents", content)
    assert status == 422
    assert [error["field"] for error in problem["params"]["errors"]] == fields


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b""])
def test_what_is_not_json_is_refused_clearly(served: Served, body: bytes) -> None:
    for path in ("/api/v1/incidents", "/api/v1/readings"):
        status, problem = served.call("POST", path, raw=body)
        assert status in (400, 422)
        assert problem["code"] == "not_json"


@pytest.mark.parametrize("body", [{"sensor": "bizhai-flow", "at": 0, "value": 1}, 7, None, "text"])
def test_readings_that_are_no_list_are_refused_with_what_was_expected(served: Served, body: Any) -> None:
    status, problem = served.call("POST", "/api/v1/readings", raw=orjson.dumps(body))
    assert (status, problem["code"]) == (422, "not_a_list")
    assert "列表" in problem["detail"]


def test_a_body_of_ten_megabytes_is_refused(served: Served) -> None:
    status, problem = served.call("POST", "/api/v1/readings", raw=b" " * 10_000_000)
    assert (status, problem["status"]) == (413, 413)


def test_what_measures_a_line_is_taken_and_bounded(served: Served) -> None:
    assert served.call("POST", "/api/v1/line", raw=bytes(512 * 1024), token="")[0] == 204
    assert served.call("POST", "/api/v1/line", raw=bytes(1024 * 1024 + 1), token="")[0] == 413


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "fhd_nothing", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."])
def test_a_bad_token_is_refused_always_in_the_same_words(served: Served, token: str) -> None:
    status, problem = served.call("GET", "/api/v1/incidents", token=token)
    assert (status, problem["code"]) == (401, "unauthenticated")


def test_unknown_things_are_not_found(served: Served) -> None:
    assert served.call("GET", "/api/v1/incidents/019a0000-0000-7000-8000-000000000009")[0] == 404
    assert served.call("GET", "/api/v1/readings?sensor=no&from=0&to=1")[0] == 404
    assert served.call("GET", "/api/v1/nothing")[0] == 404


def test_a_csv_file_is_imported_and_its_bad_rows_are_named(served: Served) -> None:
    description = (
        '{"time_column": "time", "columns": [{"name": "flow", "sensor": "bizhai-flow"}], "date_order": "day-first"}'
    )
    boundary = "b0undary"
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="description"\r\n\r\n{description}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.csv"\r\nContent-Type: text/csv\r\n\r\n'
        f"time,flow\n1/8/2026 0:00,5\n1/8/2026 1:00,wet\n1/8/2026 2:00,\n\r\n--{boundary}--\r\n"
    )
    from urllib.request import Request, urlopen

    request = Request(served.url + "/api/v1/readings/import", parts.encode(), method="POST")
    request.add_header("Authorization", f"Bearer {served.token()}")
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    import json

    with urlopen(request, timeout=20) as answer:
        outcome = json.load(answer)
    assert (outcome["accepted"], outcome["gaps"]) == (1, 1)
    assert [(each["line"], each["code"]) for each in outcome["rejected"]] == [(3, "not_a_number")]
    start = int(datetime(2026, 7, 31, 16, tzinfo=UTC).timestamp() * 1000)
    assert served.call("GET", f"/api/v1/readings?sensor=bizhai-flow&from={start}&to={start}")[1]["points"] == [
        [start, 5.0]
    ]


def test_every_way_in_names_its_permission_and_every_error_has_words_in_both_languages(served: Served) -> None:
    status, document = served.call("GET", "/api/v1/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all("x-permission" in operation or operation["security"] == [] for operation in operations)
    login = document["paths"]["/api/v1/auth/token"]["post"]
    assert login["requestBody"]["content"]["application/json"]["schema"]["required"] == ["name", "password"]


def test_the_operator_s_questions_are_answered(served: Served) -> None:
    assert served.call("GET", "/healthz")[0] == 200
    assert served.call("GET", "/readyz")[1] == {
        "state": "ready",
        "database": "ok",
        "worker": "up",
        "media": "up",
        "ingest": "ok",
        "feed": "running",
        "rooms": "running",
        "rooms-diary": "running",
        "rooms-players": "running",
    }
    status, metrics = served.call("GET", "/metrics")
    assert status == 200
    for name in (
        b"fenghuo_feed_clients",
        b"fenghuo_feed_queue_depth_max",
        b"fenghuo_feed_dropped_total",
        b"fenghuo_journal_id",
        b"fenghuo_readings_accepted_total",
        b"fenghuo_ingest_up",
        b"fenghuo_ingest_rate",
        b"fenghuo_ingest_lag_seconds",
        b"fenghuo_ingest_queue_depth",
        b"fenghuo_mqtt_messages_total",
        b"fenghuo_media_packets_total",
    ):
        assert name in metrics
    assert served.call("GET", "/metrics", token="x")[0] == 401


def test_a_scraper_s_secret_opens_the_figures_and_nothing_else(served: Served) -> None:
    path = served.home / "secrets" / "metrics"
    assert path.stat().st_mode & 0o777 == 0o600
    credentials = path.read_text()
    status, figures = served.call("GET", "/metrics", token=credentials)
    assert (status, b"fenghuo_feed_clients" in figures) == (200, True)
    for wrong in ("", credentials[:-1], credentials + "x", "é"):
        assert served.call("GET", "/metrics", token=wrong)[0] == 401
    for elsewhere in ("/api/v1/incidents", "/api/v1/journal", "/desk/"):
        assert served.call("GET", elsewhere, token=credentials)[0] == 401


def test_the_doctor_finds_a_running_system_healthy(served: Served) -> None:
    done = served.run("doctor")
    assert done.returncode == 0, done.stdout
    for name in ("disk", "clock", "secrets", "database", "web port", "media port", "MQTT", "browser parts"):
        assert name in done.stdout


def test_people_are_given_a_login_listed_and_deactivated(served: Served) -> None:
    person = {"name": "zhao", "password": "a good long password", "role": "village", "site": "bizhai"}
    status, made = served.call("POST", "/api/v1/people", person)
    assert (status, made["role"], made["active"]) == (201, "village", True)
    assert served.call("POST", "/api/v1/people", person)[0] == 409
    assert served.call("POST", "/api/v1/people", {**person, "name": "x", "role": "king"})[0] == 422
    assert made["id"] in [one["id"] for one in served.call("GET", "/api/v1/people")[1]]
    assert served.call("PATCH", f"/api/v1/people/{made['id']}", {"active": False})[1]["active"] is False
    (admin,) = [one for one in served.call("GET", "/api/v1/people")[1] if one["name"] == ADMIN[0]]
    status, refused = served.call("PATCH", f"/api/v1/people/{admin['id']}", {"password": "a good long password"})
    assert (status, refused["code"]) == (422, "own_account")


def test_a_series_that_is_too_long_says_that_there_are_earlier_points(served: Served) -> None:
    start = time.time_ns() // 1_000_000 - 30_000_000
    for part in range(3):
        rows = [
            {"sensor": "bizhai-basin-rain", "at": start + 1000 * number, "value": 1.0}
            for number in range(part * 8_000, (part + 1) * 8_000)
        ]
        assert served.call("POST", "/api/v1/readings", rows)[0] == 200
    query = f"/api/v1/readings?sensor=bizhai-basin-rain&from={start}"
    late = served.call("GET", f"{query}&to={start + 24_000_000}")[1]
    assert len(late["points"]) == 20_000
    early = served.call("GET", f"{query}&to={late['earlier_until']}")[1]
    assert early["earlier_until"] is None
    assert [at for at, _value in early["points"] + late["points"]] == [start + 1000 * each for each in range(24_000)]
