"""Java functions under the real runtime interface client, as their packages are deployed: classes, and lib/*.jar."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from defender.cli import cli
from runtime_api import Environment

from .rows import SOURCES

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "fixtures" / "java"
PACKAGES = ROOT / "build" / "java"
AGENTS = "com.twistlock.serverless.ProtectedHandler"
# As Lambda starts its JVM.
FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
# The client's own native part, which is not to be unpacked by each environment.
NATIVE = "com.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI"
CLIENT = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"


def jdks() -> list[Path]:
    """The JDKs of this machine: the one on PATH first."""
    java = shutil.which("java")
    assert java is not None, "no java: tests/system-packages names what is missing"
    own = Path(java).resolve().parents[1]
    others = {path.resolve().parents[1] for path in Path("/usr/lib/jvm").glob("*/bin/java")}
    return [own, *sorted(others - {own})]


@cache
def shared_classes(home: Path) -> str:
    """A JVM's option for the client's classes as this JDK keeps them when told to: it starts in half the time.

    Made once a machine and JDK; a JVM that finds something changed reads the jars as without it.
    """
    version = hashlib.sha256((home / "release").read_bytes()).hexdigest()[:12]
    archive = PACKAGES / f"{home.name}-{version}.jsa"
    if not archive.exists():
        own = archive.with_name(f"{archive.name}.{os.getpid()}")
        with Environment(
            FIXTURES / "named-method" / "in",
            "example.Plain::greet",
            command=client(home, f"-XX:ArchiveClassesAtExit={own}"),
            variables={"PATH": "/usr/bin"},
        ) as environment:
            assert environment.invoke("a").document == "hello a"
            environment.process.send_signal(signal.SIGTERM)
            environment.process.wait()
        own.replace(archive)
    return f"-XX:SharedArchiveFile={archive}"


def client(home: Path, *flags: str) -> tuple[str, ...]:
    """The command that starts the runtime interface client."""
    native = f"-D{NATIVE}={PACKAGES / 'native'}"
    return (str(home / "bin" / "java"), *FLAGS, native, *flags, "-cp", f"{PACKAGES}/runtime/*", CLIENT)


def compiled(release: int, sources: Sequence[Path], target: Path, *libraries: str) -> Path:
    """The classes of sources, for a version of Java."""
    folders = ":".join(f"{PACKAGES}/{name}/*" for name in ("function", *libraries))
    command = ["javac", "--release", str(release), "-nowarn", "-XDignore.symbol.file", "-cp", folders]
    subprocess.run([*command, "-d", str(target), *map(str, sources)], check=True)
    return target


def embed(source: Path, target: Path, handlers: Sequence[str]) -> dict[str, Any]:
    """Protect a built package, and hold what the report says against what a redirected function needs."""
    chosen = [option for handler in handlers for option in ("--handler", handler)]
    arguments = ["embed", str(source), "-o", str(target), "--runtime", "java17", "--json", *chosen]
    run = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    assert not run.return_value, run.output
    document: dict[str, Any] = json.loads(run.stdout)
    found = {one["handler"]["before"]: one for one in document["functions"]}
    assert set(found) == set(handlers)
    for handler, one in found.items():
        assert one["status"] == "pending"
        assert one["handler"]["after"] == AGENTS
        assert one["environment"]["TW_HANDLER"] == handler
    return document


@dataclass(frozen=True)
class Java:
    """One package, as it was and protected, and the JVM that runs it."""

    original: Path
    protected: Path
    environment: Any
    home: Path
    has_lock: bool = True

    def start(
        self, handler: str, policy: str | None = None, root: Path | None = None, **variables: str
    ) -> Any:
        """An environment of the package as it was."""
        variables.setdefault("PATH", "/usr/bin")
        if policy is not None:
            variables["TW_POLICY"] = policy
        command = client(self.home, shared_classes(self.home))
        if not self.has_lock:
            helper = Path(__file__).parents[1] / "without_seccomp.py"
            command = (sys.executable, str(helper), "--", *command)
        return self.environment(root or self.original, handler, command=command, variables=variables)

    def start_protected(
        self, handler: str, policy: str | None, root: Path | None = None, **variables: str
    ) -> Any:
        """An environment of the protected package, with the settings that embedding asks for."""
        return self.start(AGENTS, policy, root or self.protected, TW_HANDLER=handler, **variables)

    def without_seccomp(self) -> Java:
        """The same on a platform that refuses the kernel lock."""
        return replace(self, has_lock=False)

    def on(self, home: Path) -> Java:
        """The same with another JDK."""
        return replace(self, home=home)


@pytest.fixture(scope="session")
def make_java(tmp_path_factory: pytest.TempPathFactory, functions: Any) -> Callable[..., Java]:
    """Builds a package of some of our sample sources, and protects it."""

    def make(name: str, handlers: Sequence[str], sources: Sequence[Path], release: int = 8) -> Java:
        folder = tmp_path_factory.mktemp(name)
        original = compiled(release, sources, folder / "original")
        shutil.copytree(PACKAGES / "function", original / "lib")
        embed(original, folder / "protected", handlers)
        return Java(original, folder / "protected", Environment, jdks()[0])

    return make


@pytest.fixture(scope="session")
def attacking(make_java: Callable[..., Java]) -> Java:
    """The function that attacks, and does ordinary work."""
    return make_java("attacks", ["attacks.Attacks"], sorted((SOURCES / "attacks").glob("*.java")), release=17)


def _network() -> ModuleType:
    """What the other runtimes' tests of the network use."""
    path = Path(__file__).parents[1] / "network" / "conftest.py"
    spec = importlib.util.spec_from_file_location("network_surroundings", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


surroundings = _network().surroundings
