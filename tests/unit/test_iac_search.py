"""Which members are looked into at all, and how malformed files are met."""

from __future__ import annotations

import pytest

from defender.errors import DetectionError
from defender.iac import declared_functions

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler}
"""


@pytest.mark.parametrize(
    "name",
    [
        *("template.yaml", "template.yml", "sam.yaml", "deep/er/any-name.yml", "stack.template", "T.YAML"),
        *("packaged.yaml", "infra/app.template.yaml"),
    ],
)
def test_any_yaml_file_may_be_a_template(archive_of, name):
    assert len(declared_functions(archive_of({name: TEMPLATE})).functions) == 1


@pytest.mark.parametrize(
    "name",
    [
        *("node_modules/x/template.yaml", "a/.aws-sam/build/template.yaml", "venv/lib/template.yaml"),
        *("cdk.out/x.template", "lib/site-packages/x/t.yaml", ".serverless/t.yaml", "twistlock/t.yaml"),
        *("env/samples/t.yaml", "template.txt", "data.json"),
    ],
)
def test_dependencies_and_build_results_are_left_alone(archive_of, name):
    archive = archive_of({name: TEMPLATE, "env/pyvenv.cfg": "", "app.py": ""})

    assert declared_functions(archive).functions == ()
    assert archive.reads == []


def test_installed_packages_at_the_root_of_a_deployment_zip_are_left_alone(archive_of):
    files = {"samples/t.yaml": TEMPLATE, "samples-1.0.dist-info/METADATA": "", "template.yaml": TEMPLATE}

    assert [one.source for one in declared_functions(archive_of(files)).functions] == ["template.yaml"]


def test_functions_nearest_to_the_root_come_first(archive_of):
    files = {"z/z/t.yaml": TEMPLATE, "b.yaml": TEMPLATE, "a/t.yaml": TEMPLATE, "a.yaml": TEMPLATE}

    assert [one.source for one in declared_functions(archive_of(files)).functions] == [
        *("a.yaml", "b.yaml", "a/t.yaml", "z/z/t.yaml"),
    ]


def test_a_package_without_candidates_is_not_read(archive_of):
    archive = archive_of({f"lib/module_{number}.py": "" for number in range(6000)})

    assert declared_functions(archive).files == ()
    assert archive.reads == []


def test_yaml_without_functions_is_not_parsed(archive_of):
    archive = archive_of({"config.yaml": "a: [", "swagger.yml": "openapi: 3.0.0\n"})

    assert declared_functions(archive).files == ()


def test_large_files_are_not_read(archive_of):
    archive = archive_of({"template.yaml": TEMPLATE + "#" * (1 << 20)})

    assert declared_functions(archive).functions == ()
    assert archive.reads == []


def test_symbolic_links_are_not_followed(archive_of):
    archive = archive_of({"a.yaml": TEMPLATE})
    archive.links = ("template.yaml", "serverless.yml", "samconfig.toml")

    assert [one.source for one in declared_functions(archive).functions] == ["a.yaml"]


def test_a_clear_template_that_does_not_parse_is_an_error(archive_of):
    archive = archive_of({"t/template.yaml": TEMPLATE + "  Broken: [\n"})

    with pytest.raises(DetectionError) as raised:
        declared_functions(archive)
    assert (raised.value.path, raised.value.line) == ("t/template.yaml", 7)
    assert "--handler" in raised.value.hint
    lenient = declared_functions(archive, strict=False)
    assert (len(lenient.errors), lenient.functions) == (1, ())


def test_a_malformed_file_that_only_mentions_functions_is_left_alone(archive_of):
    archive = archive_of({"notes.yaml": "see: AWS::Lambda::Function: [\n"})

    assert declared_functions(archive).functions == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe" + TEMPLATE.encode(), "not UTF-8"),
        (TEMPLATE.encode() + b"X: " + b"[" * 5000, "nested too deeply|maximum depth"),
        (TEMPLATE.encode() + b"X: &x [*x]\n", "nested without end"),
        (TEMPLATE.encode() + b"---\na: b\n", "single document"),
        (
            TEMPLATE.encode()
            + b"X0: &x0 [a]\n"
            + b"".join(b"X%d: &x%d [%s]\n" % (n, n, b",".join([b"*x%d" % (n - 1)] * 9)) for n in range(1, 9)),
            "expand beyond",
        ),
    ],
)
def test_hostile_yaml_is_an_error_and_not_a_burden(archive_of, data, message):
    with pytest.raises(DetectionError, match=message):
        declared_functions(archive_of({"template.yaml": data}))


def test_a_byte_order_mark_and_crlf_change_nothing(archive_of):
    data = b"\xef\xbb\xbf" + TEMPLATE.replace("\n", "\r\n").encode()
    (found,) = declared_functions(archive_of({"template.yaml": data})).functions

    assert (found.handler, found.line) == ("app.handler", 3)
