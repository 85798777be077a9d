"""Folders of the input that infrastructure-as-code names, in posix form relative to the input."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

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

    def __init__(self, names: Iterable[str]) -> None:
        self.files = frozenset(names)
        self.folders = frozenset(_folders(self.files))

    def has_file(self, path: str) -> bool:
        """Whether a member has this name and is not known to hold others."""
        return path in self.files and path not in self.folders

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
