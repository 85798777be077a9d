"""Folders of the input that infrastructure-as-code names, in posix form relative to the input."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from defender.archive.model import Kind, Member

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|arn:")


def resolve_path(folder: str, relative: str) -> str | None:
    """`relative` as seen from `folder`; None when it is absolute, remote or leaves the input."""
    relative = relative.replace("\\", "/")
    if _REMOTE.match(relative) or posixpath.isabs(relative) or "\0" in relative:
        return None
    path = posixpath.normpath(posixpath.join(folder, relative))
    if path == ".":
        return ""
    return None if path == ".." or path.startswith("../") else path


class Tree:
    """The input's files and folders; a ZIP names its folders only now and then, so they are derived."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self.files = frozenset(name for name, one in members.items() if one.kind is Kind.FILE)
        empty = (name for name, one in members.items() if one.kind is Kind.FOLDER)
        self.folders = frozenset((*_folders(self.files), *empty))

    def has_file(self, path: str) -> bool:
        """Whether the member is a file; symbolic links do not count."""
        return path in self.files

    def has_folder(self, path: str) -> bool:
        """Whether something lies in the folder; the input itself is always there."""
        return path in self.folders

    def folder_of_placeholder(self, path: str) -> str | None:
        """The folder of this name, spaces aside: cookiecutter's `{{ x }}` stands as `{{x}}` in a path."""
        wanted = path.replace(" ", "")
        return next((name for name in self.folders if name.replace(" ", "") == wanted), None)


def _folders(names: Iterable[str]) -> Iterator[str]:
    seen = {""}
    yield ""
    for name in names:
        folder = posixpath.dirname(name)
        while folder not in seen:
            seen.add(folder)
            yield folder
            folder = posixpath.dirname(folder)


def is_file(members: Mapping[str, Member], path: str) -> bool:
    """Whether the member is there and is a file, without looking at all others."""
    found = members.get(path)
    return found is not None and found.kind is Kind.FILE
