"""Functions in SAM and CloudFormation templates."""

from __future__ import annotations

import json

import pytest

from defender.errors import DetectionError, RewriteRefused
from defender.iac import declared_functions

HEAD = "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\n"


def sam(properties: str, extra: str = "", kind: str = "AWS::Serverless::Function") -> str:
    body = "".join(f"      {line}\n" for line in properties.splitlines())
    return f"{HEAD}{extra}Resources:\n  Orders:\n    Type: {kind}\n    Properties:\n{body}"


@pytest.fixture
def one(archive_of):
    """The only function of a template at the root, beside `src/app.py`."""

    def read(template: str, **more: str):
        files = {"template.yaml": template, "src/app.py": "", **more}
        (function,) = declared_functions(archive_of(files)).functions
        return function

    return read


def test_reads_a_plain_function_with_its_place(one):
    found = one(
        sam(
            "Handler: app.handler\nRuntime: python3.12\nCodeUri: src/\n"
            "FunctionName: orders\nArchitectures: [arm64]"
        )
    )

    assert (found.logical_id, found.name, found.handler, found.runtime) == (
        "Orders",
        "orders",
        "app.handler",
        "python3.12",
    )
    assert (found.task_root, found.architectures) == ("src", ("arm64",))
    assert (found.where, found.kind) == ("template.yaml:4", "AWS::Serverless::Function")
    assert (
        found.evidence == "Orders in template.yaml:4, handler app.handler, runtime python3.12, CodeUri src/"
    )


def test_globals_are_defaults_and_environments_are_merged(one):
    extra = (
        "Globals:\n  Function:\n    Handler: app.main\n    Runtime: python3.11\n    CodeUri: src\n"
        "    Architectures: [x86_64]\n    Environment:\n      Variables: {A: '1', B: global}\n"
    )
    found = one(sam("Environment:\n  Variables:\n    B: own\n    C: !Ref Table\n    D: 5", extra))

    assert (found.handler, found.runtime, found.task_root) == ("app.main", "python3.11", "src")
    assert found.environment == {"A": "1", "B": "own", "C": None, "D": "5"}
    assert found.architectures == ("x86_64",)


def test_globals_do_not_apply_to_plain_lambda_resources(one):
    extra = "Globals:\n  Function:\n    Handler: app.main\n"
    found = one(sam("Runtime: python3.11\nCode: ./src", extra, "AWS::Lambda::Function"))

    assert (found.handler, found.trouble, found.task_root) == (None, None, "src")


def test_parameters_give_values_but_never_a_name(one):
    extra = "Parameters:\n  Entry: {Default: app.handler}\n  Name: {Type: String, Default: orders}\n"
    found = one(
        sam(
            "Handler: !Ref Entry\nFunctionName: !Ref Name\nCodeUri: src\nRuntime:\n  Fn::Sub: python3.9",
            extra,
        )
    )

    assert (found.handler, found.name, found.runtime) == ("app.handler", None, "python3.9")
    assert "handler app.handler (by the default of parameter Entry)" in found.evidence


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders", "orders"),
        ("!Sub orders", "orders"),
        ("{'Fn::Sub': orders}", "orders"),
        ("!Sub '${AWS::StackName}-orders'", None),
        ("!FindInMap [A, B, C]", None),
        ("!If [IsProd, a, b]", None),
        ("{Ref: Missing}", None),
        ("!Join ['-', [a, b]]", None),
        ("null", None),
    ],
)
def test_only_a_literal_function_name_counts(one, name, expected):
    assert one(sam(f"FunctionName: {name}\nHandler: app.handler\nCodeUri: src")).name == expected


@pytest.mark.parametrize(
    ("code", "root"),
    [
        ("src", "src"),
        ("./src/", "src"),
        ("src/.", "src"),
        (".", ""),
        ("!Sub src", "src"),
        ("missing/", None),
        ("../outside", None),
        ("/etc", None),
        ("s3://bucket/key.zip", None),
        ("{Bucket: b, Key: k}", None),
        ("!Ref Bucket", None),
    ],
)
def test_code_uri_is_relative_to_the_template(one, code, root):
    found = one(sam(f"Handler: app.handler\nCodeUri: {code}"))

    assert found.task_root == root
    assert found.handler == "app.handler"


def test_code_uri_is_the_templates_folder_by_default(archive_of):
    files = {"deploy/template.yml": sam("Handler: app.handler"), "deploy/app.py": ""}
    (found,) = declared_functions(archive_of(files)).functions

    assert found.task_root == "deploy"


def test_code_uri_that_is_a_ready_archive_is_no_folder(one):
    found = one(sam("Handler: app.handler\nCodeUri: build/app.zip"), **{"build/app.zip": "PK"})

    assert (found.task_root, found.artifact) == (None, "build/app.zip")


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        ("Handler: index.handler\nInlineCode: |\n  def handler(e, c): pass", "AWS::Serverless::Function"),
        ("Handler: index.handler\nCode:\n  ZipFile: |\n    def handler(e, c): pass", "AWS::Lambda::Function"),
    ],
)
def test_inline_code_is_flagged(one, properties, kind):
    found = one(sam(properties, kind=kind))

    assert (found.is_inline, found.task_root) == (True, None)


def test_image_functions_need_no_handler(one):
    found = one(sam("PackageType: Image\nHandler: !FindInMap [a, b, c]"))

    assert (found.is_image, found.handler, found.task_root, found.trouble) == (True, None, None, None)


