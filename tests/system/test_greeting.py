"""What `fenghuo serve` prints: the addresses that people type, and the next step."""

import threading

from fenghuo.greeting import addresses, lines, wait_ready
from foundation.settings import Settings
from tests.servers import free_port


def test_the_public_address_comes_first_and_hosts_are_written_as_in_a_url() -> None:
    public = Settings(public_url="https://fenghuo.example/", host="::1", port=8050, tls="local")
    assert addresses(public) == ["https://fenghuo.example", "https://[::1]:8050"]
    assert addresses(Settings(host="0.0.0.0", port=8050))[-1] == "http://127.0.0.1:8050"


def test_desk_wall_and_the_next_step_are_named() -> None:
    settings = Settings(host="127.0.0.1", port=8050)
    new, used = "\n".join(lines(settings, False)), "\n".join(lines(settings, True))
    assert "http://127.0.0.1:8050/desk/" in new and "http://127.0.0.1:8050/wall" in new
    assert "fenghuo admin create" in new and "fenghuo admin create" not in used


def test_a_platform_that_is_stopped_before_it_answers_is_not_waited_for() -> None:
    stopping = threading.Event()
    stopping.set()
    assert not wait_ready(Settings(host="127.0.0.1", port=free_port()), stopping)
