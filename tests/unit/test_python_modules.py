"""Which file a handler names: our answer against the import system's own, and against awslambdaric's reading."""

from __future__ import annotations

import importlib.machinery
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from defender.archive import Archive, open_archive
from defender.errors import DetectionError, RewriteRefused
from defender.runtimes.python.modules import Module, compiled_beside, resolve, split_handler

TAG = f"cpython-{sys.version_info[0]}{sys.version_info[1]}-x86_64-linux-gnu"
RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
ENDINGS = [
    ".py",
    ".pyc",
    ".so",
    ".abi3.so",
    f".{TAG}.so",
    ".cpython-27-x86_64-linux-gnu.so",
    ".pyd",
    ".pyw",
    ".txt",
    ".py/inner.txt",
]
STEMS = ["a", "a/__init__", "a/b", "a/b/__init__", "a/b/c", "b", "a-b", "a/x"]
NAMES = st.sampled_from([stem + ending for stem in STEMS for ending in ENDINGS] + ["a/data.txt", "a/b/data"])


def layout(folder: Path, names: Iterable[str]) -> None:
    for name in sorted(names):
        path = folder / name
        if path.parent.is_file() or path.is_dir() or any(parent.is_file() for parent in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def found_by_python(folder: Path, dotted: str) -> str | None:
    """The file that importlib would load, below `folder`; None for a namespace or nothing."""
    search = [str(folder)]
    *parents, last = dotted.split(".")
    for parent in parents:
        spec = importlib.machinery.PathFinder.find_spec(parent, search)
        if spec is None or spec.submodule_search_locations is None:
            return None
        search = list(spec.submodule_search_locations)
    spec = importlib.machinery.PathFinder.find_spec(last, search)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).relative_to(folder).as_posix()


@settings(max_examples=250, deadline=None)
@given(names=st.sets(NAMES, max_size=7), dotted=st.sampled_from(["a", "a.b", "a.b.c", "b", "a-b", "a.x"]))
@example(names={"a/__init__.py", "a.py"}, dotted="a")
@example(names={"a/b.py", "a.py"}, dotted="a.b")
@example(names={"a/b.py", "a/__init__.so"}, dotted="a.b")
@example(names={"a.py/inner.txt", "a.pyc"}, dotted="a")
def test_same_file_as_the_import_system(names: set[str], dotted: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        layout(folder, names)
        importlib.invalidate_caches()
        wanted = found_by_python(folder, dotted)
        # A package above the handler may be what can't be edited.
        above = [found_by_python(folder, dotted[: len(part)]) for part in ("a", "a.b")]
        with open_archive(folder) as archive:
            ours = answer(archive, f"{dotted}.handler")
    if isinstance(ours, RewriteRefused):
        assert ours.path in {wanted, *above}
        assert not str(ours.path).endswith(".py")
    else:
        assert (ours.path if ours else None) == wanted
        assert ours is None or ours.path.endswith(".py")


def answer(archive: Archive, handler: str) -> Module | RewriteRefused | None:
    try:
        return resolve(archive, "", handler, RUNTIME)
    except RewriteRefused as refused:
        return refused


@settings(max_examples=100, deadline=None)
@given(names=st.sets(st.sampled_from(["a/__init__.py", "a/b/__init__.py", "a/b/c.py", "a/b.py", "a.py"])))
def test_packages_are_those_that_run_first(names: set[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        layout(folder, names)
        importlib.invalidate_caches()
        expected = [found_by_python(folder, package) for package in ("a", "a.b")]
        with open_archive(folder) as archive:
            ours = resolve(archive, "", "a.b.c.handler", None)
    if ours is not None:
        assert list(ours.packages) == [package for package in expected if package]


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("app.handler", ("app", "handler")),
        ("pkg/app.handler", ("pkg.app", "handler")),
        ("pkg.sub/app.handler", ("pkg.sub.app", "handler")),
        ("get-orders/lambda-function.run", ("get-orders.lambda-function", "run")),
        ("app._private", ("app", "_private")),
        ("src.grüße.ä", ("src.grüße", "ä")),
    ],
)
def test_handler_strings(handler: str, expected: tuple[str, str]) -> None:
    assert split_handler(handler) == expected


@pytest.mark.parametrize(
    "handler", ["", "app", ".handler", "app.", "app.1st", "a..b.handler", "/app.handler", "app/.handler"]
)
def test_malformed_handler_strings(handler: str) -> None:
    with pytest.raises(DetectionError, match="is no Python handler") as caught:
        split_handler(handler)
    assert caught.value.hint


@pytest.mark.parametrize("module", ["sys", "time", "time/inner", "builtins"])
def test_modules_that_lambda_refuses(module: str) -> None:
    with pytest.raises(DetectionError, match="built-in module"):
        split_handler(f"{module}.handler")


def test_task_root_below_the_input(archive_of: Callable[..., Any]) -> None:
    archive = archive_of(
        {"services/orders/pkg/__init__.py": "", "services/orders/pkg/app.py": "", "pkg/app.py": ""}
    )
    expected = Module("services/orders/pkg/app.py", ("services/orders/pkg/__init__.py",), "pkg.app", "run")
    assert resolve(archive, "services/orders", "pkg/app.run", None) == expected


def test_unknown_runtime_takes_any_extension_for_one_that_loads(archive_of: Callable[..., Any]) -> None:
    archive = archive_of({"app.py": "", "app.cpython-39-x86_64-linux-gnu.so": ""})
    with pytest.raises(RewriteRefused):
        resolve(archive, "", "app.handler", None)
    with pytest.raises(RewriteRefused):
        resolve(archive, "", "app.handler", "python3.9")
    found = resolve(archive, "", "app.handler", "python3.12")
    assert found is not None
    assert found.path == "app.py"


def test_nothing_is_read(archive_of: Callable[..., Any]) -> None:
    archive = archive_of({"pkg/__init__.py": "", "pkg/app.py": "import os"})
    assert resolve(archive, "", "pkg.app.handler", None) is not None
    assert archive.reads == []


def test_bytecode_of_one_source_alone(archive_of: Callable[..., Any]) -> None:
    names = ["app.py", "__pycache__/app.cpython-311.pyc", "__pycache__/app.cpython-38.opt-2.pyc"]
    others = [
        "__pycache__/app2.cpython-311.pyc",
        "pkg/__pycache__/app.cpython-311.pyc",
        "__pycache__/app.txt",
    ]
    archive = archive_of(dict.fromkeys(names + others, ""))
    assert compiled_beside(archive, "app.py") == tuple(names[1:])
    assert compiled_beside(archive, "pkg/app.py") == (others[1],)
