"""The words of the interface: one term for one thing, one text for one code, both languages complete."""

import json
import re
from pathlib import Path

import pytest

from dashboard.messages import LANGUAGES, pages

CATALOGUES = Path(__file__).parents[2] / "dashboard" / "messages"

FORBIDDEN = {
    "zh": {
        "迟到": "延迟",
        "失测": "缺测",
        "无数据": "缺测",
        "失联": "缺测（人员除外）",
        "缺席": "未到",
        "未加入": "未到",
        "无人入会": "未到",
        "未结": "处置中 / 未办结",
        "媒体服务": "音视频服务",
        "话权": "发言权",
        "文字消息": "聊天",
        "以此身份加入": "参会身份",
        "线路不够": "带宽不足",
        "三个音": "三声提示音",
        "按住按钮": "按住说话（对讲）",
        "谁来做": "责任单位（人）",
        "发生了什么": "事件简述",
        "撤销": "取消配对",
        "[缺] \\{": "未到",
    },
    "en": {
        "\\b[Cc]ritical\\b|\\b[Ee]xtreme\\b": "Extremely serious",
        "\\b[Pp]eace(time)?\\b": "Normal",
        "\\b[Ee]xercise\\b": "Drill",
        "\\bWorker\\b|\\bIngest\\b": "Readings / Storage",
        "\\bIntakes?\\b|\\bintakes?\\b": "Report received / New report",
        "cannot be had": "is not available right now",
        "As the system has it": "System default",
        "^Keys|^Done$": "Keyboard shortcuts / Close",
        "\\bPictures?\\b": "Video",
        "[Rr]esting": "Paused",
        "is not an id": "Unknown incident",
        "wait no more|ring is over": "No longer waiting / The call has ended",
        "stop logins": "deactivate accounts",
        "[Aa]t hand": "Available",
        "^\\?$": "unknown",
        "There is no such": "Unknown …",
        "too little line": "not enough bandwidth",
    },
}
"""What was found wrong or doubled, and what is used instead."""

ALLOWED = {
    ("zh", "wall.resources.missing"),
    ("zh", "desk.resources.short"),
    ("en", "desk.tasks.finish"),
    ("en", "desk.tasks.said.done"),
    ("en", "desk.keys.help.key"),
    ("zh", "desk.keys.help.key"),
}
"""A shortage of goods is 缺; a task that is finished is done."""


def texts(lang: str) -> list[tuple[str, str, str]]:
    """Each text of all catalogues: (page, key, text)."""
    return [
        (page, key, text)
        for page in pages()
        for key, text in json.loads((CATALOGUES / lang / f"{page}.json").read_text(encoding="utf-8")).items()
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_catalogue_uses_a_word_that_another_replaced(lang: str) -> None:
    found = [
        f"{key}: {text!r} has {wrong!r}, use {right!r}"
        for _, key, text in texts(lang)
        for wrong, right in FORBIDDEN[lang].items()
        if re.search(wrong, text) and (lang, key) not in ALLOWED
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_key_has_one_text_in_one_catalogue(lang: str) -> None:
    keys = [key for _, key, _ in texts(lang)]
    assert sorted(keys) == sorted(set(keys))
    strays = {key for page, key, _ in texts(lang) if key.startswith("error.") and page != "error"}
    assert not strays, "the error catalogue has the text of every code"


def test_both_languages_have_the_same_keys_and_places() -> None:
    zh, en = ({key: set(re.findall(r"\{\w+\}", text)) for _, key, text in texts(lang)} for lang in LANGUAGES)
    assert zh.keys() == en.keys()
    differ = {key: (zh[key], en[key]) for key in zh if zh[key] != en[key]}
    # A loss is told in 万元 in Chinese and in millions in English.
    assert differ == {"wall.toll.loss": ({"{n}"}, {"{m}"})}


def test_levels_and_modes_are_named_alike_everywhere() -> None:
    named = {
        "zh": (["特别重大", "重大", "较大", "一般"], ["平时", "演练", "应急", "战时"]),
        "en": (["Extremely serious", "Serious", "Major", "Ordinary"], ["Normal", "Drill", "Emergency", "Wartime"]),
    }
    for lang, (levels, modes) in named.items():
        text = {key: text for _, key, text in texts(lang)}
        for page in ("wall", "desk"):
            assert [text[f"{page}.level.{number}"] for number in (1, 2, 3, 4)] == levels
        for page in ("wall", "desk", "journal"):
            assert [text[f"{page}.mode.{mode}"] for mode in ("peace", "exercise", "emergency", "war")] == modes
