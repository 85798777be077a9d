"""Whatever the files hold, reading them ends with a result or with an error of ours."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from defender.edits.splice import apply_splices
from defender.errors import DefenderError, RewriteRefused
from defender.iac import declared_functions
from defender.iac.packaging import packaging_edits

WORDS = st.sampled_from(
    [
        *("Resources", "Type", "Properties", "Handler", "CodeUri", "AWS::Serverless::Function", "Globals"),
        *(
            "Function",
            "Environment",
            "Variables",
            "Parameters",
            "Default",
            "Ref",
            "Fn::Sub",
            "Code",
            "ZipFile",
        ),
        *("service", "provider", "functions", "handler", "package", "patterns", "exclude", "include", "name"),
        *(
            "individually",
            "true",
            "module",
            "custom",
            "stage",
            "${self:custom.a}",
            "${file(a.yml)}",
            "a",
            "b",
        ),
        *(
            "${opt:stage, 'dev'}",
            "!**",
            "<<",
            "${self:}",
            "${self:provider.stage}",
            "${sls:stage}",
            "aws",
            "",
        ),
        *(
            "app.handler",
            "datadog_lambda.handler.handler",
            "{{ cookiecutter.x }}",
            "../x",
            "null",
            "environment",
        ),
    ]
)
TREES = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(WORDS, inner), max_size=5),
    max_leaves=25,
)


def flow(tree: object) -> str:
    """A tree as YAML in flow style; lists of pairs are mappings, and keys may be doubled."""
    if isinstance(tree, str):
        return '"' + tree.replace('"', '\\"') + '"'
    assert isinstance(tree, list)
    if tree and isinstance(tree[0], tuple):
        return "{" + ", ".join(f"{flow(key)}: {flow(value)}" for key, value in tree) + "}"
    return "[" + ", ".join(flow(item) for item in tree) + "]"


def read(archive) -> None:
    try:
        declared = declared_functions(archive)
        roots = [one.task_root for one in declared.functions if one.task_root is not None]
        for edit in packaging_edits(archive, dict.fromkeys(roots, ("twistlock/a.so",)), declared):
            edit.prove(apply_splices(archive.read(edit.path), edit.splices, edit.path))
    except DefenderError:
        return


LENGTH = 300_000
HOSTILE = {
    "blank lines": "\n" * LENGTH,
    "statements": "{%" * (LENGTH // 2),
    "placeholders": "# {{ cookiecutter.x }}\nX: '" + "{{" * (LENGTH // 3) + "'",
    "substitutions": '    Properties: {Handler: !Sub "' + "${x" * (LENGTH // 4) + '"}',
    "variables": 'custom: {x: "' + "${file( " * (LENGTH // 9) + '"}',
    "keys": "A" * LENGTH,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_do_not_cost_their_square(archive_of, text):
    template = "Resources:\n  A:\n    Type: AWS::Serverless::Function\n"
    config = f"[default.deploy.parameters]\nparameter_overrides = '''{text}'''"
    service = f"service: s\nfunctions: {{a: {{handler: '${{self:custom.x}}'}}}}\n{text}"
    read(archive_of({"template.yaml": template + text}))
    read(archive_of({"template.yaml": template, "samconfig.toml": config}))
    read(archive_of({"serverless.yml": service}))


def test_what_exceeds_the_budget_is_left_out_with_a_warning(archive_of):
    template = "Resources:\n  A:\n    Type: AWS::Serverless::Function\n#" + "x" * (1 << 19)
    found = declared_functions(archive_of({f"{number:02}.yaml": template for number in range(20)}))

    assert len(found.functions) == 15
    assert found.warnings == ("5 further YAML and JSON files were not looked into",)


def test_large_ignore_files_are_refused(archive_of):
    archive = archive_of({".gitignore": "a\n" * 50_000, "app.py": ""})

    with pytest.raises(RewriteRefused, match="too large to be checked"):
        packaging_edits(archive, {"": ("twistlock/a.so",)}, declared_functions(archive))


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@FUZZ
@given(resources=TREES, rest=TREES)
def test_any_tree_as_a_template(archive_of, resources, rest):
    text = f"# AWS::Serverless::Function\nResources: {flow(resources)}\nGlobals: {flow(rest)}\n"
    read(archive_of({"template.yaml": text, "app.py": ""}))


@FUZZ
@given(functions=TREES, package=TREES, custom=TREES)
def test_any_tree_as_a_service(archive_of, functions, package, custom):
    text = f"service: s\nfunctions: {flow(functions)}\npackage: {flow(package)}\ncustom: {flow(custom)}\n"
    read(archive_of({"serverless.yml": text, "a.yml": text, "app.py": ""}))


@FUZZ
@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=200), at=st.integers(0, 200))
def test_any_text_within_a_template(archive_of, text, at):
    template = (
        "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  A:\n    Type: AWS::Serverless::Function\n"
        "    Properties:\n      Handler: !Sub a.b\n      Environment: {Variables: {A: b}}\n"
    )
    read(archive_of({"template.yaml": template[:at] + text + template[at:]}))


@FUZZ
@given(data=st.binary(max_size=200))
def test_any_bytes(archive_of, data):
    mark = b"\nResources: AWS::Lambda::Function"
    read(archive_of({"t.yaml": data + mark, "x.template.json": b"{" + data + mark, "samconfig.toml": data}))
    read(archive_of({"serverless.yml": b"provider: aws\nfunctions: x\n" + data, ".gitignore": data}))


@FUZZ
@given(text=st.text(alphabet="[]*?!\\/ab#{}(),.$:-'\"\n ~", max_size=60))
def test_any_pattern(archive_of, text):
    service = "service: s\nfunctions: {a: {handler: app.h}}\npackage: {patterns: ['!**', %s]}\n"
    quoted = "'" + text.replace("'", "''").replace("\n", "\n\n") + "'"
    files = {"serverless.yml": service % quoted, "app.py": "", ".gitignore": text, ".dockerignore": text}
    read(archive_of(files))
