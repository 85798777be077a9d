"""What the agent costs a Ruby function: its start, and time for each invocation.

The peer in every row is the same function without the agent, in the same run, in turns. The agent of another maker that
would stand beside it, Aikido Zen's gem, is on no registry that the project uses. Run it on an idle machine; the tests
assert nothing of this.
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

from defender.policy import Identity, default_policy, encode

STARTS, BATCHES, CALLS = 20, 30, 10_000
FUNCTION = "def handler(event:, context:)\n  { 'answer' => event }\nend\n"
# What the Lambda runtime has loaded before it requires a function.
RUNTIME = "require 'json'; require 'net/http'; $LOAD_PATH.unshift(Dir.pwd)\n"
CLOCK = "def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)\n"
START = (
    RUNTIME + CLOCK + "before = now; require 'app'; puts JSON.generate({ 'ms' => (now - before) * 1e3 })\n"
)
INVOKE = (
    RUNTIME
    + CLOCK
    + f"""require 'app'
raise Twistlock.reason if defined?(Twistlock) && Twistlock.status != 'enforcing'
CONTEXT = Struct.new(:aws_request_id).new('6bc28136-xmpl-4365-b021-0ce6b2e64ab0')
times = {BATCHES}.times.map do
  before = now
  {CALLS}.times {{ handler(event: 1, context: CONTEXT) }}
  (now - before) / {CALLS} * 1e6
end
puts JSON.generate({{ 'us' => times.min }})
"""
)


def _run(root: Path, code: str) -> dict[str, float]:
    identity = Identity(function="bench", region="us-east-1", provider="aws", account=None)
    environment = {**os.environ, "TW_POLICY": encode(identity, default_policy().rules[0])}
    command = ["ruby", "-e", code]
    before = time.perf_counter()
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    whole = (time.perf_counter() - before) * 1e3
    result: dict[str, float] = json.loads(run.stdout)
    return {**result, "process": whole}


def main() -> None:
    """Print a line for each figure: without the agent, with it, and the ratio."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        plain, protected = Path(name, "plain"), Path(name, "protected")
        plain.mkdir()
        (plain / "app.rb").write_text(FUNCTION, "utf-8")
        command = [
            sys.executable,
            "-m",
            "defender",
            "embed",
            plain,
            "-o",
            protected,
            "--handler",
            "app.handler",
        ]
        subprocess.run(command, check=True, capture_output=True)
        starts = [(_run(plain, START), _run(protected, START)) for _ in range(STARTS)]
        calls = [(_run(plain, INVOKE)["us"], _run(protected, INVOKE)["us"]) for _ in range(3)]
    print(f"{'':28}{'plain':>10}{'protected':>12}{'ratio':>8}")
    loads, processes = ([(one[key], other[key]) for one, other in starts] for key in ("ms", "process"))
    figures = {
        "whole process, ms": processes,
        "require of the function, ms": loads,
        "one invocation, us": calls,
    }
    for label, rows in figures.items():
        before, after = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{label:28}{before:>10.3f}{after:>12.3f}{after / before:>8.1f}")


if __name__ == "__main__":
    main()
