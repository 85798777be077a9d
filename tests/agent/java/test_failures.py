"""What becomes of a Java function where the agent can't start, and where its parts are missing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import AGENTS, ROOT
from .rows import SOURCES

HANDLER = "Unpackaged::handle"
AGENT = Path("com") / "twistlock" / "serverless"


@pytest.fixture(scope="module")
def java(make_java: Any) -> Any:
    return make_java("failures", [HANDLER], [SOURCES / "Unpackaged.java"])


@pytest.fixture
def root(java: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(java.protected, tmp_path / "root"))


def settings(root: Path, on_failure: str) -> None:
    (root / AGENT / "settings.properties").write_text(f"on_failure={on_failure}\n")


BROKEN: dict[str, Callable[[Path], object]] = {
    "no library": lambda library: library.unlink(),
    "cut library": lambda library: library.write_bytes(library.read_bytes()[:9000]),
    "short library": lambda library: library.write_bytes(b"\x7fELF"),
    "no ELF file": lambda library: library.write_bytes(b"not a library" * 100),
}


@pytest.mark.parametrize("on_failure", ["open", "closed"])
@pytest.mark.parametrize("failure", [*BROKEN, "no policy", "policy not base64"])
def test_failure(failure: str, on_failure: str, java: Any, policy: Any, root: Path) -> None:
    settings(root, on_failure)
    for library in (root / AGENT).glob("libdefender-linux-*"):
        BROKEN.get(failure, lambda _: None)(library)
    given = {"no policy": None, "policy not base64": "{"}.get(failure, policy("prevent"))
    with java.start_protected(HANDLER, given, root) as environment:
        outcomes = [environment.invoke("a"), environment.invoke("b")]
        said = environment.errors()
    assert said.startswith("defender: NOT PROTECTED: "), said
    assert said.count("defender: ") == 1
    if on_failure == "open":
        assert [one.document for one in outcomes] == ["aa", "bb"]
    else:
        types = {one.document["errorType"] for one in outcomes}
        assert types == {"com.twistlock.serverless.NotProtectedException"}


def test_settings_missing(java: Any, policy: Any, root: Path) -> None:
    (root / AGENT / "settings.properties").unlink()
    with java.start_protected(HANDLER, policy("prevent"), root) as environment:
        assert environment.invoke("a").document == "aa"
        assert "settings.properties can't be read" in environment.errors()


@pytest.mark.parametrize(
    "missing", ["ProtectedHandler.class", "Twistlock.class", "Core.class", "Original.class", "Library.class"]
)
def test_each_class_is_needed(missing: str, java: Any, policy: Any, root: Path) -> None:
    """Without any one of them no invocation is answered as if it were protected."""
    (root / AGENT / missing).unlink()
    settings(root, "closed")
    with java.start_protected(HANDLER, policy("prevent"), root) as environment:
        assert environment.invoke("a").kind in ("error", "init-error")


@pytest.mark.parametrize("left_out", ["handler", "variable"])
def test_settings_half_made(left_out: str, java: Any, policy: Any) -> None:
    """With the old handler setting the function runs as before; with the new one alone it fails, and says why."""
    if left_out == "handler":
        with java.start(HANDLER, policy("prevent"), java.protected, TW_HANDLER=HANDLER) as environment:
            assert environment.invoke("a").document == "aa"
            assert environment.errors() == ""
    else:
        with java.start(AGENTS, policy("prevent"), java.protected) as environment:
            assert "TW_HANDLER" in environment.invoke("a").document["errorMessage"]


def test_in_a_jar(java: Any, policy: Any, root: Path, tmp_path: Path) -> None:
    """From a jar the library goes through a temporary folder, of which nothing is left."""
    subprocess.run(["jar", "cf", root / "lib" / "a.jar", "-C", root, "com"], check=True)
    shutil.rmtree(root / "com")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    options = f"-Djava.io.tmpdir={temporary}"
    with java.start_protected(HANDLER, policy("prevent"), root, JAVA_TOOL_OPTIONS=options) as environment:
        assert environment.invoke("a").document == "aa"
        assert '"msg":"the rule is enforced"' in environment.errors()
    assert list(temporary.glob("twistlock-*")) == []


def test_handler_in_a_jar(java: Any, policy: Any, root: Path) -> None:
    subprocess.run(["jar", "cf", root / "lib" / "app.jar", "-C", root, "Unpackaged.class"], check=True)
    (root / "Unpackaged.class").unlink()
    with java.start_protected(HANDLER, policy("prevent"), root) as environment:
        assert environment.invoke("a").document == "aa"


def test_restored(java: Any, policy: Any) -> None:
    """SnapStart: the environment goes on from a snapshot that was taken when everything was loaded."""
    variables = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    with java.start_protected(HANDLER, policy("prevent"), **variables) as environment:
        assert environment.invoke("a").document == "aa"
        assert '"msg":"the rule is enforced"' in environment.errors()


def test_classes_are_what_the_sources_give(tmp_path: Path) -> None:
    """Compiled on each JDK of the machine, byte for byte; so the committed classes hold nothing else."""
    agent = ROOT / "agent" / "java"
    committed = {path.name: path.read_bytes() for path in (agent / "classes" / AGENT).iterdir()}
    subprocess.run([agent / "compile.sh", tmp_path / "classes"], check=True)
    made = {path.name: path.read_bytes() for path in (tmp_path / "classes" / AGENT).iterdir()}
    assert made == committed
    # 52 is Java 8's class file version.
    assert {data[6:8] for data in committed.values()} == {b"\0\x34"}
