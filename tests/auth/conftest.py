"""What the tests of `auth` and of the gate share: an authority, people, and a small application behind the gate."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIO

from auth import passwords
from auth.authority import Authority
from auth.people import Person, create_person
from auth.permissions import PEOPLE, Role
from auth.principal import SYSTEM
from auth.sites import SiteKind, create_site
from dashboard.gate import Gate
from dashboard.login import create_login
from dashboard.pairing import create_pairing
from dashboard.people import create_people
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.settings import Settings

PASSWORD = "a long enough password"
SAME_ORIGIN = {"Origin": "http://localhost"}


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """The same algorithm with the least work: these tests log in hundreds of times."""
    patch = pytest.MonkeyPatch()
    patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    passwords._nobody.cache_clear()
    yield
    patch.undo()
    passwords._nobody.cache_clear()


@pytest.fixture
def authority(database: Database, clock: ManualClock, settings: Settings) -> Authority:
    return Authority(database, clock, settings.home)


@pytest.fixture
def people(database: Database, clock: ManualClock) -> dict[Role, Person]:
    """One person of each role, named like it; the local ones belong to the village `bizhai`."""
    with database.writing() as session:
        for site, kind in (("bizhai", SiteKind.VILLAGE), ("linong", SiteKind.VILLAGE)):
            create_site(session, clock, SYSTEM, id=site, code="530523203207", name_zh=site, name_en=site, kind=kind)
        return {
            role: create_person(
                session,
                clock,
                SYSTEM,
                name=role.value,
                password_hash=passwords.hash_password(PASSWORD),
                role=role,
                site_id="bizhai" if role in (Role.VILLAGE, Role.UNIT, Role.FIELD) else None,
            )
            for role in sorted(PEOPLE)
        }


@pytest.fixture
def socketio() -> SocketIO:
    return SocketIO(async_mode="threading", manage_session=False)


@pytest.fixture
def app(
    authority: Authority, settings: Settings, clock: ManualClock, people: dict[Role, Person], socketio: SocketIO
) -> Flask:
    """A small application with the real login and pairing pages; `app.extensions["gate"]` is its gate."""
    app = Flask("fenghuo-test")
    gate = Gate(app, authority, settings)
    app.extensions["gate"] = gate
    app.register_blueprint(create_login(gate, settings))
    app.register_blueprint(create_pairing(gate, settings))
    app.register_blueprint(create_people(gate, clock))

    @app.get("/desk/")
    @gate.needs("desk.use")
    def desk() -> str:
        return gate.principal().name

    @app.get("/wall/")
    def wall() -> str:
        return gate.principal().kind

    @app.post("/api/v1/things")
    @gate.needs("incident.create")
    def make() -> dict[str, Any]:
        return {"by": gate.principal().name}

    @app.get("/forgotten")
    def forgotten() -> str:
        return "nobody should see this"

    socketio.init_app(app)
    return app


@pytest.fixture
def gate(app: Flask) -> Gate:
    found: Gate = app.extensions["gate"]
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that is not logged in."""
    return app.test_client()


@pytest.fixture
def browser(app: Flask) -> Callable[[Role], FlaskClient]:
    """Makes a browser in which a person of the role is logged in."""

    def make(role: Role) -> FlaskClient:
        client = app.test_client()
        answer = client.post("/login", data={"name": role.value, "password": PASSWORD}, headers=SAME_ORIGIN)
        assert answer.status_code == 303
        return client

    return make
