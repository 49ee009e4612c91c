"""The page's modules: pure parts under Node, and no text that a catalogue lacks."""

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path

from flask import Flask

from tests.servers import program

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "conference" / "client"


def test_the_modules_keep_their_rules() -> None:
    node = program("node")
    files = sorted(str(path) for path in Path(__file__).parent.glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *files], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_text_of_the_page_is_in_both_catalogues() -> None:
    used: set[str] = set()
    for path in (*CLIENT.glob("*.js"), *CLIENT.glob("*.html")):
        used |= set(re.findall(r'["`](room\.[a-z_.]+)["`]', path.read_text("utf-8")))
    used -= {"room.json"}
    texts = {
        lang: json.loads((ROOT / "dashboard" / "messages" / lang / "room.json").read_text("utf-8"))
        for lang in ("zh", "en")
    }
    assert used - texts["zh"].keys() == set()
    assert texts["zh"].keys() == texts["en"].keys()


def test_the_protocol_module_knows_no_page() -> None:
    for name in (
        "commands.js",
        "layouts.js",
        "lifeline.js",
        "linecheck.js",
        "protocol.js",
        "pulse.js",
        "quality.js",
        "session.js",
        "slots.js",
        "wire.js",
    ):
        assert not re.search(
            r"\b(document|localStorage|HTMLElement|querySelector)\b", (CLIENT / name).read_text("utf-8")
        )


def test_the_page_s_attributes_are_attributes_and_its_level_bars_have_values() -> None:
    template = Flask("room", template_folder=str(CLIENT)).jinja_env.get_template("room.html")
    page = template.render(lang="zh", t=defaultdict(str), page={"role": "host"}, signed_in=lambda: "")
    assert page.count('aria-expanded="false"') == 5
    assert "&#34;" not in page
    bars = re.findall(r'role="meter"[^>]*>', page)
    assert bars and all("aria-valuenow" in bar for bar in bars)
