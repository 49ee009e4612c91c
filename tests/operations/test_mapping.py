"""From MQTT messages to readings."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from foundation.errors import ProtocolError, UserError
from operations.mapping import Mapping, Rule, load_mapping

NOW = 1_790_000_000_000
ZONE = ZoneInfo("Asia/Shanghai")


def test_the_own_topic_shape_with_time_and_value() -> None:
    row = Mapping().reading("fenghuo/bizhai/river-stage", b'{"at": "2026-08-19T10:00:00Z", "value": 3.5}', NOW)
    assert row == {
        "sensor": "river-stage",
        "site": "bizhai",
        "at": "2026-08-19T10:00:00Z",
        "value": 3.5,
        "unit": None,
        "quality": None,
    }


def test_a_bare_number_is_a_reading_of_now() -> None:
    assert Mapping().reading("fenghuo/bizhai/river-stage", b"3.5", NOW) == {
        "sensor": "river-stage",
        "site": "bizhai",
        "at": NOW,
        "value": 3.5,
    }


def test_a_mapped_topic_names_its_sensor_by_wildcard_and_converts() -> None:
    rule = Rule(topic="vendor/+/rain/#", sensor="{1}-rain-{2}", value="/data/0/inch", at="/ts", scale=25.4, unit="mm")
    row = Mapping((rule,)).reading("vendor/baida/rain/a/b", b'{"ts": 1790000000000, "data": [{"inch": "2"}]}', NOW)
    assert row == {"sensor": "baida-rain-a/b", "at": NOW, "value": 50.8, "unit": "mm"}


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("fenghuo/a/b", b"{", "not_json"),
        ("fenghuo/a/b", b"\xff", "not_json"),
        ("other/a/b", b"1", "topic_unknown"),
        ("fenghuo/a/b/c", b"1", "topic_unknown"),
        ("fenghuo/a/b", b"1" * 65_537, "payload_too_large"),
        ("vendor/x", b'{"no": 1}', "pointer_unresolved"),
        ("vendor/x", b'{"v": "wet"}', "value_not_a_number"),
    ],
)
def test_a_message_that_tells_no_reading_is_refused_with_a_reason(topic: str, payload: bytes, code: str) -> None:
    with pytest.raises(ProtocolError, match=code):
        Mapping((Rule(topic="vendor/+", sensor="{1}", value="/v"),)).reading(topic, payload, NOW)


def test_the_table_is_read_from_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "mqtt-mapping.json").write_text('[{"topic": "v/+", "sensor": "{1}"}]')
    assert load_mapping(tmp_path, ZONE).topics == ["fenghuo/+/+", "v/+"]


@pytest.mark.parametrize(
    "content", ['{"topic": 1}', '[{"topic": "v"}]', '[{"topic": "v", "sensor": "s", "value": "no-slash"}]', "["]
)
def test_a_wrong_table_is_refused_with_its_reason(tmp_path: Path, content: str) -> None:
    (tmp_path / "mqtt-mapping.json").write_text(content)
    with pytest.raises(UserError, match="bad_mapping"):
        load_mapping(tmp_path, ZONE)


CASES = Path(__file__).parent.parent / "data" / "regressions" / "mqtt"
AT_CHINA = 1795836022000
"""2026-11-28T11:20:22 in Asia/Shanghai."""


def mapped(payload: bytes, retained: bool = False, **rule: object) -> dict[str, object]:
    whole = Rule.model_validate({"topic": "sec/+", "sensor": "{1}", "value": "/v", "at": "/ts", **rule})
    return Mapping((whole,), ZONE).reading("sec/a", payload, NOW, retained)


def test_the_messages_of_tasmota_and_chirpstack_are_read() -> None:
    mapping = load_mapping(CASES, ZONE)
    tasmota = (CASES / "tasmota_sensor.json").read_bytes()
    assert mapping.reading("tele/roof/SENSOR", tasmota, NOW) == {
        "sensor": "roof",
        "at": AT_CHINA,
        "value": 21.4,
        "unit": "°C",
    }
    for gateways in (1, 10):
        message = (CASES / f"chirpstack_{gateways}gw.json").read_bytes()
        uplink = mapping.reading("application/a/device/d/event/up", message, NOW)
        assert (uplink["at"], uplink["value"]) == (1795865646123, 3.21)
        assert mapping.reading("lora0/d/up", message, NOW)["at"] == NOW, "the gateway has no time: that of arrival"


@pytest.mark.parametrize(
    ("time", "unit", "at"),
    [
        ("1790000000", None, 1_790_000_000_000),
        ("1790000000123", None, 1_790_000_000_123),
        ("1790000000.5", None, 1_790_000_000_500),
        ('"1790000000"', None, 1_790_000_000_000),
        ("1790000000123456789", "ns", 1_790_000_000_123),
        ("1790000000123456", "us", 1_790_000_000_123),
        ("1790000000", "s", 1_790_000_000_000),
        ('"1912111200"', "s", 1_912_111_200_000),
        ('"2026-11-28 11:20:22"', None, AT_CHINA),
        ('"2026-11-28T03:20:22.123456789Z"', None, AT_CHINA + 123),
        ('"20261128112022"', None, AT_CHINA),
    ],
)
def test_times_of_devices_are_read_in_their_unit_and_zone(time: str, unit: str | None, at: int) -> None:
    assert mapped(f'{{"v": 1, "ts": {time}}}'.encode(), time_unit=unit)["at"] == at


def test_a_rule_has_a_time_zone_of_its_own() -> None:
    assert mapped(b'{"v": 1, "ts": "2026-11-28T11:20:22"}', timezone="UTC")["at"] == AT_CHINA + 8 * 3_600_000
    with pytest.raises(ValueError, match="no such time zone"):
        Rule(topic="a", sensor="a", timezone="Asia/Bizhai")


def test_a_local_time_that_comes_twice_is_the_one_nearer_to_its_arrival() -> None:
    rule = Rule(topic="a", sensor="a", value="/v", at="/ts", timezone="Europe/Berlin")
    twice = b'{"v": 1, "ts": "2026-10-25T02:30:00"}'
    for arrived in (1792888200000, 1792891800000):
        assert Mapping((rule,)).reading("a", twice, arrived + 1000)["at"] == arrived


@pytest.mark.parametrize("time", ["null", '""', '"0001-01-01T00:00:00Z"', "0", "86400", '"-"', None])
def test_where_the_device_does_not_know_the_time_its_arrival_counts_unless_the_rule_refuses(time: str | None) -> None:
    payload = b'{"v": 1}' if time is None else f'{{"v": 1, "ts": {time}}}'.encode()
    assert mapped(payload)["at"] == NOW
    with pytest.raises(ProtocolError, match="without_time"):
        mapped(payload, without_time="refuse")
    with pytest.raises(ProtocolError, match="retained_without_time"):
        mapped(payload, retained=True)


def test_of_several_places_the_first_with_a_time_counts() -> None:
    assert mapped(b'{"v": 1, "rx": null, "ts": 1790000001}', at=["/rx", "/none/0", "/ts"])["at"] == 1790000001000


@pytest.mark.parametrize("time", ['"soon"', "true", "{}", "1e300", "-1e400", '"2026-13-01 00:00"'])
def test_a_time_that_cannot_be_read_is_refused(time: str) -> None:
    with pytest.raises(ProtocolError, match=r"not_a_moment|not_json"):
        mapped(f'{{"v": 1, "ts": {time}}}'.encode())


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"3.5\0", 3.5),
        (b"+3.2", 3.2),
        (b" 3.5 \r\n\0\0", 3.5),
        ("３．５".encode(), 3.5),
        (b"\xef\xbb\xbf3.5", 3.5),
        (b".5", 0.5),
    ],
)
def test_a_bare_number_is_read_as_devices_write_it(payload: bytes, value: float) -> None:
    assert Mapping().reading("fenghuo/bizhai/river-stage", payload, NOW)["value"] == value


@pytest.mark.parametrize(
    "told", ["-9999", "-9999.0", "-999.9", "999999", "32766", '"-9999.00"', '"---"', '"///"', '"N/A"', '"停测"', "null"]
)
def test_a_mark_for_nothing_measured_is_no_reading_however_it_is_written_and_scaled(told: str) -> None:
    with pytest.raises(ProtocolError, match="no_value"):
        mapped(f'{{"v": {told}, "ts": 1790000000}}'.encode(), scale=0.01)


def test_a_rule_has_its_own_marks_for_nothing_measured() -> None:
    assert mapped(b'{"v": 9999}', no_value=[-1, "dry"], scale=0.5)["value"] == 4999.5
    for told in ("-1.0", '"-1"', '"dry"'):
        with pytest.raises(ProtocolError, match="no_value"):
            mapped(f'{{"v": {told}}}'.encode(), no_value=[-1, "dry"])
