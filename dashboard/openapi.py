"""The API's own description (OpenAPI 3.1): every way in under `/api/v1`, as it is registered, with the permission that it declares.

What `dashboard.api` offers describes itself by its table. The others (logins, devices, links, rooms) are routes of their own modules: they are found
in the application, so that none is forgotten, and `ELSEWHERE` says what they are for and what they take.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from auth.permissions import Permission
from dashboard.sockets import Rule

PREFIX = "/api/v1"
PROBLEM = {"description": "refused", "content": {"application/problem+json": {}}}

Way = tuple[str, str, Rule | None]
"""A method, a path as Flask writes it, and what it declared at the gate."""


@dataclass(frozen=True)
class Operation:
    """One operation of `dashboard.api`."""

    method: str
    path: str
    needs: Permission
    summary: str
    run: Callable[..., Any]
    body: type[BaseModel] | None = None
    status: int = 200
    query: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What a way in of another module is for. `takes` are the fields of its JSON body, name → type; a name with `?` may be left out."""

    summary: str
    takes: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


ELSEWHERE: Mapping[tuple[str, str], Told] = {
    ("POST", "/auth/token"): Told("Log in: an access and a refresh token", {"name": "string", "password": "string"}),
    ("POST", "/auth/refresh"): Told("New tokens for a refresh token, which it uses up", {"refresh_token": "string"}),
    ("POST", "/auth/logout"): Told("End the login of a refresh token", {"refresh_token": "string"}, 204),
    ("POST", "/auth/password"): Told(
        "Change one's own password; every other login of this person is over", {"old": "string", "new": "string"}
    ),
    ("POST", "/links/redeem"): Told("Become the guest that a join link names", {"link": "string"}),
    ("POST", "/devices/pair"): Told("A screen asks for its code (RFC 8628 section 3.1)"),
    ("POST", "/devices/poll"): Told(
        "A screen asks whether it was approved", {"device_code": "string", "cookie?": "boolean"}
    ),
    ("POST", "/devices/approve"): Told(
        "Make a screen a wall", {"user_code": "string", "name": "string", "site?": "string"}, 201
    ),
    ("POST", "/devices/deny"): Told("Turn a screen away", {"user_code": "string"}, 204),
    ("GET", "/devices"): Told("The paired walls"),
    ("DELETE", "/devices/<device_id>"): Told("Take a wall's right away", status=204),
    ("GET", "/rooms"): Told("The consultations that are open"),
    ("POST", "/rooms"): Told(
        "Open a consultation",
        {
            "title": "string",
            "id?": "string",
            "incident?": "string",
            "expected?": "array",
            "lobby?": "boolean",
            "talk?": "string",
        },
        201,
    ),
    ("POST", "/rooms/<room_id>/links"): Told(
        "A join link for one guest, with its QR code", {"name": "string", "role": "string"}, 201
    ),
    ("POST", "/rooms/<room_id>/rings/<site_id>"): Told(
        "Say that a site that is rung does not come", {"answer": "string"}
    ),
    ("GET", "/rooms/<room_id>/minutes"): Told("What was decided and noted in a consultation"),
    ("GET", "/rooms/<room_id>/lines"): Told("How the line of everybody in a consultation is now, for its hosts"),
    ("POST", "/rooms/<room_id>/close"): Told("End a consultation for all"),
    ("POST", "/line"): Told(
        "Take up to 1 MiB of anything and forget it, so that a page can measure its line", status=204
    ),
}
"""By method and path below the prefix; what is not registered is not told."""


def describe(operations: Iterable[Operation], ways: Iterable[Way]) -> dict[str, Any]:
    """The document: `operations` of the API's table, and those of `ways` that are in none."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for operation in operations:
        entry = _entry(operation.path, operation.summary, operation.status, operation.query)
        entry["x-permission"] = operation.needs
        if operation.body is not None:
            schema = operation.body.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[operation.body.__name__] = schema
            entry["requestBody"] = _takes({"$ref": f"#/components/schemas/{operation.body.__name__}"})
        paths.setdefault(_path(operation.path), {})[operation.method.lower()] = entry
    for method, way, rule in ways:
        path = way.removeprefix(PREFIX)
        told = ELSEWHERE.get((method, path))
        if told is None or rule is None:
            continue
        entry = _entry(path, told.summary, told.status)
        if rule.needs is not None:
            entry["x-permission"] = rule.needs
        else:
            entry |= {"security": [], "description": f"Needs no token: {rule.public}."}
        if told.takes:
            entry["requestBody"] = _takes(_schema(told.takes))
        paths.setdefault(_path(path), {})[method.lower()] = entry
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Fenghuo", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": bearer}},
        "security": [{"token": []}],
    }


def _path(path: str) -> str:
    return PREFIX + path.replace("<", "{").replace(">", "}")


def _entry(path: str, summary: str, status: int, query: Iterable[str] = ()) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("<")]
    content: dict[str, Any] = {} if status == 204 else {"content": {"application/json": {}}}
    return {
        "summary": summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names),
            *({"name": name, "in": "query", "schema": {"type": "string"}} for name in query),
        ],
        "responses": {str(status): {"description": "done", **content}, "4XX": PROBLEM},
    }


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _schema(takes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            name.rstrip("?"): {"type": kind, **({"items": {"type": "string"}} if kind == "array" else {})}
            for name, kind in takes.items()
        },
        "required": [name for name in takes if not name.endswith("?")],
    }
