"""A running Fenghuo that serves https by its own authority, and a client for it."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import HTTPSHandler, build_opener, install_opener

from tests.servers import free_port
from tests.serving import READY_S, Served, build_township


class Secured(Served):
    """`fenghuo serve --tls local` in `home`, asked by https."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.trust_port = free_port()
        super().__init__(home, ("serve", "--tls", "local"), FENGHUO_TRUST_PORT=str(self.trust_port), **environment)
        self.url = f"https://127.0.0.1:{self.port}"

    @property
    def authority(self) -> Path:
        """The authority's certificate."""
        return self.home / "secrets" / "authority.crt"

    def wait_ready(self, path: str = "/readyz") -> None:
        """Wait until `path` answers 200 to who believes the authority."""
        deadline = time.monotonic() + READY_S
        while not self.authority.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        install_opener(build_opener(HTTPSHandler(context=ssl.create_default_context(cafile=str(self.authority)))))
        super().wait_ready(path)


@contextmanager
def secured_township(folder: Path, **environment: str) -> Iterator[Secured]:
    """A running township with an administrator, served by https."""
    system = Secured(folder / "home", **environment)
    build_township(system.home)
    system.create_admin()
    system.start()
    try:
        yield system
    finally:
        system.stop()
        install_opener(build_opener())
