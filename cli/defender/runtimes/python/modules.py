"""Which file Python's import system picks for a handler string, within one task root.

Follows `importlib.machinery.FileFinder`: a package folder before an extension module before `.py`
before `.pyc`, and `awslambdaric.bootstrap._get_handler` for the string itself. Reads no file's content.
"""

from __future__ import annotations

import posixpath
import re
import sys
from dataclasses import dataclass

from defender.archive import Archive, Kind
from defender.errors import DetectionError, RewriteRefused

_EXTENSION = re.compile(r"\.(?:(?P<tag>cpython-(?P<version>\d+)[^.]*|abi3)\.)?so$")


@dataclass(frozen=True, slots=True)
class Module:
    """The handler's file, the `__init__.py` files that run before it, outermost first, and its name."""

    path: str
    packages: tuple[str, ...]
    dotted: str
    function: str


def split_handler(handler: str) -> tuple[str, str]:
    """Dotted module and attribute of a handler string; raises DetectionError when it has not both."""
    module, dot, function = handler.rpartition(".")
    dotted = module.replace("/", ".")
    if not dot or not function.isidentifier() or not all(dotted.split(".")):
        raise DetectionError(
            f"{handler!r} is no Python handler",
            hint="a handler is written file.function or folder/file.function",
        )
    if dotted.partition(".")[0] in sys.builtin_module_names:
        raise DetectionError(f"{handler!r}: Lambda refuses the name of a built-in module")
    return dotted, function


def resolve(archive: Archive, task_root: str, handler: str, runtime: str | None) -> Module | None:
    """The module that the platform will load, or None when the task root has none of that name.

    `runtime` is the platform's identifier, such as python3.12, as far as known. Raises DetectionError
    for a malformed handler; RewriteRefused where what gets loaded is no source that can be edited.
    """
    dotted, function = split_handler(handler)
    folder = task_root
    packages: list[str] = []
    *parents, last = dotted.split(".")
    for parent in parents:
        found = _find(archive, folder, parent, runtime)
        folder = posixpath.join(folder, parent)
        if found == posixpath.join(folder, "__init__.py"):
            packages.append(found)
        elif found is not None or not _is_folder(archive, folder):
            return None
    path = _find(archive, folder, last, runtime)
    return None if path is None else Module(path, tuple(packages), dotted, function)


def compiled_beside(archive: Archive, path: str) -> tuple[str, ...]:
    """Cached bytecode of a source file: an unchecked one would be loaded instead of the edited file."""
    folder, name = posixpath.split(path)
    prefix = posixpath.join(folder, "__pycache__", name.removesuffix(".py") + ".")
    return tuple(
        member for member in archive.members if member.startswith(prefix) and member.endswith(".pyc")
    )


def _find(archive: Archive, folder: str, name: str, runtime: str | None) -> str | None:
    """The file of module or package `name` in `folder`; refuses what is no source."""
    base = posixpath.join(folder, name)
    for stem in (f"{base}/__init__", base):
        extensions = [
            member
            for member in archive.members
            if member.startswith(stem + ".")
            and _loads(member[len(stem) :], runtime)
            and _is_file(archive, member)
        ]
        if extensions:
            raise RewriteRefused(
                "Python loads this compiled module for the handler, not a source file",
                path=min(extensions, key=lambda name: (".cpython-" not in name, ".abi3." not in name)),
                hint="embed the package before it is compiled",
            )
        if _is_file(archive, f"{stem}.py"):
            return f"{stem}.py"
        if _is_file(archive, f"{stem}.pyc"):
            raise RewriteRefused(
                "the handler's module is there as bytecode only",
                path=f"{stem}.pyc",
                hint="embed the package with its sources",
            )
    return None


def _loads(suffix: str, runtime: str | None) -> bool:
    """Whether that Python loads an extension module of this suffix."""
    match = _EXTENSION.fullmatch(suffix)
    if not match:
        return False
    wanted = re.fullmatch(r"python(\d+)\.(\d+)", runtime or "")
    return not (match["version"] and wanted) or match["version"] == "".join(wanted.groups())


def _is_file(archive: Archive, name: str) -> bool:
    member = archive.members.get(name)
    return member is not None and member.kind is not Kind.FOLDER


def _is_folder(archive: Archive, folder: str) -> bool:
    return any(member.startswith(folder + "/") for member in archive.members)
