"""`fenghuo serve --tls local`: people come by https, processes of ours dial in by it, and plain http only tells how to trust it."""

import contextlib
import plistlib
import socket
import ssl
from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from foundation.clock import SystemClock
from foundation.local_authority import LocalAuthority
from foundation.secrets import write_private
from tests.browser import chromium
from tests.reach.installation import Secured, secured_township
from tests.serving import ADMIN


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_township(tmp_path_factory.mktemp("https")) as running:
        yield running


def plain(system: Secured, path: str, method: str = "GET") -> tuple[HTTPResponse, bytes]:
    """One request over plain http."""
    connection = HTTPConnection("127.0.0.1", system.trust_port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_worker_and_media_node_dial_in_by_https(system: Secured) -> None:
    status, told = system.call("GET", "/readyz")
    assert status == 200
    assert (told["worker"], told["media"], told["ingest"]) == ("up", "up", "ok")


def test_addresses_that_are_given_out_are_https(system: Secured) -> None:
    status, room = system.call("POST", "/api/v1/rooms", {"title": "会商"})
    assert status == 201
    assert room["url"].startswith(f"https://127.0.0.1:{system.port}/rooms/")


def test_a_login_goes_only_over_https(system: Secured) -> None:
    with sync_playwright() as running, chromium(running) as watched:
        context = watched.context
        answer = context.request.post(
            f"{system.url}/login",
            form={"name": ADMIN[0], "password": ADMIN[1]},
            max_redirects=0,
            ignore_https_errors=True,
        )
        cookies = [header["value"] for header in answer.headers_array if header["name"].lower() == "set-cookie"]
    assert answer.status == 303 and len(cookies) == 2
    assert all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)


def test_plain_http_serves_the_trust_page_and_sends_everything_else_to_https(system: Secured) -> None:
    answer, content = plain(system, "/trust")
    assert answer.status == 200 and "让这台设备信任烽火".encode() in content
    for path in ("/", "/desk/?incident=1", "/api/v1/rooms", "/readyz", "/trusted"):
        answer, _ = plain(system, path)
        place = f"https://127.0.0.1:{system.port}{path}"
        assert (path, answer.status, answer.headers["Location"]) == (path, 307, place)
    answer, _ = plain(system, "/trust", "POST")
    assert answer.status == 307


def test_https_and_plain_http_do_not_share_a_port(system: Secured) -> None:
    with socket.create_connection(("127.0.0.1", system.port), 10) as connection:
        connection.sendall(b"GET /trust HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):  # no TLS: the connection may simply end
            assert b"200 OK" not in connection.recv(1024)


def test_the_page_gives_the_certificate_whose_fingerprint_it_shows(system: Secured) -> None:
    answer, certificate = plain(system, "/trust/authority.crt")
    assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert certificate == ssl.PEM_cert_to_DER_cert(system.authority.read_text())
    _, page = plain(system, "/trust?lang=en")
    digits = sha256(certificate).hexdigest().upper()
    assert all(f"<td>{digits[at : at + 4]}</td>".encode() in page for at in range(0, 64, 4))
    answer, profile = plain(system, "/trust/authority.mobileconfig")
    assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
    assert plistlib.loads(profile)["PayloadContent"][0]["PayloadContent"] == certificate


def test_the_page_loads_nothing_from_elsewhere_and_fits_a_phone(system: Secured) -> None:
    with sync_playwright() as running, chromium(running, 360, 740) as watched:
        page = watched.page()
        page.goto(f"http://127.0.0.1:{system.trust_port}/trust")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator(".trust__share img").evaluate("image => image.naturalWidth > 0")
    assert watched.strangers() == set() and watched.complaints == []


def test_a_silent_visitor_of_plain_http_keeps_nobody_out(system: Secured) -> None:
    silent = [socket.create_connection(("127.0.0.1", system.trust_port), 10) for _ in range(8)]
    answer, _ = plain(system, "/trust")
    assert answer.status == 200
    for connection in silent:
        connection.close()


def test_processes_dial_in_again_when_the_certificate_is_a_new_one(system: Secured, tmp_path: Path) -> None:
    authority = LocalAuthority.open(system.home, SystemClock(), [], "")
    write_private(system.home / "secrets" / "web.pem", authority.issue(["127.0.0.1", "localhost"]))
    system.kill("web")
    system.wait_ready()
    status, told = system.call("GET", "/readyz")
    assert (status, told["worker"], told["media"]) == (200, "up", "up")
