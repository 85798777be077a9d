"""Handler settings that are changed where a package declares them, and back again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from defender.archive import Archive, open_archive
from defender.edits.splice import apply_splices, put_back, spans_after
from defender.iac import declared_functions
from defender.iac.handler_edits import with_handlers
from defender.manifest import changed_file
from defender.plan import Plan, Setting, file_changes
from defender.runtimes.model import Detection, Function

SAM = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: app
      Handler: {one}   # the entry
  Two:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: app, Handler: '{two}', Runtime: java21}}
"""
GLOBALS = """\
Transform: AWS::Serverless-2016-10-31
Globals: {{Function: {{Handler: {one}, CodeUri: app}}}}
Resources:
  One: {{Type: AWS::Serverless::Function, Properties: {{}}}}
  Two: {{Type: AWS::Serverless::Function, Properties: {{}}}}
"""
ANCHOR = """\
Resources:
  One:
    Type: AWS::Serverless::Function
    Properties: &same
      CodeUri: app
      Handler: {one}
  Two:
    Type: AWS::Serverless::Function
    Properties:
      <<: *same
"""
JSON = """\
{{"Resources": {{
  "One": {{"Type": "AWS::Lambda::Function", "Properties": {{"Code": "app", "Handler": "{one}"}}}},
  "Two": {{"Type": "AWS::Lambda::Function", "Properties": {{"Code": "app", "Handler": "{two}"}}}}
}}}}
"""
SERVICE = """\
service: s
provider: {{name: aws, runtime: java21}}
functions:
  One: {{handler: "{one}"}}
  Two:\r
    handler: {two}\r
"""


def described(archive: Archive, environments: Mapping[str, Mapping[str, str]], after: str) -> Plan:
    """The plan for all functions that are declared, each with the variables that its new handler needs."""
    declared = declared_functions(archive)
    functions = [
        Function(
            one.handler or "", "app/A.java", one.task_root or "", logical_id=one.logical_id, source=one.source
        )
        for one in declared.functions
        if one.logical_id in environments
    ]
    found = Detection("java", None, "aws", None, "source", tuple(functions), ())
    settings = [
        Setting(one.handler, one.task_root, after, environments[one.logical_id or ""]) for one in functions
    ]
    return with_handlers(archive, found, declared, Plan(settings=tuple(settings)))


def changed(
    folder: Path, name: str, text: str, environments: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[str, list[tuple[str, ...]]]:
    """The file as it becomes, where settings were made; what was replaced can be put back."""
    (folder / "app").mkdir()
    (folder / "app" / "A.java").touch()
    before = text.encode()
    (folder / name).write_bytes(before)
    with open_archive(folder) as archive:
        plan = described(
            archive, {"One": {}, "Two": {}} if environments is None else environments, "a.A::protectedHandler"
        )
        changes = file_changes(archive, plan)
    made = [one.made_in for one in plan.settings]
    if not changes:
        return text, made
    (change,) = changes
    assert change.path == name
    assert apply_splices(before, change.splices, name) == change.after
    starts = [start for start, _ in spans_after(change.splices)]
    recorded = changed_file(change, "").insertions
    assert [one.at for one in recorded] == starts
    assert put_back(change.after, [(one.at, one.data, one.was) for one in recorded]) == before
    return change.after.decode(), made


@pytest.mark.parametrize("before", ["a.A", "a.A::handleRequest"])
@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("template.yaml", SAM, [(7,), (10,)]),
        ("template.yaml", GLOBALS, [(2,), (2,)]),
        ("template.yaml", ANCHOR, [(6,), (6,)]),
        ("template.json", JSON, [(2,), (3,)]),
        ("serverless.yml", SERVICE, [(4,), (6,)]),
    ],
    ids=["sam", "globals", "anchor", "json", "service"],
)
def test_only_the_value_changes(
    name: str, text: str, lines: list[tuple[int]], before: str, tmp_path: Path
) -> None:
    after = "a.A::protectedHandler"
    result, made = changed(tmp_path, name, text.format(one=before, two=before))
    assert result == text.format(one=after, two=after)
    places = tuple(dict.fromkeys(f"{name}:{line}" for (line,) in lines))
    assert [tuple(dict.fromkeys(one)) for one in made] == [places, places]


@pytest.mark.parametrize("text", [GLOBALS, ANCHOR], ids=["globals", "anchor"])
def test_a_value_that_another_function_shares_stays(text: str, tmp_path: Path) -> None:
    text = text.format(one="a.A")
    assert changed(tmp_path, "template.yaml", text, {"One": {}}) == (text, [()])


def test_a_handler_that_needs_a_variable_too_stays(tmp_path: Path) -> None:
    text = SAM.format(one="a.A", two="a.B")
    result, made = changed(tmp_path, "template.yaml", text, {"One": {"TW_HANDLER": "a.A"}, "Two": {}})
    assert result == SAM.format(one="a.A", two="a.A::protectedHandler")
    assert made == [(), ("template.yaml:10",)]


@pytest.mark.parametrize("value", ["!Ref Handler", '"a.\\u0041"', "|\n        a.A", "!Sub 'a.A'"])
def test_what_is_no_plain_literal_stays(value: str, tmp_path: Path) -> None:
    text = SAM.format(one=value, two="a.B") + "Parameters:\n  Handler:\n    Type: String\n    Default: a.A\n"
    result, made = changed(tmp_path, "template.yaml", text, {"One": {}})
    assert result == text
    assert made == [()]


def test_variables_of_the_framework_stay(tmp_path: Path) -> None:
    text = SERVICE.format(one="${self:custom.handler}", two="a.A") + "custom: {handler: a.A}\n"
    _, made = changed(tmp_path, "serverless.yml", text)
    assert made == [(), ()]
