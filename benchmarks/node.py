"""What the agent costs a Node.js function: start, memory, an invocation, and the calls that are allowed.

Beside the agent stand, in the same run and by turns with it: nothing, and Aikido Zen by its entry for Lambda handlers.
Zen wraps functions of JavaScript and looks for a request's input in what they are given; a handler's event is
such input, but these events have none that it could find again: its rows are its least cost. FunctionShield, the
other agent for Node.js functions on npm, can't be measured any more: its native part is built for Node.js 8 and 10
alone, and needs an OpenSSL that no current system has.

Fresh processes, in another order every round; of a call a process's best batch counts, and of all figures the lower
quartile of the rounds. The start is that of the agent alone, once Node.js runs. Run it on an idle machine; the tests
assert nothing of this. Node.js is the newest that tests/node-versions installs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from defender.policy import (
    Dns,
    Effect,
    Filesystem,
    Identity,
    Network,
    Processes,
    Rule,
    default_policy,
    encode,
)
from defender.policy.model import Outbound

ROUNDS = int(os.environ.get("DEFENDER_BENCH_ROUNDS", "15"))
ROOT = Path(__file__).parents[1]
ZEN = "@aikidosec/firewall@1.8.36"
IDENTITY = Identity(function="bench", region=None, provider="aws", account=None)
PREVENT = Effect.PREVENT
EVERYTHING = Rule(
    name="everything",
    processes=Processes(PREVENT, allow=("true",)),
    network=Network(PREVENT, outbound=Outbound(deny_ips=("203.0.113.0/24",))),
    dns=Dns(PREVENT, deny=("*.example.org",)),
    filesystem=Filesystem(PREVENT, allow=("/tmp",)),
)
AGENT = """
const agent = require('./twistlock');
if (agent.status !== 'enforcing') throw agent.reason;
wrap = agent.asyncHandler;
"""
# How each variant protects, and its policy.
VARIANTS: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "Aikido Zen": ("wrap = require('@aikidosec/firewall/lambda');", ""),
    "built-in policy": (AGENT, encode(IDENTITY, default_policy().rules[0])),
    "everything": (AGENT, encode(IDENTITY, EVERYTHING)),
}
SCRIPT = """
const now = () => Number(process.hrtime.bigint()) / 1e3;
let wrap = (handler) => handler;
const began = now();
%s
const found = { start: (now() - began) / 1e3, memory: process.memoryUsage().rss / 1024 };
const fs = require('fs'), net = require('net'), dns = require('dns');
const { spawnSync } = require('child_process');
const handler = wrap(async (event) => event);
async function best(call, count, batches = 30) {
  let least = Infinity;
  for (let batch = 0; batch < batches; batch++) {
    const before = now();
    for (let i = 0; i < count; i++) await call();
    least = Math.min(least, (now() - before) / count);
  }
  return least;
}
const connect = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.once('close', resolve); socket.resetAndDestroy(); });
});
(async () => {
  fs.writeFileSync('/tmp/defender-bench-node', 'x');
  const event = { body: 'x' }, file = '/tmp/defender-bench-node';
  let number = 0;
  found['an invocation'] = await best(() => handler(event, { awsRequestId: 'r' + number++ }), 500);
  found['readFileSync'] = await best(() => fs.readFileSync(file), 300);
  found['promises.readFile'] = await best(() => fs.promises.readFile(file), 100);
  found['connect, TCP'] = await best(() => connect(Number(process.argv[1])), 20);
  found['dns.lookup'] = await best(() => dns.promises.lookup('localhost'), 30);
  if (process.argv[2] === 'programs') found['spawnSync of true'] = await best(() => spawnSync('/usr/bin/true'), 3, 10);
  console.log(JSON.stringify(found));
  process.exit(0);
})();
"""
SERVER = """
require('net').createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1', function () {
  console.log(this.address().port);
});
"""
UNITS = {"start": "ms", "memory": "KiB"}


def main() -> None:
    """Print the table, one line a figure and a variant."""
    (node,) = (ROOT / "build" / "node").glob("24.*/bin/node")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name) / "protected"
        _protect(Path(name), folder)
        server = subprocess.Popen([str(node), "-e", SERVER], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            found = _measure(node, folder, server.stdout.readline().strip())
        finally:
            server.kill()
            server.wait()
    for figure in [*next(iter(found.values()))]:
        _rows(
            figure,
            {variant: _quartile(values[figure]) for variant, values in found.items() if figure in values},
        )


def _protect(base: Path, target: Path) -> None:
    """A function with the agent in it, and Zen beside it."""
    original = base / "original"
    original.mkdir()
    (original / "index.js").write_text("exports.handler = async (event) => event;\n")
    command = [sys.executable, "-m", "defender", "embed", str(original), "-o", str(target), "--json"]
    subprocess.run(command, stdout=subprocess.PIPE, check=True)
    install = ["npm", "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", str(target), ZEN]
    subprocess.run(install, stdout=subprocess.PIPE, check=True)


def _measure(node: Path, folder: Path, port: str) -> dict[str, dict[str, list[float]]]:
    """Every variant in turn, round by round: what the machine does meanwhile is shared by all."""
    found: dict[str, dict[str, list[float]]] = {variant: {} for variant in VARIANTS}
    names = [*VARIANTS]
    for turn in range(ROUNDS):
        for variant in names[turn % len(names) :] + names[: turn % len(names)]:
            protect, policy = VARIANTS[variant]
            # The built-in policy starts no program.
            programs = "none" if variant == "built-in policy" else "programs"
            run = subprocess.run(
                [str(node), "-e", SCRIPT % protect, port, programs],
                cwd=folder,
                env={"PATH": "/usr/bin", "TW_POLICY": policy},
                capture_output=True,
                text=True,
                check=True,
            )
            for figure, value in json.loads(run.stdout.splitlines()[-1]).items():
                found[variant].setdefault(figure, []).append(value)
    return found


def _quartile(values: list[float]) -> float:
    return statistics.quantiles(values, n=4, method="inclusive")[0] if len(values) > 1 else values[0]


def _rows(figure: str, values: dict[str, float]) -> None:
    bare = values["nothing"]
    for variant, value in values.items():
        unit = UNITS.get(figure, "us")
        beside = (
            ""
            if variant == "nothing" or figure == "start"
            else f"  {value / bare:5.2f} x  {value - bare:+9.1f} {unit}"
        )
        print(f"{figure:20} {variant:16} {value:10.1f} {unit}{beside}")


if __name__ == "__main__":
    main()
