"""Sources that serverless-plugin-typescript compiles: by the real plugin, the folder that is packed loaded by Node.js.

The framework itself, hundreds of packages, is stood in for by `package.js`; what it then packs of that folder is held
by tests/unit/test_iac_packaging.py. With any single insertion missing, the same proof has to fail.
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

from ruamel.yaml import YAML

TOOLS = Path(__file__).parents[2] / "build" / "npm" / "node_modules"
FILES = ("serverless.yml", "serverless.json")


def _proof() -> ModuleType:
    """The tests of what is loaded as it is: what "protected" means is said there."""
    spec = importlib.util.spec_from_file_location("proof", Path(__file__).with_name("test_proof.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["proof"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


proof = _proof()


def service_of(folder: Path) -> Path:
    return next(path for path in map(folder.joinpath, FILES) if path.exists())


def prepare(node: str, folders: list[Path]) -> list[list[str]]:
    """What the plugin's compiler says of each service."""
    jobs = [
        {"folder": str(folder), "service": YAML(typ="safe").load(service_of(folder))} for folder in folders
    ]
    done = subprocess.run(
        [node, str(Path(__file__).with_name("package.js")), str(TOOLS)],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


def trace(folder: Path) -> Path:
    """The service with its own files telling first that they run."""
    for path in folder.rglob("*.ts"):
        data = path.read_text("utf-8")
        line = f"(globalThis as any).trace('{path.relative_to(folder).with_suffix('.js')}'); "
        path.write_text(line + data, "utf-8")
    return folder


def mutants(found: list[tuple[str, str, bytes]], protected: Path, original: Path) -> dict[str, Path]:
    """The protected service with each insertion taken out again, and with the service's own file as it was."""
    file = service_of(original)
    folders = {}
    for name, path, data in [*found, ("packaging", file.name, file.read_bytes())]:
        assert (protected / path).read_bytes() != data
        folders[name] = Path(shutil.copytree(protected, protected.with_name(f"mutant{len(folders)}")))
        (folders[name] / path).write_bytes(data)
    return folders


def test_what_is_packed_is_protected(
    packaged: Any,
    defender: Callable[..., tuple[int, str, str]],
    probe: Callable[..., Any],
    mutants_of: Callable[[Any], Any],
    oldest_and_newest: Callable[[Any], list[str]],
    tmp_path: Path,
) -> None:
    nodes = oldest_and_newest(packaged)
    original = packaged.copy_to(tmp_path / "original")
    for name, source in (("protected", original), ("traced", trace(packaged.copy_to(tmp_path / "source")))):
        code, out, err = defender("embed", source, "-o", tmp_path / name, "--json")  # As the service says.
        assert code == 0, err
        handlers = [one["handler"]["before"] for one in json.loads(out)["functions"]]
        assert handlers == packaged.facts["handlers"]
    folders = {name: tmp_path / name for name in ("original", "protected", "traced")}
    folders |= mutants(list(mutants_of(packaged)), folders["protected"], original)
    said = dict(zip(folders, prepare(nodes[-1], list(folders.values())), strict=True))
    assert {name: said[name] for name in ("original", "protected", "traced") if said[name]} == {}
    for node in nodes:
        jobs = [proof.job(packaged, folder / ".build") for folder in folders.values()]
        loaded = dict(zip(folders, probe(node, jobs, "nodejs"), strict=True))
        for name in set(folders) - {"original"}:
            found = proof.failures(packaged, loaded[name], loaded["original"])
            assert (found == []) == (name in ("protected", "traced")), (node, name, found)
        assert loaded["traced"]["files"]
