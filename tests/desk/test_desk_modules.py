"""The desk's modules: pure parts under Node, and no text that a catalogue lacks."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "dashboard" / "assets" / "js" / "desk"


def texts(lang: str, page: str) -> dict[str, str]:
    content: dict[str, str] = json.loads((ROOT / "dashboard" / "messages" / lang / f"{page}.json").read_text("utf-8"))
    return content


def test_the_modules_keep_their_rules() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    files = sorted(str(path) for path in Path(__file__).parent.glob("*.test.mjs"))
    # Far from the township: no time may come from the zone of the machine.
    for zone in ("UTC", "America/Los_Angeles", "Asia/Kolkata"):
        done = subprocess.run(
            [node, "--test", *files],
            cwd=ROOT,
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, zone + done.stdout + done.stderr


@pytest.mark.parametrize("page", ["desk", "chooser"])
def test_both_languages_have_the_same_texts_with_the_same_places(page: str) -> None:
    zh, en = texts("zh", page), texts("en", page)
    assert zh.keys() == en.keys()
    for key in zh:
        assert set(re.findall(r"\{(\w+)\}", zh[key])) == set(re.findall(r"\{(\w+)\}", en[key])), key


def test_every_text_that_the_modules_name_is_in_the_catalogue() -> None:
    known = {key.removeprefix("desk.") for key in texts("zh", "desk")}
    for path in MODULES.glob("*.js"):
        if path.name == "chooser.js":
            continue
        for key in re.findall(r'words\.t\("([a-z0-9_.]+)"', path.read_text("utf-8")):
            assert key in known, f"{path.name}: {key}"


def test_no_text_stands_in_the_modules() -> None:
    for path in MODULES.glob("*.js"):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text("utf-8"), flags=re.S)
        spoken = re.findall(r"[\u4e00-\u9fff]+", code)
        # What people add to the names of villages is part of the search.
        assert path.name == "match.js" or spoken == [], f"{path.name}: {spoken}"
