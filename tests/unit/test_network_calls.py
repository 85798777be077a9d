"""The hooks of the sections network and dns, from C, in a network namespace that has addresses to send to."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "agent" / "core"
# Addresses for documentation (RFC 5737, RFC 3849): that they are nobody's does not matter, since they are our own here.
NAMESPACE = """
set -e
mount --make-rprivate /
ip link set lo up
for address in 203.0.113.5 203.0.113.53 203.0.113.80 203.0.113.99; do ip address add $address/32 dev lo; done
ip -6 address add 2001:db8::5/128 dev lo nodad
printf 'nameserver 203.0.113.53\\nsearch inner.test\\noptions timeout:1 attempts:1\\n' >"$1"
mount --bind "$1" /etc/resolv.conf
shift
exec "$@"
"""


def library() -> Path:
    spec = importlib.util.spec_from_file_location("agent_build", ROOT / "agent" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    name = f"libdefender-linux-{os.uname().machine}"
    built: list[Path] = build.build(ROOT / "build" / "core")
    return next(path for path in built if path.name == name)


def compiled(name: str, folder: Path) -> Path:
    program = folder / name
    sources = [CORE / "tests" / f"{name}.c", CORE / "src" / "json.c"]
    command = ["cc", "-std=gnu11", "-w", f"-I{CORE / 'include'}", f"-I{CORE / 'src'}", *map(str, sources)]
    subprocess.run(
        [*command, "-ldl", "-lpthread", "-lresolv", "-o", str(program)], check=True, capture_output=True
    )
    return program


def in_namespace(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program where the addresses are, as root of a namespace; it and its children end together."""
    own = [] if os.geteuid() == 0 else ["--map-root-user"]
    unshare = ["unshare", *own, "--net", "--mount", "--pid", "--fork", "--kill-child"]
    shell = ["sh", "-c", NAMESPACE, "sh", str(folder / "resolv.conf")]
    return subprocess.run(
        [*unshare, *shell, *map(str, command)], capture_output=True, text=True, check=False, timeout=300
    )


def test_every_call_is_hooked(tmp_path: Path) -> None:
    """Each way to reach an address, listen on a port or ask for a name, with each effect."""
    run = in_namespace(tmp_path, compiled("network", tmp_path), library())
    assert run.returncode == 0, run.stdout + run.stderr
    effects = re.findall(r"^(\w+): [1-9]\d* passed, 0 failed$", run.stdout, re.M)
    assert effects == ["prevent", "alert", "block"]


def test_names_and_what_they_allow(tmp_path: Path) -> None:
    """Allow lists, resolved addresses, what always passes, a resolver turned elsewhere, wrong calls, races."""
    run = in_namespace(tmp_path, compiled("names", tmp_path), library())
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^names: [1-9]\d* passed, 0 failed$", run.stdout, re.M)
