"""The node as a process: it dials web for ever, tells what lives, and ends cleanly."""

import signal
import socket
from pathlib import Path
from typing import Any

from tests.media.running import start_node
from tests.media.web import TinyWeb
from tests.servers import free_port


def test_a_node_reports_its_load_and_ends_on_sigterm() -> None:
    web = TinyWeb()
    node = start_node(web.port, free_port(socket.SOCK_DGRAM))
    try:
        loads = web.wait_for(lambda events: [p for e, p in events if e == "load"])
        assert loads[0]["rooms"] == 0 and loads[0]["cpu_seconds"] > 0
        assert set(loads[0]["counters"]) == {"packets_in", "packets_out", "bytes_in", "bytes_out", "dropped"}
        node.send_signal(signal.SIGTERM)
        assert node.wait(10) == 0
    finally:
        node.kill()
        node.wait()
        web.stop()


def test_a_node_that_is_told_to_drain_says_so_in_its_load() -> None:
    web = TinyWeb()
    node = start_node(web.port, free_port(socket.SOCK_DGRAM))
    try:
        first = web.wait_for(lambda events: [p for e, p in events if e == "load"])
        assert first[0]["draining"] is False
        node.send_signal(signal.SIGUSR1)
        assert web.wait_for(lambda events: [p for e, p in events if e == "load" and p["draining"]])
    finally:
        node.terminate()
        assert node.wait(10) == 0
        web.stop()


def test_a_node_dials_again_when_web_comes_back() -> None:
    port = free_port()
    node = start_node(port, free_port(socket.SOCK_DGRAM))
    try:
        for _ in range(2):
            web = TinyWeb(port)
            try:
                assert web.connected.wait(20)
            finally:
                web.stop()
    finally:
        node.terminate()
        assert node.wait(10) == 0


def test_a_node_that_was_killed_comes_back_under_its_name_as_another_run() -> None:
    web = TinyWeb()
    udp_port = free_port(socket.SOCK_DGRAM)
    try:
        for times in (1, 2):
            node = start_node(web.port, udp_port)
            hellos = web.wait_for(lambda events, times=times: _hellos(events, times))
            node.kill()
            node.wait()
        assert hellos[0]["node"] == hellos[1]["node"] == f"127.0.0.1:{udp_port}"
        assert hellos[0]["run"] != hellos[1]["run"]
    finally:
        web.stop()


def _hellos(events: list[tuple[str, dict[str, Any]]], times: int) -> list[dict[str, Any]] | None:
    hellos = [told for event, told in events if event == "hello"]
    return hellos if len(hellos) >= times else None


def test_a_node_with_a_wrong_token_is_not_let_in_and_goes_on_trying(tmp_path: Path) -> None:
    web = TinyWeb()
    log = tmp_path / "log"
    node = start_node(web.port, free_port(socket.SOCK_DGRAM), token="wrong-and-secret", log=log)
    try:
        web.wait_refused(2)
        assert node.poll() is None and not web.connected.is_set()
    finally:
        node.terminate()
        assert node.wait(10) == 0
        web.stop()
    assert "wrong-and-secret" not in log.read_text()


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        node = start_node(1, taken.getsockname()[1], log=tmp_path / "log")
        assert node.wait(20) != 0
    assert "Address already in use" in (tmp_path / "log").read_text()
