"""A real Chromium for tests, that can reach nothing but this machine, and remembers what it asked for and what it complained about."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, Request, sync_playwright

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
OWN_SCHEMES = frozenset({"data", "blob", "about"})


@dataclass
class Watched:
    """A browser's pages and what was seen of them."""

    context: BrowserContext
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def page(self) -> Page:
        """A new page."""
        return self.context.new_page()

    def strangers(self) -> set[str]:
        """Hosts asked for that are not this machine."""
        return self.hosts - {"127.0.0.1", "localhost"}


@contextmanager
def playwright() -> Iterator[Playwright]:
    """Playwright, once for everything."""
    with sync_playwright() as running:
        yield running


@contextmanager
def chromium(running: Playwright, width: int = 1920, height: int = 1080, locale: str = "zh-CN") -> Iterator[Watched]:
    """A browser of its own with an empty profile; Debian's Chromium, since Playwright's own cannot be fetched without internet."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    with TemporaryDirectory(prefix="fenghuo-browser-", ignore_cleanup_errors=True) as profile:
        context = running.chromium.launch_persistent_context(
            Path(profile),
            executable_path=path,
            args=ARGUMENTS,
            viewport={"width": width, "height": height},
            locale=locale,
            headless=True,
        )
        watched = Watched(context)

        def asked(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in OWN_SCHEMES:
                watched.hosts.add(parts.hostname or "")

        def said(message: ConsoleMessage) -> None:
            if message.type == "error":
                watched.complaints.append(f"{message.text} {message.location.get('url', '')}")

        context.on("request", asked)
        context.on("console", said)
        context.on("weberror", lambda error: watched.complaints.append(str(error.error)))
        try:
            yield watched
        finally:
            context.close()
