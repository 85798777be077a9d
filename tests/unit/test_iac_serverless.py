"""Functions in the Serverless Framework's files."""

from __future__ import annotations

import pytest

from defender.errors import DetectionError
from defender.iac import declared_functions

SERVICE = """\
service: shop
provider:
  name: aws
  runtime: python3.12
  stage: prod
  region: eu-west-1
  architecture: arm64
  environment:
    A: '1'
    B: ${env:B}
functions:
  orders:
    handler: src/orders.handler
    environment: {A: own}
  named:
    name: the-name
    handler: src/orders.other
    runtime: python3.11
"""


def read(archive_of, text: str, **more: str):
    files = {"serverless.yml": text, "src/orders.py": "", **more}
    return {one.logical_id: one for one in declared_functions(archive_of(files)).functions}


def test_functions_inherit_from_the_provider(archive_of):
    found = read(archive_of, SERVICE)

    orders = found["orders"]
    assert (orders.handler, orders.runtime, orders.name) == (
        "src/orders.handler",
        "python3.12",
        "shop-prod-orders",
    )
    assert (orders.task_root, orders.region, orders.architectures) == ("", "eu-west-1", ("arm64",))
    assert orders.environment == {"A": "own", "B": None}
    assert (orders.line, orders.kind) == (12, "serverless")
    assert (found["named"].name, found["named"].runtime) == ("the-name", "python3.11")


@pytest.mark.parametrize(
    "stage", ["", "  stage: ${opt:stage, 'dev'}\n", "  stage: ${opt:stage, self:custom.s}\n"]
)
def test_a_default_name_needs_a_literal_stage(archive_of, stage):
    text = SERVICE.replace("  stage: prod\n", stage) + "custom:\n  s: dev\n"

    assert read(archive_of, text)["orders"].name is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${self:custom.entry}", "src/orders.handler"),
        ("${self:custom.folder}/orders.handler", "src/orders.handler"),
        ("src/orders.${self:custom.names.0}", "src/orders.handler"),
        ("${opt:entry, 'src/orders.handler'}", "src/orders.handler"),
        ("${opt:entry, self:custom.entry}", "src/orders.handler"),
        ("${self:custom.missing, self:custom.entry}", "src/orders.handler"),
        ("src/orders.${self:custom.by.${sls:stage}}", "src/orders.handler"),
        ("src/orders.${self:custom.by.${self:provider.stage}}", "src/orders.handler"),
        ("${file(./more.yml):entry}", "src/orders.handler"),
        ("${file(more.json):deep.entry}", "src/orders.handler"),
        ("${env:ENTRY}", None),
        ("${ssm:/entry}", None),
        ("${self:custom.loop}", None),
        ("${file(../outside.yml):entry}", None),
        ("${file(missing.yml):entry}", None),
        ("${self:custom}", None),
        ("${opt:entry}", None),
    ],
)
def test_variables_are_resolved_as_far_as_the_files_tell(archive_of, value, expected):
    custom = (
        "custom:\n  entry: src/orders.handler\n  folder: src\n  names: [handler]\n"
        "  by: {prod: handler}\n  loop: ${self:custom.pool}\n  pool: ${self:custom.loop}\n"
    )
    more = {
        "more.yml": "entry: src/orders.handler\n",
        "more.json": '{"deep": {"entry": "src/orders.handler"}}',
    }
    text = SERVICE.replace("handler: src/orders.handler", f'handler: "{value}"') + custom
    found = read(archive_of, text, **more)["orders"]

    assert found.handler == expected
    assert (found.trouble is None) == (expected is not None)


def test_variables_that_double_without_end_cost_nothing(archive_of):
    custom = "".join(f"  v{n}: '${{self:custom.v{n + 1}}}${{self:custom.v{n + 1}}}'\n" for n in range(40))
    text = SERVICE.replace("src/orders.handler", "${self:custom.v0}", 1) + f"custom:\n{custom}  v40: ''\n"

    assert read(archive_of, text)["orders"].handler is None


