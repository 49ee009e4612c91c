"""A media node as a process of its own, as `fenghuo media` runs it, dialled into a TinyWeb."""

import os
import subprocess
import sys
from pathlib import Path

from tests.media.web import TOKEN

_PROGRAM = """
import sys
from conference.media.node import run
from foundation.logs import configure_logs
from foundation.settings import Settings
configure_logs("media", "INFO")
sys.exit(run(Settings(), sys.argv[1], [sys.argv[2]]))
"""


def start_node(web_port: int, udp_port: int, *, token: str = TOKEN, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start it; the caller ends it."""
    environment = {
        **os.environ,
        "FENGHUO_MEDIA_PORT": str(udp_port),
        "FENGHUO_MEDIA_HOST": "127.0.0.1",
    }
    stream = log.open("wb") if log else None
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, token, f"http://127.0.0.1:{web_port}"],
        env=environment,
        cwd=Path(__file__).parents[2],
        stderr=stream,
    )
