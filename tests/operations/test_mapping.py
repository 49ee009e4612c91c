"""From MQTT messages to readings."""

from pathlib import Path

import pytest

from foundation.errors import ProtocolError, UserError
from operations.mapping import Mapping, Rule, load_mapping

NOW = 1_790_000_000_000


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
    row = Mapping((rule,)).reading("vendor/baida/rain/a/b", b'{"ts": 5, "data": [{"inch": "2"}]}', NOW)
    assert row == {"sensor": "baida-rain-a/b", "at": 5, "value": 50.8, "unit": "mm"}


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("fenghuo/a/b", b"{", "not_json"),
        ("fenghuo/a/b", b"\xff", "not_json"),
        ("other/a/b", b"1", "topic_unknown"),
        ("fenghuo/a/b/c", b"1", "topic_unknown"),
        ("fenghuo/a/b", b"1" * 5000, "payload_too_large"),
        ("vendor/x", b'{"no": 1}', "pointer_unresolved"),
        ("vendor/x", b'{"v": "wet"}', "value_not_a_number"),
    ],
)
def test_a_message_that_tells_no_reading_is_refused_with_a_reason(topic: str, payload: bytes, code: str) -> None:
    with pytest.raises(ProtocolError, match=code):
        Mapping((Rule(topic="vendor/+", sensor="{1}", value="/v"),)).reading(topic, payload, NOW)


def test_the_table_is_read_from_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "mqtt-mapping.json").write_text('[{"topic": "v/+", "sensor": "{1}"}]')
    assert load_mapping(tmp_path).topics == ["fenghuo/+/+", "v/+"]


@pytest.mark.parametrize(
    "content", ['{"topic": 1}', '[{"topic": "v"}]', '[{"topic": "v", "sensor": "s", "value": "no-slash"}]', "["]
)
def test_a_wrong_table_is_refused_with_its_reason(tmp_path: Path, content: str) -> None:
    (tmp_path / "mqtt-mapping.json").write_text(content)
    with pytest.raises(UserError, match="bad_mapping"):
        load_mapping(tmp_path)
