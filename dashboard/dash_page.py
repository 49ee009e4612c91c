"""A Dash page with an index page of our own: our tags, our texts, no inline script of ours, what the modules need as JSON."""

import json
from abc import abstractmethod
from collections.abc import Callable
from html import escape
from typing import Any, Literal

from dash import Dash
from flask import Flask

from dashboard.messages import Lang, text
from foundation.settings import Settings


class DashPage(Dash):
    """The page `<name>` under `/<name>/`: texts of `messages/<lang>/<name>.json`, modules of `assets/js/<name>/main.js`.

    Language, texts and configuration are those of each request.
    """

    def __init__(
        self,
        name: str,
        server: Flask,
        settings: Settings,
        styles: tuple[str, ...],
        signed_in: Callable[[], str] = str,
    ) -> None:
        """`signed_in` gives the tags of `dashboard.signedin` for this request."""
        super().__init__(
            f"fenghuo.{name}",
            server=server,  # type: ignore[arg-type]  # Dash's hint forgets Flask
            routes_pathname_prefix=f"/{name}/",
            requests_pathname_prefix=f"/{name}/",
            include_assets_files=False,
            serve_locally=True,
            title=text(settings.lang, f"{name}.title"),
            # Dash would otherwise write "Updating..." into the title.
            update_title="",
        )
        self._page = name
        self._styles = styles
        self._signed_in = signed_in

    @abstractmethod
    def page_language(self) -> Lang:
        """The language of this request."""

    @abstractmethod
    def page_theme(self) -> Literal["dark", "light"]:
        """The theme of this request."""

    @abstractmethod
    def page_content(self, lang: Lang) -> dict[str, Any]:
        """What the page's modules need, as JSON."""

    def interpolate_index(
        self,
        metas: str = "",
        title: str = "",
        css: str = "",
        config: str = "",
        scripts: str = "",
        app_entry: str = "",
        favicon: str = "",
        renderer: str = "",
    ) -> str:
        lang, name = self.page_language(), self._page
        links = "".join(f'<link rel="stylesheet" href="/assets/css/{style}.css">' for style in self._styles)
        # A "</script>" in a text must not end the element.
        content = json.dumps(self.page_content(lang), ensure_ascii=False).replace("<", "\\u003c")
        return f"""<!DOCTYPE html>
<html lang="{"zh-CN" if lang == "zh" else "en"}" data-theme="{self.page_theme()}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="google" content="notranslate">
<title>{escape(text(lang, f"{name}.title"))}</title>
<link rel="icon" href="data:,">
{links}
<script type="application/json" id="fenghuo-page">{content}</script>
{self._signed_in()}
<script type="module" src="/assets/js/{name}/main.js"></script>
</head>
<body class="{name}-page" data-typing>
<div id="react-entry-point"><p class="{name}-starting">{escape(text(lang, f"{name}.starting"))}</p></div>
<footer class="dash-parts">{config}{scripts}{renderer}</footer>
</body>
</html>"""
