"""The module that keeps a page's login, under Node."""

import subprocess
from pathlib import Path

from tests.servers import program

ROOT = Path(__file__).parents[2]


def test_the_module_that_keeps_the_login_keeps_its_rules() -> None:
    done = subprocess.run(
        [program("node"), "--test", str(Path(__file__).with_name("session.test.mjs"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
