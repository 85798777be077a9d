"""Many calls at once, from threads too, frozen and thawed: each comes out as alone, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from typing import Any

import pytest

from defender.policy import Dns, Effect, Filesystem, Network, Processes
from defender.policy.model import Outbound

PREVENT = Effect.PREVENT
SECTIONS = {
    "processes": Processes(effect=PREVENT, allow=("/usr/bin/cat",)),
    "network": Network(effect=PREVENT, outbound=Outbound(allow_ips=("198.51.100.7",))),
    "dns": Dns(effect=PREVENT, allow=("*.example.test",)),
    "filesystem": Filesystem(effect=PREVENT, deny=("/srv/secret",)),
}
# V8's own heap moves by some MiB; a hundred bytes an invocation would be more.
ALLOWED_KIB = 9 * 1024
LOOP = """
const app = require('./app.js');
const [event, count] = JSON.parse(process.argv[1]);
async function invoke(times) {
  for (let number = 0; number < times; number++) {
    await app.handler(event, { awsRequestId: 'request-' + number }).catch(() => {});
    // Node.js keeps what was rejected until it comes to rest.
    if (number % 100 === 0) await new Promise(setImmediate);
  }
}
(async () => {
  await invoke(20000);
  await app.handler({ measure: true }, {});
  const before = await app.handler({ measure: true }, {});
  await invoke(count);
  console.log(JSON.stringify([before, await app.handler({ measure: true }, {})]));
})();
"""


@pytest.mark.parametrize(
    ("event", "count"), [({}, 100_000), ({"raise": True}, 20_000), ({"attack": True}, 1_000)], ids=str
)
def test_nothing_grows(event: Any, count: int, node: Any, policy: Any) -> None:
    run = subprocess.run(
        [node.command[0], "--expose-gc", "-e", LOOP, json.dumps([event, count])],
        cwd=node.protected("nodejs_stress"),
        env={"TW_POLICY": policy("prevent"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    before, after = json.loads(run.stdout)
    assert (after["descriptors"], after["threads"]) == (before["descriptors"], before["threads"])
    assert after["kib"] - before["kib"] <= ALLOWED_KIB, (before, after)
    assert run.stderr.count("explicitlyDeniedProcess") == (count + 20_000 if event.get("attack") else 0)


@pytest.fixture(scope="module")
def environment(place: Any, node: Any, policy_of: Any) -> Any:
    with place.start(node, node.protected("nodejs_stress"), policy_of(**SECTIONS)) as environment:
        yield environment


def test_threads(environment: Any, read_audits: Any) -> None:
    assert environment.invoke({"threads": 4, "rounds": 20}).document == {"wrong": []}
    mine = environment.request_id
    told = [audit for audit in read_audits(environment.errors()) if audit["requestID"] == mine]
    assert {audit["type"] for audit in told} == {"processes", "network", "filesystem"}


def test_frozen_in_the_middle(environment: Any) -> None:
    """As a platform freezes it: at any instruction, and for long against what the calls take."""
    over = threading.Event()

    def freeze() -> None:
        turn = 0
        while not over.is_set():
            os.kill(environment.process.pid, signal.SIGSTOP)
            time.sleep(0.002 + turn % 5 / 1000)
            os.kill(environment.process.pid, signal.SIGCONT)
            time.sleep(0.001 + turn % 7 / 300)
            turn += 1

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        assert environment.invoke({"threads": 2, "rounds": 10}).document == {"wrong": []}
    finally:
        over.set()
        thread.join()


def test_frozen_between_invocations(environment: Any) -> None:
    for _ in range(5):
        os.kill(environment.process.pid, signal.SIGSTOP)
        time.sleep(0.05)
        os.kill(environment.process.pid, signal.SIGCONT)
        assert environment.invoke({"threads": 1, "rounds": 2}).document == {"wrong": []}
