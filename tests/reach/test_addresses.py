"""Which addresses are announced, and that one port serves IPv4 and IPv6 and follows a client to another address."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aioice import stun as aioice_stun

from conference.media import announce
from conference.media.address import DualStack, Plain, everywhere
from conference.media.announce import announced_addresses
from conference.media.node import MediaNode
from conference.media.stats import Counters
from conference.media.udp import UdpPort
from fenghuo.own_names import lan_addresses
from foundation.errors import UserError
from foundation.settings import Settings
from tests.media.test_node import Guest, until

KEYS = [Plain(), DualStack()]


def test_several_names_and_addresses_are_announced_in_their_order_each_once() -> None:
    settings = Settings(media_host="192.0.2.1, 2001:db8::7,192.0.2.1 ,10.1.1.1")
    assert announced_addresses(settings.media_hosts) == ["192.0.2.1", "2001:db8::7", "10.1.1.1"]
    assert "127.0.0.1" in announced_addresses(["localhost"])


def test_a_name_that_does_not_resolve_stops_the_start() -> None:
    with pytest.raises(UserError, match="media_host_unknown"):
        announced_addresses(["192.0.2.1", "no such name.invalid"])


def test_without_a_setting_this_machines_networks_are_announced_and_the_loopback_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announce, "_default_routes", lambda: ["192.0.2.2"])
    monkeypatch.setattr(announce, "_own", lambda: ["192.0.2.2", *(f"10.0.0.{number}" for number in range(20))])
    found = announced_addresses([])
    assert found[:2] == ["192.0.2.2", "10.0.0.0"]
    assert (len(found), found[-1]) == (announce.ADDRESSES_MAX, "127.0.0.1")


@pytest.mark.parametrize("form", KEYS, ids=["plain", "dual stack"])
def test_an_ipv4_peer_is_named_the_same_on_either_socket(form: Plain) -> None:
    key = form.key("192.0.2.7", 4711)
    assert len(key) == form.key_bytes
    assert form.peer(key) == (socket.inet_aton("192.0.2.7"), 4711)
    assert form.holder(key) == socket.inet_aton("192.0.2.7")
    assert form.key(*form.address(key)) == key


def test_an_ipv6_peer_keeps_its_scope_and_is_limited_with_its_network() -> None:
    form = DualStack()
    first, second = form.key("2001:db8::1", 5, 0, 3), form.key("2001:db8::2", 5, 0, 3)
    assert form.address(first) == ("2001:db8::1", 5, 0, 3)
    assert first != second and form.holder(first) == form.holder(second)


@pytest.mark.parametrize("system_calls", [True, False], ids=["recvmmsg", "one by one"])
def test_one_port_answers_both_families_from_the_address_that_was_asked(system_calls: bool) -> None:
    if everywhere() != "::":
        pytest.skip("the kernel has no IPv6")
    port = UdpPort("::", 0, Counters(), system_calls=system_calls)
    try:
        for family, host in ((socket.AF_INET, "127.0.0.5"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.settimeout(5)
                client.connect((host, port.port))  # takes answers from there only
                client.send(b"asked")
                while not port.receive():
                    pass
                key = bytes(port.in_names[: port.form.key_bytes])
                assert port.form.peer(key)[1] == client.getsockname()[1]
                assert port.send_to(b"answer", key, port.source_for(key, port.local(0)))
                assert client.recv(100) == b"answer"
    finally:
        port.close()


@asynccontextmanager
async def node_at(*hosts: str) -> AsyncIterator[MediaNode]:
    node = MediaNode(Settings(media_port=0, media_host=",".join(hosts)))
    node.start()
    try:
        yield node
    finally:
        await node.stop()


def test_clients_by_ipv6_and_by_ipv4_see_each_other() -> None:
    six = next((address for address in lan_addresses() if ":" in address), "")
    four = next((address for address in lan_addresses() if ":" not in address), "")
    if not six or not four or everywhere() != "::":
        pytest.skip("this machine has not an address of both families that others can reach")

    async def scenario() -> None:
        async with node_at(six, four) as node:
            guests = [Guest(node, name) for name in ("first", "second")]
            node._addresses = [six]
            await guests[0].join()
            node._addresses = [four]
            await guests[1].join()
            await guests[0].want("second")
            await guests[1].want("first")
            for guest in guests:
                await until(partial(guest.got, sound=20, picture=5))
            for guest in guests:
                await guest.close()

    asyncio.run(scenario())


def test_only_an_authentic_check_that_nominates_moves_a_session_to_another_address() -> None:
    async def scenario() -> None:
        async with node_at("127.0.0.1") as node:
            first, second = Guest(node, "first"), Guest(node, "second")
            await first.join()
            await second.join()
            session = node.rooms["r"].sessions["s-first"]
            home = session.key
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
                elsewhere.settimeout(5)
                elsewhere.connect(("127.0.0.1", node.port))
                elsewhere.send(check(session.ufrag, session.password_bytes[::-1], nominate=True))
                await until(lambda: node.counters.dropped.get("stun_bad_integrity"))
                elsewhere.send(check(session.ufrag, session.password_bytes, nominate=False))
                await asyncio.to_thread(elsewhere.recv, 1500)
                assert session.key == home
                elsewhere.send(check(session.ufrag, session.password_bytes, nominate=True))
                await asyncio.to_thread(elsewhere.recv, 1500)
                assert session.key != home
            await first.close()
            await second.close()

    asyncio.run(scenario())


def check(ufrag: str, password: bytes, *, nominate: bool) -> bytes:
    """A binding request of another stack."""
    message = aioice_stun.Message(aioice_stun.Method.BINDING, aioice_stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{ufrag}:them"
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = int.from_bytes(os.urandom(8), "big")
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password)
    message.add_fingerprint()
    return bytes(message)
