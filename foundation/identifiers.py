"""Identifiers: UUIDv7 (RFC 9562 section 5.7), made by whoever creates the thing, and a type for each kind of thing."""

import uuid
from typing import NewType

import uuid_utils

SiteId = NewType("SiteId", str)
PersonId = NewType("PersonId", str)
DeviceId = NewType("DeviceId", str)
StationId = NewType("StationId", str)
SensorId = NewType("SensorId", str)
IncidentId = NewType("IncidentId", str)
ResourceId = NewType("ResourceId", str)
ShiftId = NewType("ShiftId", str)
TaskId = NewType("TaskId", str)
RoomId = NewType("RoomId", str)
ParticipantId = NewType("ParticipantId", str)
SessionId = NewType("SessionId", str)
ExerciseId = NewType("ExerciseId", str)
JournalId = NewType("JournalId", int)


def new_id() -> str:
    """A fresh UUIDv7 in its canonical 36-character form; ids made later sort later."""
    return str(uuid_utils.uuid7())


def is_id(text: object) -> bool:
    """Whether `text` is a UUID in canonical form (any version: a tablet may have made it)."""
    if not isinstance(text, str) or len(text) != 36:
        return False
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
