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
    command = ["make", "-s", "-C", str(CORE), f"PYTHON={sys.executable}", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_units_under_the_sanitizers() -> None:
    output = make("test")
    assert len(re.findall(r"^\w+: [1-9]\d* passed, 0 failed$", output, re.M)) == len(TESTS) >= 8


def test_fuzz_targets_find_nothing() -> None:
    output = make("fuzz", f"FUZZ_SECONDS={FUZZ_SECONDS}")
    assert output.count("no finding") == len(TARGETS) >= 6


def test_units_on_aarch64(tmp_path: Path) -> None:
    """Compiled by the pinned compiler, linked statically, run by an emulator where the machine is another."""
    machine = "aarch64"
    build = load_build(ROOT / "agent" / "build.py")
    (tmp_path / "miners.inc").write_text(build.miners((CORE / "data" / "miners.txt").read_text()))
    runner = [] if machine == os.uname().machine else [shutil.which(f"qemu-{machine}") or f"qemu-{machine}"]
    pure = [
        "base64.c",
        "json.c",
        "lock_filter.c",
        "sha256.c",
        "match.c",
        "judge.c",
        "judge_files.c",
        "judge_names.c",
        "judge_network.c",
        "policy_decode.c",
        "policy_reader.c",
        "policy_find.c",
        "policy_values.c",
    ]
    for name in ("test_codec", "test_policy", "test_judge", "test_judge_sections", "test_lock_filter"):
        program = tmp_path / name
        subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "ziglang",
                    "cc",
                    "-target",
                    f"{machine}-linux-musl",
                    "-static",
                    "-std=gnu11",
                ),
                *(
                    "-O0",
                    '-DTW_VERSION="test"',
                    f"-I{CORE / 'include'}",
                    f"-I{CORE / 'src'}",
                    f"-I{tmp_path}",
                ),
                str(CORE / "tests" / f"{name}.c"),
                *(str(CORE / "src" / source) for source in pure),
                *("-o", str(program)),
            ],
            check=True,
            capture_output=True,
            env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build" / "zig")},
        )
        run = subprocess.run([*runner, program, CASES], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        assert re.search(r"[1-9]\d* passed, 0 failed", run.stdout)


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
    header = (CORE / "include" / "defender.h").read_text()
    assert defined == set(re.findall(r"^TW_API [^(]*?\b(tw_\w+)\(", header, re.M))


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
