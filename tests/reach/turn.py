"""A real coturn that shares an installation's secret, and relays to this machine for who shows a password that is still good."""

from pathlib import Path

from foundation.clock import SystemClock
from foundation.local_authority import CERTIFICATE_FILE, LocalAuthority
from foundation.secrets import secret
from tests.servers import Server, free_port, program

REALM = "fenghuo"
LOWEST, HIGHEST = 50_000, 50_199


class Coturn(Server):
    """UDP and TCP on `port`, TLS on `tls_port`, with a certificate of the installation's own authority."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home
        self.tls_port = free_port()
        self.secret = secret(home, "turn")
        self._folder = home / "turn"
        self._authority = LocalAuthority.open(home, SystemClock(), [], "碧寨乡")

    @property
    def urls(self) -> list[str]:
        """UDP, TCP, TLS."""
        host = "127.0.0.1"
        return [
            f"turn:{host}:{self.port}",
            f"turn:{host}:{self.port}?transport=tcp",
            f"turns:{host}:{self.tls_port}?transport=tcp",
        ]

    @property
    def authority_file(self) -> Path:
        """The certificate that its TLS is believed by."""
        return self.home / "secrets" / CERTIFICATE_FILE

    def start(self) -> None:
        """Start it."""
        turnserver = program("turnserver")
        self._folder.mkdir()
        certificate = self._folder / "turn.pem"
        certificate.write_text(self._authority.issue(["127.0.0.1"]))
        configuration = self._folder / "turnserver.conf"
        configuration.write_text(
            "\n".join(
                [
                    "listening-ip=127.0.0.1",
                    "relay-ip=127.0.0.1",
                    f"listening-port={self.port}",
                    f"tls-listening-port={self.tls_port}",
                    f"min-port={LOWEST}",
                    f"max-port={HIGHEST}",
                    f"realm={REALM}",
                    "use-auth-secret",
                    f"static-auth-secret={self.secret}",
                    f"cert={certificate}",
                    f"pkey={certificate}",
                    # The media node of the test is on this machine's loopback address; never allow that where people are.
                    "allow-loopback-peers",
                    "cli-password=none-that-anybody-knows",
                    "no-cli",
                    "no-multicast-peers",
                    "fingerprint",
                    f"pidfile={self._folder}/pid",
                    f"userdb={self._folder}/db",
                    f"log-file={self._folder}/log",
                ]
            )
        )
        self.run(turnserver, "-c", str(configuration))
