"""Ways to come to the C library's calls past an object's ordinary pointers, and ways to take the hooks out.

Each runs in a process of its own (agent/core/tests/linking.c), with programs that are linked in several ways, and on
the other machine in an emulator. Judged by the file that the started program makes, and by the audits.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "agent" / "core" / "tests" / "linking.c"
BUILDS = {
    "lazy": ["-no-pie", "-Wl,-z,lazy"],
    "now": ["-fPIE", "-pie", "-Wl,-z,now", "-Wl,-z,relro"],
    "norelro": ["-fPIE", "-pie", "-Wl,-z,norelro", "-Wl,-z,lazy"],
}
SYSTEM, ERROR, CHILD = (
    127 << 8,
    13,
    13 << 8,
)  # As system(), posix_spawn() and an exec in a child report EACCES.
ATTEMPTS = {
    "plain": SYSTEM,
    "private_name": SYSTEM,
    "next_object": SYSTEM,
    "object_call": SYSTEM,
    "constructor": SYSTEM,
    "other_namespace": SYSTEM,
    "second_library_later": SYSTEM,
    "object_in_other_namespace": SYSTEM,
    "run_path": SYSTEM,
    "old_version": ERROR,
    "script_of_script": CHILD,
    "unknown_format": CHILD,
    "spawn_elsewhere": ERROR,
    "small_stack": ERROR,
    "restored_pointer": SYSTEM,
    "changed_policy": SYSTEM,
    "changed_other_copy": SYSTEM,
    "changed_both": SYSTEM,
    "at_once": 126 << 8,
}
TAMPERING = {"restored_pointer", "changed_policy", "changed_other_copy", "changed_both"}
OTHER = "aarch64" if os.uname().machine == "x86_64" else "x86_64"

Run = Callable[..., tuple[int, bool, list[str]]]


def tw_policy(effect: str, **lists: Any) -> str:
    processes = {"effect": effect, **(lists or {"block_all": True})}
    document = {
        "v": 1,
        "id": {"provider": "aws"},
        "runtime": {"name": "the-rule", "processes": processes},
    }
    return base64.b64encode(json.dumps(document).encode()).decode()


def compile_all(folder: Path, compiler: list[str], builds: dict[str, list[str]]) -> None:
    def compile_one(target: str, *options: str) -> None:
        command = [*compiler, "-O1", *options, str(SOURCE), "-o", str(folder / target), "-ldl", "-lpthread"]
        subprocess.run(command, check=True, capture_output=True)

    compile_one("object.so", "-DOBJECT", "-shared", "-fPIC")
    compile_one("interposer.so", "-DINTERPOSER", "-shared", "-fPIC")
    (folder / "beside").mkdir()
    shutil.copy(folder / "object.so", folder / "beside" / "libbeside.so")
    for name, options in builds.items():
        compile_one(name, *options, "-Wl,-rpath,$ORIGIN/beside")


def runner(folder: Path, library: Path, prefix: list[str]) -> Run:
    def run(program: str, attempt: str, policy: str, **variables: str) -> tuple[int, bool, list[str]]:
        marker = folder / "marker"
        marker.unlink(missing_ok=True)
        command = [*prefix, str(folder / program), str(library), str(folder), attempt]
        environment = {"PATH": "/usr/bin:/bin", "TW_POLICY": policy, **variables}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        # Under the emulator, programs are those of the machine that it runs on, and can't load the library.
        said = [
            line for line in done.stderr.splitlines() if not (prefix and line.startswith("ERROR: ld.so:"))
        ]
        lines = [json.loads(line) for line in said]
        assert lines[0]["type"] == "defender"
        return int(done.stdout), marker.exists(), [line["attackType"] for line in lines[1:]]

    return run


def libraries() -> dict[str, Path]:
    command = [sys.executable, str(ROOT / "agent" / "build.py"), "--out", str(ROOT / "build" / "core")]
    subprocess.run(command, check=True, capture_output=True)
    machines = ("x86_64", "aarch64")
    return {name: ROOT / "build" / "core" / f"libdefender-linux-{name}" for name in machines}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("linking")
    compile_all(folder, ["cc"], BUILDS)
    return runner(folder, libraries()[os.uname().machine], [])


@pytest.fixture(scope="module")
def run_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """On the other machine, with Debian's C library for it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", f"{OTHER}-linux-gnu.2.34"]
    compile_all(folder, compiler, {"lazy": BUILDS["now"]})
    emulator = shutil.which(f"qemu-{OTHER}") or f"qemu-{OTHER}"
    return runner(folder, libraries()[OTHER], [emulator, "-L", f"/usr/{OTHER}-linux-gnu"])


