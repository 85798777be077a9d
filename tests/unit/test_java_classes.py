"""Class files, the class path, and the candidates in it."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defender.archive import open_archive
from defender.bundle import Agent, builtin
from defender.detect import detect
from defender.errors import DetectionError, PackageError, RewriteRefused
from defender.runtimes.java import candidates, plan
from defender.runtimes.java.classfile import PUBLIC, parse
from defender.runtimes.java.classpath import Classpath
from defender.runtimes.java.handlers import Target, target
from defender.runtimes.model import Request

FIXTURES = Path(__file__).parents[2] / "fixtures" / "java"
HELLO = (FIXTURES / "request-handler" / "in" / "example" / "Hello.class").read_bytes()


def test_what_a_class_file_says() -> None:
    found = parse("Hello.class", HELLO)
    assert (found.name, found.parent) == ("example/Hello", "java/lang/Object")
    assert found.interfaces == ("com/amazonaws/services/lambda/runtime/RequestHandler",)
    assert found.is_concrete
    assert [one.name for one in found.methods] == ["<init>", "handleRequest", "handleRequest"]
    assert all(one.flags & PUBLIC for one in found.methods)


@pytest.mark.parametrize("length", range(0, len(HELLO) - 60, 37))
def test_a_cut_class_is_refused(length: int) -> None:
    with pytest.raises(PackageError, match="no class file"):
        parse("Hello.class", HELLO[:length])


@given(st.integers(0, len(HELLO) - 1), st.integers(0, 255))
def test_a_damaged_class_is_read_or_refused(at: int, value: int) -> None:
    damaged = bytearray(HELLO)
    damaged[at] = value
    with contextlib.suppress(PackageError):
        parse("Hello.class", bytes(damaged))


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("example.Hello", Target("example/Hello", None)),
        ("example.Hello::handle", Target("example/Hello", "handle")),
        ("Hello::handle", Target("Hello", "handle")),
        ("a.b.Outer$Inner$1::x", Target("a/b/Outer$Inner$1", "x")),
        ("a.B::handle-1a2b3c", Target("a/B", "handle-1a2b3c")),
        ("a::b::c", None),
        ("src/index.handler", None),
        ("app.Hello::", None),
        ("::x", None),
        ("", None),
        ("Function::Namespace.Class::Method", None),
    ],
)
def test_handler_strings(handler: str, expected: Target | None) -> None:
    assert target(handler) == expected


def write(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        for name, data in members.items():
            jar.writestr(name, data)
    return path


def test_the_task_root_comes_first_and_then_jars_by_name(tmp_path: Path) -> None:
    name = "example/Hello.class"
    write(tmp_path / "lib" / "b.jar", {name: HELLO})
    write(tmp_path / "lib" / "a.jar", {name: HELLO})
    write(tmp_path / "lib" / "deeper" / "0.jar", {name: HELLO})
    write(tmp_path / "lib" / ".jar", {name: HELLO})
    with open_archive(tmp_path) as archive:
        assert Classpath(archive, "").place("example/Hello") == "lib/a.jar"
    (tmp_path / "example").mkdir()
    (tmp_path / name).write_bytes(HELLO)
    with open_archive(tmp_path) as archive:
        assert Classpath(archive, "").place("example/Hello") == name
        assert Classpath(archive, "").place("example/Missing") is None


def test_a_jar_that_is_none_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.jar").write_bytes(b"no jar")
    write(tmp_path / "lib" / "b.jar", {"example/Hello.class": HELLO})
    with open_archive(tmp_path) as archive:
        assert Classpath(archive, "").place("example/Hello") == "lib/b.jar"


def test_candidates_are_the_packages_own(tmp_path: Path) -> None:
    package = write(
        tmp_path / "function.jar",
        {"example/Hello.class": HELLO, "software/amazon/Hello.class": HELLO, "broken/Other.class": b"none"},
    )
    with open_archive(package) as archive:
        assert [one.handler for one in candidates(archive)] == ["example.Hello"]


@pytest.mark.parametrize("case", ["inherited-from-jar", "nested-class"])
def test_the_only_candidate_is_taken(case: str) -> None:
    with open_archive(FIXTURES / case / "in") as archive:
        found, _ = detect(archive, Request())
    assert (found.family, found.form) == ("java", "built")
    expected = {"inherited-from-jar": "example.Hello::handleRequest", "nested-class": "example.Outer$Inner"}
    assert [one.handler for one in found.functions] == [expected[case]]


def test_no_candidate() -> None:
    with open_archive(FIXTURES / "named-method" / "in") as archive, pytest.raises(DetectionError) as caught:
        detect(archive, Request())
    assert "Java" in caught.value.message or "candidates" in caught.value.message


def test_another_products_wrapper_is_refused(tmp_path: Path) -> None:
    (tmp_path / "example").mkdir()
    (tmp_path / "example" / "Hello.class").write_bytes(HELLO)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    with open_archive(tmp_path) as archive:
        found, _ = detect(archive, Request())
        assert [one.handler for one in found.functions] == ["example.Hello::handleRequest"]
        with pytest.raises(RewriteRefused, match=r"wrapper: com\.newrelic"):
            plan(archive, found, Agent(builtin("java"), "open"))


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: com.newrelic.java.HandlerWrapper::handleRequest
      Runtime: java21
      Environment:
        Variables:
          NEW_RELIC_LAMBDA_HANDLER: example.Hello::handleRequest
"""
