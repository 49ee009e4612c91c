"""The local authority and web's certificate: what they are for, when they are renewed, and that an ordinary TLS client believes them."""

import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fenghuo import https
from fenghuo.https import Https
from foundation.clock import ManualClock, SystemClock
from foundation.errors import UserError
from foundation.local_authority import KEY_FILE, LocalAuthority
from foundation.settings import Settings
from foundation.trust import dialling

DAY_S = 86_400


@pytest.fixture
def local(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, tls="local")


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the machine is called, to be changed while it runs."""
    names = ["192.168.1.9", "127.0.0.1"]
    monkeypatch.setattr(https, "own_names", lambda _settings: list(names))
    return names


def shown(context: ssl.SSLContext, trust: ssl.SSLContext, name: str) -> x509.Certificate:
    """What a client that believes `trust` is shown for `name`; ssl.SSLError when it does not believe it."""
    near, far = socket.socketpair()
    server = threading.Thread(target=_serve, args=(context, near))
    server.start()
    try:
        with far, trust.wrap_socket(far, server_hostname=name) as secured:
            encoded = secured.getpeercert(binary_form=True)
    finally:
        server.join()
    assert encoded is not None
    return x509.load_der_x509_certificate(encoded)


def _serve(context: ssl.SSLContext, near: socket.socket) -> None:
    try:
        context.wrap_socket(near, server_side=True).close()
    except OSError:
        near.close()


def names_in(certificate: x509.Certificate) -> set[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}


def test_an_ordinary_client_that_has_the_authority_believes_web(local: Settings, named: list[str]) -> None:
    web = Https(local, SystemClock())
    leaf = shown(web.context, dialling(local), "192.168.1.9")
    assert names_in(leaf) == set(named)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=397)
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(web.context, ssl.create_default_context(), "192.168.1.9")


def test_the_key_is_for_its_owner_only(local: Settings, named: list[str]) -> None:
    Https(local, SystemClock())
    secrets = local.home / "secrets"
    assert {path.name: path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {
        "authority.pem": 0o600,
        "authority.crt": 0o600,
        "web.pem": 0o600,
    }
    assert "PRIVATE" not in (secrets / "authority.crt").read_text()


def test_a_stolen_key_cannot_pass_for_a_bank(local: Settings) -> None:
    authority = LocalAuthority.open(local.home, SystemClock(), ["fh.bizhai.gov.cn", "59.1.2.3"], "碧寨乡")
    assert authority.permits("fh.bizhai.gov.cn") and authority.permits("59.1.2.3") and authority.permits("10.9.8.7")
    assert not authority.permits("bank.example") and not authority.permits("59.1.2.4")
    forged = local.home / "forged.pem"
    forged.write_text(authority.issue(["bank.example"]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(forged)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shown(context, dialling(local), "bank.example")


def test_the_authority_stays_the_same_over_restarts(local: Settings, named: list[str]) -> None:
    first = Https(local, SystemClock()).authority
    again = Https(local, SystemClock()).authority
    assert first is not None and again is not None and first.der == again.der


def test_the_certificate_is_renewed_before_a_third_of_its_life_is_left(
    local: Settings, named: list[str], clock: ManualClock
) -> None:
    web = Https(local, clock)
    first = web.certificate_file.read_text()
    clock.advance(263 * DAY_S)
    web.look()
    assert web.certificate_file.read_text() == first
    clock.advance(3 * DAY_S)
    web.look()
    assert web.certificate_file.read_text() != first


def test_a_new_address_is_in_the_certificate_and_the_living_context_shows_it(local: Settings, named: list[str]) -> None:
    web = Https(local, SystemClock())
    named.append("10.4.0.7")
    web.look()
    assert "10.4.0.7" in names_in(shown(web.context, dialling(local), "10.4.0.7"))


def test_an_address_that_is_gone_for_a_moment_makes_no_new_certificate(local: Settings, named: list[str]) -> None:
    web = Https(local, SystemClock())
    first = web.certificate_file.read_text()
    del named[0]
    web.look()
    assert web.certificate_file.read_text() == first


def test_a_name_that_the_authority_may_not_speak_for_is_left_out_and_told(
    local: Settings, named: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    web = Https(local, SystemClock())
    named += ["fh.example.org", "10.4.0.7"]
    web.look()
    assert names_in(shown(web.context, dialling(local), "10.4.0.7")) == {"192.168.1.9", "127.0.0.1", "10.4.0.7"}
    assert any(getattr(record, "missing", "") == "fh.example.org" for record in caplog.records)


def test_a_given_certificate_that_somebody_renews_is_taken_up(local: Settings, tmp_path: Path) -> None:
    authority = LocalAuthority.open(local.home, SystemClock(), [], "碧寨乡")
    file = tmp_path / "given.pem"
    file.write_text(authority.issue(["fh.lan"]))
    given = Settings(home=tmp_path / "other", tls=str(file))
    web = Https(given, SystemClock())
    assert web.authority is None
    # A process of ours on the same machine dials the loopback address, which the certificate does not name.
    assert names_in(shown(web.context, dialling(given), "127.0.0.1")) == {"fh.lan"}
    file.write_text(authority.issue(["fh.lan", "fh2.lan"]))
    web.look()
    assert names_in(shown(web.context, dialling(given), "127.0.0.1")) == {"fh.lan", "fh2.lan"}


def test_files_that_make_no_certificate_stop_the_start_with_their_name(tmp_path: Path) -> None:
    file = tmp_path / "nothing.pem"
    file.write_text("nothing")
    with pytest.raises(UserError, match=r"nothing\.pem"):
        Https(Settings(home=tmp_path, tls=str(file)), SystemClock())
    local = Settings(home=tmp_path, tls="local")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / KEY_FILE).write_text("nothing")
    with pytest.raises(UserError):
        Https(local, SystemClock())
