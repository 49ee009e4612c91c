"""Settings: what is wrong is told in one line that helps."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from fenghuo.cli import main
from foundation.settings import Settings, unknown_names


def test_a_time_zone_that_does_not_exist_is_refused_with_the_nearest() -> None:
    for wrong in ("Asia/Shanghia", "nowhere", "../etc/passwd", "Asia"):
        with pytest.raises(ValidationError, match="no such time zone"):
            Settings(timezone=wrong)
    with pytest.raises(ValidationError, match="Asia/Shanghai"):
        Settings(timezone="Asia/Shanghia")


def test_a_name_that_is_no_setting_is_told_with_the_nearest() -> None:
    wrong = unknown_names(
        ["FENGHUO_PROT", "FENGHUO_DATABASEURL", "FENGHUO_PORT", "fenghuo_home", "PATH", "FENGHUO_PARENT"]
    )
    assert len(wrong) == 2
    assert "FENGHUO_DATABASE_URL" in wrong[0] and "FENGHUO_PORT" in wrong[1]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("FENGHUO_PROT", "80", "perhaps FENGHUO_PORT"), ("FENGHUO_TIMEZONE", "Asia/Shangai", "FENGHUO_TIMEZONE")],
)
def test_every_command_tells_a_wrong_setting_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv("FENGHUO_HOME", str(tmp_path))
    monkeypatch.setenv(name, value)
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 1 and told in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.parametrize("host", ["fd00::1", "[fd00::1]"])
def test_worker_and_media_find_web_at_an_ipv6_address(host: str) -> None:
    settings = Settings(host=host)
    assert (settings.host, settings.web_addresses) == ("fd00::1", ["http://[fd00::1]:8050"])
