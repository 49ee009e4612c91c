"""The page while its line is gone: the old connection stays until the new one stands, tries are counted, and nobody waits long for the next."""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, WebSocketRoute, expect

from tests.relay import relay_to
from tests.rooms.consultation import VILLAGE_SITES, Consultation, present, stats, until, until_sees
from tests.serving import ADMIN, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

KEEP_PEERS = """
window.peers = [];
window.made = [];
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
  constructor(...told) { super(...told); window.peers.push(this); window.made.push(performance.now()); }
};
"""
AGING = """
const now = performance.now.bind(performance);
let older = 0;
performance.now = () => now() + older;
window.grow = (milliseconds) => { older += milliseconds; };
"""
LET_IN = "40/room,"
"""How Socket.IO says that one asks to come in, and that one is in."""
BACK_WITHIN_S = 5.0
SEEN_WITHIN_MS = 3500
"""Three seconds, and half a one for a machine that also runs the browser and the rest of the system."""


def states(page: Page) -> list[str]:
    """How each peer connection that the page has made stands, the oldest first."""
    told: list[str] = page.evaluate(
        "() => window.peers.map((peer) => peer.signalingState === 'closed' ? 'closed' : peer.connectionState)"
    )
    return told


def test_the_old_connection_lives_on_until_the_new_one_stands(served: Served, chromium: Browser) -> None:
    with relay_to(served.media_port) as line:
        consultation = Consultation(served, chromium, line)
        officer = consultation.come(ADMIN[0])
        context = consultation.context()
        context.add_init_script(KEEP_PEERS)
        village = consultation.come(VILLAGE_SITES[0], context)
        until_sees(officer, 1)
        until_sees(village, 1)
        assert states(village) == ["connected"]
        line.go_dark()
        until(lambda: len(states(village)) > 1, 60)
        first, *others = states(village)
        assert first != "closed" and "connected" not in others
        picture = village.locator('.tile:not(.tile--own)[data-picture="true"]')
        expect(picture).to_have_count(1)
        line.come_back()
        until(lambda: states(village)[-1] == "connected", BACK_WITHIN_S)
        until(lambda: set(states(village)[:-1]) == {"closed"}, BACK_WITHIN_S)
        until_sees(village, 1)


def test_a_page_sees_within_three_seconds_that_its_node_hangs_and_returns_when_it_goes_on(
    served: Served, chromium: Browser
) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    # Alone and in silence: nothing but the node's own signs of life says that the link lives.
    officer.wait_for_timeout(6000)
    link = officer.locator("#link")
    expect(link).to_have_attribute("data-link", "live")
    assert stats(officer)["negotiations"] == 1
    node = served.child("media")
    node.suspend()
    try:
        # The wire to web stands, and web knows nothing of it.
        expect(link).to_have_attribute("data-link", "reconnecting", timeout=SEEN_WITHIN_MS)
    finally:
        node.resume()
    expect(link).to_have_attribute("data-link", "live", timeout=10_000)
    village = consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    until_sees(village, 1)


def test_tries_are_counted_where_the_person_sees_it_and_so_is_what_stands_in_the_way(
    served: Served, chromium: Browser
) -> None:
    with relay_to(served.media_port) as line:
        consultation = Consultation(served, chromium, line)
        village = consultation.come(VILLAGE_SITES[0])
        line.go_dark()
        link = village.locator("#link")
        expect(link).to_have_attribute("data-link", "reconnecting", timeout=30_000)
        until(lambda: stats(village)["tries"] >= 2, 60)
        # The platform answers, and media does not come.
        expect(link).to_have_attribute("data-link", "no_media", timeout=30_000)
        expect(link).to_contain_text("UDP")
        tries = stats(village)["tries"]
        expect(link).to_contain_text(f"第 {tries} 次")
        line.come_back()
        expect(link).to_have_attribute("data-link", "live", timeout=10_000)
        assert stats(village)["tries"] == 0


def opened(consultation: Consultation, context: BrowserContext) -> Page:
    """The room's page before joining, for a village; its age can be changed."""
    login: dict[str, str | float | bool] = {"name": VILLAGE_SITES[0], "password": ADMIN[1]}
    answer = context.request.post(f"{consultation.served.url}/login", form=login, max_redirects=0)
    assert answer.status == 303, answer.text()
    page = context.new_page()
    page.add_init_script(AGING)
    return page


def test_a_click_while_the_wire_is_still_dialling_goes_in_once_it_stands(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    page = opened(consultation, consultation.context())
    said: list[str] = []
    held: list[tuple[WebSocketRoute, str]] = []

    def through(wire: WebSocketRoute) -> None:
        server = wire.connect_to_server()

        def ask(message: str | bytes) -> None:
            said.append(str(message))
            server.send(message)

        def answer(message: str | bytes) -> None:
            if LET_IN in str(message):
                held.append((wire, str(message)))
            else:
                wire.send(message)

        wire.on_message(ask)
        server.on_message(answer)

    page.route_web_socket(re.compile(r"/socket\.io/"), lambda wire: through(wire))
    page.goto(consultation.url)
    while not held:
        page.wait_for_timeout(50)
    page.click('[data-action="join"]')
    link = page.locator("#link")
    expect(link).to_have_attribute("data-link", "connecting")
    page.wait_for_timeout(300)
    wire, word = held[0]
    wire.send(word)
    expect(link).to_have_attribute("data-link", "live", timeout=30_000)
    # A second word that one comes in would be refused, and cost the first its place.
    assert len([one for one in said if one.startswith(LET_IN)]) == 1
    until(lambda: list(present(served, consultation.room).values()) == [True])


def test_a_page_that_has_waited_long_dials_anew_when_one_goes_in(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    page = opened(consultation, consultation.context())
    wires: list[WebSocket] = []

    def noted(wire: WebSocket) -> None:
        # The page has another connection, which rings.
        wire.on("framesent", lambda sent: wires.append(wire) if str(sent).startswith(LET_IN) else None)

    page.on("websocket", noted)
    page.goto(consultation.url)
    while not wires:
        page.wait_for_timeout(50)
    page.evaluate("() => window.grow(660_000)")
    consultation.join(page)
    # What it was let in with may have run out meanwhile.
    assert len(wires) == 2 and wires[0].is_closed()
    until(lambda: list(present(served, consultation.room).values()) == [True])
