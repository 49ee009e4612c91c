"""From an MQTT message to a reading: Fenghuo's own topic shape, and a table for everybody else's.

Own shape: `fenghuo/<site>/<sensor>` with `{"at", "value", "unit"?, "quality"?}` or a bare number (then the time of arrival counts);
the site must be the sensor's (`operations.sensing` refuses it otherwise, and says what `quality` means).
Other shapes: `<home>/mqtt-mapping.json`, a list of rules, the first that fits wins:

    {"topic": "vendor/+/rain", "sensor": "rain-{1}", "value": "/data/mm", "at": "/ts", "scale": 0.1, "offset": 0, "unit": "mm"}

`+` and `#` are MQTT's wildcards (MQTT 3.1.1 section 4.7); `{1}` is what the first wildcard matched; `value` and `at` are JSON pointers (RFC 6901);
the kept value is `value * scale + offset`.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from jsonpointer import JsonPointer, JsonPointerException
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from foundation.errors import ProtocolError, UserError

OWN_PREFIX = "fenghuo"
MAPPING_FILE = "mqtt-mapping.json"
MAX_PAYLOAD_BYTES = 4096


class Rule(BaseModel):
    """One line of the mapping table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str = Field(min_length=1, max_length=200)
    sensor: str = Field(min_length=1, max_length=120)
    value: str = ""
    at: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None


@dataclass(frozen=True)
class Mapping:
    """The rules in force, in order."""

    rules: tuple[Rule, ...] = ()

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        return [f"{OWN_PREFIX}/+/+", *(rule.topic for rule in self.rules)]

    def reading(self, topic: str, payload: bytes, arrived_ms: int) -> dict[str, Any]:
        """The row for `operations.sensing` that a message tells; ProtocolError (code: why not) when it tells none."""
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise ProtocolError("payload_too_large")
        content = _parse(payload)
        parts = topic.split("/")
        if parts[0] == OWN_PREFIX and len(parts) == 3:
            if isinstance(content, dict):
                return {
                    "sensor": parts[2],
                    "site": parts[1],
                    "at": content.get("at", arrived_ms),
                    "value": content.get("value"),
                    "unit": content.get("unit"),
                    "quality": content.get("quality"),
                }
            return {"sensor": parts[2], "site": parts[1], "at": arrived_ms, "value": content}
        for rule in self.rules:
            matched = _match(rule.topic.split("/"), parts)
            if matched is not None:
                return _apply(rule, matched, content, arrived_ms)
        raise ProtocolError("topic_unknown")


def own_topic(site: str, sensor: str) -> str:
    """Where a sensor of `site` tells its readings in Fenghuo's own topic shape."""
    return f"{OWN_PREFIX}/{site}/{sensor}"


def load_mapping(home: Path) -> Mapping:
    """The table of this installation; an empty one when there is no file. UserError("bad_mapping") names what is wrong in it."""
    path = home / MAPPING_FILE
    if not path.exists():
        return Mapping()
    try:
        rules = TypeAdapter(tuple[Rule, ...]).validate_json(path.read_bytes())
        for rule in rules:
            JsonPointer(rule.value)
            JsonPointer(rule.at or "")
    except (ValidationError, JsonPointerException) as error:
        raise UserError("bad_mapping", reason=str(error)) from error
    return Mapping(rules)


def _parse(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise ProtocolError("not_json") from error


def _match(pattern: list[str], parts: list[str]) -> list[str] | None:
    """What the wildcards of `pattern` stand for in `parts`, or None when they do not fit (MQTT 3.1.1 section 4.7.1)."""
    matched: list[str] = []
    for index, word in enumerate(pattern):
        if word == "#":
            return [*matched, "/".join(parts[index:])]
        if index >= len(parts) or (word != "+" and word != parts[index]):
            return None
        if word == "+":
            matched.append(parts[index])
    return matched if len(pattern) == len(parts) else None


def _apply(rule: Rule, matched: list[str], content: Any, arrived_ms: int) -> dict[str, Any]:
    sensor = rule.sensor
    for number, text in enumerate(matched, start=1):
        sensor = sensor.replace(f"{{{number}}}", text)
    try:
        value = JsonPointer(rule.value).resolve(content)
        at = JsonPointer(rule.at).resolve(content) if rule.at is not None else arrived_ms
    except JsonPointerException as error:
        raise ProtocolError("pointer_unresolved") from error
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError as error:
            raise ProtocolError("value_not_a_number") from error
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = value * rule.scale + rule.offset
    return {"sensor": sensor, "at": at, "value": value, "unit": rule.unit}
