"""Secrets of this installation: made on first start, in files of mode 0600 under `<home>/secrets`, never logged."""

import contextlib
import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def secret(home: Path, name: str) -> str:
    """The secret called `name` (43 URL-safe characters), made now if there is none yet.

    Safe when several processes start at once: whoever links the file first wins, and all read the same one.
    Raises ValueError for a name that is not a plain word, OSError when the folder cannot be written.
    """
    if not name.replace("-", "").isalnum():
        raise ValueError(f"not a name for a secret: {name!r}")
    folder = home / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(SECRET_BYTES), overwrite=False)
    return path.read_text("ascii").strip()


def write_private(path: Path, text: str, *, overwrite: bool = True) -> None:
    """Write `text` to `path` with mode 0600, whole or not at all; without `overwrite` an existing file stays as it is."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