def check(outcome: tuple[int, bool, list[str]], attempt: str, effect: str) -> None:
    result, happened, audits = outcome
    expected = ["policyHijacked"] if attempt in TAMPERING else []
    if attempt == "at_once":
        assert set(audits) == {"explicitlyDeniedProcess"}
    else:
        assert audits == [*expected, "explicitlyDeniedProcess"]
    assert (result, happened) == ((0, True) if effect == "alert" else (ATTEMPTS[attempt], False))


def test_table_is_whole() -> None:
    table = SOURCE.read_text().split("} attempts[] = {")[1].split("};")[0]
    names = [part.split('"')[1] for part in table.split("{")[1:]]
    assert sorted(names) == sorted([*ATTEMPTS, "stream_by_hand", "shell_there", "second_library"])


@pytest.mark.parametrize("effect", ["prevent", "alert"])
@pytest.mark.parametrize("program", BUILDS)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_attempt(attempt: str, program: str, effect: str, run: Run) -> None:
    check(run(program, attempt, tw_policy(effect)), attempt, effect)


@pytest.mark.parametrize("effect", ["prevent", "alert"])
@pytest.mark.parametrize("attempt", ["plain", "object_call", "constructor", "next_object", "private_name"])
def test_beside_a_library_that_stands_in_for_libcs(
    attempt: str, effect: str, run: Run, tmp_path_factory: Any
) -> None:
    """It looks libc's function up when it is called, and finds the hook: neither a loop nor two audits."""
    folder = next(
        path for path in tmp_path_factory.getbasetemp().iterdir() if path.name.startswith("linking")
    )
    outcome = run("lazy", attempt, tw_policy(effect), LD_PRELOAD=str(folder / "interposer.so"))
    check(outcome, attempt, effect)


# By hand, both without a program's file: a stream of popen's, and the question whether there is a shell.
@pytest.mark.parametrize("attempt", ["stream_by_hand", "shell_there"])
def test_attempt_without_file(attempt: str, run: Run) -> None:
    assert run("now", attempt, tw_policy("prevent")) == (ERROR, False, ["explicitlyDeniedProcess"])
    assert run("now", attempt, tw_policy("alert"))[::2] == (0, ["explicitlyDeniedProcess"])


def test_a_second_c_library_goes_around_until_the_next_invocation(run: Run) -> None:
    """The row of docs/security.md; what happens from the next invocation on is second_library_later. A policy that lets
    some programs start can't have the kernel stop the others."""
    assert run("now", "second_library", tw_policy("prevent", deny=["touch"])) == (0, True, [])


def test_a_second_c_library_stops_at_the_kernel_lock(run: Run) -> None:
    assert run("now", "second_library", tw_policy("prevent")) == (SYSTEM, False, [])


def test_each_script_of_a_chain_has_to_pass(run: Run) -> None:
    """The script's interpreter is a script as well, and its own is allowed like the first."""
    shell = os.path.realpath("/bin/sh")
    allowed = tw_policy("prevent", allow=["outer", shell])
    assert run("now", "script_of_script", allowed) == (CHILD, False, ["explicitlyDeniedProcess"])
    assert run("now", "script_of_script", tw_policy("prevent", allow=["outer", "inner", shell])) == (
        0,
        True,
        [],
    )


@pytest.mark.parametrize("effect", ["prevent", "alert"])
@pytest.mark.parametrize("attempt", [name for name in ATTEMPTS if name not in {"at_once", "old_version"}])
def test_attempt_on_the_other_machine(attempt: str, effect: str, run_elsewhere: Run) -> None:
    check(run_elsewhere("lazy", attempt, tw_policy(effect)), attempt, effect)
