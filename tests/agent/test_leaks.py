"""Ten thousand invocations leave the process as it was: memory and descriptors."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

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
