"""Ways around the hooks and into the agent: agent/core/tests/lock.c, with the kernel lock and where it is refused.

Each attempt by a `syscall` instruction (`raw:`) is stopped by the lock alone, without an audit; by libc's functions and
its `syscall` it is stopped by a hook too, with one audit. The run without the agent shows that the attempt works here.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "agent" / "core" / "tests" / "lock.c"
WITHOUT_SECCOMP = ROOT / "tests" / "agent" / "without_seccomp.py"
BLOCKED = 86
NO_PROGRAMS = {"processes": {"effect": "prevent", "block_all": True}}
SOME_PROGRAMS = {"processes": {"effect": "prevent", "deny": ["curl"]}}

# Starts of programs, which the lock refuses only when the policy lets none start.
STARTS = [
    "raw:start",
    "raw:start_at",
    "raw:start_in_grandchild",
    "raw:start_in_earlier_thread",
    "raw:start_in_new_thread",
]
# By the instruction and by libc's `syscall`.
REACH = [
    *("ring", "faults", "trace_me", "trace_parent", "write_memory", "take_descriptor", "by_handle"),
    *("bind_mount", "change_root", "detached_tree", "join_namespace"),
]
# By the instruction alone.
RAW = ["raw:ring_enter", *(["raw:by_interrupt"] if os.uname().machine == "x86_64" else [])]
LIBC = ["libc_ptrace", "libc_process_vm_writev", "libc_mount", "libc_chroot"]
# The agent's own pages: no matter of the lock's.
PAGES = [
    *("open_code", "libc_mprotect", "across_code", "empty_code", "lose_code", "exchange_code"),
    *("cover_code", "attach_code", "empty_policy"),
]
MEMORY_FILE = [
    f"memory_{name}"
    for name in ["file", "of_thread", "of_parent", "elsewhere", "by_number", "opened_again", "stream"]
]
HONEST = ["read_memory", "memory_read", "own_pages", "stop_and_go", "signals"]
ANSWERED_AS_EVER = ["raw:of_x32", "raw:unknown_number"]
# With a test of its own.
ALONE = [
    "forget_policy",
    "second_policy",
    "own_filter",
    "start_in_filtered_thread",
    "start_beside_filtered_thread",
]


@dataclass(frozen=True)
class Outcome:
    """What an attempt printed (0: it had its effect), the audits, and the core's first line."""

    error: int | None
    audits: list[dict[str, Any]]
    lock: str | None
    code: int

    @property
    def attacks(self) -> list[str]:
        return [audit["attackType"] for audit in self.audits]


Run = Callable[..., Outcome]


def encoded(sections: dict[str, Any]) -> str:
    rule = {"name": "the-rule", **sections}
    document = {"v": 1, "id": {"provider": "aws"}, "console": None, "runtime": rule}
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("lock") / "lock"
    subprocess.run(["cc", "-O1", str(SOURCE), "-o", str(target), "-ldl", "-lpthread"], check=True)
    return target


@pytest.fixture(scope="module")
def library() -> Path:
    command = [sys.executable, str(ROOT / "agent" / "build.py"), "--out", str(ROOT / "build" / "core")]
    subprocess.run(command, check=True, capture_output=True)
    return ROOT / "build" / "core" / f"libdefender-linux-{os.uname().machine}"


