"""What `fenghuo serve` says once it answers: where desk and wall are, and what to do next."""

import threading
from urllib.error import URLError
from urllib.request import urlopen

import click
from sqlalchemy import select

from auth.people import Person
from fenghuo.own_names import lan_addresses
from foundation.database import Database
from foundation.settings import EVERYWHERE, LOOPBACK, Settings
from foundation.trust import dialling

READY_LOOK_S = 0.3
READY_TIMEOUT_S = 2.0


def wait_ready(settings: Settings, stopping: threading.Event) -> bool:
    """Wait until the platform answers that it is ready; False when it is to stop before."""
    while not _is_ready(settings):
        if stopping.wait(READY_LOOK_S):
            return False
    return True


def greet(settings: Settings, stopping: threading.Event) -> None:
    """Print the addresses and the next step, once the platform is ready."""
    click.echo("Fenghuo starts; the addresses follow as soon as it answers")
    if wait_ready(settings, stopping):
        click.echo("\n".join(["", *lines(settings, _has_people(settings)), ""]))


def lines(settings: Settings, has_people: bool) -> list[str]:
    """Return what is printed: the addresses under which people reach this machine, and what to do next."""
    found = addresses(settings)
    first = found[0]
    step = (
        f"approve the wall at the desk: {first}/desk/walls/approve"
        if has_people
        else "create the first account: fenghuo admin create NAME"
    )
    return [
        "烽火 Fenghuo is running",
        f"  值班台 desk  {first}/desk/",
        f"  大屏 wall    {first}/wall",
        *(f"  also        {address}/" for address in found[1:]),
        f"  next        {step}",
        "  check       fenghuo doctor",
    ]


def addresses(settings: Settings) -> list[str]:
    """Return the address that people type first, then those of this machine."""
    scheme = "https" if settings.serves_https else "http"
    hosts = [settings.host] if settings.host not in EVERYWHERE else [*lan_addresses(), LOOPBACK]
    own = [f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}" for host in hosts]
    public = settings.public_url.rstrip("/")
    return list(dict.fromkeys([*([public] if public else []), *own]))


def _is_ready(settings: Settings) -> bool:
    try:
        url = f"{settings.web_address}/readyz"
        with urlopen(url, timeout=READY_TIMEOUT_S, context=dialling(settings)) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _has_people(settings: Settings) -> bool:
    database = Database(settings.database)
    try:
        with database.reading() as session:
            return session.execute(select(Person.id).limit(1)).first() is not None
    finally:
        database.close()
