"""Which addresses browsers are told for media: those of the settings, or this machine's own, IPv4 and IPv6, the likeliest first."""

import ipaddress
import logging
import socket
from collections.abc import Sequence

import psutil

from foundation.errors import UserError
from foundation.settings import LOOPBACK

ADDRESSES_MAX = 8
"""Each is one more candidate for every browser to check (RFC 8445 section 6.1.2.5 lets it stop at 100 pairs)."""
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Documentation addresses (RFC 5737, RFC 3849): nothing is sent, the kernel is asked for the way out."""

log = logging.getLogger(__name__)


def announced_addresses(hosts: Sequence[str]) -> list[str]:
    """The addresses put into candidates: all of `hosts` (names are resolved), or those of the default routes, the other networks, 127.0.0.1.

    Raises UserError("media_host_unknown") when one of `hosts` is a name that does not resolve.
    """
    found = [address for host in hosts for address in _resolved(host)]
    if not hosts:
        found = [*_default_routes(), *_own()]
        if not found:
            log.info("no network: only this machine can join")
        # Last, and always: rooms work on the machine itself while every cable is out.
        found = [*list(dict.fromkeys(found))[: ADDRESSES_MAX - 1], LOOPBACK]
    return list(dict.fromkeys(found))[:ADDRESSES_MAX]


def _resolved(host: str) -> list[str]:
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)]
    except OSError as error:
        raise UserError("media_host_unknown", host=host) from error


def _default_routes() -> list[str]:
    addresses = []
    for family, elsewhere in ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                addresses.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return [address for address in addresses if _reachable(address)]


def _own() -> list[str]:
    addresses = [
        str(entry.address)
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return sorted(filter(_reachable, addresses), key=lambda address: ":" in address)


def _reachable(address: str) -> bool:
    """Whether others can be told it: no loopback, and no link-local IPv6, which means nothing without an interface."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return not parsed.is_loopback and not (parsed.version == 6 and parsed.is_link_local)
