"""The HTTP API under `/api/v1`: one table of operations, from which routes, permissions and their part of the description are made.

Errors are problem details (RFC 9457), made by the gate. Times are ISO 8601 with an offset, or epoch milliseconds.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
from flask import Blueprint, Response, request
from pydantic import BaseModel, TypeAdapter, ValidationError

from auth.passwords import hash_password
from auth.people import create_person, deactivate, find_person, list_people, person_state, reactivate, set_password
from auth.permissions import Permission
from auth.scope import SiteScope, scope_of
from auth.sites import list_sites, site_state
from dashboard.api_bodies import (
    FileDescription,
    IncidentChange,
    ModeChange,
    NewIncident,
    NewPerson,
    PersonChange,
    ResourceChange,
    TaskChange,
)
from dashboard.gate import Gate
from dashboard.openapi import PREFIX, Operation, describe
from dashboard.snapshots import event_of
from dashboard.visibility import journal_criterion
from foundation import journal
from foundation.clock import Clock, from_epoch_ms
from foundation.database import Database
from foundation.errors import NotFound, UserError
from foundation.settings import Settings
from operations.duty import duty_state
from operations.geography import map_of
from operations.incidents import (
    Level,
    Status,
    Toll,
    change_level,
    close_incident,
    count_toll,
    find_incident,
    incident_state,
    list_incidents,
    open_incident,
)
from operations.reading_files import Column, import_readings
from operations.readings import Grain, series
from operations.resources import change_amount, list_resources, resource_state
from operations.sensing import Outcome, Sensing, parse_moment
from operations.stations import all_sensors, sensor_state
from operations.tasks import bring_on, open_tasks, task_state
from operations.township import set_mode

JOURNAL_PAGE = 500
SERIES_LIMIT = 20_000
LATEST_MS = 253_402_300_800_000
"""The year 10000: what is later cannot be written as a date."""


Model = TypeVar("Model", bound=BaseModel)


class Api:
    """The operations, with what they work on."""

    def __init__(self, gate: Gate, database: Database, clock: Clock, sensing: Sensing, settings: Settings) -> None:
        self._gate = gate
        self._database = database
        self._clock = clock
        self._sensing = sensing
        self._settings = settings
        self.operations = (
            Operation(
                "GET", "/incidents", "incident.read", "Incidents, worst first", self._incidents, query=("status",)
            ),
            Operation(
                "POST", "/incidents", "incident.create", "Take in an incident", self._open_incident, NewIncident, 201
            ),
            Operation("GET", "/incidents/<incident_id>", "incident.read", "One incident", self._incident),
            Operation(
                "PATCH",
                "/incidents/<incident_id>",
                "incident.change",
                "Change level or toll, or close",
                self._change_incident,
                IncidentChange,
            ),
            Operation("POST", "/readings", "reading.write", "Take in a batch of readings", self._take_readings),
            Operation(
                "POST",
                "/readings/import",
                "reading.write",
                "Import a text table such as CSV (multipart: file, description)",
                self._import,
            ),
            Operation(
                "GET",
                "/readings",
                "reading.read",
                "Readings of a sensor",
                self._series,
                query=("sensor", "from", "to", "grain"),
            ),
            Operation("GET", "/sensors", "reading.read", "Sensors and their stations", self._sensors),
            Operation("GET", "/sites", "site.read", "Sites", self._sites),
            Operation("GET", "/resources", "resource.read", "Stocks, teams, shelters", self._resources),
            Operation(
                "PATCH",
                "/resources/<resource_id>",
                "resource.change",
                "Set what there is or is needed",
                self._change_resource,
                ResourceChange,
            ),
            Operation(
                "GET",
                "/tasks",
                "task.read",
                "Tasks that are to be done, those due first before the others",
                self._tasks,
            ),
            Operation(
                "PATCH",
                "/tasks/<task_id>",
                "task.change",
                "Acknowledge a task, finish it, or withdraw it",
                self._bring_on,
                TaskChange,
            ),
            Operation("GET", "/duty", "duty.read", "Who is on duty now and next", self._duty),
            Operation("GET", "/people", "people.manage", "Everybody who has or had a login", self._people),
            Operation("POST", "/people", "people.manage", "Give somebody a login", self._add_person, NewPerson, 201),
            Operation(
                "PATCH",
                "/people/<person_id>",
                "people.manage",
                "Deactivate or reactivate somebody, or set their password",
                self._change_person,
                PersonChange,
            ),
            Operation("PUT", "/mode", "mode.change", "Change the township's mode", self._set_mode, ModeChange),
            Operation(
                "GET",
                "/journal",
                "journal.read",
                "Journal entries after an id",
                self._journal,
                query=("after", "limit"),
            ),
            Operation("GET", "/map.geojson", "site.read", "The township's map", self._map),
        )

    def blueprint(self) -> Blueprint:
        """All operations as Flask routes, each with its permission."""
        blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
        for operation in self.operations:
            name = f"{operation.method.lower()}_{operation.run.__name__.strip('_')}"
            blueprint.add_url_rule(
                operation.path, name, self._gate.needs(operation.needs)(_view(operation)), methods=[operation.method]
            )
        document = self._gate.public("the API's description names no data")(self._describe)
        blueprint.add_url_rule("/openapi.json", "openapi", document, methods=["GET"])
        return blueprint

    def _describe(self) -> Response:
        return _json(describe(self.operations, self._gate.ways(PREFIX)))

    # --- incidents

    def _incidents(self) -> Any:
        status = request.args.get("status")
        if status is not None and status not in set(Status):
            raise UserError("bad_request", field="status")
        with self._database.reading() as session:
            found = list_incidents(session, self._gate.principal(), status=Status(status) if status else None)
            return [incident_state(incident) for incident in found]

    def _open_incident(self, body: NewIncident) -> Any:
        at = None if body.at is None else parse_moment(body.at)
        if body.at is not None and (at is None or not 0 <= at < LATEST_MS):
            wrong = {"field": "at", "code": "not_a_moment", "message": "ISO 8601 with an offset, or epoch milliseconds"}
            raise UserError("bad_fields", errors=[wrong])
        with self._database.writing() as session:
            incident = open_incident(
                session,
                self._clock,
                self._gate.principal(),
                zone=self._settings.zone,
                title=body.title,
                incident_class=body.incident_class,
                level=Level(body.level),
                site_id=body.site,
                place=body.place or "",
                lat=body.lat,
                lon=body.lon,
                happened_at=None if at is None else from_epoch_ms(at),
                toll=Toll(body.deaths, body.injuries, body.loss),
                id=body.id,
            )
            return incident_state(incident)

    def _incident(self, incident_id: str) -> Any:
        with self._database.reading() as session:
            incident = find_incident(session, self._gate.principal(), incident_id)
            rows = journal.newest(session, JOURNAL_PAGE, subject=incident.id)
            return {**incident_state(incident), "timeline": [event_of(row) for row in rows]}

    def _change_incident(self, incident_id: str, body: IncidentChange) -> Any:
        principal = self._gate.principal()
        with self._database.writing() as session:
            incident = find_incident(session, principal, incident_id)
            version = body.version
            if body.level is not None:
                incident = change_level(session, self._clock, principal, incident_id, Level(body.level), version)
                version = None
            if body.toll is not None:
                toll = Toll(body.toll.deaths, body.toll.injuries, body.toll.loss)
                incident = count_toll(session, self._clock, principal, incident_id, toll, version)
                version = None
            if body.status is not None:
                incident = close_incident(session, self._clock, principal, incident_id, version)
            return incident_state(incident)

    # --- readings

    def _take_readings(self) -> Any:
        rows = _lenient_json(request.get_data())
        if not isinstance(rows, list):
            raise UserError("not_a_list")
        return _outcome(self._sensing.take(rows, self._gate.principal()))

    def _import(self) -> Any:
        uploaded = request.files.get("file")
        if uploaded is None:
            raise UserError("bad_request", field="file")
        description = _validated(FileDescription, request.form.get("description", "").encode())
        try:
            zone = ZoneInfo(description.timezone) if description.timezone else self._settings.zone
        except (KeyError, ValueError) as error:
            raise UserError("bad_request", field="timezone") from error
        outcome = import_readings(
            self._sensing,
            uploaded.read(),
            time_column=description.time_column,
            columns=[Column(column.name, column.sensor, column.scale, column.offset) for column in description.columns],
            date_order=description.date_order,
            zone=zone,
            no_value=description.no_value,
            decimal=description.decimal,
            principal=self._gate.principal(),
        )
        return {
            "accepted": outcome.accepted,
            "gaps": outcome.gaps,
            "rejected_total": outcome.rejected_total,
            "rejected": [
                {"line": each.index, "sensor": each.sensor, "field": each.field, "code": each.code}
                for each in outcome.rejected
            ],
        }

    def _series(self) -> Any:
        start, end = (parse_moment(_number(request.args.get(name))) for name in ("from", "to"))
        grain = request.args.get("grain", "raw")
        if start is None or end is None:
            raise UserError("bad_request", field="from" if start is None else "to")
        if grain not in ("raw", "minute", "hour"):
            raise UserError("bad_request", field="grain")
        kind: Grain = grain  # type: ignore[assignment]
        with self._database.reading() as session:
            for sensor, station in all_sensors(session):
                if sensor.id == request.args.get("sensor"):
                    points = series(session, sensor.key, start, end, kind, SERIES_LIMIT + 1)
                    earlier = len(points) > SERIES_LIMIT
                    points = points[-SERIES_LIMIT:]
                    return {
                        "sensor": sensor_state(sensor, station),
                        "grain": grain,
                        "points": points,
                        # Where to go on asking (`to`): what is not here is said, never left out silently.
                        "earlier_until": points[0][0] - 1 if earlier else None,
                    }
        raise NotFound("sensor_unknown")

    def _sensors(self) -> Any:
        with self._database.reading() as session:
            return [sensor_state(sensor, station) for sensor, station in all_sensors(session)]

    # --- everything else

    def _sites(self) -> Any:
        with self._database.reading() as session:
            return [site_state(site) for site in list_sites(session)]

    def _resources(self) -> Any:
        with self._database.reading() as session:
            return [resource_state(resource) for resource in list_resources(session, self._scope("resource.read"))]

    def _change_resource(self, resource_id: str, body: ResourceChange) -> Any:
        with self._database.writing() as session:
            resource = change_amount(
                session,
                self._clock,
                self._gate.principal(),
                resource_id,
                have=body.have,
                need=body.need,
                seen_version=body.version,
            )
            return resource_state(resource)

    def _tasks(self) -> Any:
        with self._database.reading() as session:
            return [task_state(task) for task in open_tasks(session, self._scope("task.read"))]

    def _bring_on(self, task_id: str, body: TaskChange) -> Any:
        with self._database.writing() as session:
            task = bring_on(
                session,
                self._clock,
                self._gate.principal(),
                task_id,
                body.status,
                feedback=body.feedback,
                seen_version=body.version,
            )
            return task_state(task)

    def _duty(self) -> Any:
        with self._database.reading() as session:
            return duty_state(session, self._clock.now())

    def _people(self) -> Any:
        with self._database.reading() as session:
            return [person_state(person) for person in list_people(session, self._gate.principal())]

    def _add_person(self, body: NewPerson) -> Any:
        hashed = hash_password(body.password)
        with self._database.writing() as session:
            person = create_person(
                session,
                self._clock,
                self._gate.principal(),
                name=body.name,
                password_hash=hashed,
                role=body.role,
                display_name=body.display_name,
                site_id=body.site,
            )
            return person_state(person)

    def _change_person(self, person_id: str, body: PersonChange) -> Any:
        principal = self._gate.principal()
        if person_id == principal.id:
            # With a borrowed page nobody must get past the question for the old password.
            raise UserError("own_account")
        hashed = None if body.password is None else hash_password(body.password)
        with self._database.writing() as session:
            person = find_person(session, person_id)
            if hashed is not None:
                person = set_password(session, self._clock, principal, person_id, hashed)
            if body.active is not None:
                change = reactivate if body.active else deactivate
                person = change(session, self._clock, principal, person_id)
            return person_state(person)

    def _set_mode(self, body: ModeChange) -> Any:
        with self._database.writing() as session:
            set_mode(session, self._clock, self._gate.principal(), body.mode)
        return {"mode": body.mode.value}

    def _journal(self) -> Any:
        after = _count("after", 0)
        limit = min(_count("limit", JOURNAL_PAGE), JOURNAL_PAGE)
        with self._database.reading() as session:
            rows = journal.after(session, after, limit, journal_criterion(self._gate.principal()))
            return [event_of(row) | {"hash": row.hash.hex()} for row in rows]

    def _scope(self, permission: Permission) -> SiteScope:
        return scope_of(self._gate.principal(), permission)

    def _map(self) -> Any:
        with self._database.reading() as session:
            return map_of(session, self._settings.home)


def _view(operation: Operation) -> Callable[..., Response]:
    def view(**arguments: str) -> Response:
        if operation.body is not None:
            return _json(
                operation.run(**arguments, body=_validated(operation.body, request.get_data())), operation.status
            )
        result = operation.run(**arguments)
        return result if isinstance(result, Response) else _json(result, operation.status)

    return view


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, mimetype="application/json")


def _validated(model: type[Model], content: bytes) -> Model:
    try:
        return TypeAdapter(model).validate_json(content)
    except ValidationError as error:
        wrong = [
            {"field": ".".join(str(part) for part in each["loc"]), "code": each["type"], "message": each["msg"]}
            for each in error.errors()
        ]
        code = "not_json" if wrong and wrong[0]["code"] == "json_invalid" else "bad_fields"
        raise UserError(code, errors=wrong) from error


def _lenient_json(content: bytes) -> Any:
    """JSON in which NaN and Infinity may stand: the row that has one is refused by name, not the whole batch."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise UserError("not_json") from error


def _outcome(outcome: Outcome) -> Response:
    rejected = [
        {"index": each.index, "sensor": each.sensor, "field": each.field, "code": each.code}
        for each in outcome.rejected
    ]
    status = 422 if rejected and not outcome.accepted else 200
    return _json({"accepted": outcome.accepted, "rejected": rejected}, status)


def _number(text: str | None) -> object:
    return int(text) if text is not None and text.lstrip("-").isdigit() and len(text) < 20 else text


def _count(name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isdigit() or len(text) > 18:
        raise UserError("bad_request", field=name)
    return int(text)
