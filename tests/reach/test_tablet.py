"""A tablet elsewhere on the LAN that trusts the local authority: it gets camera and microphone, a room and a wall, by https and nothing else."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.reach.installation import Secured, secured_township
from tests.reach.network import Lan, browser_in, lan, trusting
from tests.rooms.consultation import Consultation, pictures, until_sees
from tests.serving import ADMIN

BACK_WITHIN_S = 10.0
"""Browsers find out that a network is gone in their own time."""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def network() -> Iterator[Lan]:
    with lan() as made:
        yield made


@pytest.fixture(scope="module")
def system(network: Lan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Fenghuo as it runs in a township: on every address, media announced on the LAN."""
    folder = tmp_path_factory.mktemp("lan")
    with secured_township(folder, FENGHUO_HOST="0.0.0.0", FENGHUO_MEDIA_HOST=network.here) as running:
        running.url = f"https://{network.here}:{running.port}"
        yield running


@pytest.fixture(scope="module")
def devices(
    network: Lan, system: Secured, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Browser, Browser]]:
    """The browser of the command room beside us, and that of the tablet."""
    homes = [trusting(tmp_path_factory.mktemp(name), system.authority) for name in ("room", "tablet")]
    with (
        sync_playwright() as running,
        browser_in(running, homes[0], network.here) as here,
        browser_in(running, homes[1], network.here, network.namespace) as there,
    ):
        yield here, there


def test_a_tablet_that_does_not_trust_the_authority_yet_gets_only_the_page_that_tells_how(
    system: Secured, network: Lan, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        sync_playwright() as running,
        browser_in(running, tmp_path_factory.mktemp("stranger"), network.here, network.namespace) as stranger,
    ):
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            stranger.new_page().goto(f"http://{network.here}:{system.trust_port}/")
        page = stranger.new_page()
        page.goto(f"http://{network.here}:{system.trust_port}/trust")
        assert page.locator(f'a[href="{system.url}/"]').count() == 1


def meeting(system: Secured, devices: tuple[Browser, Browser]) -> tuple[Consultation, Page, Page]:
    """The officer and the tablet in a room."""
    consultation = Consultation(system, devices[0])
    officer = consultation.context().new_page()
    officer.goto(f"{system.url}/login?next=/rooms/{consultation.room}")
    officer.fill("#name", ADMIN[0])
    officer.fill("#password", ADMIN[1])
    officer.press("#password", "Enter")
    officer.wait_for_url(consultation.url)
    consultation.join(officer)
    consultation.browser = devices[1]
    return consultation, officer, consultation.come_by_link("李树坪平板")


def test_a_tablet_joins_a_room_over_the_lan_and_both_see_each_other(
    system: Secured, devices: tuple[Browser, Browser]
) -> None:
    consultation, officer, tablet = meeting(system, devices)
    assert tablet.evaluate("isSecureContext && 'getUserMedia' in navigator.mediaDevices")
    until_sees(tablet, 1)
    until_sees(officer, 1)
    assert consultation.complaints == []


def test_a_wall_elsewhere_on_the_lan_is_fed_by_https(system: Secured, devices: tuple[Browser, Browser]) -> None:
    _, offer = system.call("POST", "/api/v1/devices/pair")
    status, _ = system.call("POST", "/api/v1/devices/approve", {"user_code": offer["user_code"], "name": "大屏"})
    assert status == 201
    _, paired = system.call("POST", "/api/v1/devices/poll", {"device_code": offer["device_code"]})
    page = devices[1].new_context().new_page()
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _frame: frames.append(socket.url)))
    page.goto(f"{system.url}/wall/?token={paired['access_token']}")
    while len(frames) <= 3:
        page.wait_for_timeout(100)
    assert all(url.startswith(system.url.replace("https", "wss")) for url in frames)


def test_a_tablet_that_changes_from_wifi_to_cellular_is_back_by_itself(
    system: Secured, network: Lan, devices: tuple[Browser, Browser]
) -> None:
    consultation, officer, tablet = meeting(system, devices)
    until_sees(tablet, 1)
    until_sees(officer, 1)
    network.change()
    start = time.monotonic()
    officer.wait_for_timeout(1000)  # what was on its way has come
    seen = [sum(pictures(page).values()) for page in (officer, tablet)]
    backs: dict[int, float] = {}
    while len(backs) < 2 and time.monotonic() - start < 4 * BACK_WITHIN_S:
        for index, page in enumerate((officer, tablet)):
            now = sum(pictures(page).values())
            if index not in backs and now > seen[index] + 2:
                backs[index] = time.monotonic() - start
            seen[index] = min(seen[index], now)
        officer.wait_for_timeout(100)
    assert len(backs) == 2 and max(backs.values()) <= BACK_WITHIN_S, backs
    assert consultation.complaints == []
