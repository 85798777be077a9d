"""What protection costs the calls that are allowed: opening, connecting, asking for a name, importing boto3.

Beside the agent stand, in the same run and by turns with it: nothing; 25 lines with Python's audit events
(audit_hook.py); and Aikido Zen for Python, which wraps Python's functions. Zen looks for a web request's input in what
such a call is given, so it does not judge what the agent does: it covers open, os.system, a shell of subprocess,
getaddrinfo; no connect, no program without a shell, no machine code; its decorator for Lambda handlers does nothing.
Without a token it starts no process of its own and asks nobody, and without a web request it has nothing to look for:
its rows are its least cost.

Fresh processes, in another order every round; of a call a process's best batch counts, and of all figures the lower
quartile of the rounds: what else runs on the machine can only add to them. The memory is that of the process once it
has imported the function (beside "nothing" the original one) and ctypes. Zen has loaded a part of boto3's modules
before boto3 is imported. Run it on an idle machine all the same; the tests assert nothing of this.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from defender.policy import Dns, Effect, Filesystem, Identity, Network, Processes, Rule, encode
from defender.policy.model import Outbound

ROUNDS = int(os.environ.get("DEFENDER_BENCH_ROUNDS", "15"))
HERE = Path(__file__).parent
FUNCTION = 'def handler(event, context):\n    return {"answer": event}\n'
PREVENT = Effect.PREVENT
ALLOW, DENY = Filesystem(PREVENT, allow=("/tmp",)), Filesystem(PREVENT, deny=("/srv/secret",))
NETWORK = Network(PREVENT, outbound=Outbound(deny_ips=("203.0.113.0/24",)))
EVERYTHING = {
    "processes": Processes(PREVENT, allow=("cat",)),
    "network": NETWORK,
    "dns": Dns(PREVENT, deny=("*.example.org",)),
    "filesystem": ALLOW,
}
AGENT = "import twistlock.serverless as agent\nassert agent.status == 'enforcing', agent.status\n"
# How each variant protects, and the sections of its policy.
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "nothing": ("", {}),
    "audit hook": ("import audit_hook\n", {}),
    "Aikido Zen": ("import aikido_zen\naikido_zen.protect()\nimport builtins\nassert open.__wrapped__\n", {}),
    "files allowed": (AGENT, {"filesystem": ALLOW}),
    "files denied": (AGENT, {"filesystem": DENY}),
    "network, dns": (AGENT, {"network": NETWORK, "dns": EVERYTHING["dns"]}),
    "everything": (AGENT, EVERYTHING),
}
# Modules that the Lambda runtime has loaded before it imports a function.
RUNTIME = "import functools, importlib.util, json, logging, os, socket, struct, sys, time, traceback\n"
PAGES = """
def pages():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024
import ctypes
importlib.util.find_spec("app")  # The folder has been looked into: the handler's file is in it.
before = time.perf_counter()
"""
STARTED = """
found = {"start": (time.perf_counter() - before) * 1e3}
import app
found["memory"] = pages()
"""
CALLS = """
def rounds(call, count):
    times = []
    for _ in range(60):
        before = time.perf_counter()
        for _ in range(count):
            call()
        times.append((time.perf_counter() - before) / count * 1e6)
    return min(times)

def opened(path):
    return lambda: open(path).close()

def connected(kind):
    to, at_once = ("127.0.0.1", int(sys.argv[1])), struct.pack("ii", 1, 0)
    def call():
        client = socket.socket(socket.AF_INET, kind)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        client.connect(to)
        client.close()
    return call

with open("/tmp/defender-bench", "w") as file:
    file.write("x")
found["open in /tmp"] = rounds(opened("/tmp/defender-bench"), 200)
found["open in the task root"] = rounds(opened(os.path.abspath("app.py")), 200)
found["open a relative path"] = rounds(opened("app.py"), 200)
found["connect, TCP"] = rounds(connected(socket.SOCK_STREAM), 30)
found["connect, UDP"] = rounds(connected(socket.SOCK_DGRAM), 100)
found["getaddrinfo"] = rounds(lambda: socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM), 30)
print(json.dumps(found))
"""
BOTO3 = """
before, used = time.perf_counter(), time.process_time()
import boto3
print(json.dumps({"import boto3": (time.perf_counter() - before) * 1e3,
                  "import boto3, CPU": (time.process_time() - used) * 1e3}))
"""
SERVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(server.getsockname()[1], flush=True)
while True:
    server.accept()[0].close()
"""
UNITS = {"start": "ms", "memory": "KiB", "import boto3": "ms", "import boto3, CPU": "ms"}


def main() -> None:
    """Print the table, one line a figure and a variant."""
    # Not in /tmp, which a policy allows; about as deep as /var/task: a relative path costs what lies above it.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        _protect(Path(name))
        server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            found = _measure(Path(name), port)
        finally:
            server.kill()
            server.wait()
    for figure in next(iter(found.values())):
        _rows(figure, {variant: _quartile(values[figure]) for variant, values in found.items()})


def _quartile(values: list[float]) -> float:
    return statistics.quantiles(values, n=4, method="inclusive")[0] if len(values) > 1 else values[0]


def _protect(folder: Path) -> None:
    original, protected = folder / "original", folder / "protected"
    original.mkdir()
    (original / "app.py").write_text(FUNCTION)
    command = [sys.executable, "-m", "defender", "embed", str(original), "-o", str(protected), "--json"]
    subprocess.run(command, stdout=subprocess.PIPE, check=True)


def _measure(folder: Path, port: str) -> dict[str, dict[str, list[float]]]:
    """Every variant in turn, round by round: what the machine does meanwhile is shared by all."""
    found: dict[str, dict[str, list[float]]] = {variant: {} for variant in VARIANTS}
    for turn in range(ROUNDS):
        order = [*VARIANTS][turn % len(VARIANTS) :] + [*VARIANTS][: turn % len(VARIANTS)]
        for variant in order:
            protect, sections = VARIANTS[variant]
            function = folder / ("protected" if sections else "original")
            for code in (PAGES + protect + STARTED + CALLS, protect + BOTO3):
                for figure, value in _run(RUNTIME + code, function, port, sections).items():
                    found[variant].setdefault(figure, []).append(value)
    return found


def _run(code: str, folder: Path, port: str, sections: dict[str, object]) -> dict[str, float]:
    identity = Identity(function="demo", region="us-east-1", provider="aws", account=None)
    variables = {
        "PATH": os.defpath,
        "PYTHONPATH": str(HERE),
        "LAMBDA_TASK_ROOT": str(folder),
        "TW_POLICY": encode(identity, Rule(name="bench", **sections)),  # type: ignore[arg-type]
    }
    command = [sys.executable, "-B", "-c", code, port]
    run = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(run.stderr)
    return dict(json.loads(run.stdout.splitlines()[-1]))  # Zen writes to stdout too.


def _rows(figure: str, medians: dict[str, float]) -> None:
    unit, bare = UNITS.get(figure, "us"), medians["nothing"]
    for variant, median in medians.items():
        more = f"{median - bare:>+9.2f} {unit:<4}"
        ratio = f"{median / bare:>6.2f} times" if figure != "start" else ""
        print(
            f"{figure:<24}{variant:<16}{median:>10.2f} {unit:<4}{'' if variant == 'nothing' else more + ratio}"
        )


if __name__ == "__main__":
    main()
