"""Settings: what the environment says (`FENGHUO_…`), with its units and traps, read once at the start of a process."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "FENGHUO_"
NO_SETTINGS = frozenset(
    f"{PREFIX}{name}" for name in ("PARENT", "ADMIN_PASSWORD", "REQUIRE_ALL", "NAME", "IMAGE", "MQTT_PUBLISH")
)
"""Names with another meaning: `serve`'s to its children, the command line's, the tests', and those of deploy/compose.yaml."""
EVERYWHERE = frozenset({"", "0.0.0.0", "::"})
LOOPBACK = "127.0.0.1"
DATABASE_FILE = "fenghuo.db"
TURN_URL = re.compile(r"turns?:(?:[\w.\-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?")
"""RFC 7065 section 3.1."""


class Settings(BaseSettings):
    """All settings of one installation; each field is the environment variable `FENGHUO_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Path = Path("data")
    """Data folder: database, secrets, uploads. Everything that must be backed up is in it."""

    host: str = "0.0.0.0"
    """Address that web listens on."""

    port: int = Field(8050, ge=0, le=65535)
    """TCP port of web."""

    media_port: int = Field(8051, ge=0, le=65535)
    """UDP port of the media node."""

    media_host: str = ""
    """Names and addresses (IPv4, IPv6) announced to browsers for media, comma-separated. Empty: this machine's own.

    Behind NAT this must be set, otherwise rooms stay silent."""

    tls: str = "off"
    """`local`: https with a certificate of this installation's own authority. A path: https with the certificates in that file, leaf first, and
    the key in `tls_key`. `off`: plain http, for this machine alone or behind a proxy that speaks https."""

    tls_key: Path | None = None
    """Path of the key that belongs to the certificate `tls` names; not needed when that file holds it, too."""

    trust_port: int = Field(8052, ge=0, le=65535)
    """TCP port for plain http beside https, with `tls=local`: it shows how to trust the authority, and sends everything else to https. 0: none."""

    database_url: str = ""
    """SQLAlchemy URL. Empty: SQLite in the data folder. PostgreSQL: `postgresql+psycopg://…`."""

    redis_url: str = ""
    """Needed only with more than one web process."""

    mqtt_url: str = ""
    """`mqtt://user:password@host:port`. Empty: a broker inside the worker, on `mqtt_port`."""

    mqtt_port: int = Field(1883, ge=0, le=65535)
    """Port of the broker inside the worker; on 127.0.0.1 unless `mqtt_host` says otherwise."""

    mqtt_host: str = "127.0.0.1"
    """Address of the broker inside the worker. Sensors on the LAN need 0.0.0.0; they then log in with the account in `secrets/mqtt`."""

    turn_url: str = ""
    """Addresses of a coturn that shares `secrets/turn`, comma-separated (RFC 7065): `turn:host:3478`, `turn:host:3478?transport=tcp`,
    `turns:host:443?transport=tcp`. Empty: none is announced. There is never a public one."""

    web_url: str = ""
    """Where worker and media find web, for processes on other machines. Empty: `host` (127.0.0.1 if that is everywhere) and `port`.

    With several web processes the address of each, comma-separated, and no proxy's: they dial in to all of them."""

    public_url: str = ""
    """The address that people type, for links and QR codes. Empty: taken from the request."""

    township_zh: str = Field("碧寨乡", min_length=1, max_length=30)
    """Name of the township, in Chinese, on every page."""

    township_en: str = Field("Bizhai township", min_length=1, max_length=60)
    """Name of the township, in English."""

    lang: Literal["zh", "en"] = "zh"
    """Language of a page whose reader has chosen none."""

    timezone: str = "Asia/Shanghai"
    """Time zone on screens and for imported local times. The database keeps UTC."""

    clients: int = Field(200, ge=10, le=2000)
    """Pages expected at once. A websocket holds one thread of web for its life; the others are in `fenghuo.connections.Lanes`."""

    video_slots: int = Field(9, ge=1, le=16)
    """Pictures that one page can receive at once."""

    wall_diagonal_in: float = Field(55, gt=5, le=400)
    """Diagonal of the big screen, inches."""

    wall_distance_m: float = Field(3.5, gt=0.3, le=60)
    """Distance of the farthest seat from the big screen, metres; the text grows with it (20 arc-minutes)."""

    confirm_hours: float = Field(168, gt=0, le=10_000)
    """After so many hours an amount (stock, team, shelter) that nobody confirmed is shown as unconfirmed."""

    keep_readings_days: int = Field(400, ge=0, le=36_500)
    """Raw readings older than so many days are deleted; 0 keeps them for ever. Their minute and hour figures have a life of their own."""

    keep_minutes_days: int = Field(1100, ge=0, le=36_500)
    """The same for the minute figures."""

    keep_hours_days: int = Field(0, ge=0, le=36_500)
    """The same for the hour figures."""

    keep_logins_days: int = Field(1, ge=1, le=36_500)
    """Logins, join links and pairings are deleted so many days after they ended, at the latest. The journal goes on telling of them."""

    secure_cookies: bool = False
    """True behind a proxy that speaks https: cookies are then sent only over it. False here, or a plain-http LAN could not log in."""

    trusted_proxies: int = Field(0, ge=0, le=5)
    """How many proxies in front of web set X-Forwarded-*. More than there are lets a caller forge its address."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            near = get_close_matches(value, sorted(available_timezones()), 3, 0.5)
            raise ValueError(f"no such time zone: {value}; {_perhaps(near or ['Asia/Shanghai'])}") from error
        return value

    @field_validator("host")
    @classmethod
    def _bare_host(cls, value: str) -> str:
        # An IPv6 address is written with brackets in an address line, without in a setting: both are meant.
        return value.removeprefix("[").removesuffix("]")

    @field_validator("turn_url")
    @classmethod
    def _turn_addresses(cls, value: str) -> str:
        wrong = [url for url in _listed(value) if not TURN_URL.fullmatch(url)]
        if wrong:
            # One that is wrong would let no page make any connection at all.
            raise ValueError(f"not the address of a TURN server (RFC 7065): {wrong[0]}")
        return value

    @model_validator(mode="after")
    def _key_with_certificate(self) -> "Settings":
        if self.tls_key is not None and not self.certificate_given:
            raise ValueError("FENGHUO_TLS_KEY needs the certificate's path in FENGHUO_TLS")
        return self

    @property
    def media_hosts(self) -> list[str]:
        """The names and addresses announced to browsers for media; empty: this machine's own."""
        return _listed(self.media_host)

    @property
    def turn_urls(self) -> list[str]:
        """The addresses of the relay server."""
        return _listed(self.turn_url)

    @property
    def serves_https(self) -> bool:
        """Whether web itself speaks https."""
        return self.tls != "off"

    @property
    def certificate_given(self) -> bool:
        """Whether https is served with a certificate that somebody else made and renews."""
        return self.tls not in ("off", "local")

    @property
    def cookies_secure(self) -> bool:
        """Whether cookies are sent only over https."""
        return self.secure_cookies or self.serves_https

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        # Quoted: a `?` in the folder's name would begin the address's options, a `%` an escape.
        return self.database_url or f"sqlite:///{quote(str((self.home / DATABASE_FILE).resolve()))}"

    @property
    def web_address(self) -> str:
        """Where web is found: the first of `web_addresses`."""
        return self.web_addresses[0]

    @property
    def own_address(self) -> str:
        """Where the web process of this machine listens."""
        scheme = "https" if self.serves_https else "http"
        host = LOOPBACK if self.host in EVERYWHERE else self.host
        # RFC 3986 section 3.2.2.
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def web_addresses(self) -> list[str]:
        """Where worker and media dial in, one address for each web process."""
        return _listed(self.web_url) or [self.own_address]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone on screens."""
        return ZoneInfo(self.timezone)


def unknown_names(environment: Iterable[str]) -> list[str]:
    """What is wrong with the `FENGHUO_…` names of the environment that mean nothing, each with those that are meant perhaps."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    strange = sorted(
        name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known | NO_SETTINGS
    )
    return [
        f"{name} is no setting; {_perhaps(get_close_matches(name.upper(), sorted(known), 3, 0.7))}" for name in strange
    ]


def _perhaps(near: list[str]) -> str:
    return f"perhaps {' or '.join(near)}" if near else "docs/administrator.md has them all"


def _listed(value: str) -> list[str]:
    """The parts of a comma-separated setting."""
    return [part.strip() for part in value.split(",") if part.strip()]
