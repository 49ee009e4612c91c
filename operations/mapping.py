"""From an MQTT message to a reading: Fenghuo's own topic shape, and a table for everybody else's.

Own shape: `fenghuo/<site>/<sensor>` with `{"at", "value", "unit"?, "quality"?}` or a bare number (then the time of arrival counts);
the site must be the sensor's (`operations.sensing` refuses it otherwise, and says what `quality` means).
Other shapes: `<home>/mqtt-mapping.json`, a list of rules, the first that fits wins; docs/integrator.md explains each field:

    {"topic": "vendor/+/rain", "sensor": "rain-{1}", "value": "/data/mm", "at": "/ts", "scale": 0.1, "offset": 0, "unit": "mm",
     "timezone": "Asia/Shanghai", "time_unit": "s", "without_time": "arrival", "no_value": [-9999, "dry"]}

`+` and `#` are MQTT's wildcards (MQTT 3.1.1 section 4.7); `{1}` is what the first wildcard matched; `value` and `at` are JSON pointers (RFC 6901);
the kept value is `value * scale + offset`.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson
from jsonpointer import JsonPointer, JsonPointerException
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from foundation.errors import ProtocolError, UserError
from operations.notation import (
    SECONDS_FROM,
    TimeUnit,
    epoch_number,
    is_missing_word,
    missing_numbers,
    parse_number,
    parse_time,
)

OWN_PREFIX = "fenghuo"
MAPPING_FILE = "mqtt-mapping.json"
MAX_PAYLOAD_BYTES = 64 * 1024
"""A LoRaWAN uplink that ten gateways heard has 6 KiB."""
CLOCK_SET_MS = SECONDS_FROM * 1000
"""A device that tells an earlier time (1973; LoRaWAN gateways write year 1) does not know the time."""
UTC = ZoneInfo("UTC")


class Rule(BaseModel):
    """One line of the mapping table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str = Field(min_length=1, max_length=200)
    sensor: str = Field(min_length=1, max_length=120)
    value: str = ""
    at: str | tuple[str, ...] | None = None
    """Where the time is; of several places the first that has one counts."""
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    timezone: str | None = None
    """That of times without an offset; unset: the installation's."""
    time_unit: TimeUnit | None = None
    """That of times that are numbers; unset: seconds or milliseconds, by their size."""
    without_time: Literal["arrival", "refuse"] = "arrival"
    """What counts where the message has no time: absent, null, empty, or of a clock that was never set."""
    no_value: tuple[float | str, ...] | None = None
    """What stands for "nothing was measured", before scaling; unset: what is usual (`operations.notation`)."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        try:
            return name if name is None else ZoneInfo(name).key
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("no such time zone") from error


class _Compiled:
    """A rule with its pointers parsed and its lists looked up once."""

    def __init__(self, rule: Rule, zone: ZoneInfo) -> None:
        self.rule = rule
        self.pattern = rule.topic.split("/")
        self.value = JsonPointer(rule.value)
        places = (rule.at,) if isinstance(rule.at, str) else rule.at or ()
        self.times = tuple(JsonPointer(place) for place in places)
        self.zone = ZoneInfo(rule.timezone) if rule.timezone else zone
        told = None if rule.no_value is None else [each for each in rule.no_value if not isinstance(each, str)]
        self.no_numbers = missing_numbers(told)
        self.no_words = frozenset(each for each in rule.no_value or () if isinstance(each, str))


@dataclass(frozen=True)
class Mapping:
    """The rules in force, in order; `zone` is that of the installation."""

    rules: tuple[Rule, ...] = ()
    zone: ZoneInfo = UTC
    _compiled: list[_Compiled] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Parse what every message would need parsed."""
        self._compiled.extend(_Compiled(rule, self.zone) for rule in self.rules)

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        return [f"{OWN_PREFIX}/+/+", *(rule.topic for rule in self.rules)]

    def reading(self, topic: str, payload: bytes, arrived_ms: int, retained: bool = False) -> dict[str, Any]:
        """The row for `operations.sensing` that a message tells; ProtocolError (code: why not) when it tells none.

        A `retained` message comes again at every connection, whatever its age: without a time of its own it is no reading.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise ProtocolError("payload_too_large")
        content = _parse(payload)
        parts = topic.split("/")
        if parts[0] == OWN_PREFIX and len(parts) == 3:
            row: dict[str, Any] = {"sensor": parts[2], "site": parts[1]}
            if isinstance(content, dict):
                row["at"] = content.get("at", arrived_ms)
                row["value"] = content.get("value")
                row["unit"] = content.get("unit")
                row["quality"] = content.get("quality")
                timed = "at" in content
            else:
                row["at"], row["value"], timed = arrived_ms, content, False
            if retained and not timed:
                raise ProtocolError("retained_without_time")
            return row
        for rule in self._compiled:
            matched = _match(rule.pattern, parts)
            if matched is not None:
                return _apply(rule, matched, content, arrived_ms, retained)
        raise ProtocolError("topic_unknown")


def own_topic(site: str, sensor: str) -> str:
    """Where a sensor of `site` tells its readings in Fenghuo's own topic shape."""
    return f"{OWN_PREFIX}/{site}/{sensor}"


