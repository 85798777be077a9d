"""The native core: its C tests under the sanitizers, its fuzz targets for some seconds, and the built libraries."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "agent" / "core"
CASES = ROOT / "agent" / "cases"
TESTS = sorted(path.stem for path in CORE.glob("tests/test_*.c"))
TARGETS = sorted(path.stem for path in CORE.glob("fuzz/fuzz_*.c"))
MACHINES = ["x86_64", "aarch64"]
FUZZ_SECONDS = 3


def load_build(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("agent_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def libraries() -> dict[str, Path]:
    """The libraries as packages carry them, by machine."""
    built = load_build(ROOT / "agent" / "build.py").build(ROOT / "build" / "core")
    return dict(zip(MACHINES, built, strict=True))


def make(*arguments: str) -> str:
    cache = str(ROOT / "build" / "zig")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    command = ["make", "-s", "-C", str(CORE), f"PYTHON={sys.executable}", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_units_under_the_sanitizers() -> None:
    output = make("-j2", "test")
    assert len(re.findall(r"^\w+: [1-9]\d* passed, 0 failed$", output, re.M)) == len(TESTS) >= 8


def test_fuzz_targets_find_nothing() -> None:
    make("-j2", "build-fuzz")
    output = make("fuzz", f"FUZZ_SECONDS={FUZZ_SECONDS}")
    assert output.count("no finding") == len(TARGETS) >= 6


def test_units_on_aarch64(tmp_path: Path) -> None:
    """The same tests, compiled by the pinned compiler and run on Debian's C library for that machine by an emulator."""
    machine = "aarch64"
    compiler = f"{sys.executable} -m ziglang cc -target {machine}-linux-gnu.2.31"
    runner = "" if machine == os.uname().machine else f"qemu-{machine} -L /usr/{machine}-linux-gnu"
    output = make("-j2", "test", f"CC={compiler}", f"BUILD={tmp_path}", "SANITIZE=", f"RUN={runner}")
    assert len(re.findall(r"^\w+: [1-9]\d* passed, 0 failed$", output, re.M)) == len(TESTS)


def test_every_call_is_hooked(libraries: dict[str, Path], tmp_path: Path) -> None:
    """22 ways to start a program, from C, with each effect."""
    program = tmp_path / "hooks"
    sources = [CORE / "tests" / "hooks.c", CORE / "src" / "json.c"]
    command = ["cc", "-std=gnu11", f"-I{CORE / 'include'}", f"-I{CORE / 'src'}", *map(str, sources)]
    subprocess.run([*command, "-ldl", "-lpthread", "-o", str(program)], check=True, capture_output=True)
    library = libraries[os.uname().machine]
    run = subprocess.run([program, library], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    effects = re.findall(r"^(\w+): [1-9]\d* passed, 0 failed$", run.stdout, re.M)
    assert effects == ["prevent", "alert", "block"]


@pytest.mark.parametrize("machine", MACHINES)
def test_library_is_small_and_shows_the_abi_alone(machine: str, libraries: dict[str, Path]) -> None:
    library = libraries[machine]
    assert library.stat().st_size < 200_000
    symbols = run_tool("readelf", "--wide", "--dyn-syms", str(library))
    defined = {
        line.split()[-1].split("@")[0]
        for line in symbols.splitlines()
        if re.search(r"\b(FUNC|OBJECT)\s+(GLOBAL|WEAK)\s+DEFAULT\s+\d+\s", line)
    }
    # What a language's runtime looks for by its own name is declared where it is defined.
    declaring = [CORE / "include" / "defender.h", *sorted((CORE / "src").glob("entry_*.[ch]"))]
    declared = "".join(path.read_text() for path in declaring)
    assert defined == set(re.findall(r"^TW_API [^(]*?\b(\w+)\(", declared, re.M))


@pytest.mark.parametrize("machine", MACHINES)
def test_library_loads_on_glibc_2_17(machine: str, libraries: dict[str, Path]) -> None:
    versions = run_tool("readelf", "--wide", "--version-info", str(libraries[machine]))
    needed = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", versions)}
    assert needed
    assert max(needed) <= (2, 17)
    dynamic = run_tool("readelf", "--wide", "--dynamic", str(libraries[machine]))
    assert re.search(r"FLAGS_1.*NODELETE", dynamic)
    libc = {"libc.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-aarch64.so.1"}
    assert set(re.findall(r"NEEDED.*\[(.*)\]", dynamic)) <= libc


def run_tool(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_two_folders_give_the_same_bytes(libraries: dict[str, Path], tmp_path: Path) -> None:
    elsewhere = tmp_path / "another folder"
    shutil.copytree(ROOT / "agent", elsewhere / "agent", ignore=shutil.ignore_patterns("__pycache__"))
    version = elsewhere / "cli" / "defender" / "__init__.py"
    version.parent.mkdir(parents=True)
    shutil.copy(ROOT / "cli" / "defender" / "__init__.py", version)
    built = load_build(elsewhere / "agent" / "build.py").build(tmp_path / "out")
    assert [path.read_bytes() for path in built] == [libraries[machine].read_bytes() for machine in MACHINES]


def test_the_bundle_is_the_same_each_time(libraries: dict[str, Path], tmp_path: Path) -> None:
    del libraries
    build = load_build(ROOT / "agent" / "build.py")
    for name in ("one", "two"):
        build.bundles(tmp_path / name, "1.2.3")
    assert (tmp_path / "one" / "python.zip").read_bytes() == (tmp_path / "two" / "python.zip").read_bytes()
