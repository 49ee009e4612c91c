"""Runs `fenghuo` with settings from files: for each `FENGHUO_X_FILE` in the environment, `FENGHUO_X` becomes what that file holds.

So a password is in no compose file and in no list of a container's settings.
"""

import os
import sys
from pathlib import Path

PREFIX, SUFFIX = "FENGHUO_", "_FILE"


def settings_from_files(environment: dict[str, str]) -> dict[str, str]:
    """`environment` with every `FENGHUO_X_FILE` replaced by `FENGHUO_X`. Raises OSError when a file cannot be read."""
    result = {}
    for name, value in environment.items():
        if name.startswith(PREFIX) and name.endswith(SUFFIX):
            result[name.removesuffix(SUFFIX)] = Path(value).read_text("utf-8").strip()
        else:
            result.setdefault(name, value)
    return result


def main() -> int:
    """`python env_from_files.py <arguments of fenghuo>`; does not return when all is well."""
    try:
        environment = settings_from_files(dict(os.environ))
        os.execvpe("fenghuo", ["fenghuo", *sys.argv[1:]], environment)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
