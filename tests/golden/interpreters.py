"""The interpreters of this machine that load golden cases, by family and version."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

NODES = Path(__file__).parents[2] / "build" / "node"
# The oldest version that each family's agent supports.
OLDEST = {"python": "3.6", "nodejs": "14", "ruby": "2.7"}


@cache
def interpreters(family: str) -> dict[tuple[int, ...], str]:
    """The interpreters that can load a family's cases, by version, oldest first."""
    return {"python": pythons, "nodejs": nodes, "ruby": rubies}[family]()


def rubies() -> dict[tuple[int, ...], str]:
    """The Ruby on PATH, which tests/system-packages asks for."""
    path = shutil.which("ruby")
    assert path is not None, "no ruby: tests/system-packages names what is missing"
    major, minor = _output(path, "-e", "print RUBY_VERSION").split(".")[:2]
    return {(int(major), int(minor)): path}


def nodes() -> dict[tuple[int, ...], str]:
    """The versions that tests/node-versions installs."""
    found = {(int(path.name.split(".")[0]),): str(path / "bin" / "node") for path in NODES.glob("[0-9]*")}
    assert len(found) > 1, "no Node.js in build/node: tests/node-versions installs it"
    return dict(sorted(found.items()))


def pythons() -> dict[tuple[int, ...], str]:
    """Every Python 3.6 or later that this machine has on PATH or through pyenv, by version."""
    candidates = [shutil.which(f"python3.{minor}") for minor in range(6, 20)]
    if shutil.which("pyenv"):
        names = _output("pyenv", "versions", "--bare").split()
        prefixes = [_output("pyenv", "prefix", name).strip() for name in names]
        candidates += [str(Path(prefix) / "bin" / "python3") for prefix in prefixes]
    found = {sys.version_info[:2]: sys.executable}
    for path in filter(None, candidates):
        version = _output(path, "-c", "import sys; print('%d %d' % sys.version_info[:2])").split()
        if len(version) == 2 and (int(version[0]), int(version[1])) >= (3, 6):
            found.setdefault((int(version[0]), int(version[1])), path)
    return dict(sorted(found.items()))


def _output(*command: str) -> str:
    """What a command prints; nothing when it fails, as a shim of an inactive version does."""
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return run.stdout if run.returncode == 0 else ""
