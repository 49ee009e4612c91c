"""Signing keys (Ed25519): made on first start, rotated without logging anyone out, found by `kid` in a dict and nowhere else."""

import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from foundation.clock import Clock
from foundation.secrets import write_private

FOLDER = "signing"
KID_BYTES = 8
ROTATE_AFTER = timedelta(days=30)
RELOAD_S = 5.0
"""Another process may make a key (`fenghuo keys rotate`): the folder is read again before signing and for an unknown `kid`, at most this often."""


@dataclass(frozen=True)
class SigningKey:
    """One key. A retired one has no private half any more and only verifies."""

    kid: str
    created_at: datetime
    retired_at: datetime | None
    public: Ed25519PublicKey
    private: Ed25519PrivateKey | None


class KeyRing:
    """The keys in `<home>/secrets/signing`, newest first in use.

    `keep` is the life of the longest token: a retired key verifies that long, then its file goes.
    """

    def __init__(self, home: Path, clock: Clock, keep: timedelta) -> None:
        self._folder = home / "secrets" / FOLDER
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._loaded_at = float("-inf")
        self._keys: dict[str, SigningKey] = {}
        self._load()
        if not any(key.private for key in self._keys.values()):
            self.rotate()

    def signing(self) -> tuple[str, Ed25519PrivateKey]:
        """The key to sign with now, and its `kid`; one that has served `ROTATE_AFTER` is replaced first.

        A key that another process retired is not used for longer than `RELOAD_S`.
        """
        if self._clock.monotonic() - self._loaded_at >= RELOAD_S:
            self._load()
        newest = self._newest()
        if newest is None or self._clock.now() - newest.created_at >= ROTATE_AFTER:
            self.rotate()
            newest = self._newest()
        if newest is None or newest.private is None:
            raise RuntimeError("no signing key although one was just made")
        return newest.kid, newest.private

    def verifying(self, kid: object) -> Ed25519PublicKey | None:
        """The public key called `kid`, or None. `kid` comes from outside: it is compared with names that are loaded, never made a path."""
        if not isinstance(kid, str):
            return None
        key = self._keys.get(kid)
        if key is None and self._clock.monotonic() - self._loaded_at >= RELOAD_S:
            self._load()
            key = self._keys.get(kid)
        if key is None or self._is_over(key):
            return None
        return key.public

    def rotate(self) -> str:
        """Make a new key and sign with it from now on; the old ones go on verifying. Gives the new `kid`."""
        now = self._clock.now()
        with self._lock:
            for key in self._keys.values():
                if self._is_over(key):
                    (self._folder / f"{key.kid}.json").unlink(missing_ok=True)
                elif key.retired_at is None:
                    self._write(SigningKey(key.kid, key.created_at, now, key.public, None))
            private = Ed25519PrivateKey.generate()
            fresh = SigningKey(secrets.token_hex(KID_BYTES), now, None, private.public_key(), private)
            self._write(fresh)
        self._load()
        return fresh.kid

    def _newest(self) -> SigningKey | None:
        living = [key for key in self._keys.values() if key.private is not None]
        return max(living, key=lambda key: (key.created_at, key.kid), default=None)

    def _is_over(self, key: SigningKey) -> bool:
        return key.retired_at is not None and self._clock.now() - key.retired_at > self._keep

    def _load(self) -> None:
        with self._lock:
            self._loaded_at = self._clock.monotonic()
            loaded = (_read(path) for path in sorted(self._folder.glob("*.json")))
            self._keys = {key.kid: key for key in loaded if key is not None}

    def _write(self, key: SigningKey) -> None:
        content: dict[str, str | None] = {
            "created_at": key.created_at.isoformat(),
            "retired_at": key.retired_at.isoformat() if key.retired_at else None,
            "public": key.public.public_bytes_raw().hex(),
            "private": key.private.private_bytes_raw().hex() if key.private else None,
        }
        write_private(self._folder / f"{key.kid}.json", orjson.dumps(content).decode())


def _read(path: Path) -> SigningKey | None:
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        # Another process has just removed it: its time was over.
        return None
    retired, private = content["retired_at"], content["private"]
    return SigningKey(
        kid=path.stem,
        created_at=datetime.fromisoformat(content["created_at"]),
        retired_at=datetime.fromisoformat(retired) if retired else None,
        public=Ed25519PublicKey.from_public_bytes(bytes.fromhex(content["public"])),
        private=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)) if private else None,
    )
