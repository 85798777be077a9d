"""Sensible policies stop nothing of what ordinary functions do: same answers as without the agent, and no audit.

Functions run in namespaces of their own (services.py), where names, servers and the task root are as in the cloud.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Dns, Effect, Filesystem, Network, Processes
from defender.policy.model import Outbound

PREVENT = Effect.PREVENT
SECRET = "/srv/secret"
PROCESSES = Processes(effect=PREVENT, allow=("/usr/bin/cat",), crypto_miners=True)
NAMES = Dns(effect=PREVENT, allow=("service.example.test", "*.example.test", "*.amazonaws.com"))
# The second address is reached by name alone: what the resolver answered for an allowed name passes.
NETWORK = Network(effect=PREVENT, outbound=Outbound(allow_ips=("198.51.100.7", "fd00::7/128")))
# Named semaphores and shared memory are files below /dev/shm, where a platform has it (Lambda has not).
FILES = Filesystem(effect=PREVENT, allow=("/tmp", "/dev/shm"))
SECTIONS: dict[str, dict[str, Any]] = {
    "block-all": {"processes": Processes(effect=PREVENT, block_all=True, crypto_miners=True)},
    "processes": {"processes": PROCESSES},
    "network": {"network": NETWORK, "dns": NAMES},
    "dns": {"dns": NAMES},
    "files-allowed": {"filesystem": FILES},
    "files-denied": {"filesystem": Filesystem(effect=PREVENT, deny=(SECRET,))},
    "all": {"processes": PROCESSES, "network": NETWORK, "dns": NAMES, "filesystem": FILES},
}
# They start ldconfig, a compiler or uname, which these policies do not allow; what comes of it is a test of its own.
STARTS_OTHERS = {"library_found_by_compiler", "platform_by_program"}
# The name of an address is a name under in-addr.arpa, which a list of services does not have.
ASKS_BACKWARDS = {"name_of_an_address"}


@pytest.fixture(scope="module")
def original(place: Any, functions: Any) -> Any:
    """The unprotected function, and what it answered: asked once for each thing to do."""
    answers: dict[str, Any] = {}
    with place.start(functions, functions.original("ordinary"), None) as environment:

        def answer(doing: str) -> Any:
            if doing not in answers:
                answers[doing] = environment.invoke({"doing": doing})
            assert answers[doing].kind == "response", answers[doing].document
            return answers[doing]

        yield answer


@pytest.fixture(scope="module")
def environments(place: Any, functions: Any, policy_of: Any) -> Any:
    started: dict[str, Any] = {}

    def environment(section: str) -> Any:
        if section not in started:
            policy = policy_of(**SECTIONS[section])
            started[section] = place.start(functions, functions.protected("ordinary"), policy)
        return started[section]

    yield environment
    for each in started.values():
        each.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "doing" in metafunc.fixturenames:
        # One section after the other: its environment is started once and goes on warm.
        pairs = [(section, doing) for section in SECTIONS for doing in _doings(section)]
        metafunc.parametrize(("section", "doing"), pairs)


def _doings(section: str) -> list[str]:
    return [
        name
        for name in _registered()
        if not ("processes" in SECTIONS[section] and name in STARTS_OTHERS)
        and not ("dns" in SECTIONS[section] and name in ASKS_BACKWARDS)
        and not (section == "block-all" and name.startswith("program_"))
    ]


def _registered(found: list[str] = []) -> list[str]:  # noqa: B006 - asked once.
    if not found:
        folder = Path(__file__).parent / "functions" / "ordinary"
        code = "import app; print(*app.DOINGS)"
        command = [sys.executable, "-B", "-c", code]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        found += run.stdout.split()
    return found


def test_works_and_gives_no_audit(
    section: str, doing: str, original: Any, environments: Any, read_audits: Any
) -> None:
    expected = original(doing)
    environment = environments(section)
    found = environment.invoke({"doing": doing})
    given = read_audits(environment.errors())
    mine = [audit for audit in given if audit["requestID"] == environment.request_id]
    assert mine == [], json.dumps(mine)
    assert found.document == expected.document
    assert found == expected


@pytest.mark.parametrize("section", SECTIONS)
def test_nothing_was_audited_between_invocations(section: str, environments: Any, read_audits: Any) -> None:
    """Nor while the function was imported."""
    given = read_audits(environments(section).errors())
    assert given == [], json.dumps(given)


REFUSED = [("block-all", name) for name in sorted(STARTS_OTHERS)] + [
    ("dns", name) for name in sorted(ASKS_BACKWARDS)
]


@pytest.mark.parametrize(("refused_by", "refused"), REFUSED)
def test_makes_do_without(
    refused_by: str, refused: str, place: Any, functions: Any, policy_of: Any, original: Any, read_audits: Any
) -> None:
    """What is not on a list is refused and audited; these go on as where it is not there at all."""
    policy = policy_of(**SECTIONS[refused_by])
    with place.start(functions, functions.protected("ordinary"), policy) as environment:
        found = environment.invoke({"doing": refused})
        given = read_audits(environment.errors())
    expected = [None, None] if refused == "library_found_by_compiler" else original(refused).document
    assert found.document == expected
    assert {audit["attackType"] for audit in given} <= {"explicitlyDeniedProcess", "explicitlyDeniedDNS"}
    assert given
