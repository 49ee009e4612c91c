"""Texts that people write: trimmed, of bounded length, with nothing in them that a screen cannot show."""

import unicodedata

from foundation.errors import UserError

UNSHOWN = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Controls, halves of surrogate pairs, private and unassigned characters (Unicode 15.0 section 4.5); joiners of emoji are none of them."""


def clean(value: object, field: str, longest: int, *, lines: bool = False) -> str:
    """The text, trimmed; `lines`: it may have several.

    Raises UserError("bad_request") for what is no text, ("text_empty"), ("text_long"), ("text_unprintable").
    """
    if not isinstance(value, str):
        raise UserError("bad_request", field=field)
    text = value.strip()
    if not text:
        raise UserError("text_empty", field=field)
    if len(text) > longest:
        raise UserError("text_long", field=field, limit=longest)
    if any(unicodedata.category(letter) in UNSHOWN and not (lines and letter == "\n") for letter in text):
        raise UserError("text_unprintable", field=field)
    return text
