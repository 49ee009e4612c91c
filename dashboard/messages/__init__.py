"""The message catalogues: every interface text, by language and page, Chinese first; no text lives in code."""

import json
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

Lang = Literal["zh", "en"]
LANGUAGES: tuple[Lang, ...] = get_args(Lang)

_FOLDER = Path(__file__).parent
_FIRST: Lang = "zh"


@cache
def catalogue(lang: Lang, page: str) -> dict[str, str]:
    """All texts of one page, key → text; a key that English lacks has the Chinese text.

    The result is cached and shared: do not change it. Raises KeyError for a page that has no catalogue.
    """
    if page not in pages():
        raise KeyError(page)
    texts = _read(_FIRST, page)
    if lang != _FIRST:
        texts = {**texts, **{key: text for key, text in _read(lang, page).items() if key in texts}}
    return texts


@cache
def pages() -> tuple[str, ...]:
    """The names of all pages that have a catalogue, sorted."""
    return tuple(sorted(path.stem for path in (_FOLDER / _FIRST).glob("*.json")))


def text(lang: Lang, key: str, **values: object) -> str:
    """The text of `key` with `{name}` places filled from `values`; in Chinese where `lang` has none.

    Raises KeyError for a key that no catalogue has.
    """
    template = _all(lang)[key]
    return template.format(**values) if values else template


@cache
def _all(lang: Lang) -> MappingProxyType[str, str]:
    merged: dict[str, str] = {}
    for page in pages():
        merged.update(catalogue(lang, page))
    return MappingProxyType(merged)


def _read(lang: Lang, page: str) -> dict[str, str]:
    path = _FOLDER / lang / f"{page}.json"
    if not path.is_file():
        return {}
    texts = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(texts, dict):
        raise ValueError(f"{path.name}: a catalogue is one flat object of key and text")
    return {str(key): str(value) for key, value in texts.items()}
