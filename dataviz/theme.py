"""One Plotly template from the design tokens, so that a figure looks like the page around it."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import plotly.graph_objects as go

Theme = Literal["dark", "light"]

_BLOCK = re.compile(r"([^{}]+)\{([^{}]*)\}")
_DECLARATION = re.compile(r"(--[\w-]+)\s*:\s*([^;]+);")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def read_tokens(css: str, theme: Theme = "dark") -> dict[str, str]:
    """The custom properties that hold under `theme`, name (without dashes) → value, from the text of tokens.css.

    Blocks apply in their order, as a browser does for selectors of `:root` and `[data-theme=…]`; blocks inside @media are left out.
    Raises ValueError when there is none.
    """
    tokens: dict[str, str] = {}
    for selector, body in _BLOCK.findall(_COMMENT.sub("", css)):
        if "@media" in selector or not _applies(selector, theme):
            continue
        tokens.update({name[2:]: value.strip() for name, value in _DECLARATION.findall(body)})
    if not tokens:
        raise ValueError("no design tokens in the style sheet")
    return tokens


def _applies(selector: str, theme: Theme) -> bool:
    parts = [part.strip() for part in selector.split(",")]
    light = theme == "light"
    return any(
        part == ":root"
        or part == f'[data-theme="{theme}"]'
        or (part == ':root:not([data-theme="light"])' and not light)
        for part in parts
    )


def template(tokens: Mapping[str, str], text_px: float = 16.0) -> go.layout.Template:
    """The template of all figures: quiet axes, no ornament, text of `text_px` pixels.

    Raises KeyError when a token is missing: a figure must not fall back to Plotly's own colours.
    """
    axis: dict[str, Any] = {
        "gridcolor": tokens["line"],
        "linecolor": tokens["line-strong"],
        "zeroline": False,
        "ticks": "",
        "tickfont": {"color": tokens["text-label"], "size": text_px},
        "title": {"font": {"color": tokens["text-label"], "size": text_px}},
        "automargin": True,
        "fixedrange": True,
    }
    return go.layout.Template(
        layout={
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": tokens["font"].replace('"', ""), "color": tokens["text"], "size": text_px},
            "colorway": [tokens["data-water"], tokens["data"], tokens["data-second"]],
            "margin": {"l": text_px * 3, "r": text_px, "t": text_px * 0.5, "b": text_px * 1.8},
            "showlegend": False,
            "hovermode": False,
            "dragmode": False,
            "xaxis": {**axis, "showgrid": False, "type": "date"},
            "yaxis": {**axis, "nticks": 6},
        }
    )


def level_colour(tokens: Mapping[str, str], level: int) -> str:
    """The colour of level Ⅰ…Ⅳ (1…4). Raises ValueError for any other number."""
    if level not in (1, 2, 3, 4):
        raise ValueError(f"no level {level}")
    return tokens[f"level-{level}"]
