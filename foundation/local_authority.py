"""The certificate authority of one installation: made at its first start, it signs the certificate that web shows on the LAN, and nothing else.

Its key lies in `<home>/secrets/authority.pem` (mode 0600). People put its certificate into their devices; so that a stolen key cannot pass
for a bank on them, the certificate itself says for which names it may speak (name constraints, RFC 5280 section 4.2.1.10): private and
link-local addresses, local names, and what this machine was called when the authority was made.
"""

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from foundation.clock import Clock
from foundation.secrets import write_private

KEY_FILE = "authority.pem"
CERTIFICATE_FILE = "authority.crt"
"""The certificate alone: what a worker or media node on another machine needs to believe web."""
AUTHORITY_LIFE = timedelta(days=3652)
LEAF_LIFE = timedelta(days=397)
"""The longest that browsers believe a server's certificate (CA/Browser Forum, Baseline Requirements section 6.3.2)."""
BACKDATED = timedelta(days=1)
"""Tablets' clocks are behind."""
NAME_CHARACTERS_MAX = 64
"""Of a common name and an organization (RFC 5280 appendix A.1, ub-common-name)."""
LOCAL_NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
LOCAL_DOMAINS = ("localhost", "local", "lan", "internal", "home.arpa")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_or_none(name: str) -> Address | None:
    """The IP address that `name` is; None when it is a DNS name."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


class LocalAuthority:
    """The authority with its key. `open` it; the files are its only state."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, clock: Clock) -> None:
        self.certificate = certificate
        self._key = key
        self._clock = clock

    @classmethod
    def open(cls, home: Path, clock: Clock, names: Iterable[str], owner: str) -> "LocalAuthority":
        """That of the installation in `home`, made now if there is none: for `names` and what is local, called after `owner`.

        Safe when several processes start at once: whoever links the file first wins. ValueError for a file that holds no such thing.
        """
        folder = home / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / KEY_FILE
        if not file.exists():
            write_private(file, _make(names, owner, clock.now()), overwrite=False)
        content = file.read_bytes()
        key = serialization.load_pem_private_key(content, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{file} holds no key of ours")
        authority = cls(key, x509.load_pem_x509_certificate(content), clock)
        shown = folder / CERTIFICATE_FILE
        if not shown.exists() or shown.read_text("ascii") != authority.pem:
            write_private(shown, authority.pem)
        return authority

    @property
    def title(self) -> str:
        """What devices call it in their lists."""
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def pem(self) -> str:
        """The certificate, for programs of ours."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        """The certificate, for devices."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def permits(self, name: str) -> bool:
        """Whether devices believe it about `name`; a certificate with any other name in it would be refused as a whole."""
        constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        address = address_or_none(name)
        for subtree in constraints.permitted_subtrees or ():
            if isinstance(subtree, x509.IPAddress) and address is not None:
                network = subtree.value
                if isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network) and address in network:
                    return True
            elif isinstance(subtree, x509.DNSName) and address is None:
                domain = subtree.value.lower()
                if name.lower() == domain or name.lower().endswith(f".{domain}"):
                    return True
        return False

    def issue(self, names: Iterable[str]) -> str:
        """A new key and a server certificate for `names` (addresses and DNS names that it `permits`), with ours behind it: one PEM text."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = self._clock.now()
        leaf = (
            x509.CertificateBuilder()
            # No common name: browsers read only the alternative names (RFC 9525 section 2), and one that is no name would be tested as one.
            .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fenghuo")]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now - BACKDATED + LEAF_LIFE)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _private_pem(key) + leaf.public_bytes(serialization.Encoding.PEM).decode() + self.pem


def _make(names: Iterable[str], owner: str, now: datetime) -> str:
    """A new authority: its key and its certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    title = f"烽火 Fenghuo {owner}"[:NAME_CHARACTERS_MAX]
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, owner[:NAME_CHARACTERS_MAX]),
            x509.NameAttribute(NameOID.COMMON_NAME, title),
        ]
    )
    networks = [ipaddress.ip_network(network) for network in LOCAL_NETWORKS]
    domains = list(LOCAL_DOMAINS)
    for name in names:
        address = address_or_none(name)
        if address is not None and not any(address in network for network in networks):
            networks.append(ipaddress.ip_network(address))
        elif address is None and not any(name == domain or name.endswith(f".{domain}") for domain in domains):
            domains.append(name)
    permitted: list[x509.GeneralName] = [x509.IPAddress(network) for network in networks]
    permitted += [x509.DNSName(domain) for domain in domains]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        # RFC 5280 section 4.2.1.10: this extension must be critical.
        .add_extension(x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM).decode()


def _general_name(name: str) -> x509.GeneralName:
    address = address_or_none(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
