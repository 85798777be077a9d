"""The Node.js shim by itself: its names, its wrapper, threads, and what happens where the core can't start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Effect, Identity, default_policy, encode, with_effect
from defender.resources import bundle_path, template

NODES = Path(__file__).parents[2] / "build" / "node"
Run = Callable[..., Any]


@pytest.fixture(params=["14", "24"])
def node(request: pytest.FixtureRequest) -> Path:
    """The oldest and the newest Node.js of the tests, as tests/node-versions installs them."""
    return next(NODES.glob(f"{request.param}.*/bin/node"))


@pytest.fixture(scope="session")
def policy() -> str:
    """TW_POLICY of the built-in rule."""
    identity = Identity(function="golden", region="us-east-1", provider="aws", account=None)
    return encode(identity, default_policy().rules[0])


@pytest.fixture(scope="session")
def add_agent() -> Callable[..., Path]:
    """A function that puts the bundle into a task root, as embedding does."""

    def add(task_root: Path, on_failure: str = "open") -> Path:
        with zipfile.ZipFile(bundle_path("nodejs")) as bundle:
            bundle.extractall(task_root)
        settings = template("nodejs", "settings.js.j2", on_failure=on_failure)
        (task_root / "twistlock" / "_settings.js").write_text(settings)
        return task_root

    return add


@pytest.fixture
def run(node: Path, add_agent: Callable[..., Path], policy: str, tmp_path: Path) -> Run:
    """Runs a script beside the agent; gives what it printed as JSON, and stderr."""

    def start(script: str, *, tw_policy: str = policy, on_failure: str = "open", **files: str) -> Any:
        root = tmp_path / "task"
        if not root.exists():
            add_agent(root, on_failure)
        (root / "main.js").write_text(script)
        for name, text in files.items():
            (root / name.replace("_", ".")).write_text(text)
        done = subprocess.run(
            [str(node), "main.js"],
            cwd=root,
            env={"PATH": os.environ["PATH"], "TW_POLICY": tw_policy, "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    start.root = tmp_path / "task"  # type: ignore[attr-defined]
    return start


REPORT = "const report = (value) => console.log(JSON.stringify(value));\nconst tw = require('./twistlock');\n"


def test_wrapper_is_the_handler_in_all_but_identity(run: Run) -> None:
    script = """
    async function handle(a, b) { return [this === undefined ? 'none' : this.x, a, b]; }
    handle.mark = 1;
    handle[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'response';
    const w = tw.asyncHandler(handle);
    w.later = 2;
    (async () => report({
      name: w.name, length: w.length, mark: w.mark, later: handle.later, text: String(w).includes('native'),
      streaming: w[Symbol.for('aws.lambda.runtime.handler.streaming')], kind: Object.prototype.toString.call(w),
      constructor: w.constructor.name, same: tw.handler(handle) === w, twice: tw.handler(w) === w,
      it: tw.isProtected(w), not: tw.isProtected(handle), around: tw.isProtected((...x) => w(...x)),
      self: await w.call({ x: 5 }, 1, 2), other: [tw.handler(3), tw.handler(null), tw.handler(undefined) === undefined],
      named: tw.handler(() => {}, 'given').name, kept: tw.handler(function own() {}, 'given').name,
    }))();
    """
    found, _ = run(REPORT + "'use strict';" + script)
    assert found == {
        "name": "handle",
        "length": 2,
        "mark": 1,
        "later": 2,
        "text": True,
        "streaming": "response",
        "kind": "[object AsyncFunction]",
        "constructor": "AsyncFunction",
        "same": True,
        "twice": True,
        "it": True,
        "not": False,
        "around": False,
        "self": [5, 1, 2],
        "other": [3, None, True],
        "named": "given",
        "kept": "own",
    }


def test_names_are_there_for_es_modules(run: Run) -> None:
    script = """
    const load = new Function('return import("' + 'file://' + __dirname + '/index.mjs")');
    load().then((found) => report(found.default));
    """
    module = """
    import twistlock, { handler, asyncHandler, status } from './twistlock/index.js';
    export default [twistlock.handler === handler, typeof asyncHandler, status];
    """
    assert run(REPORT + script, index_mjs=module)[0] == [True, "function", "enforcing"]


@pytest.mark.parametrize(
    "context", ["null", "undefined", "{}", "{ awsRequestId: 7 }", "'text'", "Object.create(null)"]
)
def test_context_may_be_anything(context: str, run: Run) -> None:
    found, _ = run(REPORT + f"tw.handler(async (e, c) => e)({{ a: 1 }}, {context}).then(report);")
    assert found == {"a": 1}


def test_audits_carry_the_request_of_the_invocation(run: Run) -> None:
    """Of overlapping ones, of one that ends by its callback, and of one that throws."""
    script = """
    const { spawnSync } = require('child_process');
    const attempt = () => spawnSync('/bin/true').error.code;
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const one = tw.handler(async (event, context) => { await wait(event); return attempt(); });
    const two = tw.handler((event, context, callback) => { setTimeout(() => callback(null, attempt()), 5); });
    const bad = tw.handler(() => { attempt(); throw new Error('no'); });
    const back = (handler, awsRequestId) =>
      new Promise((resolve) => handler({}, { awsRequestId }, (_, value) => resolve(value)));
    (async () => {
      const first = await one(1, { awsRequestId: 'first' });
      const second = await back(two, 'second');
      let third; try { bad({}, { awsRequestId: 'third' }); } catch (error) { third = error.message; }
      report([first, second, third]);
    })();
    """
    found, err = run(REPORT + script)
    audits = [json.loads(line) for line in err.splitlines()]
    assert found == ["EACCES", "EACCES", "no"]
    assert [one["requestID"] for one in audits if one["type"] == "processes"] == ["first", "second", "third"]


def test_a_thread_runs_under_the_same_policy(run: Run) -> None:
    worker = """
    const { parentPort } = require('worker_threads');
    const tw = require('./twistlock');
    const { spawnSync } = require('child_process');
    parentPort.postMessage([tw.status, spawnSync('/bin/true').error.code]);
    """
    script = """
    const { Worker } = require('worker_threads');
    new Worker(__dirname + '/worker.js').on('message', (found) => report([tw.status, found]));
    """
    found, err = run(REPORT + script, worker_js=worker)
    assert found == ["enforcing", ["enforcing", "EACCES"]]
    assert "policyHijacked" not in err


def test_threads_and_loops_are_no_attack_under_block(run: Run) -> None:
    """Node.js asks the kernel for a ring with each of them: nothing may end for that."""
    rule = with_effect(default_policy().rules[0], Effect.BLOCK)
    identity = Identity(function="golden", region="us-east-1", provider="aws", account=None)
    script = """
    const { Worker } = require('worker_threads');
    new Worker('1', { eval: true }).on('exit', (code) => report([tw.status, code]));
    """
    found, err = run(REPORT + script, tw_policy=encode(identity, rule))
    assert found == ["enforcing", 0]
    assert [json.loads(line)["type"] for line in err.splitlines()] == ["defender"]


def test_a_thread_may_load_it_where_the_main_program_does_not(run: Run) -> None:
    script = """
    const { Worker } = require('worker_threads');
    new Worker(__dirname + '/worker.js').on('message', (found) => console.log(JSON.stringify(found)));
    """
    worker = "require('worker_threads').parentPort.postMessage(require('./twistlock').status);"
    assert run(script, worker_js=worker)[0] == "enforcing"


AT_ONCE = """
const { Worker } = require('worker_threads');
const gate = new Int32Array(new SharedArrayBuffer(8));
const found = [];
const workers = Array.from({ length: 6 }, () => new Worker(__dirname + '/worker.js', { workerData: gate }));
for (const one of workers) {
  one.on('message', (said) => { if (found.push(said) === workers.length) console.log(JSON.stringify(found)); });
}
"""
# The last to be ready lets all go on.
THREAD = """
const { parentPort, workerData: gate } = require('worker_threads');
if (Atomics.add(gate, 0, 1) === 5) {
  Atomics.store(gate, 1, 1);
  Atomics.notify(gate, 1);
} else {
  Atomics.wait(gate, 1, 0);
}
const tw = require('./twistlock');
let code = 'ran';
try { require('child_process').execFileSync('/bin/true'); } catch (error) { code = error.code; }
parentPort.postMessage([tw.status, code, tw.isProtected(tw.handler(() => 1))]);
"""


@pytest.mark.parametrize("is_bundled", [False, True])
def test_threads_that_begin_at_once_share_one_agent(
    is_bundled: bool, run: Run, add_agent: Callable[..., Path]
) -> None:
    """As the runtime client starts its workers where a function serves several events at a time."""
    if is_bundled:
        _without_library(add_agent(run.root))  # type: ignore[attr-defined]
    found, err = run(AT_ONCE, worker_js=THREAD)
    assert found == [["enforcing", "EACCES", True]] * 6
    lines = [json.loads(line) for line in err.splitlines()]
    assert [one["type"] for one in lines].count("defender") == 1
    assert {one["type"] for one in lines} == {"defender", "processes"}


def _without_library(root: Path) -> None:
    """What a bundler makes of the folder: the library is text in a module."""
    with zipfile.ZipFile(bundle_path("nodejs")) as bundle:
        raw = {one.filename: zlib.compress(bundle.read(one), wbits=-15) for one in bundle.infolist()}
    packed = {name.rpartition("/")[2]: data for name, data in raw.items() if "/libdefender-" in name}
    lines = [f"exports['{name}'] = '{b64encode(data).decode()}';" for name, data in packed.items()]
    (root / "twistlock" / "native.js").write_text("\n".join(lines))
    for name in packed:
        (root / "twistlock" / name).unlink()


DAMAGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "missing": ("its library is missing", lambda folder: [one.unlink() for one in folder.glob("lib*")]),  # type: ignore[misc,return-value]
    "cut": (
        "its library is damaged",
        lambda folder: [_replace(one, one.read_bytes()[:5000]) for one in folder.glob("lib*")],
    ),  # type: ignore[misc,return-value]
    "no-library": (
        "its library is damaged",
        lambda folder: [_replace(one, b"x" * 100) for one in folder.glob("lib*")],
    ),  # type: ignore[misc,return-value]
}


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


CALL = """
(async () => {
  let answer;
  try {
    answer = await tw.handler(async () => 'ran')({}, null);
  } catch (error) {
    answer = error.name + ': ' + error.message;
  }
  report([tw.status, tw.reason, answer]);
})();
"""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("on_failure", ["open", "closed"])
def test_damaged_library(damage: str, on_failure: str, run: Run, add_agent: Callable[..., Path]) -> None:
    why, make = DAMAGES[damage]
    root = run.root  # type: ignore[attr-defined]
    add_agent(root, on_failure)
    make(root / "twistlock")
    (status, reason, answer), err = run(REPORT + CALL)
    assert (status, why in reason) == ("failed", True)
    assert err.count("NOT PROTECTED") == 1
    assert err.count("\n") == 1
    if on_failure == "open":
        assert answer == "ran"
    else:
        assert answer == f"NotProtectedError: this function may not run unprotected, and {reason}"


@pytest.mark.parametrize(
    ("tw_policy", "why"), [("", "TW_POLICY is absent or empty"), ("e30", "base64"), ("e30=", "invalid")]
)
@pytest.mark.parametrize("on_failure", ["open", "closed"])
def test_invalid_policy(tw_policy: str, why: str, on_failure: str, run: Run) -> None:
    (status, reason, answer), err = run(REPORT + CALL, tw_policy=tw_policy, on_failure=on_failure)
    assert (status, why in reason) == ("failed", True)
    assert "NOT PROTECTED" in err
    assert answer.startswith("ran" if on_failure == "open" else "NotProtectedError: ")


def test_settings_that_are_missing_mean_open(run: Run, add_agent: Callable[..., Path]) -> None:
    root = run.root  # type: ignore[attr-defined]
    add_agent(root)
    (root / "twistlock" / "_settings.js").unlink()
    (status, _, answer), err = run(REPORT + CALL)
    assert (status, answer) == ("enforcing", "ran")
    assert "_settings.js can't be read" in err


def test_what_cannot_be_replaced_is_said(run: Run) -> None:
    """A function that is frozen with its handler inside: no copy of it could be called."""
    script = """
    const mine = { exports: Object.freeze(Object.assign(() => 1, { handler() {} })) };
    tw.protect(mine, 'handler');
    tw.protect({ exports: {} }, 'handler');
    tw.protect({ exports: null }, 'handler');
    report(tw.isProtected(mine.exports.handler));
    """
    found, err = run(REPORT + script)
    assert found is False
    assert err.count("NOT PROTECTED: the handler handler can't be wrapped") == 1


def test_library_is_found_beside_a_bundle(run: Run, add_agent: Callable[..., Path], tmp_path: Path) -> None:
    """Where a bundler took the shim in, the library stays in the folder beside the bundle."""
    root = run.root  # type: ignore[attr-defined]
    add_agent(root)
    for name in ("index.js", "bootstrap.js", "_settings.js"):
        shutil.move(root / "twistlock" / name, root / name)
    script = REPORT.replace("./twistlock", "./index.js") + "report(tw.status);"
    assert run(script)[0] == "enforcing"
