"""Java projects from the command line: classes, build files and settings; verified, embedded again, removed."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from defender.bundle import Agent, builtin
from defender.runtimes.java import repository

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "tests" / "agent" / "java" / "projects"
BUILDS = sorted(path.parent for path in PROJECTS.glob("*/build.toml"))
FORMS = sorted(path.parent for path in (ROOT / "fixtures" / "java").glob("source-*/case.toml"))
VERSION = repository.version(Agent(builtin("java"), "open"))
# What the cases have instead.
VERSIONS = re.compile(rb"(serverless:defender:|<artifactId>defender</artifactId>\s*<version>)1\.0(?![\d.])")
SHADE = PROJECTS / "maven-shade"
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: orders
      CodeUri: orders
      Handler: example.Hello::handleRequest  # ours
      Runtime: java21
"""


def contents(folder: Path) -> dict[str, bytes]:
    """All files, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def changed(before: Path, after: Path) -> dict[str, bytes]:
    """The files that are not what they were, the agent's own left out."""
    old, new = contents(before), contents(after)
    assert set(old) <= set(new)
    assert all("twistlock/" in name for name in set(new) - set(old))
    return {name: data for name, data in new.items() if name in old and data != old[name]}


def there_and_back(defender: Run, source: Path, *options: object) -> dict[str, Any]:
    """Embed, verify, embed again, remove: the report of the first, and its outcome in `protected`."""
    code, out, err = defender("embed", source, "-o", "protected", "--json", *options)
    assert code == 0, err + out
    code, _, err = defender("verify", "protected")
    assert code == 0, err
    assert defender("embed", "protected", "-o", "again", *options)[0] == 0
    assert contents(Path("again")) == contents(Path("protected"))
    assert defender("remove", "protected", "-o", "back")[0] == 0
    assert contents(Path("back")) == contents(source)
    document: dict[str, Any] = json.loads(out)
    return document


@pytest.mark.parametrize("case", BUILDS, ids=lambda it: it.name)
def test_builds(case: Path, defender: Run) -> None:
    """The build files change as they do without the command line, and the handler's class with them."""
    told = tomllib.loads((case / "build.toml").read_text("utf-8"))
    source = Path(shutil.copytree(case / "in", "project"))
    handler = told.get("handler", "example.Hello::greet")
    if told.get("by_sam"):
        (source / "template.yaml").write_text(
            TEMPLATE.replace("example.Hello::handleRequest", handler).replace("CodeUri: orders", "CodeUri: .")
        )
    report = there_and_back(defender, source, "--handler", handler, "--runtime", "java17")
    (function,) = report["functions"]
    edited = changed(source, Path("protected"))
    is_declared = any("template" in name for name in edited)
    assert (function["status"], report["form"]) == ("protected" if is_declared else "pending", "source")
    expected = {
        name: VERSIONS.sub(lambda match: match[1] + VERSION.encode(), data)
        for name, data in contents(case / "out").items()
    }
    # Not each case has its class in `out`, and none our template.
    others = {name for name in edited if name.endswith((".java", "template.yaml"))} - set(expected)
    assert {name: data for name, data in edited.items() if name not in others} == expected
    root = Path("protected") / function["task_root"]
    for name, data in repository.files(Agent(builtin("java"), "open")).items():
        assert (root / name).read_bytes() == data


@pytest.mark.parametrize("case", FORMS, ids=lambda it: it.name)
def test_forms(case: Path, defender: Run) -> None:
    """Every form of a handler in a source, in a project that Maven builds."""
    told = tomllib.loads((case / "case.toml").read_text("utf-8"))
    source = Path(shutil.copytree(case / "in", "project"))
    shutil.copy(SHADE / "in" / "pom.xml", source)
    handlers = [option for one in told["handlers_after"] for option in ("--handler", one)]
    report = there_and_back(defender, source, "--runtime", "java21", *handlers)
    found = {one["handler"]["before"]: one["handler"]["after"] for one in report["functions"]}
    assert found == told["handlers_after"]
    edited = changed(source, Path("protected"))
    del edited["pom.xml"]
    out = {name: data for name, data in contents(case / "out").items() if name.endswith(".java")}
    assert edited == out


@pytest.fixture
def service() -> Path:
    """A project of SAM's."""
    folder = Path("service")
    shutil.copytree(SHADE / "in", folder / "orders")
    (folder / "template.yaml").write_text(TEMPLATE)
    return folder


def test_the_handler_setting_changes_where_it_is_declared(defender: Run, service: Path) -> None:
    report = there_and_back(defender, service)
    (function,) = report["functions"]
    assert function["status"] == "protected"
    assert function["handler"]["after"] == "example.Hello::protectedHandler"
    assert (function["name"], function["task_root"]) == ("orders", "orders")
    assert any("changed in template.yaml:8" in one for one in function["settings"])
    after = (Path("protected") / "template.yaml").read_text()
    assert after == TEMPLATE.replace("Hello::handleRequest", "Hello::protectedHandler")


def test_a_dry_run_shows_all_of_it_and_writes_nothing(defender: Run, service: Path) -> None:
    before = contents(service)
    code, _, err = defender("embed", service, "--dry-run")
    assert code == 0
    for line in (
        "-      Handler: example.Hello::handleRequest  # ours",
        "+      Handler: example.Hello::protectedHandler  # ours",
        "+        return Twistlock.Handler(this, request, context);",
        f"+      <version>{VERSION}</version>",
    ):
        assert line in err.splitlines(), err
    assert contents(service) == before
    assert not Path("service.protected").exists()