def test_functions_may_be_a_list_and_lie_in_other_files(archive_of):
    text = "service: shop\nfunctions:\n  - ${file(fns/a.yml)}\n  - b: {handler: src/orders.b}\n"
    found = read(archive_of, text, **{"fns/a.yml": "# first\na:\n  handler: src/orders.a\n"})

    assert {key: one.handler for key, one in found.items()} == {"a": "src/orders.a", "b": "src/orders.b"}
    assert (found["a"].source, found["a"].line) == ("fns/a.yml", 3)
    whole = read(
        archive_of,
        text[: text.index("  - ")].rstrip() + " ${file(fns/a.yml)}\n",
        **{"fns/a.yml": "a: {handler: src/orders.a}\n"},
    )
    assert whole["a"].handler == "src/orders.a"


def test_module_is_the_root_when_the_function_alone_is_packaged_individually(archive_of):
    files = {
        "serverless.yml": (
            "service: s\nprovider:\n  name: aws\n  runtime: python3.12\nfunctions:\n"
            "  one:\n    handler: app.handler\n    module: one\n    package:\n      individually: true\n"
            "  two:\n    handler: two/app.handler\n    module: two\n"
            "  six:\n    handler: two/app.six\n    module: two\n    package: {individually: true}\n"
        ),
        "one/app.py": "",
        "two/app.py": "",
    }
    found = {one.logical_id: one.task_root for one in declared_functions(archive_of(files)).functions}
    assert found == {"one": "one", "two": "", "six": ""}


def test_module_is_the_root_when_packaged_individually(archive_of):
    text = SERVICE.replace("handler: src/orders.handler", "handler: orders.handler\n    module: src")

    assert read(archive_of, text)["orders"].task_root == ""
    assert read(archive_of, text + "package:\n  individually: true\n")["orders"].task_root == "src"


def test_artifacts_and_images_have_no_task_root(archive_of):
    text = SERVICE + "package:\n  artifact: build/shop.zip\n"
    found = read(archive_of, text, **{"build/shop.zip": "PK"})["orders"]
    assert (found.task_root, found.artifact) == (None, "build/shop.zip")

    image = read(archive_of, SERVICE.replace("handler: src/orders.handler", "image: repo/x"))["orders"]
    assert (image.is_image, image.task_root, image.handler) == (True, None, None)


def test_a_plugins_own_handler_is_explained_unless_its_file_is_there(archive_of):
    text = SERVICE.replace("src/orders.handler", "wsgi_handler.handler")

    assert "embed the package" in read(archive_of, text)["orders"].trouble.hint
    there = read(archive_of, text, **{"wsgi_handler.py": ""})["orders"]
    assert (there.handler, there.trouble) == ("wsgi_handler.handler", None)


def test_other_clouds_and_programs_are_named_in_warnings(archive_of):
    files = {
        "a/serverless.yml": "service: x\nprovider: {name: google}\nfunctions: {f: {handler: http}}\n",
        "b/serverless.ts": "",
        "cdk.json": "{}",
    }
    found = declared_functions(archive_of(files))

    assert (found.functions, found.elsewhere) == ((), ("a/serverless.yml",))
    assert found.warnings == (
        "a/serverless.yml is for google: its functions are not read",
        "cdk.json belongs to a program, which is not run: its functions are not known",
        "b/serverless.ts belongs to a program, which is not run: its functions are not known",
    )


def test_the_framework_picks_one_file_for_a_folder(archive_of):
    other = SERVICE.replace("orders:", "variant:", 1)

    assert set(read(archive_of, SERVICE, **{"serverless.prod.yml": other})) == {"orders", "named"}
    alone = declared_functions(archive_of({"serverless.prod.yml": other}))
    assert {one.logical_id for one in alone.functions} == {"variant", "named"}


def test_a_service_that_does_not_parse_is_an_error_with_its_line(archive_of):
    with pytest.raises(DetectionError, match=r"^serverless\.yml:12: invalid YAML"):
        read(archive_of, SERVICE.replace("  orders:", "\torders:"))


def test_two_functions_of_one_name_are_refused(archive_of):
    with pytest.raises(DetectionError, match="two functions are called orders"):
        read(archive_of, SERVICE + "  orders:\n    handler: x.y\n")


def test_json_services_are_read(archive_of):
    text = '{"service": "shop", "provider": {"stage": "s"}, "functions": {"a": {"handler": "x.y"}}}'
    (found,) = declared_functions(archive_of({"serverless.json": text})).functions

    assert (found.handler, found.name) == ("x.y", "shop-s-a")
