"""Which functions a Python package has, as far as Python's own files say; what templates say is test_iac_*'s part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from defender.bundle import Agent, builtin
from defender.detect import detect
from defender.errors import DetectionError, PackageError, RewriteRefused, UsageError
from defender.plan import file_changes
from defender.runtimes import python
from defender.runtimes.model import Request

AGENT = Agent(builtin("python"), "open")

Make = Callable[..., Any]
HANDLER = "def {}(event, context):\n    return event\n"


def candidates(archive: Any) -> list[str]:
    return [one.handler for one in python.candidates(archive)]


def test_functions_that_look_like_handlers(archive_of: Make) -> None:
    archive = archive_of(
        {
            "app.py": HANDLER.format("main") + "\n\ndef helper(value, context):\n    pass\n",
            "pkg/api.py": "async def run(_event: dict,\n    ctx,\n):\n    pass\n",
            "pkg/__init__.py": "def start(event_data, _): pass\n",
            "windows.py": "import os\r\n\r\ndef handle(evt, context):\r\n    pass\r\n",
        }
    )
    assert candidates(archive) == ["app.main", "pkg/api.run", "pkg.start", "windows.handle"]
    assert python.candidates(archive)[0].evidence == "app.py defines main(event, context)"


@pytest.mark.parametrize(
    "text",
    [
        "class A:\n    def handler(self, event, context): pass\n",
        "def outer():\n    def handler(event, context): pass\n",
        "def handler(event): pass\n",
        "# def handler(event, context)\n",
        "def handler(request, context): pass\n",
    ],
)
def test_functions_that_do_not(archive_of: Make, text: str) -> None:
    assert candidates(archive_of({"app.py": text})) == []


def test_other_peoples_files_do_not_count(archive_of: Make) -> None:
    handler = HANDLER.format("handler")
    archive = archive_of(
        {
            "library/core.py": handler,
            "single.py": handler,
            "library-1.0.dist-info/RECORD": "library/core.py,sha256=x,1\nsingle.py,,\n",
            "old.egg-info/top_level.txt": "older\n",
            "older/core.py": handler,
            "tests/test_app.py": handler,
            "venv/lib/app.py": handler,
            "twistlock/serverless.py": handler,
            "a/b/c/deep.py": handler,
            "own/app.py": handler,
        }
    )
    assert candidates(archive) == ["own/app.handler"]


def test_huge_files_are_not_read(archive_of: Make) -> None:
    archive = archive_of({"data.py": HANDLER.format("handler") + "#" * (1 << 20)})
    assert candidates(archive) == []
    assert archive.reads == []


def test_default_handler_before_candidates(archive_of: Make) -> None:
    archive = archive_of(
        {"lambda_function.py": HANDLER.format("lambda_handler"), "app.py": HANDLER.format("handler")}
    )
    found, _ = detect(archive, Request())
    assert [(one.handler, one.file) for one in found.functions] == [
        ("lambda_function.lambda_handler", "lambda_function.py")
    ]
    assert found.family == "python"
    assert any("default" in line for line in found.evidence)


def test_the_only_candidate(archive_of: Make) -> None:
    found, _ = detect(archive_of({"src/app.py": HANDLER.format("main")}), Request())
    assert [one.handler for one in found.functions] == ["src/app.main"]
    assert any("only candidate" in line for line in found.evidence)


def test_several_candidates_are_named(archive_of: Make) -> None:
    archive = archive_of({"a.py": HANDLER.format("one"), "b.py": HANDLER.format("two")})
    with pytest.raises(DetectionError, match=r"candidates: a\.one, b\.two") as caught:
        detect(archive, Request(runtime="python"))
    assert caught.value.exit_code == 4
    assert "--handler" in str(caught.value.hint)


def test_asked_for_handlers_alone_count(archive_of: Make) -> None:
    archive = archive_of({"a.py": HANDLER.format("one"), "b.py": HANDLER.format("two")})
    found, _ = detect(archive, Request(handlers=("b.two",), runtime="python3.12", names={None: "orders"}))
    assert [(one.handler, one.name, one.runtime) for one in found.functions] == [
        ("b.two", "orders", "python3.12")
    ]
    assert found.identifier == "python3.12"


def test_name_for_a_handler_that_is_not_there(archive_of: Make) -> None:
    archive = archive_of({"a.py": HANDLER.format("one")})
    with pytest.raises(UsageError, match="no function of the package has this handler"):
        detect(archive, Request(handlers=("a.one",), names={"a.two": "orders"}))


def test_empty_package(archive_of: Make) -> None:
    with pytest.raises(PackageError, match="holds no files"):
        detect(archive_of({}), Request())


def test_package_of_another_language(archive_of: Make) -> None:
    with pytest.raises(DetectionError, match=r"Java"):
        detect(archive_of({"src/App.java": "class App {}"}), Request())


@pytest.mark.parametrize(
    "template",
    [
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n"
        "      Runtime: python3.12\n      Handler: app.main\n      CodeUri: src/\n",
        "Globals:\n  Function:\n    Runtime: python3.12\n    CodeUri: src\n    Handler: app.main\n"
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n",
    ],
)
def test_a_template_names_handler_and_task_root(archive_of: Make, template: str) -> None:
    archive = archive_of(
        {"template.yaml": template, "src/app.py": HANDLER.format("main"), "app.py": HANDLER.format("other")}
    )
    found, _ = detect(archive, Request())
    assert [(one.handler, one.file, one.task_root, one.runtime) for one in found.functions] == [
        ("app.main", "src/app.py", "src", "python3.12")
    ]


class Editable:
    """A memory archive that may be edited."""

    def __init__(self, archive: Any) -> None:
        self.archive = archive

    def __getattr__(self, name: str) -> Any:
        return getattr(self.archive, name)

    def refuse_edit(self, name: str) -> None:
        return None


def protect(archive: Any, request: Request) -> tuple[Any, dict[str, bytes]]:
    found, _ = detect(archive, request)
    changes = file_changes(Editable(archive), python.plan(archive, found, AGENT))
    return found, {**archive.files, **{change.path: change.after for change in changes}}


def test_unprotected_until_embedded(archive_of: Make) -> None:
    files = {"pkg/__init__.py": "import os\n", "pkg/app.py": "import json\n" + HANDLER.format("handler")}
    archive = archive_of(files)
    found, after = protect(archive, Request(handlers=("pkg/app.handler",)))
    function = found.functions[0]
    assert python.unprotected(archive, function) == "pkg/app.py: handler is not wrapped"
    assert python.unprotected(archive_of(after), function) is None


@pytest.mark.parametrize(
    ("path", "ours", "complaint"),
    [
        ("pkg/app.py", b"@twistlock.serverless.handler\n", "pkg/app.py: handler is not wrapped"),
        ("pkg/__init__.py", b"import twistlock.serverless\n", "pkg/__init__.py: the agent is not the first"),
        ("pkg/app.py", b"import twistlock.serverless\n", "pkg/app.py: handler is not wrapped"),
    ],
)
def test_a_package_that_lost_an_insertion(archive_of: Make, path: str, ours: bytes, complaint: str) -> None:
    files = {"pkg/__init__.py": "import os\n", "pkg/app.py": "import json\n" + HANDLER.format("handler")}
    found, after = protect(archive_of(files), Request(handlers=("pkg/app.handler",)))
    assert after[path].count(ours) == 1
    after[path] = after[path].replace(ours, b"")
    assert str(python.unprotected(archive_of(after), found.functions[0])).startswith(complaint)


def test_statement_in_front_of_the_import_is_noticed(archive_of: Make) -> None:
    found, after = protect(
        archive_of({"app.py": HANDLER.format("handler")}), Request(handlers=("app.handler",))
    )
    after["app.py"] = b"import os\n" + after["app.py"]
    complaint = "app.py: the agent is not the first thing that is imported"
    assert python.unprotected(archive_of(after), found.functions[0]) == complaint


@pytest.mark.parametrize("version", ["python2.7", "python3.5"])
def test_runtimes_that_are_too_old(archive_of: Make, version: str) -> None:
    found, _ = detect(archive_of({"app.py": ""}), Request(handlers=("app.handler",), runtime=version))
    with pytest.raises(RewriteRefused, match=r"needs Python 3\.6 or newer"):
        python.plan(archive_of({"app.py": ""}), found, AGENT)
