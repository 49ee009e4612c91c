"""One rule for what people write: spaces folded, the invisible dropped, the rest kept, marks of direction closed."""

import pytest

from foundation.errors import UserError
from foundation.texts import clean, clean_optional, folded


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\u3000中心\u00a0小学\u2003", "中心 小学"),
        ("一\u200b二\ufeff三\u2060四\u00ad", "一二三四"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("第一行\r\n第二行\u2028第三行", "第一行 第二行 第三行"),
        ("半\ud83d对", "半对"),
        ("cafe\u0301", "café"),
        ("王\ue000\U0002a6d6", "王\ue000\U0002a6d6"),
        ("\ufffe\ufdd0x", "x"),
    ],
)
def test_spaces_are_folded_and_the_invisible_is_dropped(text: str, kept: str) -> None:
    assert folded(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "👨\u200d👩\u200d👧\u200d👦",
        "👩🏽\u200d🚒",
        "❤\ufe0f\u200d🔥",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "🇨🇳 1\ufe0f\u20e3",
        "می\u200cخواهم",
        "क्\u200dष",
        "𠮷野家 ㎡ １２",
    ],
)
def test_joined_emoji_and_every_script_stay_as_they_are(text: str) -> None:
    assert folded(text) == text


@pytest.mark.parametrize("text", ["a\u200db", "王\u200d小梅", "\u200d王", "王\u200c 小梅"])
def test_a_joiner_that_joins_nothing_is_dropped(text: str) -> None:
    assert folded(text) == text.replace("\u200d", "").replace("\u200c", "")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\u202e滑坡", "\u202e滑坡\u202c"),
        ("\u2067\u202eab", "\u2067\u202eab\u202c\u2069"),
        ("\u2066a\u2069", "\u2066a\u2069"),
        ("a\u202c\u2069b", "ab"),
        ("\u202ea\nb", "\u202ea\u202c b"),
    ],
)
def test_marks_of_direction_are_closed_within_the_text(text: str, kept: str) -> None:
    assert folded(text) == kept


@pytest.mark.parametrize("text", ["", "  ", "\u3000\u200b", "\u3164", "\u202e", "\u200f\u2800", "\0"])
def test_what_nobody_can_see_is_empty(text: str) -> None:
    assert clean_optional(text, "title", 10) == ""
    with pytest.raises(UserError, match="text_empty"):
        clean(text, "title", 10)


def test_lines_stay_lines_where_there_may_be_several() -> None:
    assert folded("一\r\n\t二  三 \n\n四\n", lines=True) == "一\n 二  三\n\n四"


def test_the_length_is_that_of_what_is_kept() -> None:
    assert clean("\u200b" * 50 + "字" * 10, "title", 10) == "字" * 10
    with pytest.raises(UserError, match="text_long"):
        clean("字" * 11, "title", 10)
    with pytest.raises(UserError, match="bad_request"):
        clean(7, "title", 10)
