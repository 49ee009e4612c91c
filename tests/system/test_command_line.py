"""The commands of an administrator on a running system."""

import base64
import json
import time

from tests.serving import ADMIN, Served


def kid_of(token: str) -> str:
    """The name of the key that signed a token (RFC 7515 section 4.1.4)."""
    header = token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


def test_keys_are_rotated_while_everything_runs_and_nobody_is_logged_out(served: Served) -> None:
    before = served.log_in(*ADMIN)
    done = served.run("keys", "rotate")
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 20
    while kid_of(after := served.log_in(*ADMIN)) == kid_of(before):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert kid_of(after) in done.stdout
    for token in (before, after):
        assert served.call("GET", "/api/v1/incidents", token=token)[0] == 200


def test_keys_of_a_folder_without_any_are_not_rotated(served: Served) -> None:
    there = served.home.parent / "elsewhere"
    elsewhere = Served(there)
    assert "FENGHUO_HOME" in elsewhere.run("keys", "rotate").stderr
    assert not there.exists()
