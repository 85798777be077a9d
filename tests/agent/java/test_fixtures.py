"""Every golden case of Java, run by the real runtime: the protected function answers as the original does."""

from __future__ import annotations

import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from runtime_api import Environment

from .conftest import PACKAGES, ROOT, Java, embed, jdks

FIXTURES = ROOT / "fixtures" / "java"
CASES = sorted(path.parent for path in FIXTURES.glob("*/case.toml"))


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


@pytest.mark.parametrize("case", [one for one in CASES if (one / "source").exists()], ids=lambda it: it.name)
def test_classes_are_what_the_sources_give(case: Path, tmp_path: Path) -> None:
    libraries = ":".join(map(str, [PACKAGES / "function" / "*", *(case / "in" / "lib").glob("*.jar")]))
    sources = sorted((case / "source").rglob("*.java"))
    command = ["javac", "--release", "8", "-Xlint:-options", "-encoding", "utf-8", "-cp", libraries]
    subprocess.run([*command, "-d", tmp_path, *sources], check=True)
    made = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.class")}
    found = {path.relative_to(case / "in").as_posix(): path.read_bytes() for path in case.rglob("*.class")}
    for jar in (case / "in" / "lib").glob("*.jar"):
        with zipfile.ZipFile(jar) as content:
            found |= {name: content.read(name) for name in content.namelist()}
    assert found == made
