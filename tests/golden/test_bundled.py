"""Sources that a bundler builds: really built, by esbuild and webpack, and loaded by the oldest and the newest Node.js.

The bundle holds all of the agent, and nothing beside it is deployed. With any single insertion missing, the same proof
has to fail. TypeScript's own compiler has to accept what was inserted.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Identity, default_policy, encode

BUILD = Path(__file__).parents[2] / "build"
TOOLS = BUILD / "npm" / "node_modules"
NODES = [next((BUILD / "node").glob(f"{version}.*/bin/node")) for version in (14, 24)]
LOAD = """
const loaded = require(process.argv[1]);
const handler = loaded[process.argv[2]];
handler(JSON.parse(process.argv[3]), { awsRequestId: 'request' }).then((answer) => console.log(JSON.stringify({
  isWrapped: require('util').types.isProxy(handler), answer, names: Object.keys(loaded),
})));
"""


def entry_of(case: Any) -> str:
    stem = case.facts["handlers"][0].partition(".")[0]
    return next(name for name in case.expected if name.rpartition(".")[0] == stem)


def esbuild(folder: Path, entry: str, target: Path) -> bool:
    options = ["--bundle", "--platform=node", "--target=node14", f"--outfile={target / 'index.js'}"]
    return _run(TOOLS / "esbuild" / "bin" / "esbuild", folder / entry, *options, "--log-level=error")


def webpack(folder: Path, entry: str, target: Path) -> bool:
    options = ["--mode", "production", "--target", "node14", "--output-library-type", "commonjs2"]
    program = [NODES[-1], TOOLS / "webpack" / "bin" / "webpack.js"]
    return _run(*program, "--entry", folder / entry, "-o", target, "--output-filename", "index.js", *options)


def _run(*command: object) -> bool:
    environment = {**os.environ, "NODE_PATH": str(TOOLS), "PATH": f"{NODES[-1].parent}:{os.environ['PATH']}"}
    # Outside of any project: webpack looks for a configuration where it is started.
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd="/", env=environment)
    return done.returncode == 0


def load(node: Path, bundle: Path, case: Any, tw_policy: str | None = None) -> dict[str, Any]:
    """What a bundle is once it is deployed alone; the agent's first line says whether it enforces."""
    identity = Identity(function="golden", region="us-east-1", provider="aws", account=None)
    event = json.dumps(case.facts["events"][0]["event"])
    export = case.facts["handlers"][0].rpartition(".")[2]
    done = subprocess.run(
        [str(node), "-e", LOAD, str(bundle / "index.js"), export, event],
        capture_output=True,
        text=True,
        cwd="/",
        env={
            "TW_POLICY": encode(identity, default_policy().rules[0]) if tw_policy is None else tw_policy,
            "LAMBDA_TASK_ROOT": str(bundle),
            "TMPDIR": str(bundle),
        },
    )
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}
    return {**found, "enforced": "the rule is enforced" in done.stderr}


@pytest.fixture
def embed(defender: Callable[..., tuple[int, str, str]], tmp_path: Path) -> Callable[..., Path]:
    """Protects a case by the command line."""

    def run(case: Any, *options: str) -> Path:
        target = tmp_path / f"protected{len(options)}"
        code, _, err = defender(
            "embed", case.source, "-o", target, "--handler", case.facts["handlers"][0], *options
        )
        assert code == 0, err
        return target

    return run


def mutants(case: Any, protected: Path, base: Path) -> dict[str, Path]:
    """The protected project with each insertion taken out again."""
    found = {}
    for change in case.embedded[1]:
        for index, splice in enumerate(change.splices):
            folder = Path(shutil.copytree(protected, base / f"mutant{index}"))
            (folder / change.path).write_bytes(change.after.replace(splice.data, b"", 1))
            found[f"mutant{index}"] = folder
    for name, data in case.written.items() if not found else ():
        if b"twistlock.handler(" in data:  # A facade.
            found["facade"] = Path(shutil.copytree(protected, base / "facade"))
            (found["facade"] / name).write_bytes(data.replace(b"twistlock.handler(", b"("))
    assert found
    return found


def test_the_bundle_is_protected(bundled: Any, embed: Callable[..., Path], tmp_path: Path) -> None:
    entry, answer = entry_of(bundled), bundled.facts["events"][0]["answer"]
    protected = embed(bundled)
    folders = {"original": bundled.source, "protected": protected, **mutants(bundled, protected, tmp_path)}
    # webpack reads TypeScript by a loader, which calls the compiler.
    for bundler in (esbuild, webpack) if entry.endswith("js") else (esbuild,):
        names = {}
        for name, folder in folders.items():
            built = tmp_path / bundler.__name__ / name
            results = [load(node, built, bundled) for node in NODES] if bundler(folder, entry, built) else []
            good = [one.get("isWrapped") and one["enforced"] and one["answer"] == answer for one in results]
            assert all(good) if name == "protected" else not any(good), (bundler, name, results)
            names[name] = results[-1]["names"] if results and "names" in results[-1] else None
        assert names["protected"] == names["original"]


def test_the_compiler_accepts_it(typed: Any, embed: Callable[..., Path]) -> None:
    tsc = [NODES[-1], TOOLS / "typescript" / "bin" / "tsc"]
    options = ["--noEmit", "--strict", "--target", "es2020"]
    protected = embed(typed)
    for kind in (["node16"], ["esnext", "--moduleResolution", "bundler", "--esModuleInterop", "true"]):
        assert _run(*tsc, protected / entry_of(typed), *options, "--module", *kind), kind


THREADS = """
const { Worker, isMainThread, parentPort } = require('worker_threads');
const fs = require('fs');

exports.handler = async () => {
  const lines = fs.readFileSync('/proc/self/maps', 'latin1').split('\\n');
  const loaded = lines.filter((line) => line.includes('libdefender'));
  const found = await new Promise((done) => new Worker(__filename).on('message', done));
  return [new Set(loaded.map((line) => line.split(' ').slice(-2).join(' ').replace(/.*\\//, ''))).size, found];
};
if (!isMainThread) {
  let code;
  try { require('child_process').execSync('true'); } catch (error) { code = error.code; }
  const loaded = fs.readFileSync('/proc/self/maps', 'latin1').match(/ r-xp .*libdefender.*/g);
  parentPort.postMessage([code, loaded.length, loaded[0].endsWith(' (deleted)')]);
}
"""


def test_threads_share_the_library_and_nobody_can_open_it(
    all_cases: Any, embed: Callable[..., Path], tmp_path: Path
) -> None:
    case = next(one for one in all_cases if one.name == "bundled-commonjs")
    protected = embed(case)
    source = protected / "src" / "index.js"
    first, last = source.read_text().split("exports.handler = async (event) => event.n * 2;\n")
    source.write_text(first + THREADS + last)
    assert esbuild(protected, "src/index.js", tmp_path / "built")
    for node in NODES:
        found = load(node, tmp_path / "built", case)
        assert (found["enforced"], found["answer"]) == (True, [1, ["EACCES", 1, True]])


def test_a_baked_policy_is_in_the_bundle(
    all_cases: Any, embed: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(one for one in all_cases if one.name == "bundled-commonjs")
    monkeypatch.chdir(tmp_path)
    protected = embed(case, "--baked-policy")
    assert esbuild(protected, entry_of(case), tmp_path / "built")
    assert load(NODES[-1], tmp_path / "built", case, tw_policy="")["enforced"]