def load_mapping(home: Path, zone: ZoneInfo) -> Mapping:
    """The table of this installation; an empty one when there is no file. UserError("bad_mapping") names what is wrong in it."""
    path = home / MAPPING_FILE
    if not path.exists():
        return Mapping(zone=zone)
    try:
        return Mapping(TypeAdapter(tuple[Rule, ...]).validate_json(path.read_bytes()), zone)
    except (ValidationError, JsonPointerException) as error:
        raise UserError("bad_mapping", reason=str(error)) from error


def _parse(payload: bytes) -> Any:
    """The JSON in a payload; a number as devices write it (`+3.2`) where it is none. A C string may end with its NUL."""
    content = payload.rstrip(b"\0 \r\n\t")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = "?"
        if text and is_missing_word(text):
            raise ProtocolError("no_value") from error
        number = parse_number(text)
        if number is None:
            raise ProtocolError("not_json") from error
        return number


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


def _apply(rule: _Compiled, matched: list[str], content: Any, arrived_ms: int, retained: bool) -> dict[str, Any]:
    sensor = rule.rule.sensor
    for number, text in enumerate(matched, start=1):
        sensor = sensor.replace(f"{{{number}}}", text)
    try:
        value = rule.value.resolve(content)
    except JsonPointerException as error:
        raise ProtocolError("pointer_unresolved") from error
    at = _time(rule, content, arrived_ms)
    if at is None:
        if retained:
            raise ProtocolError("retained_without_time")
        # Where the rule names no place for a time, arrival is the time; where it names one, `without_time` says.
        if rule.times and rule.rule.without_time == "refuse":
            raise ProtocolError("without_time")
        at = arrived_ms
    return {"sensor": sensor, "at": at, "value": _value(rule, value), "unit": rule.rule.unit}


def _value(rule: _Compiled, told: Any) -> Any:
    """The value in the sensor's unit; what is no number is left to `operations.sensing` to refuse by name."""
    if told is None:
        raise ProtocolError("no_value")
    if isinstance(told, str):
        if told in rule.no_words or is_missing_word(told):
            raise ProtocolError("no_value")
        number = parse_number(told)
        if number is None:
            raise ProtocolError("value_not_a_number")
        told = number
    if isinstance(told, bool) or not isinstance(told, int | float):
        return told
    if told in rule.no_numbers:
        raise ProtocolError("no_value")
    try:
        return told * rule.rule.scale + rule.rule.offset if math.isfinite(told) else told
    except OverflowError:  # an integer of hundreds of digits
        return math.inf


def _time(rule: _Compiled, content: Any, arrived_ms: int) -> int | None:
    """Epoch ms of the first place that has a time; None where there is none. ProtocolError("not_a_moment") for what cannot be read as one."""
    for place in rule.times:
        told = place.resolve(content, None)
        if told is None or (isinstance(told, str) and is_missing_word(told)):
            continue
        at = _moment(rule, told, arrived_ms)
        if at is None:
            raise ProtocolError("not_a_moment")
        if at >= CLOCK_SET_MS:
            return at
    return None


def _moment(rule: _Compiled, told: Any, arrived_ms: int) -> int | None:
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    if not isinstance(told, str):
        return epoch_number(told, rule.rule.time_unit)
    if told.startswith("000"):
        return 0  # year 0 or 1: the zero of Go, and of a clock that was never set
    # 1912111200 is an hour of 1912 and a second of 2030: a unit says which.
    read = None if rule.rule.time_unit else parse_time(told, rule.zone, near_ms=arrived_ms)
    if read is not None:
        return read[0]
    number = parse_number(told)
    return None if number is None else epoch_number(number, rule.rule.time_unit)
