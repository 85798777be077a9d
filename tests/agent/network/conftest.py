"""Environments of the function that attacks the network, in a network of their own."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from defender.policy import Dns, Effect, Identity, Listening, Network, Outbound, Ports, Rule, encode

HERE = Path(__file__).parent
IDENTITY = Identity(function="demo", region="us-east-1", provider="aws", account=None)
DENIED, DENIED_6 = "203.0.113.5", "2001:db8::5"
ADDRESSES = (DENIED, "203.0.113.9", "203.0.113.53", DENIED_6, "2001:db8::9")
DENIED_PORT, LISTENING_PORT = 7001, 9000
FILES = {
    "/etc/resolv.conf": "nameserver 203.0.113.53\noptions timeout:2 attempts:2\n",
    "/etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n203.0.113.9 {socket.gethostname()}\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}


def _module(name: str) -> ModuleType:
    """A module beside this file: the tests are no package."""
    spec = importlib.util.spec_from_file_location(f"attacks_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


namespace, outside = _module("namespace"), _module("outside")


def denying(effect: str) -> str:
    """TW_POLICY with deny lists: two addresses, a port elsewhere, a port to listen on, and names."""
    network = Network(
        effect=Effect(effect),
        outbound=Outbound(deny_ips=(DENIED, DENIED_6), deny_ports=(Ports(DENIED_PORT, DENIED_PORT),)),
        listening=Listening(deny_ports=(Ports(LISTENING_PORT, LISTENING_PORT),)),
    )
    dns = Dns(effect=Effect(effect), deny=("denied.example", "*.denied.example"))
    return encode(IDENTITY, Rule(name="network", network=network, dns=dns))


def listing(network: str, dns: str, allow_ips: tuple[str, ...] = (), **lists: Any) -> str:
    """TW_POLICY with allow lists, and an effect for each of the two sections."""
    rule = Rule(
        name="network",
        network=Network(
            effect=Effect(network),
            outbound=Outbound(allow_ips=allow_ips),
            listening=Listening(allow_ports=tuple(Ports(it, it) for it in lists.pop("allow_ports", ()))),
        ),
        dns=Dns(effect=Effect(dns), **lists),
    )
    return encode(IDENTITY, rule)


@dataclass(frozen=True)
class Way:
    """One row: what a prevented attempt answers, what its audit says, and how many audits one gives that goes on."""

    name: str
    prevented: Any
    audit: dict[str, Any]
    alerts: int = 1

    @classmethod
    def of(cls, prefix: str, words: str, *facts: Any) -> Iterator[Way]:
        """The rows of one line: ways that differ in their last word."""
        for word in words.split():
            yield cls(f"{prefix}_{word}" if prefix else word, *facts)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that take `way` each row of their module's table."""
    rows = [way for row in getattr(metafunc.module, "ROWS", ()) for way in Way.of(*row)]
    if metafunc.function.__name__ == "test_way":
        metafunc.parametrize("way", rows, ids=[way.name for way in rows])


@dataclass(frozen=True)
class Attempt:
    """What an attack answered, what arrived of it where nothing should, and the audits."""

    kind: str
    status: int | None
    answer: Any
    arrived: tuple[tuple[str, str, int], ...]
    audits: list[dict[str, Any]]
    request_id: str


def _is_denied(arrival: tuple[str, str, int]) -> bool:
    protocol, place, port = arrival
    if protocol == "name":
        return f".{place}".endswith(".denied.example")
    return place in (DENIED, DENIED_6) or port == DENIED_PORT


class Attacks:
    """An environment of the attacking function; the next one is started when a way has ended it."""

    def __init__(self, start: Callable[[], Any], network: Any, read_audits: Any) -> None:
        self._start, self._network, self._read_audits = start, network, read_audits
        self._environment = start()
        self._said = 0
        self._known: dict[str, Attempt] = {}

    def run(self, way: str) -> Attempt:
        """Let the function attack, unless it is known that its environment ended: then in a new one."""
        outcome = self._environment.invoke({"way": way})
        if outcome.kind == "exit":
            self._environment.process.wait()
        arrived = tuple(sorted(set(filter(_is_denied, self._network.arrived()))))
        said = self._environment.errors()
        news, self._said = said[self._said :], len(said)
        attempt = Attempt(
            outcome.kind,
            outcome.status,
            None if outcome.kind == "exit" else outcome.document,
            arrived,
            self._read_audits(news),
            self._environment.request_id,
        )
        if outcome.kind == "exit":
            self.close()
            self._environment, self._said = self._start(), 0
        else:
            self._environment.invoke({"way": "release"})
        return attempt

    def once(self, way: str) -> Attempt:
        """The same, but what was tried before is not tried again."""
        if way not in self._known:
            self._known[way] = self.run(way)
        return self._known[way]

    def first_line(self) -> str:
        """What the core said when the environment began."""
        return str(self._environment.errors().splitlines()[0])

    def close(self) -> None:
        self._environment.close()


class Surroundings:
    """The namespace, and the outside within it."""

    def __init__(self, folder: Path) -> None:
        files = {}
        for number, (target, text) in enumerate(FILES.items()):
            files[target] = folder / str(number)
            files[target].write_text(text)
        self.namespace = namespace.Namespace(ADDRESSES, files)
        self.outside = self.namespace.run(outside.Outside)

    def arrived(self) -> list[tuple[str, str, int]]:
        """What arrived outside since the last call, and which ports the function listens on."""
        arrivals: list[tuple[str, str, int]] = self.outside.arrived()
        return arrivals + self.namespace.run(_listening)

    def close(self) -> None:
        self.outside.close()
        self.namespace.close()


