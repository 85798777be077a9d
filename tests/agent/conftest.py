"""Protected functions under the real runtime interface client, each in an execution environment of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from defender.cli import cli
from defender.policy import Effect, Identity, Rule, default_policy, encode, with_effect

ROOT = Path(__file__).parents[2]
FUNCTIONS = Path(__file__).parent / "functions"
IDENTITY = Identity(function="demo", region="us-east-1", provider="aws", account=None)


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Where dataclasses look for their module.
    spec.loader.exec_module(module)
    return module


runtime_api = _module("runtime_api", ROOT / "demo" / "runtime_api.py")
failures = _module("failures", Path(__file__).with_name("failures.py"))


def tw_policy(effect: str, **processes: Any) -> str:
    """The TW_POLICY of the built-in rule with another effect, or with other lists of processes."""
    rule: Rule = with_effect(default_policy().rules[0], Effect(effect))
    rule = replace(rule, processes=replace(rule.processes, **processes))
    return encode(IDENTITY, rule)


def rule_policy(**sections: Any) -> str:
    """The TW_POLICY of a rule that has these sections alone."""
    return encode(IDENTITY, Rule(name="rule", **sections))


def audits(text: str) -> list[dict[str, Any]]:
    """The audits among the lines of stderr: not the agent's first line, nor what the function wrote."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("type") != "defender"]


@dataclass
class Functions:
    """Builds function folders, protected and not, and starts environments on them."""

    folder: Path
    protect: Callable[..., dict[str, Any]]
    command: tuple[str, ...] = (sys.executable, "-m", "awslambdaric")

    def original(self, name: str) -> Path:
        """The folder of one of our sample functions."""
        return FUNCTIONS / name

    def protected(self, name: str, handlers: Sequence[str] = ("app.handler",)) -> Path:
        """The same, protected; embedded once a session."""
        target = self.folder / name
        if not target.exists():
            self.protect(FUNCTIONS / name, target, handlers)
        return target

    def start(
        self, task_root: Path, policy: str | None = None, handler: str = "app.handler", **variables: str
    ) -> Any:
        """An execution environment; `policy` is TW_POLICY, None leaves it unset."""
        # One folder: a search that tries the same program in /bin and /usr/bin would be two attempts.
        variables.setdefault("PATH", "/usr/bin")
        if policy is not None:
            variables["TW_POLICY"] = policy
        return runtime_api.Environment(task_root, handler, command=self.command, variables=variables)

    def on_node(self, major: int, client: str = "3.3.0") -> Functions:
        """The same under a Node.js of the tests, with one of Lambda's clients for it."""
        (binary,) = (ROOT / "build" / "node").glob(f"{major}.*/bin/node")
        package = ROOT / "build" / "node-client" / client / "node_modules" / "aws-lambda-ric"
        entry = package / {"3.3.0": "bin/index.mjs", "4.0.2": "index.mjs"}[client]
        return replace(self, command=(str(binary), str(entry)))

    def without_seccomp(self) -> Functions:
        """The same on a platform that refuses the kernel lock."""
        helper = str(Path(__file__).with_name("without_seccomp.py"))
        return replace(self, command=(sys.executable, helper, "--", *self.command))


class Attacks:
    """An environment of an attacking function that is started anew whenever a way has ended it."""

    def __init__(self, start: Callable[[], Any], folder: Path) -> None:
        self._start = start
        self._folder = folder
        self._environment = start()
        self._said = 0
        self._runs = 0

    def run(self, way: str) -> tuple[Any, bool, str]:
        """Return the outcome, whether the marker is there, and what was written to stderr meanwhile."""
        self._runs += 1
        marker = self._folder / f"{way}-{self._runs}"
        if self._environment.process.poll() is not None:
            self.renew()
        outcome = self._environment.invoke({"way": way, "marker": str(marker)})
        if outcome.kind == "exit":
            self._environment.process.wait()
        said = self._environment.errors()
        news, self._said = said[self._said :], len(said)
        return outcome, marker.exists(), news

    def renew(self) -> None:
        """Go on in a new environment."""
        self.close()
        self._environment, self._said = self._start(), 0

    def first_line(self) -> dict[str, Any]:
        """What the core said of itself when the environment began."""
        line: dict[str, Any] = json.loads(self._environment.errors().splitlines()[0])
        return line

    @property
    def request_id(self) -> str:
        return str(self._environment.request_id)

    def close(self) -> None:
        self._environment.close()


