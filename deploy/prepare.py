"""Makes the passwords of one installation and the files by which each service of compose.yaml gets its own; a second run changes none.

Runs once, as root, in the container image, before all other services. Fenghuo's own volume holds every secret (mode 0600); each other
service has a volume of its own with only what it needs, readable by the user that its image runs as.
"""

import base64
import hashlib
import os
import secrets
import sys
from pathlib import Path

from foundation.secrets import secret

FENGHUO_UID = 10001
POSTGRES_UID = 999
REDIS_UID = 999
MOSQUITTO_UID = 1883
COTURN_UID = 65534

MOSQUITTO_ITERATIONS = 1000
"""The passwords are 256 random bits: more rounds would protect nothing."""


def mosquitto_hash(password: str, salt: bytes) -> str:
    """A line's second half in Mosquitto's password file: `$7$`, PBKDF2 with SHA-512 (mosquitto_passwd(1))."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, MOSQUITTO_ITERATIONS, 64)
    return f"$7${MOSQUITTO_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def place(path: Path, text: str, uid: int) -> None:
    """Write `text` for the user `uid` alone; a file that says so already keeps its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as file:
            file.write(text)
    give(path, uid)


def give(path: Path, uid: int) -> None:
    """Let `uid` own `path`, where this process may say so: as root, which `main` insists on."""
    if os.geteuid() == 0:
        os.chown(path, uid, uid)


def turn_options(template: str, shared: str, outside: str, certificates: Path) -> str:
    """coturn's whole configuration: the template, the shared secret, the address outside, and TLS where there is a certificate."""
    lines = [template, f"static-auth-secret={shared}"]
    if outside:
        lines.append(f"external-ip={outside}")
    if (certificates / "turn.crt").is_file() and (certificates / "turn.key").is_file():
        lines += [f"cert={certificates}/turn.crt", f"pkey={certificates}/turn.key"]
    else:
        lines += ["no-tls", "no-dtls"]
    return "\n".join(lines) + "\n"


def prepare(home: Path, services: Path, templates: Path, certificates: Path, outside: str) -> None:
    """Write all files: Fenghuo's under `home`/secrets, the others' under `services`/<name>."""
    database, cache = secret(home, "postgres"), secret(home, "redis")
    worker, sensors, turn = secret(home, "mqtt-worker"), secret(home, "mqtt-sensors"), secret(home, "turn")
    own = home / "secrets"
    place(own / "database-url", f"postgresql+psycopg://fenghuo:{database}@postgres:5432/fenghuo", FENGHUO_UID)
    place(own / "redis-url", f"redis://:{cache}@redis:6379/0", FENGHUO_UID)
    place(own / "mqtt-url", f"mqtt://worker:{worker}@mosquitto:1883", FENGHUO_UID)
    for path in (home, own, *own.iterdir()):
        give(path, FENGHUO_UID)
    own.chmod(0o700)

    place(services / "postgres" / "password", database, POSTGRES_UID)
    place(services / "redis" / "redis.conf", f"requirepass {cache}\nsave ''\nappendonly no\n", REDIS_UID)
    passwd = services / "mosquitto" / "passwd"
    if not passwd.exists():
        lines = (
            f"{name}:{mosquitto_hash(word, secrets.token_bytes(12))}\n"
            for name, word in (("worker", worker), ("sensors", sensors))
        )
        place(passwd, "".join(lines), MOSQUITTO_UID)
    template = (templates / "turnserver.conf").read_text("utf-8")
    place(services / "coturn" / "turnserver.conf", turn_options(template, turn, outside, certificates), COTURN_UID)


def main() -> int:
    """`python prepare.py`, with the paths of compose.yaml."""
    if os.geteuid() != 0:
        print("prepare must run as root: it gives files to the users of other services", file=sys.stderr)
        return 1
    outside = os.environ.get("FENGHUO_MEDIA_HOST", "")
    prepare(Path("/data"), Path("/services"), Path("/templates"), Path("/certificates"), outside)
    return 0


if __name__ == "__main__":
    sys.exit(main())