def _listening() -> list[tuple[str, str, int]]:
    """Which of the function's ports answer: by TCP a connection, by UDP no refusal."""
    found = []
    for kind, protocol in ((socket.SOCK_STREAM, "listens"), (socket.SOCK_DGRAM, "receives")):
        for address in (DENIED, DENIED_6):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, kind) as client:
                client.settimeout(0.01)
                try:
                    client.connect((address, LISTENING_PORT))
                    client.send(b"?")
                    if protocol == "receives":
                        client.recv(1)
                except ConnectionRefusedError:
                    continue
                except TimeoutError:
                    pass
                found.append((protocol, address, LISTENING_PORT))
    return found


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    if not namespace.is_possible():
        pytest.skip("network and mount namespaces are for root")
    network = Surroundings(tmp_path_factory.mktemp("etc"))
    yield network
    network.close()


@pytest.fixture(scope="module")
def attacker(functions: Any, compile_library: Any) -> tuple[Any, str, dict[str, str]]:
    """Where the attacking function runs, its name, and the variables that it needs."""
    source = functions.original("network") / "native.c"
    library = str(compile_library(source, "network.so", "-lpthread"))
    # What the ways share with the attacks on processes.
    return functions, "network", {"ATTACK_NETWORK": library, "PYTHONPATH": str(functions.original("attacks"))}


@pytest.fixture(scope="module")
def start(surroundings: Surroundings, attacker: tuple[Any, str, dict[str, str]]) -> Callable[..., Any]:
    """Starts an environment in the namespace: protected with a policy, else as it is."""
    runtime, name, given = attacker

    def start_one(policy: str | None, with_lock: bool = True) -> Any:
        root = runtime.original(name) if policy is None else runtime.protected(name)
        variables = dict(given)
        if "PYTHONPATH" in variables:
            variables["PYTHONPATH"] = f"{root}:{variables['PYTHONPATH']}"
        here = runtime if with_lock else runtime.without_seccomp()
        return surroundings.namespace.run(lambda: here.start(root, policy, **variables))

    return start_one


@pytest.fixture(scope="module")
def attacks(start: Any, surroundings: Surroundings, read_audits: Any) -> Callable[..., Attacks]:
    return lambda policy, with_lock=True: Attacks(lambda: start(policy, with_lock), surroundings, read_audits)


@pytest.fixture(scope="session")
def attacks_by(surroundings: Surroundings, read_audits: Any) -> Callable[..., Attacks]:
    """Attacks of another function than ours, which starts in the namespace."""
    return lambda start: Attacks(lambda: surroundings.namespace.run(start), surroundings, read_audits)


@pytest.fixture(scope="session")
def denying_policy() -> Callable[[str], str]:
    return denying


@pytest.fixture(scope="session")
def make_policy() -> Callable[..., str]:
    return listing


@pytest.fixture(scope="module")
def unprotected(attacks: Any) -> Iterator[Attacks]:
    environment = attacks(None)
    yield environment
    environment.close()


@pytest.fixture(scope="module", params=["locked", "unlocked"])
def lock(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def protected(lock: str, attacks: Any) -> Iterator[dict[str, Attacks]]:
    by_effect = {
        effect: attacks(denying(effect), lock == "locked") for effect in ("prevent", "alert", "block")
    }
    yield by_effect
    for environment in by_effect.values():
        environment.close()


def _check(way: Way, lock: str, unprotected: Attacks, protected: dict[str, Attacks]) -> None:
    control = unprotected.once(way.name)
    assert (control.kind, bool(control.arrived)) == ("response", True), control

    attempt = protected["prevent"].run(way.name)
    assert (attempt.kind, attempt.answer, attempt.arrived) == ("response", way.prevented, ()), attempt
    _check_audits(attempt, way.audit, "prevent", 1)

    attempt = protected["alert"].run(way.name)
    assert (attempt.answer, attempt.arrived) == (control.answer, control.arrived), attempt
    _check_audits(attempt, way.audit, "alert", way.alerts)

    if lock == "unlocked":
        attempt = protected["block"].run(way.name)
        assert (attempt.kind, attempt.arrived) == ("exit", ()), attempt
        assert attempt.status != 0
        _check_audits(attempt, way.audit, "block", 1)


def _check_audits(attempt: Attempt, expected: dict[str, Any], effect: str, count: int) -> None:
    """As many as expected; of those that an attempt gives which goes on, the first is of its first step."""
    assert sum(audit.get("count", 1) for audit in attempt.audits) == count, attempt.audits
    for audit in attempt.audits:
        assert (audit["type"], audit["effect"], audit["requestID"]) == ("network", effect, attempt.request_id)
    assert {key: attempt.audits[0].get(key) for key in expected} == expected


@pytest.fixture(scope="session")
def check() -> Callable[..., None]:
    return _check


@pytest.fixture(scope="session")
def all_ways(functions: Any) -> set[str]:
    """The names of all ways of the function."""
    code = "import sys; sys.path.append(sys.argv[1]); import app; print(*app.WAYS)"
    run = subprocess.run(
        [sys.executable, "-B", "-c", code, functions.original("attacks")],
        cwd=functions.original("network"),
        capture_output=True,
        text=True,
    )
    return set(run.stdout.split())
