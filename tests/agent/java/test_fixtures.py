"""Every golden case of Java, run by the real runtime: the protected function answers as the original does."""

from __future__ import annotations

import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from runtime_api import Environment

from .conftest import FIXTURES, PACKAGES, Java, embed, jdks

# Those of sources are proved in test_forms.py.
CASES = sorted(
    path.parent for path in FIXTURES.glob("*/case.toml") if not path.parent.name.startswith("source-")
)
COMPILED = [case for case in CASES if (case / "source").exists()]


def facts(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "case.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    "case", [one for one in CASES if "refused" not in facts(one)], ids=lambda it: it.name
)
def test_case(case: Path, policy: Any, tmp_path: Path) -> None:
    told = facts(case)
    embed(case / "in", tmp_path / "protected", told["handlers"])
    java = Java(case / "in", tmp_path / "protected", Environment, jdks()[0])
    for handler in told["handlers"]:
        events = [one for one in told["events"] if one.get("handler", told["handlers"][0]) == handler]
        assert events
        with java.start(handler) as before, java.start_protected(handler, policy("prevent")) as after:
            for one in events:
                outcome = after.invoke(one["event"])
                assert outcome == before.invoke(one["event"])
                assert outcome.document == one["answer"]
            assert '"msg":"the rule is enforced"' in after.errors().splitlines()[0]
            assert "defender" not in before.errors()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classes of all cases' sources, in folders of the cases' names."""
    folder = tmp_path_factory.mktemp("compiled")
    lines = []
    for case in COMPILED:
        (folder / case.name).mkdir()
        jars = [*(PACKAGES / "function").glob("*.jar"), *(case / "in" / "lib").glob("*.jar")]
        options = ["--release", "8", "-Xlint:-options", "-encoding", "utf-8", "-cp", ":".join(map(str, jars))]
        sources = sorted((case / "source").rglob("*.java"))
        lines.append("\t".join(map(str, [*options, "-d", folder / case.name, *sources])))
    (folder / "commands").write_text("\n".join(lines), "utf-8")
    program = Path(__file__).with_name("Compile.java")
    subprocess.run(["java", "-XX:TieredStopAtLevel=1", program, folder / "commands"], check=True)
    return folder


@pytest.mark.parametrize("case", COMPILED, ids=lambda it: it.name)
def test_classes_are_what_the_sources_give(case: Path, compiled: Path) -> None:
    classes = compiled / case.name
    made = {path.relative_to(classes).as_posix(): path.read_bytes() for path in classes.rglob("*.class")}
    found = {path.relative_to(case / "in").as_posix(): path.read_bytes() for path in case.rglob("*.class")}
    for jar in (case / "in" / "lib").glob("*.jar"):
        with zipfile.ZipFile(jar) as content:
            found |= {name: content.read(name) for name in content.namelist()}
    assert found == made
