"""The relay for strict networks: a page that can reach nothing else sees and hears through it, by UDP, TCP and TLS, with a password that ends."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from aioice import stun, turn
from playwright.sync_api import sync_playwright
from pydantic import ValidationError

from conference.relay import CREDENTIAL_LIFE_S, ice_servers
from foundation.settings import Settings
from tests.reach.network import browser_in, trusting
from tests.reach.turn import Coturn
from tests.rooms.consultation import VILLAGE_SITES, Consultation, until_sees, villages
from tests.serving import ADMIN

PARTICIPANT = "0198c0de-0000-7000-8000-000000000001"
STRICT = """
const Peer = window.RTCPeerConnection;
window.peers = [];
window.RTCPeerConnection = class extends Peer {
  constructor(options) {
    super({ ...options, iceTransportPolicy: "relay" });
    window.peers.push(this);
  }
  setConfiguration(options) {
    const servers = options.iceServers.map((one) => ({ ...one, urls: one.urls.filter((url) => url === URL_ALLOWED) }));
    super.setConfiguration({ ...options, iceServers: servers, iceTransportPolicy: "relay" });
  }
};
"""
"""The page can use one address of the relay, and nothing else."""
LINK = """async () => {
  const stats = [...(await window.peers.at(-1).getStats()).values()];
  const pair = stats.find((one) => one.type === "candidate-pair" && one.nominated && one.state === "succeeded");
  const local = stats.find((one) => one.id === pair?.localCandidateId);
  return [local?.candidateType, local?.relayProtocol];
}"""


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    home = tmp_path_factory.mktemp("relay") / "home"
    home.mkdir()
    server = Coturn(home)
    server.start()
    yield server
    server.stop()


def allocate(coturn: Coturn, username: str, password: str) -> str:
    """The relayed address that the server gives for these credentials."""

    async def run() -> str:
        transport, _protocol = await turn.create_turn_endpoint(
            asyncio.DatagramProtocol, server_addr=("127.0.0.1", coturn.port), username=username, password=password
        )
        address = str(transport.get_extra_info("sockname")[0])
        transport.close()
        return address

    return asyncio.run(run())


def test_a_page_gets_all_addresses_and_a_password_that_the_relay_takes_until_it_ends(coturn: Coturn) -> None:
    now = int(time.time())
    [server] = ice_servers(coturn.urls, coturn.secret, PARTICIPANT, now)
    assert server["urls"] == coturn.urls
    assert server["username"] == f"{now + CREDENTIAL_LIFE_S}:{PARTICIPANT}"
    assert allocate(coturn, server["username"], server["credential"]) == "127.0.0.1"


def test_an_old_password_another_name_and_another_secret_are_refused(coturn: Coturn) -> None:
    now = int(time.time())
    [good] = ice_servers(coturn.urls, coturn.secret, PARTICIPANT, now)
    [old] = ice_servers(coturn.urls, coturn.secret, PARTICIPANT, now - CREDENTIAL_LIFE_S - 60)
    [foreign] = ice_servers(coturn.urls, "another secret", PARTICIPANT, now)
    longer = f"{now + 10 * CREDENTIAL_LIFE_S}:{PARTICIPANT}"
    for username, password in (
        (old["username"], old["credential"]),
        (foreign["username"], foreign["credential"]),
        (longer, good["credential"]),
    ):
        with pytest.raises(stun.TransactionFailed, match=r"401|Unauthorized"):
            allocate(coturn, username, password)


def test_no_relay_is_announced_unless_one_is_set() -> None:
    assert ice_servers(Settings().turn_urls, "secret", PARTICIPANT, 0) == []


@pytest.mark.parametrize(
    "url", ["stun:stun.example.org:3478", "turn:", "https://turn.example", "turn:host:3478,nonsense"]
)
def test_an_address_that_no_browser_would_take_stops_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="RFC 7065"):
        Settings(turn_url=url)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_pages_that_can_reach_only_the_relay_see_each_other_by_udp_tcp_and_tls(coturn: Coturn) -> None:
    home = coturn.home
    with (
        villages(home.parent, FENGHUO_TURN_URL=",".join(coturn.urls)) as served,
        sync_playwright() as running,
        browser_in(running, trusting(home.parent / "browser", coturn.authority_file), "127.0.0.1") as browser,
    ):
        consultation = Consultation(served, browser)
        pages = []
        for name, url in zip((ADMIN[0], *VILLAGE_SITES), coturn.urls, strict=True):
            context = consultation.context()
            context.add_init_script(STRICT.replace("URL_ALLOWED", f'"{url}"'))
            pages.append(consultation.come(name, context))
        for page in pages:
            until_sees(page, 2)
        assert [page.evaluate(LINK) for page in pages] == [["relay", "udp"], ["relay", "tcp"], ["relay", "tls"]]
        assert consultation.complaints == []
