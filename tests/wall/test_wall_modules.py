"""The wall's page and its browser modules: types, rules and the page that carries them."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from flask import Flask

from dashboard.messages import catalogue, pages, text
from dashboard.wall import create_wall
from foundation.settings import Settings
from tests.servers import program

ROOT = Path(__file__).parents[2]


def test_the_modules_keep_their_rules() -> None:
    node = program("node")
    files = sorted(str(path) for path in Path(__file__).parent.glob("*.test.mjs"))
    done = subprocess.run([node, "--test", *files], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def page(query: str = "", settings: Settings | None = None) -> tuple[str, dict[str, object]]:
    server = Flask("wall")
    create_wall(server, settings or Settings())
    answer = server.test_client().get("/wall/" + query)
    assert answer.status_code == 200
    html = answer.get_data(as_text=True)
    found = re.search(r'<script type="application/json" id="fenghuo-page">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return html, json.loads(found.group(1))


def test_the_page_speaks_chinese_first_and_english_when_asked() -> None:
    html, config = page()
    assert config["lang"] == "zh" and 'lang="zh-CN"' in html
    html, config = page("?lang=en")
    assert config["lang"] == "en" and 'lang="en"' in html
    assert page(settings=Settings(lang="en"))[1]["lang"] == "en"
    assert page("?lang=%3Cscript%3E")[1]["lang"] == "zh"


def test_one_screen_may_have_its_own_geometry_within_reason() -> None:
    usual = page()[1]["text"]
    assert page("?distance=7")[1]["text"] != usual
    for bad in ("?distance=-1", "?distance=nan", "?diagonal=1e9", "?distance=x"):
        assert page(bad)[1]["text"] == usual


def test_the_page_asks_no_other_host() -> None:
    html, _ = page()
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", html)


def test_the_page_has_no_callback_and_no_interval() -> None:
    server = Flask("wall")
    app = create_wall(server, Settings())
    assert not app.callback_map
    assert "Interval" not in json.dumps(server.test_client().get("/wall/_dash-layout").get_json())


def test_every_text_of_the_modules_is_in_both_catalogues() -> None:
    used = set()
    for path in (ROOT / "dashboard/assets/js/wall").glob("*.js"):
        used |= set(re.findall(r'words\.t\("([\w.]+)"', path.read_text(encoding="utf-8")))
    for lang in ("zh", "en"):
        own = json.loads((ROOT / f"dashboard/messages/{lang}/wall.json").read_text(encoding="utf-8"))
        assert {f"wall.{key}" for key in used} <= own.keys()
    zh = json.loads((ROOT / "dashboard/messages/zh/wall.json").read_text(encoding="utf-8"))
    en = json.loads((ROOT / "dashboard/messages/en/wall.json").read_text(encoding="utf-8"))
    assert zh.keys() == en.keys()


def test_texts_are_found_by_key_and_an_unknown_key_is_an_error() -> None:
    assert "wall" in pages()
    assert text("zh", "wall.incidents.open", n=3) == "处置中 3 起"
    assert catalogue("en", "wall")["wall.title"] == "Fenghuo command wall"
    with pytest.raises(KeyError):
        text("en", "wall.nothing")
    with pytest.raises(KeyError):
        catalogue("zh", "nowhere")
