"""What the agent costs a Python function: start, import, memory, and time for each invocation.

The peer in every row is the same function without the agent, in the same run. Every figure of a start is the
median of fresh processes, without cached bytecode, as in a function whose folder is read-only. Run it on an idle
machine; the tests assert nothing of this.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STARTS = 40
FUNCTION = 'def handler(event, context):\n    return {"answer": event}\n'
# Modules that the Lambda runtime has loaded before it imports a function.
RUNTIME = "import functools, importlib.util, json, logging, os, sys, time, traceback\n"
START = (
    RUNTIME
    + """
def pages():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024

def timed(work):
    before = time.perf_counter()
    result = work()
    return (time.perf_counter() - before) * 1e3, result

importlib.util.find_spec("app")  # The folder has been looked into: the handler's file is in it.
held = pages()
loading, ctypes = timed(lambda: __import__("ctypes"))
with_ctypes = pages()
whole, _ = timed(lambda: __import__("twistlock.serverless"))
print(json.dumps({"ctypes": loading, "import": whole, "status": sys.modules["twistlock.serverless"].status,
                  "ctypes_kib": with_ctypes - held, "agent_kib": pages() - with_ctypes}))
"""
)
CORE = (
    RUNTIME
    + """
import ctypes, platform
text = ctypes.c_char_p
message = ctypes.create_string_buffer(512)
folder = os.path.abspath("twistlock")
before = time.perf_counter()
core = ctypes.PyDLL(os.path.join(folder, "libdefender-linux-%s" % platform.machine()))
loaded = time.perf_counter()
core.tw_start_flat.argtypes = (text, text, text, text, text, ctypes.c_size_t)
result = core.tw_start_flat(os.environb[b"TW_POLICY"], os.fsencode(folder), b"python", None, message, 512)
done = time.perf_counter()
assert result == 0, message.value
print(json.dumps({"load": (loaded - before) * 1e3, "start": (done - loaded) * 1e3}))
"""
)
CALLS = (
    RUNTIME
    + """
import app
import statistics

class Context:
    aws_request_id = "8ecc0e66-2f2f-4a9c-8e0c-1c2f2b7a1a11"

def rounds(handler, event={"n": 1}, context=Context()):
    for _ in range(200):
        before = time.perf_counter()
        for _ in range(100):
            handler(event, context)
        yield (time.perf_counter() - before) * 1e4

list(rounds(app.handler))
wrapped = list(rounds(app.handler))
bare = list(rounds(getattr(app.handler, "__wrapped__", app.handler)))
print(json.dumps({"wrapped": statistics.median(wrapped), "bare": statistics.median(bare)}))
"""
)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        original, protected = Path(name) / "original", Path(name) / "protected"
        original.mkdir()
        (original / "app.py").write_text(FUNCTION)
        variables = _embed(original, protected)
        starts = [_run(START, protected, variables) for _ in range(STARTS)]
        cores = [_run(CORE, protected, variables) for _ in range(STARTS)]
        calls = _run(CALLS, protected, variables)
        wholes = _processes(original, protected, variables)
    _check(starts)
    _row("core: load the library", _median(cores, "load"), "ms")
    _row("core: tw_start", _median(cores, "start"), "ms", "budget of both: 3 ms")
    _row("import ctypes", _median(starts, "ctypes"), "ms", "counted apart: 1.3 to 3.1 ms")
    _row("import twistlock.serverless, ctypes loaded", _median(starts, "import"), "ms")
    _row(
        "process that imports the function",
        wholes[1] * 1e3,
        "ms",
        f"{wholes[1] / wholes[0]:.2f} times the original",
    )
    _row("memory of ctypes", _median(starts, "ctypes_kib"), "KiB")
    _row("memory of shim and core", _median(starts, "agent_kib"), "KiB", "budget: 1024 KiB")
    _row("bare handler, a call", calls["bare"], "us")
    _row("wrapped handler, a call", calls["wrapped"], "us")
    _row("overhead, a call", calls["wrapped"] - calls["bare"], "us", "budget: 20 us")


def _embed(source: Path, target: Path) -> dict[str, str]:
    command = [sys.executable, "-m", "defender", "embed", str(source), "-o", str(target), "--json"]
    document = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {"TW_POLICY": document["environment"]["TW_POLICY"], "PATH": os.defpath}


def _run(code: str, folder: Path, variables: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-B", "-c", code]
    run = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True)
    return dict(json.loads(run.stdout))


def _processes(original: Path, protected: Path, variables: dict[str, str]) -> tuple[float, float]:
    """Median seconds of a process that imports the function, original and protected by turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(STARTS):
        for folder, times in zip((original, protected), seconds, strict=True):
            before = time.perf_counter()
            subprocess.run(
                [sys.executable, "-B", "-c", RUNTIME + "import app"],
                cwd=folder,
                env=variables,
                stderr=-3,
                check=True,
            )
            times.append(time.perf_counter() - before)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def _check(starts: list[dict[str, float]]) -> None:
    if {str(start["status"]) for start in starts} != {"enforcing"}:
        raise SystemExit("the agent does not enforce: these figures would mean nothing")


def _median(runs: list[dict[str, float]], name: str) -> float:
    return statistics.median(run[name] for run in runs)


def _row(what: str, figure: float, unit: str, note: str = "") -> None:
    print(f"{what:<44}{figure:>10.2f} {unit:<5}{note}")


if __name__ == "__main__":
    main()
