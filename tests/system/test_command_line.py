"""The commands of an administrator on a running system."""

import base64
import json
import os
import socket
import tempfile
import time
from pathlib import Path

import pytest

from operations.mapping import MAPPING_FILE
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_accounts_are_made_only_as_the_owner_of_the_folder(tmp_path: Path) -> None:
    elsewhere = Served(tmp_path / "home")
    elsewhere.home.mkdir()
    os.chown(elsewhere.home, 12345, 12345)
    done = elsewhere.run("admin", "create", "root")
    assert done.returncode == 1 and "as the owner" in done.stderr
    assert not list(elsewhere.home.iterdir())


@pytest.mark.parametrize(
    ("file", "url", "told"), [("{}]", "", "mapping"), ("[]", "tcp://somewhere", "mqtt")], ids=["mapping", "broker"]
)
def test_a_setting_that_no_process_can_work_with_is_told_before_any_starts(
    tmp_path: Path, file: str, url: str, told: str
) -> None:
    elsewhere = Served(tmp_path / "home", FENGHUO_MQTT_URL=url)
    elsewhere.home.mkdir()
    (elsewhere.home / MAPPING_FILE).write_text(file, "utf-8")
    done = elsewhere.run("serve")
    assert done.returncode == 1 and told in done.stderr.lower(), done.stderr


def test_a_port_that_another_program_has_is_told_by_serve(tmp_path: Path) -> None:
    elsewhere = Served(tmp_path / "home")
    with socket.create_server(("127.0.0.1", elsewhere.port)):
        done = elsewhere.run("serve")
    assert done.returncode == 1
    assert f"port {elsewhere.port}/tcp" in done.stderr and "FENGHUO_PORT" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_backup_made_as_root_belongs_to_the_service() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        elsewhere = Served(Path(folder) / "home")
        elsewhere.create_admin()
        for path in (elsewhere.home, *elsewhere.home.rglob("*")):
            os.chown(path, 12345, 12345)
        done = elsewhere.run("backup", "by-root")
        assert done.returncode == 0, done.stderr
        made = [path.stat() for path in (elsewhere.home, *elsewhere.home.rglob("*"))]
        assert {(one.st_uid, one.st_gid) for one in made} == {(12345, 12345)}
        assert (elsewhere.home / "backups/by-root.db").stat().st_mode & 0o777 == 0o600