def test_a_handler_that_cannot_be_told_is_explained(one):
    found = one(sam("Handler: !FindInMap [a, b, c]\nCodeUri: src"))

    assert found.handler is None
    assert isinstance(found.trouble, DetectionError)
    assert str(found.trouble) == (
        "template.yaml:4: the handler of Orders can't be read from the file: "
        "it is computed at deployment (FindInMap)"
    )
    assert "--handler" in found.trouble.hint


def test_other_products_wrappers_are_seen_through(one):
    variables = "Environment:\n  Variables: {DD_LAMBDA_HANDLER: app.handler}"
    found = one(sam(f"Handler: datadog_lambda.handler.handler\nCodeUri: src\n{variables}"))
    assert (found.handler, found.wrapped_by, found.setting) == (
        "app.handler",
        "Datadog",
        "datadog_lambda.handler.handler",
    )

    without = one(sam("Handler: datadog_lambda.handler.handler\nCodeUri: src"))
    assert without.handler is None
    assert isinstance(without.trouble, RewriteRefused)
    assert without.trouble.line == 4


def test_json_templates_have_lines_too(archive_of):
    template = {
        "Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table"},
            "Fn": {
                "Type": "AWS::Lambda::Function",
                "Metadata": {"aws:asset:path": "asset.1f", "aws:asset:property": "Code"},
                "Properties": {
                    "Handler": "app.handler",
                    "Code": {"S3Bucket": "b", "S3Key": "k"},
                    "Runtime": "python3.12",
                },
            },
        }
    }
    files = {"Stack.template.json": json.dumps(template, indent=1), "asset.1f/app.py": ""}
    (found,) = declared_functions(archive_of(files)).functions

    assert (found.task_root, found.handler, found.line) == ("asset.1f", "app.handler", 6)


def test_build_folders_are_skipped_within_a_project_and_read_as_the_input(archive_of):
    built = sam("Handler: app.handler\nCodeUri: Orders\nRuntime: python3.12")
    project = {".aws-sam/build/template.yaml": built, ".aws-sam/build/Orders/app.py": ""}
    assert declared_functions(archive_of(project)).functions == ()

    (found,) = declared_functions(archive_of({"template.yaml": built, "Orders/app.py": ""})).functions
    assert found.task_root == "Orders"


def test_build_method_and_layers_are_facts(one):
    template = (
        sam("Handler: app.handler\nCodeUri: src\nLayers: [!Ref Shared]")
        + "    Metadata:\n      BuildMethod: makefile\n"
    )
    found = one(template)

    assert (found.build_method, found.has_layers) == ("makefile", True)


def test_samconfig_gives_region_and_parameters(one):
    config = (
        "version = 0.1\n[default.global.parameters]\nregion = 'eu-west-1'\n"
        "[default.deploy.parameters]\nparameter_overrides = 'Entry=\"app.live\" Other=1'\n"
    )
    extra = "Parameters:\n  Entry: {Type: String}\n"
    found = one(sam("Handler: !Ref Entry\nCodeUri: src", extra), **{"samconfig.toml": config})

    assert (found.handler, found.region) == ("app.live", "eu-west-1")
    assert "(by Entry as in samconfig.toml)" in found.evidence


def test_samconfig_names_another_template(archive_of):
    config = '[default.deploy.parameters]\ntemplate_file = "infra/app.yml"\nregion = "eu-north-1"\n'
    files = {
        "samconfig.toml": config,
        "infra/app.yml": sam("Handler: app.handler\nCodeUri: ../src"),
        "template.yaml": sam("Handler: app.handler\nCodeUri: src"),
        "src/app.py": "",
    }
    found = {
        one.source: (one.region, one.task_root) for one in declared_functions(archive_of(files)).functions
    }

    assert found == {"infra/app.yml": ("eu-north-1", "src"), "template.yaml": (None, "src")}


def test_a_broken_samconfig_is_an_error_with_its_line(archive_of):
    files = {"samconfig.toml": "[default]\nregion = \n", "template.yaml": sam("Handler: app.handler")}
    with pytest.raises(DetectionError, match=r"^samconfig\.toml:2: invalid TOML"):
        declared_functions(archive_of(files))


def test_doubled_keys_are_refused_where_they_matter(archive_of):
    template = sam("Handler: a.b\nHandler: c.d\nCodeUri: src")
    with pytest.raises(DetectionError) as raised:
        declared_functions(archive_of({"template.yaml": template}))
    assert (raised.value.path, raised.value.line) == ("template.yaml", 8)

    twice = sam("Handler: a.b") + "  Orders:\n    Type: AWS::Serverless::Function\n"
    with pytest.raises(DetectionError, match="two resources are called Orders"):
        declared_functions(archive_of({"template.yaml": twice}))


def test_unrendered_generator_templates_are_read_as_far_as_they_go(archive_of):
    template = sam(
        "CodeUri: {{ cookiecutter.folder }}\nHandler: app.handler\n{%- if cookiecutter.arm %}\n"
        "Architectures:\n- arm64\n{%- endif %}\nRuntime: {{ cookiecutter.runtime }}"
    )
    files = {"template.yaml": template, "{{cookiecutter.folder}}/app.py": ""}
    (found,) = declared_functions(archive_of(files)).functions

    assert (found.handler, found.runtime, found.task_root) == ("app.handler", None, "{{cookiecutter.folder}}")


def test_merge_keys_and_anchors_are_followed(one):
    extra = "x-base: &base\n  Runtime: python3.13\n  CodeUri: src\n"
    found = one(sam("<<: *base\nHandler: app.handler", extra))

    assert (found.runtime, found.task_root) == ("python3.13", "src")
