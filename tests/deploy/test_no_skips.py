"""The rule that a skip is a failure where everything must run."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SKIPPING = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no such daemon")
def test_marked():
    pass

def test_inside():
    pytest.skip("not here")

@pytest.mark.xfail(reason="known", strict=True)
def test_known():
    raise ValueError
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest((Path(__file__).parents[1] / "no_skips.py").read_text("utf-8"))
    pytester.makepyfile(test_some=SKIPPING, test_module="import pytest\npytest.importorskip('no_such_module')\n")
    return pytester


def test_a_skip_is_a_failure_where_everything_must_run(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FENGHUO_REQUIRE_ALL", "1")
    result = project.runpytest_subprocess("--continue-on-collection-errors")
    result.assert_outcomes(passed=1, failed=1, errors=2, xfailed=1)
    result.stdout.fnmatch_lines(["*allows no skip*no such daemon*"])
    assert result.ret != 0


def test_a_skip_is_a_skip_elsewhere(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FENGHUO_REQUIRE_ALL", raising=False)
    result = project.runpytest_subprocess()
    result.assert_outcomes(passed=1, skipped=3, xfailed=1)
    assert result.ret == 0
