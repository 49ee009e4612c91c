"""Texts that people write: one rule for what is kept of them, whoever sends them and wherever they go.

Spaces of every kind become the plain one, what nobody can see is dropped, everything else is kept: emoji with their joiners, private characters of
old fonts, characters newer than this Python. Marks of direction are kept and closed within the text, so that they turn nothing around it.
"""

import re
import unicodedata

from foundation.errors import UserError

SPACES = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Blank, though no space by their category: fillers of Hangul, the empty Braille cell."""
INVISIBLE = frozenset("\u034f\u17b4\u17b5")
"""Ignorable by default (Unicode 15.0, section 5.21), though marks by their category."""
JOINERS = frozenset("\u200c\u200d")
BREAKS = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
EMBEDDINGS, ISOLATES = frozenset("\u202a\u202b\u202d\u202e"), frozenset("\u2066\u2067\u2068")
END_OF_EMBEDDING, END_OF_ISOLATE = "\u202c", "\u2069"
DIRECTIONS = frozenset("\u200e\u200f\u061c")
"""Single marks of direction (UAX #9, section 2.6)."""
NESTED_MAX = 125
"""UAX #9, BD2: deeper ones have no effect."""


def folded(text: str, *, lines: bool = False) -> str:
    """Return what is kept of `text`, trimmed; `lines`: it may have several, otherwise runs of spaces are one."""
    text = BREAKS.sub("\n", unicodedata.normalize("NFC", text))
    kept = "\n".join(_closed(_seen(line)) for line in text.split("\n"))
    kept = "\n".join(line.rstrip(" ") for line in kept.split("\n")).strip(" \n") if lines else " ".join(kept.split())
    # Marks of direction alone are nothing that one could see.
    return kept if any(not (_is_direction(letter) or letter.isspace()) for letter in kept) else ""


def clean(value: object, field: str, longest: int, *, lines: bool = False) -> str:
    """Return the folded text, which must not be empty.

    Raises UserError("bad_request") for what is no text, ("text_empty"), ("text_long").
    """
    text = clean_optional(value, field, longest, lines=lines)
    if not text:
        raise UserError("text_empty", field=field)
    return text


def clean_optional(value: object, field: str, longest: int, *, lines: bool = False) -> str:
    """Return the folded text, which may be empty. Raises UserError("bad_request") for what is no text, ("text_long")."""
    if not isinstance(value, str):
        raise UserError("bad_request", field=field)
    text = folded(value, lines=lines)
    if len(text) > longest:
        raise UserError("text_long", field=field, limit=longest)
    return text


def _seen(line: str) -> str:
    """Return the line with plain spaces and without what cannot be seen."""
    kept: list[str] = []
    for index, letter in enumerate(line):
        category = unicodedata.category(letter)
        if category == "Zs" or letter == "\t" or letter in SPACES:
            kept.append(" ")
        elif letter in JOINERS:
            if kept and _joins(kept[-1]) and line[index + 1 : index + 2].strip():
                kept.append(letter)
        elif category == "Cf":
            if _is_direction(letter) or (_is_tag(letter) and kept and (_is_tag(kept[-1]) or _is_sign(kept[-1]))):
                kept.append(letter)
        elif _is_selector(letter):
            # A selector of a variant belongs to the character before it.
            if kept and kept[-1] != " ":
                kept.append(letter)
        elif not (category in ("Cc", "Cs") or letter in INVISIBLE or _is_no_character(letter)):
            kept.append(letter)
    return "".join(kept)


def _closed(line: str) -> str:
    """Return the line with every embedding and isolate that it opens closed, and no end of one that it does not open."""
    if not any(letter in EMBEDDINGS or letter in ISOLATES or letter in "\u202c\u2069" for letter in line):
        return line
    kept: list[str] = []
    opened: list[str] = []
    for letter in line:
        if letter in EMBEDDINGS or letter in ISOLATES:
            if len(opened) == NESTED_MAX:
                continue
            opened.append(END_OF_EMBEDDING if letter in EMBEDDINGS else END_OF_ISOLATE)
        elif letter in (END_OF_EMBEDDING, END_OF_ISOLATE):
            if not opened or opened[-1] != letter:
                continue
            opened.pop()
        kept.append(letter)
    return "".join(kept + opened[::-1])


def _joins(before: str) -> bool:
    """Whether a joiner after this character can be seen: emoji and their modifiers, and the scripts from Arabic to Vedic."""
    return _is_sign(before) or _is_selector(before) or "\u0600" <= before <= "\u1cff"


def _is_sign(letter: str) -> bool:
    """Whether it may be an emoji; those newer than this Python are unassigned to it."""
    return unicodedata.category(letter) in ("So", "Sk", "Cn")


def _is_selector(letter: str) -> bool:
    return "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef" or "\u180b" <= letter <= "\u180d"


def _is_tag(letter: str) -> bool:
    """Whether it spells the flag of a region (UTS #51, ED-14a)."""
    return "\U000e0020" <= letter <= "\U000e007f"


def _is_direction(letter: str) -> bool:
    return letter in DIRECTIONS or letter in EMBEDDINGS or letter in ISOLATES or letter in "\u202c\u2069"


def _is_no_character(letter: str) -> bool:
    """Whether it is one of the 66 code points that are none (Unicode 15.0, section 23.7)."""
    return "\ufdd0" <= letter <= "\ufdef" or ord(letter) & 0xFFFE == 0xFFFE
