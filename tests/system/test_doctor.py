"""`fenghuo doctor` says what is measured: ports that strangers hold, certificates that are really shown, a clock that cannot be right."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy.orm import Session

from auth.principal import SYSTEM
from auth.sites import SiteKind, create_site
from fenghuo import doctor
from fenghuo.doctor import Finding, examine
from foundation.clock import ManualClock, SystemClock, epoch_ms
from foundation.database import Database
from foundation.settings import Settings
from operations.sensing import Sensing
from operations.stations import NewSensor, add_station
from tests.reach.installation import secured_township
from tests.servers import free_port
from tests.serving import Served

Certify = Callable[[timedelta], Path]


def finding(settings: Settings, name: str, clock: ManualClock | SystemClock | None = None) -> Finding:
    return next(each for each in examine(settings, clock or SystemClock()) if each.name == name)


@contextmanager
def stranger(kind: socket.SocketKind, port: int) -> Iterator[None]:
    """Another program that holds a port."""
    with socket.socket(socket.AF_INET, kind) as held:
        held.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            held.listen()
        yield


def free_ports(home: Path, **more: object) -> Settings:
    return Settings.model_validate(
        {
            "home": home,
            "host": "127.0.0.1",
            "port": free_port(),
            "media_port": free_port(socket.SOCK_DGRAM),
            "mqtt_port": free_port(),
            **more,
        }
    )


# --- ports


def test_free_ports_are_fine_before_the_first_start(tmp_path: Path) -> None:
    settings = free_ports(tmp_path / "home")
    assert {finding(settings, name).state for name in ("web port", "media port", "MQTT")} == {"ok"}


def test_ports_that_another_program_holds_are_found(tmp_path: Path) -> None:
    settings = free_ports(tmp_path / "home")
    with (
        stranger(socket.SOCK_STREAM, settings.port),
        stranger(socket.SOCK_DGRAM, settings.media_port),
        stranger(socket.SOCK_STREAM, settings.mqtt_port),
    ):
        found = {name: finding(settings, name) for name in ("web port", "media port", "MQTT")}
    assert {each.state for each in found.values()} == {"bad"}
    assert "FENGHUO_MQTT_PORT" in found["MQTT"].advice


def test_the_port_on_which_devices_learn_to_trust_is_looked_at_where_it_is_used(tmp_path: Path) -> None:
    settings = free_ports(tmp_path / "home", tls="local", trust_port=free_port())
    assert finding(settings, "trust port").state == "ok"
    with stranger(socket.SOCK_STREAM, settings.trust_port):
        held = finding(settings, "trust port")
    assert (held.state, "FENGHUO_TRUST_PORT" in held.advice) == ("bad", True)


def test_the_trust_port_is_fine_while_it_gives_the_authority_of_this_installation(tmp_path: Path) -> None:
    with secured_township(tmp_path) as system:
        settings = Settings.model_validate(
            {
                "home": system.home,
                "host": "127.0.0.1",
                "port": system.port,
                "tls": "local",
                "trust_port": system.trust_port,
            }
        )
        found = finding(settings, "trust port")
    assert (found.state, found.found) == ("ok", f"{system.trust_port}: gives this installation's authority")


def test_a_program_on_the_web_port_that_speaks_no_http_is_found(tmp_path: Path) -> None:
    settings = free_ports(tmp_path / "home")
    with socket.create_server(("127.0.0.1", settings.port)) as listener:

        def greet() -> None:
            connection = listener.accept()[0]
            connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        assert finding(settings, "web port").state == "bad"
        thread.join(5)


def test_a_held_mqtt_port_stops_neither_the_worker_nor_the_doctor_from_saying_so(tmp_path: Path) -> None:
    served = Served(tmp_path / "home")
    served.create_admin()
    with stranger(socket.SOCK_STREAM, served.mqtt_port):
        served.start()
        try:
            worker = served.child("worker").pid
            deadline = datetime.now(UTC) + timedelta(seconds=20)
            while served.call("GET", "/readyz")[1]["ingest"] != "port_taken":
                assert datetime.now(UTC) < deadline
            said = served.run("doctor")
            assert said.returncode == 1
            assert f"BAD  MQTT: 127.0.0.1:{served.mqtt_port}" in said.stdout
            assert "ok   media port" in said.stdout
            assert served.child("worker").pid == worker
        except BaseException:
            served.stop()
            raise
    try:
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while served.call("GET", "/readyz")[1]["ingest"] != "ok":
            assert datetime.now(UTC) < deadline
        said = served.run("doctor")
        assert f"ok   MQTT: inside the worker, which has 127.0.0.1:{served.mqtt_port}" in said.stdout
        assert served.child("worker").pid == worker
    finally:
        served.stop()


# --- certificates


@pytest.fixture
def certify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certify:
    """Makes the file of a certificate for 127.0.0.1 that holds for the given time from now, and lets this machine trust it."""

    def make(holds: timedelta) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Longling county authority")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=90))
            .not_valid_after(now + holds)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "server.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        return path

    return make


@contextmanager
def tls_server(certificate: Path) -> Iterator[int]:
    """A server that shakes hands and hangs up; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.mark.parametrize(("days", "state"), [(90, "ok"), (20, "warn"), (-1, "bad")])
