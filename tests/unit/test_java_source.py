"""Java sources that are not rewritten: why the redirecting class takes over, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from defender.archive import open_archive
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Plan, file_changes
from defender.runtimes.java.source import Redirected, Rewritten, rewrite, unprotected
from defender.runtimes.model import Function

RUNTIME = "import com.amazonaws.services.lambda.runtime.*;\n"
HANDLE = "public String handleRequest(String input, Context context) { return input; }"
APP = f"package a;\n{RUNTIME}public class App implements RequestHandler<String, String> {{ {HANDLE} }}\n"
EXTENDS = APP.replace("implements", "extends Base implements")
IMPLEMENTS = APP.replace("implements", "implements More,")


@dataclass(frozen=True)
class Project:
    folder: str = ""


def written(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in {"pom.xml": "<project/>", **files}.items():
        path = folder / (
            name if name.endswith(("xml", "gradle")) or "/" in name else f"src/main/java/a/{name}"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def outcome(folder: Path, files: dict[str, str | bytes], handler: str = "a.App") -> Rewritten | Redirected:
    with open_archive(written(folder, files)) as archive:
        return rewrite(archive, Project(), Function(handler, ""))


def body(members: str, head: str = "public class App", more: str = "") -> dict[str, str | bytes]:
    return {"App.java": f"package a;\n{RUNTIME}{more}{head} {{ {members} }}\n"}


REDIRECTED: dict[str, tuple[dict[str, str | bytes], str, str]] = {
    "class that is not there": ({"App.java": APP}, "a.Other", "a.Other is not in the project's Java sources"),
    "Kotlin": ({"App.kt": "class App"}, "a.App", "a.App is not in the project's Java sources"),
    "test code": ({"src/test/java/a/App.java": APP}, "a.App", "is not in the project's Java sources"),
    "another module's class": (
        {"inner/src/main/java/a/App.java": APP, "inner/pom.xml": ""},
        "a.App",
        "is not in",
    ),
    "class that is there twice": (
        {"App.java": APP, "src/main/other/a/App.java": APP},
        "a.App",
        "a.App is declared more than once",
    ),
    "base class from elsewhere": (
        {"App.java": EXTENDS.replace("extends Base", "extends org.other.Base")},
        "a.App",
        "App extends org.other.Base, which is not in the project's sources",
    ),
    "base class from who knows where": (
        {"App.java": EXTENDS},
        "a.App",
        "where Base comes from is not certain",
    ),
    "interface from elsewhere": (
        {"App.java": IMPLEMENTS.replace("More", "org.other.More")},
        "a.App",
        "org.other.More is not in the project's sources, and may have code that runs first",
    ),
    "constants of an interface": (
        {
            "App.java": IMPLEMENTS,
            "More.java": "package a; interface More { Object FIRST = new Object(); default void more() {} }",
        },
        "a.App",
        "the constants of More are made first",
    ),
    "constants of an interface above": (
        {
            "App.java": IMPLEMENTS,
            "More.java": "package a; interface More extends Most {}",
            "Most.java": "package a; interface Most { int A = a(); private void x() {} static int a() { return 1; } }",
        },
        "a.App",
        "the constants of Most are made first",
    ),
    "enum": (
        body("A, B; public static String run(String i) { return i; }", "public enum App"),
        "a.App::run",
        "App is an enum",
    ),
    "interface": (
        body("static String run(String i) { return i; }", "public interface App"),
        "a.App::run",
        "App is an interface",
    ),
    "abstract class": ({"App.java": APP.replace("class", "abstract class")}, "a.App", "App is abstract"),
    "inner class": (
        body(f"public class In implements RequestHandler<String, String> {{ {HANDLE} }}"),
        "a.App$In",
        "In is a non-static inner class",
    ),
    "Lombok's logger": (
        {"App.java": APP.replace("public", "@lombok.extern.slf4j.Slf4j public", 1)},
        "a.App",
        "@Slf4j of Lombok",
    ),
    "raw types": (
        body(
            "public Object handleRequest(Object i, Context c) { return i; }",
            "public class App implements RequestHandler",
        ),
        "a.App",
        "App does not say what it reads and answers",
    ),
    "raw base class": (
        {
            "App.java": f"package a;\n{RUNTIME}public class App extends Base {{}}",
            "Base.java": f"package a;\n{RUNTIME}class Base<T> implements RequestHandler<T, T>"
            " { public T handleRequest(T i, Context c) { return i; } }",
        },
        "a.App",
        "what T stands for is not said",
    ),
    "open type variable": (
        body(
            "public T handleRequest(T i, Context c) { return i; }",
            "public class App<T extends Number> implements RequestHandler<T, T>",
        ),
        "a.App",
        "what T stands for is not said",
    ),
    "type variable in another type": (
        {
            "App.java": f"package a;\n{RUNTIME}public class App extends Base<String> {{}}",
            "Base.java": f"package a;\n{RUNTIME}import java.util.List;\n"
            "class Base<T> implements RequestHandler<List<T>, T>"
            " { public T handleRequest(List<T> i, Context c) { return i.get(0); } }",
        },
        "a.App",
        "a type variable is part of another type",
    ),
    "class of one with type arguments": (
        {
            "App.java": "package a;\npublic class App extends b.Base {}",
            "src/main/java/b/Base.java": f"package b;\n{RUNTIME}"
            "public class Base implements RequestHandler<Box<String>.Item, String>"
            " { public String handleRequest(Box<String>.Item i, Context c) { return null; } }",
            "src/main/java/b/Box.java": "package b;\npublic class Box<T> { public class Item {} }",
        },
        "a.App",
        "the class belongs to one with type arguments",
    ),
    "generic interface": (
        {
            "App.java": f"package a;\n{RUNTIME}public class App implements Swapped<String, Integer>"
            " { public String handleRequest(Integer i, Context c) { return null; } }",
            "Swapped.java": f"package a;\n{RUNTIME}interface Swapped<O, I> extends RequestHandler<I, O> {{}}",
        },
        "a.App",
        "Swapped is generic",
    ),
    "type of another package that is not public": (
        {
            "App.java": "package a;\npublic class App extends b.Base {}",
            "src/main/java/b/Base.java": f"package b;\n{RUNTIME}"
            "public class Base implements RequestHandler<Event, String>"
            " { public String handleRequest(Event i, Context c) { return null; } }\nclass Event {}",
        },
        "a.App",
        "b.Event is not public",
    ),
    "overloads": (
        body("public String run(String i) { return i; } public String run(Integer i) { return null; }"),
        "a.App::run",
        "run is overloaded",
    ),
    "overload in the base class": (
        {
            "App.java": f"package a;\n{RUNTIME}public class App extends Base {{ public void run(String i) {{}} }}",
            "Base.java": "package a;\nclass Base { public void run(Object i) {} }",
        },
        "a.App::run",
        "run is overloaded",
    ),
    "type parameters of the method's own": (
        body("public <T> T run(T i) { return i; }"),
        "a.App::run",
        "run has type parameters of its own",
    ),
    "parameters that are not known": (
        body("public String run(Context c, String i) { return i; }"),
        "a.App::run",
        "run has parameters that the runtime does not know",
    ),
    "two parameters": (
        body("public String run(String i, String j) { return i; }"),
        "a.App::run",
        "does not know",
    ),
    "method of every object": (
        body("public String toString() { return null; }"),
        "a.App::toString",
        "every class has a method toString",
    ),
    "method of an annotation's making": (
        body("String name;", "@lombok.Data public class App"),
        "a.App::getName",
        "may be made by an annotation",
    ),
    "module": (
        {"App.java": APP, "src/main/java/module-info.java": "module a {}"},
        "a.App",
        "the project is a module",
    ),
    "without the core library": (
        {"App.java": "package a; public class App { public String run(String i) { return i; } }"},
        "a.App::run",
        "aws-lambda-java-core",
    ),
    "a Unicode escape": (
        {"App.java": APP + "// \\u000a class Hidden {}\n"},
        "a.App",
        "App.java:4: a Unicode escape",
    ),
    "an escape that ends a string": (
        {"App.java": APP + 'class B { String s = "\\u0022; }'},
        "a.App",
        "a Unicode escape",
    ),
    "unknown syntax": (
        {"App.java": APP + "class B { void m() { int = ; } }"},
        "a.App",
        "the parser does not know this syntax",
    ),
    "carriage returns": ({"App.java": APP + "// a\rclass B {}\n"}, "a.App", "carriage returns"),
    "UTF-16": ({"App.java": APP.encode("utf-16")}, "a.App", "is not in the project's"),
    "an encoding of several bytes": (
        {"App.java": APP.encode() + '// \u30bd"'.encode("shift-jis")},
        "a.App",
        "not UTF-8",
    ),
    "a name that hides the agent": (
        body(
            f"class Twistlock {{}} int com; {HANDLE}",
            "public class App implements RequestHandler<String, String>",
        ),
        "a.App",
        "something is called com",
    ),
    "a context that is another": (
        {
            "App.java": "package a;\nimport com.amazonaws.services.lambda.runtime.RequestHandler;\n"
            "public class App { public String run(String i, Context c) { return i; } }",
            "Context.java": "package a; public class Context {}",
        },
        "a.App::run",
        "run has parameters that the runtime does not know",
    ),
}


@pytest.mark.parametrize("name", REDIRECTED)
def test_redirected(name: str, tmp_path: Path) -> None:
    files, handler, reason = REDIRECTED[name]
    found = outcome(tmp_path, files, handler)
    assert isinstance(found, Redirected), found
    assert reason in found.reason


MISSING = {
    "no interface": (body("public String run(String i) { return i; }"), "a.App", "implements neither"),
    "no such method": (
        body("public String run(String i) { return i; }"),
        "a.App::walk",
        "no public method 'walk'",
    ),
    "hidden method": (body("String run(String i) { return i; }"), "a.App::run", "no public method 'run'"),
    "no handler": (body(""), "a-b", "names no Java handler"),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_lambda_could_not_call(name: str, tmp_path: Path) -> None:
    files, handler, reason = MISSING[name]
    with pytest.raises(DetectionError, match=reason):
        outcome(tmp_path, files, handler)


START = "static { Twistlock.start(); }"
CALL = "return Twistlock.Handler(this, request, context);"
BY_HAND = (
    "package a;\nimport com.amazonaws.services.lambda.runtime.*;\nimport com.twistlock.serverless.Twistlock;\n"
    f"public class App implements RequestHandler<String, String> {{ {START} {HANDLE}\n"
    f"public String protectedHandler(String request, Context context) {{ {CALL} }} }}\n"
)


@pytest.mark.parametrize("handler", ["a.App", "a.App::protectedHandler", "a.App::handleRequest"])
def test_by_hand(handler: str, tmp_path: Path) -> None:
    found = outcome(tmp_path, {"App.java": BY_HAND}, handler)
    assert isinstance(found, Rewritten)
    assert found.edits == ()
    assert found.handler == "a.App::protectedHandler"
    assert [one.reason for one in found.skipped] == ["a.App::protectedHandler is protected already"]


UNFIT = {
    "start later": (START, "static int first = 1; " + START),
    "no start": (START, ""),
    "another start": (START, "static { Twistlock.start(); new App(); }"),
    "start of an object": (START, "{ Twistlock.start(); }"),
    "no call": (CALL, "return handleRequest(request, context);"),
    "a call of another": (CALL, CALL.replace("this", "new App()")),
    "another event": (CALL, CALL.replace("request,", "null,")),
    "more than the call": (CALL, f"System.out.println(); {CALL}"),
    "another class": ("import com.twistlock.serverless.Twistlock", "import com.twistlock.Twistlock"),
    "not public": ("public String protected", "String protected"),
    "static call": ("public String protected", "public static String protected"),
    "an overload": (START, START + " public String protectedHandler(Context context) { return null; }"),
    "class of the same name": (START, START + " static class Twistlock { static void start() {} }"),
    "field of the same name": (START, START + " static final App Twistlock = null;"),
    "in a comment": (CALL, f"return null; // {CALL}\n"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_by_hand_and_not_as_it_has_to_be(name: str, tmp_path: Path) -> None:
    before, after = UNFIT[name]
    assert BY_HAND.count(before) == 1
    files: dict[str, str | bytes] = {"App.java": BY_HAND.replace(before, after)}
    with pytest.raises(RewriteRefused, match="the agent"):
        outcome(tmp_path, files)
    with open_archive(tmp_path) as archive:
        assert unprotected(archive, Project(), "a.App::protectedHandler") is not None


OTHER_AGENTS = {
    "src/main/java/com/twistlock/serverless/Twistlock.java": "package com.twistlock.serverless;",
    "src/main/java/a/Twistlock.java": "// an agent\n  package com . twistlock.serverless; class Twistlock {}",
    "src/main/kotlin/Twistlock.kt": "package com.twistlock.serverless\nobject Twistlock",
    "src/main/resources/com/twistlock/serverless/Twistlock.class": "",
    "other/src/main/resources/com/twistlock/serverless/settings.properties": "on_failure=open",
}


@pytest.mark.parametrize("path", OTHER_AGENTS)
def test_another_agent_in_the_project(path: str, tmp_path: Path) -> None:
    with pytest.raises(RewriteRefused, match="of its own where the agent's are"):
        outcome(tmp_path, {"App.java": APP, path: OTHER_AGENTS[path]})
    with open_archive(written(tmp_path, {"App.java": BY_HAND})) as archive:
        assert path in str(unprotected(archive, Project(), "a.App::protectedHandler"))


@pytest.mark.parametrize(
    "path",
    [
        "twistlock/com/twistlock/serverless/defender/1/defender-1.pom",
        "target/classes/com/twistlock/serverless/Twistlock.class",
        ".aws-sam/build/App/com/twistlock/serverless/Twistlock.class",
    ],
)
def test_the_agent_itself_is_no_other_one(path: str, tmp_path: Path) -> None:
    with open_archive(written(tmp_path, {"App.java": BY_HAND, path: ""})) as archive:
        assert unprotected(archive, Project(), "a.App::protectedHandler") is None


def test_byte_order_mark_stays_first(tmp_path: Path) -> None:
    text = "import com.amazonaws.services.lambda.runtime.*;\r\n" + APP.partition("\n")[2].partition("\n")[2]
    files: dict[str, str | bytes] = {"src/main/java/App.java": b"\xef\xbb\xbf" + text.encode()}
    found = outcome(tmp_path, files, "App")
    assert isinstance(found, Rewritten)
    with open_archive(tmp_path) as archive:
        (change,) = file_changes(archive, Plan(edits=found.edits))
    lines = change.after.split(b"\n")
    assert lines[0] == b"\xef\xbb\xbfimport com.amazonaws.services.lambda.runtime.*;\r"
    assert lines[1] == b"import com.twistlock.serverless.Twistlock;\r"


def test_a_native_method_is_a_method(tmp_path: Path) -> None:
    found = outcome(tmp_path, body("public native String run(String i);"), "a.App::run")
    assert isinstance(found, Rewritten)
    assert found.handler == "a.App::protectedRun"


def test_the_same_again(tmp_path: Path) -> None:
    with open_archive(written(tmp_path, {"App.java": APP})) as archive:
        both = [
            rewrite(archive, Project(), Function(handler, ""))
            for handler in ("a.App", "a.App::handleRequest")
        ]
    assert both[0] == both[1]
