"""What compose.yaml, the systemd unit and the administrator's page promise, checked against the program and against each other."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OURS = ("web", "worker", "media")
VARIABLES = {f"FENGHUO_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_every_part_of_the_house_is_there(compose: dict[str, Any]) -> None:
    assert {*OURS, "postgres", "redis", "mosquitto", "coturn", "proxy"} <= set(compose["services"])


def test_every_service_is_watched_and_comes_back(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name == "prepare":
            continue
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service or name == "web", name  # web has the image's own


def test_every_setting_is_one_that_the_program_knows(compose: dict[str, Any]) -> None:
    for name in OURS:
        for variable in compose["services"][name]["environment"]:
            assert variable.removesuffix("_FILE") in VARIABLES, f"{name}: {variable}"


def test_no_password_is_written_down(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|URL", variable) and not variable.endswith("_FILE"):
                assert "@" not in str(value), f"{name}: {variable}"
                assert "PASSWORD" not in variable, f"{name}: {variable}"


def test_every_volume_and_file_that_is_mounted_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in compose["volumes"], source


def test_only_the_services_that_need_a_secret_see_it(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.endswith("-secrets") and name != "prepare":
                assert source == f"{name}-secrets"
                assert mount.endswith(":ro")


def test_our_commands_exist(compose: dict[str, Any]) -> None:
    for name in OURS:
        assert compose["services"][name]["command"] == [name]
    result = subprocess.run(
        [sys.executable, "-m", "fenghuo", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert all(re.search(rf"^  {name}\b", result.stdout, re.M) for name in (*OURS, "serve"))


def test_the_systemd_unit_is_correct() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = DEPLOY / "systemd" / "fenghuo.service"
    result = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    complaints = [
        line for line in result.stderr.splitlines() if "fenghuo.service" in line and "not executable" not in line
    ]
    assert complaints == []


def test_the_administrators_page_names_every_setting() -> None:
    page = (ROOT / "docs" / "administrator.md").read_text("utf-8")
    assert {name for name in VARIABLES if f"`{name}`" not in page} == set()
    named = set(re.findall(r"`(FENGHUO_[A-Z_]+)`", page))
    others = {"FENGHUO_NAME", "FENGHUO_IMAGE", "FENGHUO_REQUIRE_ALL", "FENGHUO_ADMIN_PASSWORD", "FENGHUO_MQTT_PUBLISH"}
    assert named - VARIABLES <= others


def test_a_setting_can_come_from_a_file(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("env_from_files", DEPLOY / "env_from_files.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "url").write_text("redis://:secret@redis/0\n")
    environment = {"FENGHUO_REDIS_URL_FILE": str(tmp_path / "url"), "FENGHUO_PORT": "1", "OTHER_FILE": "kept"}
    assert module.settings_from_files(environment) == {
        "FENGHUO_REDIS_URL": "redis://:secret@redis/0",
        "FENGHUO_PORT": "1",
        "OTHER_FILE": "kept",
    }


def test_locks_hold_hashes_and_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text("utf-8")
        assert "://" not in text, lock.name
        assert "--hash=sha256:" in text, lock.name
    for lock in (ROOT / "package-lock.json", ROOT / "tests" / "stacks" / "package-lock.json"):
        assert "://" not in lock.read_text("utf-8")