def test_the_certificate_of_the_public_address_is_looked_at(
    tmp_path: Path, certify: Certify, days: int, state: str
) -> None:
    with tls_server(certify(timedelta(days=days, hours=1))) as port:
        seen = finding(free_ports(tmp_path / "home", public_url=f"https://127.0.0.1:{port}"), "https")
    assert seen.state == state
    assert "Longling county authority" in seen.found


def test_a_certificate_that_only_the_townships_machines_trust_is_a_warning(
    tmp_path: Path, certify: Certify, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(certify(timedelta(days=90))) as port:
        monkeypatch.delenv("SSL_CERT_FILE")
        settings = free_ports(tmp_path / "home", public_url=f"https://127.0.0.1:{port}")
        assert finding(settings, "https").state == "warn"
        # The worker itself has to believe its broker.
        settings = free_ports(tmp_path / "home", mqtt_url=f"mqtts://127.0.0.1:{port}")
        assert finding(settings, "MQTT").state == "bad"


def test_a_certificate_for_another_name_is_bad(tmp_path: Path, certify: Certify) -> None:
    with tls_server(certify(timedelta(days=90))) as port:
        settings = free_ports(tmp_path / "home", public_url=f"https://localhost:{port}")
        assert finding(settings, "https").state == "bad"


def test_a_public_address_that_nobody_serves_is_bad(tmp_path: Path) -> None:
    settings = free_ports(tmp_path / "home", public_url=f"https://127.0.0.1:{free_port()}")
    assert finding(settings, "https").state == "bad"


def test_a_tls_broker_that_is_trusted_is_fine(tmp_path: Path, certify: Certify) -> None:
    with tls_server(certify(timedelta(days=90))) as port:
        assert finding(free_ports(tmp_path / "home", mqtt_url=f"mqtts://127.0.0.1:{port}"), "MQTT").state == "ok"


@pytest.mark.parametrize("url", ["http://127.0.0.1", "mqtt://", "mqtt://127.0.0.1:99999", "mqtt://[1", "emqx.county"])
def test_what_is_no_broker_s_address_is_found_and_not_repeated(tmp_path: Path, url: str) -> None:
    seen = finding(free_ports(tmp_path / "home", mqtt_url=url), "MQTT")
    assert (seen.state, url in seen.found) == ("bad", False)


def test_a_mapping_table_with_which_the_worker_would_not_start_is_found(tmp_path: Path) -> None:
    settings = free_ports(tmp_path / "home")
    assert finding(settings, "MQTT table").state == "ok"
    settings.home.mkdir()
    (settings.home / "mqtt-mapping.json").write_text('[{"topic": "vendor/+"}]')
    assert finding(settings, "MQTT table").state == "bad"


# --- the clock


def test_a_clock_behind_the_newest_journal_entry_is_bad(
    database: Database, settings: Settings, clock: ManualClock
) -> None:
    with database.writing() as session:
        make_site(session, clock)
    assert finding(settings, "clock", clock).state != "bad"
    clock.advance(-3600)
    seen = finding(settings, "clock", clock)
    assert (seen.state, "2026-08-19 10:00:00" in seen.found) == ("bad", True)


def test_a_clock_behind_the_newest_reading_is_bad(database: Database, settings: Settings, clock: ManualClock) -> None:
    began = ManualClock(clock.now() - timedelta(days=1))
    with database.writing() as session:
        make_site(session, began)
        sensor = NewSensor("stage", "stage", "水位", "Stage", "m", 60)
        add_station(
            session, began, SYSTEM, id="river", site_id="bizhai", kind="river", zh="站", en="S", sensors=(sensor,)
        )
    Sensing(database, clock).take([{"sensor": "stage", "at": epoch_ms(clock.now()), "value": 1.0}])
    clock.advance(-60)
    assert finding(settings, "clock", clock).state != "bad"
    clock.advance(-3600)
    assert finding(settings, "clock", clock).state == "bad"


@pytest.mark.parametrize(("disciplined", "state"), [(True, "ok"), (False, "warn"), (None, "warn")])
def test_a_clock_that_nothing_synchronises_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disciplined: bool | None, state: str
) -> None:
    monkeypatch.setattr(doctor, "is_disciplined", lambda: disciplined)
    assert finding(free_ports(tmp_path / "home"), "clock").state == state


def make_site(session: Session, clock: ManualClock) -> None:
    create_site(
        session,
        clock,
        SYSTEM,
        id="bizhai",
        code="530523203207",
        name_zh="碧寨",
        name_en="Bizhai",
        kind=SiteKind.VILLAGE,
        lat=24.5,
        lon=98.9,
    )
