"""Any number of invocations leaves the process as it was: memory, descriptors and threads."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
from typing import Any

import pytest

from defender.policy import Dns, Effect, Filesystem, Network, Processes
from defender.policy.model import Outbound

MANY = 100_000
SECTIONS = {
    "processes": Processes(effect=Effect.PREVENT, block_all=True),
    "network": Network(effect=Effect.PREVENT, outbound=Outbound(deny_ips=("203.0.113.0/24",))),
    "dns": Dns(effect=Effect.PREVENT, deny=("*.example.org",)),
    "filesystem": Filesystem(effect=Effect.PREVENT, deny=("/srv/secret",)),
}
# Ten bytes an invocation would be seen; the interpreter's own arenas move by less.
ALLOWED_KIB = 96
LOOP = """
import json, sys
import app

class Context:
    aws_request_id = "r"

def invoke(count, **event):
    for number in range(count):
        Context.aws_request_id = "request-%d" % number
        try:
            app.handler(event, Context)
        except ValueError:
            pass

def measure():
    return app.handler({"measure": True}, Context)

event = json.loads(sys.argv[1])
invoke(2000, **event)
measure()
before = measure()
invoke(int(sys.argv[2]), **event)
print(json.dumps([before, measure()]))
"""


@pytest.mark.parametrize(
    ("event", "count"), [({}, 10_000), ({"raise": True}, 10_000), ({"attack": True}, 3_000)], ids=str
)
def test_in_one_process(event: Any, count: int, functions: Any, policy: Any) -> None:
    run = subprocess.run(
        [sys.executable, "-B", "-c", LOOP, json.dumps(event), str(count)],
        cwd=functions.protected("leaks"),
        env={"TW_POLICY": policy("prevent"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    before, after = json.loads(run.stdout)
    assert after["descriptors"] == before["descriptors"]
    assert after["kib"] - before["kib"] <= ALLOWED_KIB, (before, after)
    assert run.stderr.count("explicitlyDeniedProcess") == (count + 2000 if event.get("attack") else 0)


def test_every_section(place: Any, functions: Any, policy_of: Any, read_audits: Any) -> None:
    """In a network of its own: what is refused would go nowhere even if it were not."""
    run = place.call(
        subprocess.run,
        [sys.executable, "-B", "-c", LOOP, json.dumps({"work": True}), str(MANY)],
        cwd=functions.protected("leaks"),
        env={"TW_POLICY": policy_of(**SECTIONS), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    before, after = json.loads(run.stdout)
    assert {**after, "kib": 0} == {**before, "kib": 0}
    assert after["kib"] - before["kib"] <= ALLOWED_KIB, (before, after)
    kinds = collections.Counter(audit["attackType"] for audit in read_audits(run.stderr))
    each = (MANY + 2000) // 30
    assert kinds == {"explicitlyDeniedIP": each, "regFileAccess": each, "explicitlyDeniedDNS": each}


def test_under_the_runtime(functions: Any, policy: Any) -> None:
    with functions.start(functions.protected("leaks"), policy("prevent")) as environment:
        for number in range(300):
            environment.invoke({"raise": number % 2})
        environment.invoke({"measure": True})
        before = environment.invoke({"measure": True}).document
        for number in range(600):
            environment.invoke({"raise": number % 2})
        after = environment.invoke({"measure": True}).document
    assert after["descriptors"] == before["descriptors"]
    assert after["kib"] - before["kib"] <= 2 * ALLOWED_KIB, (before, after)