def test_an_edit_made_since_stays(defender: Run, service: Path) -> None:
    assert defender("embed", service, "--in-place")[0] == 0
    template, build = service / "template.yaml", service / "orders" / "pom.xml"
    template.write_text("# mine\n" + template.read_text())
    build.write_text(build.read_text().replace("</project>", "<!-- mine -->\n</project>"))
    assert defender("remove", service, "-o", "back")[0] == 0
    assert (Path("back") / "template.yaml").read_text() == "# mine\n" + TEMPLATE
    original = (SHADE / "in" / "pom.xml").read_text()
    mine = original.replace("</project>", "<!-- mine -->\n</project>")
    assert (Path("back") / "orders" / "pom.xml").read_text() == mine


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("orders/pom.xml", "<artifactId>defender</artifactId>", "<artifactId>other</artifactId>"),
        ("orders/pom.xml", "/twistlock</url>", "/other</url>"),
        ("orders/src/main/java/example/Hello.java", "Twistlock.start();", ""),
        (
            "orders/src/main/java/example/Hello.java",
            "return Twistlock.Handler(this, ",
            "return handleRequest(",
        ),
        ("orders/twistlock/bundle.json", "defender", "other"),
    ],
)
def test_verify_finds_what_is_missing(file: str, old: str, new: str, defender: Run, service: Path) -> None:
    assert defender("embed", service, "-o", "protected")[0] == 0
    path = Path("protected") / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    manifest = Path("protected") / "orders" / "twistlock" / "defender.json"
    document = json.loads(manifest.read_text())
    # A manifest that says nothing of the file, as an attacker would leave it.
    relative = file.removeprefix("orders/")
    for kind in ("changed", "added"):
        document[kind] = [one for one in document[kind] if one["path"] != relative]
    manifest.write_text(json.dumps(document))
    code, _, err = defender("verify", "protected")
    assert code == 7, err


def test_verify_finds_another_agent_in_the_repository(defender: Run, service: Path) -> None:
    assert defender("embed", service, "-o", "protected")[0] == 0
    (jar,) = Path("protected").rglob("defender-*.jar")
    jar.write_bytes(jar.read_bytes() + b"\0")
    assert defender("verify", "protected")[0] == 7


def test_a_failure_may_close_the_function(defender: Run, service: Path) -> None:
    assert defender("embed", service, "-o", "protected", "--on-failure", "closed")[0] == 0
    closed = repository.version(Agent(builtin("java"), "closed"))
    assert f"<version>{closed}</version>" in (Path("protected") / "orders" / "pom.xml").read_text()
    assert defender("verify", "protected")[0] == 0


def test_a_framework_brings_the_handler(defender: Run, service: Path) -> None:
    """Nothing of its class can be changed, so the redirecting class takes its place, and its variable is needed."""
    theirs = "com.amazonaws.serverless.proxy.spring.SpringDelegatingLambdaContainerHandler"
    template = TEMPLATE.replace("example.Hello", theirs)
    (service / "template.yaml").write_text(template)
    report = there_and_back(defender, service)
    (function,) = report["functions"]
    assert function["status"] == "pending"
    assert function["handler"]["after"] == "com.twistlock.serverless.ProtectedHandler"
    assert function["environment"]["TW_HANDLER"] == f"{theirs}::handleRequest"
    assert set(changed(service, Path("protected"))) == {"orders/pom.xml"}


def test_a_program_that_deploys_is_named(defender: Run, service: Path) -> None:
    (service / "template.yaml").unlink()
    (service / "lib").mkdir()
    (service / "lib" / "stack.ts").write_text("new Function(this, 'f', {\n  handler: 'example.Hello',\n});\n")
    report = there_and_back(defender, service, "--handler", "example.Hello", "--runtime", "java21")
    assert [one["status"] for one in report["functions"]] == ["pending"]
    assert report["warnings"] == [
        "lib/stack.ts:2 names example.Hello: where that is the handler setting, write example.Hello::protectedHandler"
    ]


def test_sam_does_not_build_what_is_deployed_from_a_builds_output(defender: Run, service: Path) -> None:
    """So nothing would bring the agent into the jar of a project that packs its own classes alone."""
    build = service / "orders" / "pom.xml"
    build.write_text(re.sub(r"<build>.*</build>", "", build.read_text(), flags=re.DOTALL))
    assert defender("embed", service, "--dry-run")[0] == 0
    template = service / "template.yaml"
    template.write_text(TEMPLATE.replace("CodeUri: orders", "CodeUri: orders/target/maven-shade-1.0.jar"))
    code, _, err = defender("embed", service, "--dry-run")
    assert code == 5
    assert "nothing in this build puts dependencies into the package" in " ".join(err.split())


def test_an_artifact_names_the_project_that_makes_it(defender: Run) -> None:
    service = Path(shutil.copytree(SHADE / "in", "service"))
    text = (
        "service: s\nprovider: {name: aws, runtime: java21, stage: dev}\n"
        "package: {artifact: target/maven-shade-1.0.jar}\n"
        "functions:\n  hello:\n    handler: example.Hello\n"
    )
    (service / "serverless.yml").write_text(text)
    report = there_and_back(defender, service)
    assert [(one["name"], one["status"]) for one in report["functions"]] == [("s-dev-hello", "protected")]
    after = (Path("protected") / "serverless.yml").read_text()
    assert after == text.replace("example.Hello", "example.Hello::protectedHandler")


def test_the_only_candidate_of_the_sources(defender: Run) -> None:
    report = there_and_back(defender, SHADE / "in")
    assert [one["handler"]["before"] for one in report["functions"]] == ["example.Hello::handleRequest"]


def test_a_baked_policy_would_not_be_packed(defender: Run, service: Path) -> None:
    code, _, err = defender("embed", service, "--baked-policy")
    assert code == 5
    assert "build" in err
