"""The bad line does what it is told, the same way every time."""

import socket
import time

from tests.relay import Line, relay_to


def fates(line: Line, count: int = 1000, size: int = 1000, every_s: float = 0.01) -> list[float | None]:
    """What becomes of so many datagrams: the time on the way, or None."""
    return [None if (at := line.admit(n * every_s, size)) is None else at - n * every_s for n in range(count)]


def test_the_same_seed_loses_the_same_and_another_others() -> None:
    one, again, other = (fates(Line(seed=seed, loss=0.05)) for seed in (7, 7, 8))
    assert one == again != other
    assert 30 <= one.count(None) <= 70


def test_what_is_set_meanwhile_does_not_change_the_dice_of_the_rest() -> None:
    line = Line(seed=3, loss=0.1)
    plain = fates(Line(seed=3, loss=0.1), 200)
    first = fates(line, 100)
    line.dark = True
    assert line.admit(0.0, 1) is None
    line.dark = False
    rest = fates(line, 99)
    assert first == plain[:100]
    assert [one is None for one in rest] == [one is None for one in plain[101:]]


def test_a_pattern_a_window_and_a_delay_are_kept_exactly() -> None:
    assert [one is None for one in fates(Line(pattern=(False, False, True)), 6)] == [False, False, True] * 2
    dark = fates(Line(windows=((0.02, 0.04),), delay_s=0.3), 6)
    assert [one is None for one in dark] == [False, False, True, True, False, False]
    assert all(abs(one - 0.3) < 1e-9 for one in dark if one is not None)


def test_jitter_reorders_unless_the_line_keeps_the_order() -> None:
    for ordered in (False, True):
        line = Line(jitter_s=0.05, ordered=ordered)
        arrivals = [line.admit(n * 0.01, 100) or 0.0 for n in range(200)]
        assert (arrivals == sorted(arrivals)) is ordered


def test_a_narrow_line_carries_its_rate_and_drops_what_would_wait_too_long() -> None:
    line = Line(rate_bps=400_000, queue_s=0.2)  # offered: 800 kbit/s
    fate = fates(line, 1000)
    assert 480 <= sum(one is not None for one in fate) <= 520
    assert max(one for one in fate if one is not None) <= 0.2 + 0.02 + 1e-9
    assert line.dropped == {"overflow": fate.count(None)}


def test_each_client_has_a_port_of_its_own_towards_the_node() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node:
        node.bind(("127.0.0.1", 0))
        node.settimeout(5)
        with relay_to(node.getsockname()[1]) as relay:
            clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
            seen = {}
            for number, client in enumerate(clients):
                client.settimeout(5)
                client.sendto(bytes([number]), ("127.0.0.1", relay.port))
                data, address = node.recvfrom(100)
                seen[data[0]] = address
                node.sendto(b"back" + data, address)
                assert client.recv(100) == b"back" + data
            assert len(set(seen.values())) == 3 == relay.clients
            relay.down.delay_s = 0.2
            began = time.monotonic()
            node.sendto(b"slow", seen[0])
            assert clients[0].recv(100) == b"slow"
            assert time.monotonic() - began >= 0.19
            relay.go_dark()
            clients[1].sendto(b"x", ("127.0.0.1", relay.port))
            node.settimeout(0.3)
            try:
                node.recvfrom(100)
                raise AssertionError("the line is dark")
            except TimeoutError:
                pass
            for client in clients:
                client.close()