@pytest.fixture(scope="module")
def run(program: Path, library: Path) -> Run:
    def run_attempt(
        name: str, sections: dict[str, Any] | None = None, prefix: tuple[str, ...] = ()
    ) -> Outcome:
        environment = {"PATH": "/usr/bin:/bin"} | ({"TW_POLICY": encoded(sections)} if sections else {})
        command = [*prefix, str(program), str(library), name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        return Outcome(
            int(done.stdout) if done.stdout else None,
            lines[1:],
            lines[0]["lock"] if lines else None,
            done.returncode,
        )

    return run_attempt


def refusing(error: str = "EPERM", *options: str) -> tuple[str, ...]:
    """The prefix of a command on a platform that refuses seccomp."""
    return (sys.executable, str(WITHOUT_SECCOMP), "--error", error, *options, "--")


@pytest.fixture(scope="module")
def works(run: Run) -> Callable[[str], None]:
    """Skips what this machine's user or kernel can't do in any case: such a row could not fail."""

    def check(name: str) -> None:
        outcome = run(name)
        if outcome.error != 0 and (os.geteuid() != 0 or outcome.error == errno.ENOSYS):
            pytest.skip(f"the kernel does not let us: {errno.errorcode.get(outcome.error or 0)}")
        assert outcome.error == 0

    return check


def test_table_is_whole() -> None:
    table = SOURCE.read_text().split("} attempts[] = {")[1].split("};")[0]
    rows = [*STARTS, *REACH, *RAW, *LIBC, *PAGES, *MEMORY_FILE, *HONEST, *ANSWERED_AS_EVER, *ALONE]
    ours = {name.removeprefix("raw:") for name in rows} | {"by_interrupt"}
    assert ours == set(re.findall(r'\{"(\w+)",', table))


@pytest.mark.parametrize("name", STARTS)
def test_start_by_instruction(name: str, run: Run, works: Any) -> None:
    works(name)
    assert run(name, NO_PROGRAMS) == Outcome(errno.EACCES, [], "on", 0)
    assert run(name, SOME_PROGRAMS) == Outcome(0, [], "on", 0)
    assert run(name, NO_PROGRAMS, refusing()).error == 0


@pytest.mark.parametrize("name", [*(f"raw:{name}" for name in REACH), *RAW])
@pytest.mark.parametrize("section", ["processes", "network", "dns", "filesystem"])
def test_reach_by_instruction(name: str, section: str, run: Run, works: Any) -> None:
    """The lock is on whichever section stops anything."""
    works(name)
    assert run(name, {section: {"effect": "prevent"}}) == Outcome(errno.EPERM, [], "on", 0)
    assert run(name, {section: {"effect": "prevent"}}, refusing()).error == 0
    assert run(name, {section: {"effect": "alert"}}) == Outcome(0, [], "off", 0)


@pytest.mark.parametrize("name", [*REACH, *LIBC, *PAGES])
@pytest.mark.parametrize("prefix", [(), refusing()], ids=["locked", "unlocked"])
def test_reach_by_libc(name: str, prefix: tuple[str, ...], run: Run, works: Any) -> None:
    """Stopped and audited by the hook, where the lock is on and where it is not; watched under alert."""
    if name != "empty_policy":  # without the agent there is none
        works(name)
    prevented = run(name, NO_PROGRAMS, prefix)
    assert (prevented.error, prevented.attacks) == (errno.EPERM, ["policyHijacked"])
    assert prevented.audits[0]["severity"] == "critical"
    assert prevented.audits[0]["call"] in SOURCE.read_text()
    blocked = run(name, {"processes": {"effect": "block", "block_all": True}}, prefix)
    assert blocked.attacks == ["policyHijacked"]
    assert blocked.error is None
    assert blocked.code in (BLOCKED, -9)  # the runtime itself, or ended by its child


@pytest.mark.parametrize("name", [*REACH, *LIBC, "open_code", "libc_mprotect", "attach_code"])
def test_reach_under_alert(name: str, run: Run, works: Any) -> None:
    works(name)
    watched = run(name, {"processes": {"effect": "alert", "block_all": True}})
    assert (watched.error, watched.attacks, watched.lock) == (0, ["policyHijacked"], "off")


@pytest.mark.parametrize("name", [*HONEST, *ANSWERED_AS_EVER])
def test_honest_calls_go_on(name: str, run: Run) -> None:
    usual = run(name)
    assert usual.error == (errno.ENOSYS if name in ANSWERED_AS_EVER else 0)
    for prefix in ((), refusing()):
        assert (run(name, NO_PROGRAMS, prefix).error, run(name, NO_PROGRAMS, prefix).attacks) == (
            usual.error,
            [],
        )


@pytest.mark.parametrize("name", MEMORY_FILE)
@pytest.mark.parametrize("section", ["processes", "network", "dns", "filesystem"])
def test_memory_as_a_file(name: str, section: str, run: Run, works: Any) -> None:
    """Whichever section stops anything; the raw instruction is not seen, as docs/security.md says."""
    works(name)
    prevented = run(name, {section: {"effect": "prevent"}})
    assert (prevented.error, prevented.attacks) == (errno.EACCES, ["policyHijacked"])
    watched = run(name, {section: {"effect": "alert"}})
    assert (watched.error, watched.attacks) == (0, ["policyHijacked"])
    if name == "memory_by_number":
        assert run(f"raw:{name}", {section: {"effect": "prevent"}}) == Outcome(0, [], "on", 0)


def test_files_without_a_path_belong_to_their_section(run: Run, works: Any) -> None:
    works("by_handle")
    sections = {"filesystem": {"effect": "prevent", "deny": ["/home"]}}
    assert run("by_handle", sections, refusing()).attacks == ["regFileAccess"]


def test_filter_of_the_application(run: Run) -> None:
    """One that is put in later works beside the lock; one that was there before is what `refusing` is."""
    assert run("own_filter", NO_PROGRAMS) == Outcome(0, [], "on", 0)


def test_policy_is_not_forgotten(run: Run) -> None:
    """Nothing in the library's writable memory leads to the policy."""
    for prefix in ((), refusing()):
        outcome = run("forget_policy", NO_PROGRAMS, prefix)
        assert (outcome.error, outcome.attacks) == (127, ["explicitlyDeniedProcess"])


def test_second_policy(run: Run) -> None:
    assert run("second_policy", NO_PROGRAMS) == Outcome(101, [], "on", 0)


def test_thread_with_filters_of_its_own(run: Run) -> None:
    """It ran before, and can't be given the lock as well: said so, and all else is locked."""
    state = "on for new threads"
    assert run("raw:start_in_filtered_thread", NO_PROGRAMS) == Outcome(0, [], state, 0)
    assert run("raw:start_beside_filtered_thread", NO_PROGRAMS) == Outcome(errno.EACCES, [], state, 0)


@pytest.mark.parametrize("error", ["EPERM", "EACCES", "EINVAL", "ENOSYS"])
@pytest.mark.parametrize("options", [(), ("--allow-no-new-privs",)], ids=["neither", "no-new-privs"])
def test_refusal_is_told_and_changes_nothing(error: str, options: tuple[str, ...], run: Run) -> None:
    outcome = run("own_pages", NO_PROGRAMS, refusing(error, *options))
    assert (outcome.error, outcome.code) == (0, 0)
    assert outcome.lock == f"refused: {os.strerror(getattr(errno, error))}"


# Starts the core in this process, and prints what the kernel says of its rights.
RIGHTS = """
import ctypes, os, sys
core = ctypes.CDLL(sys.argv[1])
core.tw_start_flat(os.environ["TW_POLICY"].encode(), b"/", b"python", None, ctypes.create_string_buffer(99), 99)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["NoNewPrivs"].strip(), status["Seccomp_filters"].strip())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize(
    ("prefix", "user", "rights"),
    [
        ((), 0, "0 1"),
        ((), 65534, "1 1"),
        (refusing("EPERM", "--allow-no-new-privs"), 0, "0 1"),
        (refusing("EPERM", "--allow-no-new-privs"), 65534, "0 1"),
    ],
    ids=["root", "user", "refused-root", "refused-user"],
)
def test_rights(prefix: tuple[str, ...], user: int, rights: str, library: Path, tmp_path: Path) -> None:
    """The right to gain privileges is given up only by who has to, and only where the lock will be on."""
    (tmp_path / "core").write_bytes(library.read_bytes())
    folder = tmp_path
    while folder != Path(tempfile.gettempdir()):  # that user has to read it
        folder.chmod(0o755)
        folder = folder.parent
    python = ["/usr/bin/python3", "-c", RIGHTS, str(tmp_path / "core")]
    command = [*prefix, "/usr/bin/setpriv", "--reuid", str(user), "--clear-groups", *python]
    environment = {"TW_POLICY": encoded(NO_PROGRAMS), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == rights


def test_child_is_locked_once(library: Path) -> None:
    """A core in a child finds the lock that it inherited: filters do not pile up."""
    again = f"import subprocess\nsubprocess.run([sys.executable, '-c', {RIGHTS!r}, sys.argv[1]], check=True)"
    code = f"{RIGHTS}\nsys.stdout.flush()\n{again}"
    environment = {"TW_POLICY": encoded(SOME_PROGRAMS), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code, str(library)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["1", "1"]


@pytest.mark.skipif(os.geteuid() != 0, reason="follows a process that is not a child")
@pytest.mark.parametrize("tool", ["strace", "gdb"])
def test_debugger_from_outside(tool: str, library: Path) -> None:
    """What is no child of the function's is not locked: it may look into it as ever."""
    code = RIGHTS + "sys.stdout.flush()\nimport time\nwhile True: time.sleep(0.05)\n"
    environment = {"TW_POLICY": encoded(NO_PROGRAMS), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code, str(library)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        look = {
            "strace": ["timeout", "-s", "INT", "1", "strace", "-p", str(process.pid)],
            "gdb": ["gdb", "-nx", "-batch", "-p", str(process.pid), "-ex", "bt"],
        }[tool]
        seen = subprocess.run(look, capture_output=True, text=True, timeout=60)
        assert process.poll() is None
        process.kill()
    text = seen.stdout + seen.stderr
    assert "nanosleep" in text or "select" in text or "pselect" in text, text
