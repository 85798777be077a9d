"""Sources that tsc alone builds: really compiled, the output loaded by the oldest and the newest Node.js.

The compiler accepts what was inserted without a word, writes the same files as before, and what it writes is
protected, the agent first. With any single insertion missing, the same proof has to fail.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _proof() -> ModuleType:
    """The tests of what is loaded as it is: what "protected" means is said there."""
    spec = importlib.util.spec_from_file_location("proof", Path(__file__).with_name("test_proof.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["proof"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


failures, job = _proof().failures, _proof().job
TOOLS = Path(__file__).parents[2] / "build" / "npm" / "node_modules"


def compile_all(node: str, configurations: list[Path]) -> list[list[str]]:
    """What the compiler says of each project."""
    done = subprocess.run(
        [node, str(Path(__file__).with_name("compile.js")), str(TOOLS)],
        input=json.dumps([str(path) for path in configurations]),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


def trace_to(case: Any, target: Path) -> Path:
    """The protected project, whose own files each tell first that they run."""
    case.copy_to(target)
    for path in (one for one in target.rglob("*.*ts") if not one.name.endswith(".d.ts")):
        data = path.read_text("utf-8")
        lines = data.split("\n")
        # Behind directives and comments, on the line of the first statement.
        at = next(
            i for i, line in enumerate(lines) if line and not line.startswith(("'use", "/*", "//", "import"))
        )
        if any(line.startswith("import") for line in lines):
            at = next(i for i, line in enumerate(lines) if line.startswith("import"))
        lines[at] = f";(globalThis as any).trace('{path.relative_to(target)}'); {lines[at]}"
        path.write_text("\n".join(lines), "utf-8")
    return Path(case._apply(target, case.plan(target), {}))


def written_by_compiler(folder: Path, source: Path) -> set[str]:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    own = {path.relative_to(source).as_posix() for path in source.rglob("*")}
    return {name for name in names - own if not name.startswith("twistlock/")}


@pytest.fixture
def folders(
    compiled: Any, add_agent: Callable[..., Path], mutants_of: Callable[[Any], Any], tmp_path: Path
) -> dict[str, Path]:
    """The case as it is, protected, protected and traced, and with each insertion taken out again."""
    found = {
        "original": compiled.copy_to(tmp_path / "original"),
        "protected": add_agent(compiled.protect_to(tmp_path / "protected"), "nodejs"),
        "traced": add_agent(trace_to(compiled, tmp_path / "traced"), "nodejs"),
    }
    for name, path, data in mutants_of(compiled):
        folder = compiled.protect_to(tmp_path / f"mutant{len(found)}", {path: data})
        found[name] = add_agent(folder, "nodejs")
    return found


def test_the_output_is_protected(
    compiled: Any,
    folders: dict[str, Path],
    probe: Callable[..., Any],
    oldest_and_newest: Callable[[Any], list[str]],
) -> None:
    nodes = oldest_and_newest(compiled)
    configuration = compiled.facts["compiler"]
    said = compile_all(nodes[-1], [folder / configuration for folder in folders.values()])
    refused = {name for name, one in zip(folders, said, strict=True) if one}
    assert not refused & {"original", "protected", "traced"}, said
    written = [written_by_compiler(folders[name], compiled.source) for name in ("original", "protected")]
    assert written[0] == written[1]
    for node in nodes:
        results = probe(node, [job(compiled, folder) for folder in folders.values()], "nodejs")
        loaded = dict(zip(folders, results, strict=True))
        for name in ("protected", "traced"):
            assert failures(compiled, loaded[name], loaded["original"]) == [], (node, name)
        sources = {change.path for change in compiled.embedded[1]}
        assert sources <= set(loaded["traced"]["files"])
        for name in set(folders) - {"protected", "traced"} - refused:
            assert failures(compiled, loaded[name], loaded["original"]) != [], (node, name)


def test_an_output_that_is_there_is_rewritten_too(
    all_cases: Any, oldest_and_newest: Callable[[Any], list[str]], probe: Any, add_agent: Any, tmp_path: Path
) -> None:
    case = next(one for one in all_cases if one.name == "tsc-source-const")
    node = oldest_and_newest(case)[-1]
    built = case.copy_to(tmp_path / "built")
    assert compile_all(node, [built / "tsconfig.json"]) == [[]]
    plan, changes = case.plan(built)
    assert {change.path for change in changes} == {"src/app.ts", "dist/app.js"}
    protected = add_agent(
        case._apply(Path(shutil.copytree(built, tmp_path / "protected")), (plan, changes), {}), "nodejs"
    )
    before = probe(node, [job(case, protected)], "nodejs")
    assert compile_all(node, [protected / "tsconfig.json"]) == [[]]
    after = probe(node, [job(case, protected)], "nodejs")
    for result in (*before, *after):
        assert failures(case, result, None) == []


@pytest.mark.parametrize("name", ["tsc-source-const", "tsc-source-beside", "tsc-source-esm"])
def test_what_was_built_of_protected_sources_is_verified(
    name: str,
    all_cases: Any,
    oldest_and_newest: Callable[[Any], list[str]],
    defender: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
) -> None:
    case = next(one for one in all_cases if one.name == name)
    target = tmp_path / "protected"
    handler = case.facts["handlers"][0]
    assert defender("embed", case.source, "-o", target, "--handler", handler)[0] == 0
    assert compile_all(oldest_and_newest(case)[-1], [target / "tsconfig.json"]) == [[]]
    assert defender("verify", target)[0] == 0
    output = target / f"{handler.partition('.')[0]}.js"
    output.write_bytes(output.read_bytes().replace(b"twistlock.", b"other."))
    assert defender("verify", target)[0] != 0
