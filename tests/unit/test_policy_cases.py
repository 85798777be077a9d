"""The shared vectors of agent/cases, which the core's tests read too."""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from defender import resources
from defender.errors import PolicyError
from defender.policy import codec, values, wire
from defender.policy import judge as judging
from defender.policy.judge_files import FileFacts, judge_file
from defender.policy.judge_names import NameFacts, is_listed, judge_name
from defender.policy.judge_network import OutboundFacts, judge_listening, judge_outbound
from defender.policy.matching import matches
from defender.policy.model import Rule, Section

CASES = Path(__file__).parents[2] / "agent" / "cases"


def vectors(folder: str) -> list[Any]:
    found = sorted((CASES / "tw_policy" / folder).glob("*.json"))
    assert found
    return [pytest.param(json.loads(path.read_bytes()), id=path.stem) for path in found]


def rows(file: str) -> list[Any]:
    return list(json.loads((CASES / file).read_bytes()))


def written(decoded: codec.Decoded) -> str:
    if decoded.packaged is not None:
        return codec.packaged(decoded.packaged.file, decoded.packaged.sha256)
    assert decoded.identity is not None
    return codec.encode(decoded.identity, decoded.rule, decoded.console)


@pytest.mark.parametrize("case", vectors("valid"))
def test_valid_string_means_its_document(case: dict[str, Any]) -> None:
    canonical = base64.b64encode(wire.compact(case["document"])).decode()
    assert written(codec.decode(case["tw_policy"])) == canonical
    assert (case["tw_policy"] == canonical) is case["canonical"]


@pytest.mark.parametrize("case", vectors("invalid"))
def test_invalid_string_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as caught:
        codec.decode(case["tw_policy"])
    assert caught.value.message.startswith(("TW_POLICY", "the rule takes"))


def test_patterns() -> None:
    wrong = [
        row
        for row in rows("patterns.json")
        if matches(row["pattern"], row["value"], case_sensitive=row["case_sensitive"]) is not row["matches"]
    ]
    assert wrong == []


@pytest.mark.parametrize("case", [pytest.param(row, id=row["name"]) for row in rows("processes.json")])
def test_processes(case: dict[str, Any]) -> None:
    document = {"v": 1, "id": {"provider": "aws"}, "runtime": {"name": "r", "processes": case["rule"]}}
    rule = codec.decode_document(document).rule
    assert rule is not None
    facts = judging.Facts(case["facts"]["path"], tuple(case["facts"]["argv"]), case["facts"]["interpreter"])
    judgement = judging.judge(rule.processes, facts, judging.read_miners(resources.miners()))
    assert judging.verdict(rule.processes, judgement) == case["verdict"]
    assert judgement.attack == case["attack"]


def rule_of(case: dict[str, Any]) -> Rule:
    document = {"v": 1, "id": {"provider": "aws"}, "runtime": {"name": "r", **case["rule"]}}
    rule = codec.decode_document(document).rule
    assert rule is not None
    return rule


def compare(case: dict[str, Any], section: Section, found: judging.Judgement) -> None:
    assert (judging.verdict(section, found), found.attack, found.by) == (
        case["verdict"],
        case["attack"],
        case["by"],
    )
    assert found.reason


@pytest.mark.parametrize("case", [pytest.param(row, id=row["name"]) for row in rows("outbound.json")])
def test_outbound(case: dict[str, Any]) -> None:
    rule = rule_of(case)
    by = None if case["by"] is None else values.address(case["by"])
    compare({**case, "by": by}, rule.network, judge_outbound(rule, OutboundFacts(**case["facts"])))


@pytest.mark.parametrize("case", [pytest.param(row, id=row["name"]) for row in rows("listening.json")])
def test_listening(case: dict[str, Any]) -> None:
    section = rule_of(case).network
    compare(case, section, judge_listening(section, case["facts"]["port"]))


@pytest.mark.parametrize("case", [pytest.param(row, id=row["name"]) for row in rows("names.json")])
def test_names(case: dict[str, Any]) -> None:
    section = rule_of(case).dns
    compare(case, section, judge_name(section, NameFacts(**case["facts"])))
    assert is_listed(section, case["facts"]["name"]) is case["listed"]


@pytest.mark.parametrize("case", [pytest.param(row, id=row["name"]) for row in rows("files.json")])
def test_files(case: dict[str, Any]) -> None:
    section = rule_of(case).filesystem
    compare(case, section, judge_file(section, FileFacts(**case["facts"]), case["readable"]))


def test_files_are_what_make_writes() -> None:
    spec = importlib.util.spec_from_file_location("agent_cases_make", CASES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    wanted = {path: make.rendered(case) for path, case in make.cases().items()}
    found = {
        path.relative_to(CASES / "tw_policy").as_posix(): path.read_text("ascii")
        for path in (CASES / "tw_policy").glob("*/*.json")
    }
    assert found == wanted
