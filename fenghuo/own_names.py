"""What this machine is called on its networks: its addresses, its host name, and the name that people type."""

import ipaddress
import socket
from urllib.parse import urlsplit

import psutil

from foundation.local_authority import address_or_none
from foundation.settings import EVERYWHERE, Settings

ALWAYS = ("127.0.0.1", "::1", "localhost")
NAMES_MAX = 60


def own_names(settings: Settings) -> list[str]:
    """Addresses (IPv4, IPv6) and DNS names under which devices may ask for this machine now; the public one first, each once."""
    names = [urlsplit(settings.public_url).hostname or ""]
    names += [settings.host] if settings.host not in EVERYWHERE else lan_addresses()
    host = socket.gethostname()
    names += [host, f"{host.partition('.')[0]}.local", *ALWAYS]
    usable = [plain for plain in map(_plain, names) if plain]
    return list(dict.fromkeys(usable))[:NAMES_MAX]


def lan_addresses() -> list[str]:
    """This machine's addresses that others can reach, IPv4 first; no loopback, and no link-local IPv6, which a browser cannot be told."""
    found = []
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if entry.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            address = ipaddress.ip_address(entry.address.partition("%")[0])
            if not address.is_loopback and not (address.version == 6 and address.is_link_local):
                found.append(address)
    return [str(address) for address in sorted(found, key=lambda address: (address.version, address.packed))]


def _plain(name: str) -> str:
    """The name as certificates write it (ASCII, lower case); empty for one that none can name."""
    if address_or_none(name) is not None:
        return name
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
