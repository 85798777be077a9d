"""A protected Ruby function under the documented runtime loop: ordinary work, answers, errors, failures."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Dns, Effect, Filesystem, Listening, Network, Outbound, Ports, Processes

CLIENT = Path(__file__).with_name("client.rb")
SOURCE = Path(__file__).parents[1] / "functions" / "ruby" / "ordinary.rb"


def table(name: str) -> list[str]:
    """The keys of one of the function's tables."""
    body = SOURCE.read_text("utf-8").split(f"{name} = {{")[1].split("}.freeze")[0]
    return re.findall(r"^  '(\w+)' =>", body, re.M)


@pytest.fixture(scope="module")
def ruby(functions: Any) -> Any:
    return replace(functions, command=("ruby", str(CLIENT)))


# Every section prevents, and what the ordinary function does is not in its lists; and one that would deny all of it.
PREVENT = {
    "processes": Processes(effect=Effect.PREVENT, allow=("/usr/bin/cat",)),
    "network": Network(
        effect=Effect.PREVENT,
        outbound=Outbound(deny_ips=("203.0.113.0/24",)),
        listening=Listening(deny_ports=(Ports(1, 1023),)),
    ),
    "dns": Dns(effect=Effect.PREVENT, deny=("*.denied.example",)),
    "filesystem": Filesystem(effect=Effect.PREVENT, deny=("/etc/shadow",)),
}
ALERT = {
    "processes": Processes(effect=Effect.ALERT, block_all=True),
    "network": Network(
        effect=Effect.ALERT,
        outbound=Outbound(deny_ips=("0.0.0.0/0", "::/0")),
        listening=Listening(deny_ports=(Ports(1, 65535),)),
    ),
    "dns": Dns(effect=Effect.ALERT, deny=("*",)),
    "filesystem": Filesystem(effect=Effect.ALERT, deny=("/",)),
}


@pytest.fixture(scope="module")
def environments(ruby: Any, policy_of: Any) -> Iterator[dict[str, Any]]:
    started = {
        "original": ruby.start(ruby.original("ruby")),
        "prevent": ruby.start(ruby.protected("ruby"), policy_of(**PREVENT)),
        "alert": ruby.start(ruby.protected("ruby"), policy_of(**ALERT)),
    }
    yield started
    for environment in started.values():
        environment.close()


@pytest.mark.parametrize("way", table("ORDINARY"))
def test_no_false_stop(way: str, environments: dict[str, Any], read_audits: Any) -> None:
    expected = environments["original"].invoke({"way": way})
    assert expected.kind == "response", expected.body
    before = read_audits(environments["prevent"].errors())
    assert environments["prevent"].invoke({"way": way}) == expected
    assert read_audits(environments["prevent"].errors()) == before


@pytest.mark.parametrize("way", table("ORDINARY"))
def test_alert_changes_no_answer(way: str, environments: dict[str, Any]) -> None:
    assert environments["alert"].invoke({"way": way}) == environments["original"].invoke({"way": way})


# Calls the handler as the runtime does, in turns, and in eight threads at once.
CALLS = """
$LOAD_PATH.unshift(Dir.pwd)
require 'app'
raise Twistlock.reason unless Twistlock.status == 'enforcing'
CONTEXT = Struct.new(:aws_request_id)
def calls(count) = count.times { |one| handler(event: one, context: CONTEXT.new("id-#{one % 7}")) }
def measured
  GC.start
  [Dir.children('/proc/self/fd').size, Thread.list.size, File.read('/proc/self/statm').split[1].to_i * 4]
end
calls(5000)
before = measured
calls(95_000)
8.times.map { Thread.new { calls(2_000) } }.each(&:join)
after = measured
print(before.first(2) == after.first(2), ' ', after.last - before.last < 4096)
"""


def test_nothing_grows_in_a_hundred_thousand_calls(ruby: Any, policy_of: Any) -> None:
    environment = {**os.environ, "TW_POLICY": policy_of(**PREVENT)}
    command = ["ruby", "-e", CALLS]
    root = ruby.protected("ruby")
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert run.stdout == "true true", (run.stdout, run.stderr)


def test_same_answers(environments: dict[str, Any]) -> None:
    source = random.Random(20)
    leaves: list[Any] = [None, True, 0, -1, 1.5, 10**20, "", "text", "\u00e9\u2603", [], {}]
    events = leaves + [{"a": source.choice(leaves), "b": [source.choice(leaves)]} for _ in range(39)]
    assert len(events) == 50
    for event in events:
        assert environments["prevent"].invoke(event) == environments["original"].invoke(event)


def test_same_errors(environments: dict[str, Any]) -> None:
    errors = [environments[name].invoke("raise") for name in ("original", "prevent")]
    assert [one.kind for one in errors] == ["error", "error"]
    before, after = (json.loads(one.body) for one in errors)
    assert after["errorType"] == before["errorType"] == "Function<KeyError>"
    assert len(before["stackTrace"]) == 1
    assert ["twistlock.rb" in line for line in after["stackTrace"]] == [False, True, False]


def test_bundler_finds_fiddle_unactivated(ruby: Any) -> None:
    """The agent leaves the choice of the gem `fiddle` to the function."""
    code = "require './twistlock/twistlock'; print Gem.loaded_specs.key?('fiddle')"
    run = subprocess.run(["ruby", "-e", code], cwd=ruby.protected("ruby"), capture_output=True, text=True)
    assert run.stdout == "false"
