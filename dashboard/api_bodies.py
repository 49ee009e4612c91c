"""What may stand in a request to the HTTP API: the fields of each body, their bounds and their part of the description."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from auth.permissions import Role
from operations.incidents import IncidentClass
from operations.notation import DateOrder, Decimal
from operations.tasks import FEEDBACK_LENGTH, TaskStatus
from operations.township import Mode


class Body(BaseModel):
    """A request's content: unknown fields are an error, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class NewIncident(Body):
    """An incident as it is taken in."""

    id: str | None = Field(None, description="UUIDv7 made by the sender: sending twice is then once")
    title: str = Field(max_length=400)
    incident_class: IncidentClass = Field(alias="class")
    level: Annotated[StrictInt, Field(ge=1, le=4, description="1 (Ⅰ, worst) … 4 (Ⅳ)")]
    site: str | None = None
    place: str | None = Field(None, max_length=400)
    at: Annotated[
        str | StrictInt | None, Field(description="when it happened: ISO 8601 with an offset, or epoch milliseconds")
    ] = None
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    deaths: StrictInt | None = None
    injuries: Annotated[StrictInt | None, Field(description="serious injuries")] = None
    loss: Annotated[float | None, Field(description="direct loss in yuan")] = None


class NewToll(Body):
    """What is known of deaths, serious injuries and direct loss (yuan); null: not known."""

    deaths: StrictInt | None = None
    injuries: StrictInt | None = None
    loss: float | None = None


class IncidentChange(Body):
    """A change; `version` is the one that was seen, so that nobody overwrites what they did not see."""

    level: Annotated[StrictInt, Field(ge=1, le=4)] | None = None
    status: Literal["closed"] | None = None
    toll: Annotated[NewToll | None, Field(description="replaces what was known before")] = None
    version: int | None = None


class ResourceChange(Body):
    """A new amount."""

    have: float | None = None
    need: float | None = None
    version: int | None = None


class TaskChange(Body):
    """A step of a task: acknowledged, done with its feedback, or withdrawn with the reason as `feedback`."""

    status: TaskStatus
    feedback: str = Field("", max_length=FEEDBACK_LENGTH)
    version: int | None = None


class NewPerson(Body):
    """A login to be given. `site` is needed for the roles of villages, units and the field."""

    name: Annotated[str, Field(max_length=64, description="what is typed at the login")]
    password: Annotated[str, Field(max_length=256)]
    role: Role
    display_name: str = Field("", max_length=64)
    site: str | None = None


class PersonChange(Body):
    """Take a login away or give it back, or set another password. One's own is changed at /auth/password."""

    active: bool | None = None
    password: str | None = Field(None, max_length=256)


class ModeChange(Body):
    """A new mode of the township."""

    mode: Mode


class FileColumn(Body):
    """A column of a file."""

    name: str
    sensor: str
    scale: float = 1.0
    offset: float = 0.0


class FileDescription(Body):
    """How a text table is to be read."""

    time_column: Annotated[
        str | list[str], Field(description="its name; several (a date and a time of day) are joined", min_length=1)
    ]
    columns: list[FileColumn] = Field(min_length=1, max_length=100)
    date_order: DateOrder = "day-first"
    timezone: str | None = None
    no_value: Annotated[
        list[float | str] | None,
        Field(
            max_length=100, description='what stands for "nothing was measured", before scaling; unset: the usual marks'
        ),
    ] = None
    decimal: Annotated[Decimal | None, Field(description="the decimal sign; unset: found out")] = None