def embed(source: Path, target: Path, handlers: Sequence[str] = (), *options: str) -> dict[str, Any]:
    """The one place that knows how a function becomes protected: the command, and the report that it prints."""
    chosen = [option for handler in handlers for option in ("--handler", handler)]
    arguments = ["embed", str(source), "-o", str(target), "--json", *chosen, *options]
    run = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    assert not run.return_value, run.output
    document: dict[str, Any] = json.loads(run.stdout)
    assert {function["status"] for function in document["functions"]} == {"protected"}, document
    return document


@pytest.fixture(scope="session")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Functions:
    return Functions(tmp_path_factory.mktemp("protected"), embed)


@pytest.fixture
def task_root(functions: Functions, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a protected function's folder that the test may change."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(functions.protected(name), tmp_path / name))

    return copy


@pytest.fixture(scope="session")
def compile_library(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles C to a shared library with the compiler that the core is built with."""
    folder = tmp_path_factory.mktemp("libraries")

    def compile_source(source: Path, name: str, *options: str) -> Path:
        target = folder / name
        command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-O1", *options]
        cache = str(ROOT / "build" / "zig")
        caches = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        subprocess.run([*command, str(source), "-o", str(target)], check=True, env={**os.environ, **caches})
        return target

    return compile_source


@pytest.fixture(scope="session")
def addon(compile_library: Callable[..., Path]) -> dict[str, str]:
    """What the attacks of the Node.js function need in machine code, by the variables that name it."""
    source = FUNCTIONS / "nodejs" / "native.c"
    (headers,) = (ROOT / "build" / "node").glob("24.*/include/node")
    return {
        "ATTACK_ADDON": str(compile_library(source, "attack.node", f"-I{headers}")),
        "ATTACK_CONSTRUCTOR": str(compile_library(source, "constructor.node", "-DCONSTRUCTOR")),
    }


def interpreters() -> Iterator[tuple[str, str]]:
    """Every Python 3.6 or later that this machine has on PATH or through pyenv, by version."""
    found = {}
    for minor in range(6, 20):
        path = shutil.which(f"python3.{minor}")
        if path and _version(path) == f"3.{minor}":
            found[f"3.{minor}"] = path
    if shutil.which("pyenv"):
        listed = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True).stdout
        for name in listed.split():
            prefix = subprocess.run(["pyenv", "prefix", name], capture_output=True, text=True).stdout.strip()
            path = os.path.join(prefix, "bin", "python3")
            version = _version(path)
            if version and version not in found and int(version.split(".")[1]) >= 6:
                found[version] = path
    found.setdefault(f"3.{sys.version_info.minor}", sys.executable)
    return iter(sorted(found.items(), key=lambda item: int(item[0].split(".")[1])))


def _version(path: str) -> str | None:
    """What the interpreter says that it is; None where it can't run, as a shim of an inactive version."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        run = subprocess.run([path, "-c", code], capture_output=True, text=True)
    except OSError:
        return None
    return run.stdout.strip() if run.returncode == 0 and run.stdout.startswith("3.") else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests take `interpreter`: each Python of the machine; `any_failure`: each row of failures.py."""
    if "any_failure" in metafunc.fixturenames:
        metafunc.parametrize("any_failure", failures.FAILURES, ids=lambda one: one.name)
    if "interpreter" in metafunc.fixturenames:
        found = list(interpreters())
        metafunc.parametrize(
            "interpreter", [path for _, path in found], ids=[version for version, _ in found]
        )


@pytest.fixture(scope="session")
def policy() -> Callable[..., str]:
    return tw_policy


@pytest.fixture(scope="session")
def read_audits() -> Callable[[str], list[dict[str, Any]]]:
    return audits


@pytest.fixture(scope="session")
def attacks_in(functions: Functions) -> Callable[..., Attacks]:
    """Starts an environment of an attacking function; with a policy, or as it is where that is None."""

    def start(
        name: str, folder: Path, policy: str | None, here: Functions = functions, **variables: str
    ) -> Attacks:
        root = functions.original(name) if policy is None else functions.protected(name)
        return Attacks(lambda: here.start(root, policy, **variables), folder)

    return start


@pytest.fixture(scope="session")
def policy_of() -> Callable[..., str]:
    return rule_policy


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Namespaces with servers in them, where functions run as in the cloud."""
    services = _module("services", Path(__file__).parent / "services.py")
    if not services.is_possible():
        pytest.skip("namespaces can only be made by root, with iproute2")
    place = services.Place(tmp_path_factory.mktemp("place"))
    yield place
    place.close()
