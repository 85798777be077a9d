"""tsconfig.json as the TypeScript compiler reads it: comments, `extends`, paths, which files it takes.

Only what can be read from the project's own files counts; what can't is refused, never guessed.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from defender.archive import Archive, Kind
from defender.errors import RewriteRefused

_NOT_JSON = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*[\s\S]*?\*/')
_LAST_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
_PATHS = ("outdir", "rootdir", "declarationdir")
_LISTS = ("files", "include", "exclude")
_NEVER = ("node_modules", "bower_components", "jspm_packages")
_DEEPEST = 10


@dataclass(frozen=True)
class Project:
    """A tsconfig.json with all that it extends.

    `options` are the compiler's, their names in lower case, folders as paths in the archive. `lists` are
    `files`, `include` and `exclude` as patterns of such paths.
    """

    path: str
    options: dict[str, Any]
    lists: dict[str, tuple[str, ...]]
    has_references: bool

    @property
    def folder(self) -> str:
        """The folder that paths are relative to."""
        return posixpath.dirname(self.path)

    def takes(self, path: str) -> bool:
        """Whether the compiler starts from this file, rather than from one that may import it."""
        if path in self.lists.get("files", ()):
            return True
        default = () if "files" in self.lists else (posixpath.join(self.folder, "**/*"),)
        excluded = self.lists.get("exclude")
        if excluded is None:
            built = (self.options.get("outdir"), self.options.get("declarationdir"))
            excluded = (
                *(f"**/{name}" for name in _NEVER),
                *(one for one in built if one and one != self.folder),
            )
        included = self.lists.get("include", default)
        is_included = any(_pattern(one, is_included=True).fullmatch(path) for one in included)
        return is_included and not any(_pattern(one).fullmatch(path) for one in excluded)


def read(archive: Archive, path: str) -> Project:
    """The project that a configuration file describes.

    Raises RewriteRefused for what can't be read, a base that the package does not hold among it.
    """
    return _read(archive, path, posixpath.dirname(path), 0)


def _read(archive: Archive, path: str, base: str, depth: int) -> Project:
    if depth > _DEEPEST:
        raise RewriteRefused("its `extends` never ends", path=path)
    content = _content(archive, path)
    options: dict[str, Any] = {}
    lists: dict[str, tuple[str, ...]] = {}
    extended = content.get("extends", [])
    for one in [extended] if isinstance(extended, str) else extended:
        below = _read(archive, _base(archive, path, one), base, depth + 1)
        options |= below.options
        lists |= below.lists
    folder = posixpath.dirname(path)
    for key, value in (content.get("compilerOptions") or {}).items():
        name = key.lower()
        options[name] = _joined(folder, value, base) if name in _PATHS and isinstance(value, str) else value
    for name in _LISTS:
        if isinstance(content.get(name), list):
            lists[name] = tuple(_joined(folder, str(one), base) for one in content[name])
    return Project(path, options, lists, bool(content.get("references")))


def _content(archive: Archive, path: str) -> dict[str, Any]:
    if not _is_file(archive, path):
        raise RewriteRefused("this configuration of the TypeScript compiler is missing", path=path)
    try:
        text = archive.read(path).decode("utf-8-sig")
        for pattern in (_NOT_JSON, _LAST_COMMA):
            text = pattern.sub(lambda match: match[1] or "", text)
        return msgspec.json.decode(text.encode() or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RewriteRefused(f"this configuration can't be read: {error}", path=path) from error


def _base(archive: Archive, path: str, name: object) -> str:
    """The file that `extends` names."""
    text, folder = str(name), posixpath.dirname(path)
    if text.startswith(("./", "../")) or text in (".", ".."):
        found = posixpath.normpath(posixpath.join(folder, text))
        return found if found.endswith(".json") or _is_file(archive, found) else f"{found}.json"
    while True:
        package = posixpath.join(folder, "node_modules", text)
        for candidate in (package, f"{package}.json", f"{package}/tsconfig.json"):
            if _is_file(archive, candidate):
                return candidate
        if not folder:
            raise RewriteRefused(
                f"it extends {text}, which is not in the package",
                path=path,
                hint="install the project's packages first",
            )
        folder = posixpath.dirname(folder)


def _joined(folder: str, value: str, base: str) -> str:
    if value.startswith("${configDir}"):
        folder, value = base, value.removeprefix("${configDir}").lstrip("/")
    found = posixpath.normpath(posixpath.join(folder, value))
    return "" if found == "." else found


def _pattern(glob: str, *, is_included: bool = False) -> re.Pattern[str]:
    """A pattern of tsconfig.json; a folder stands for all below it, but none that a wildcard includes."""
    wildcards = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = [wildcards.get(piece, re.escape(piece)) for piece in re.split(r"(\*\*/|\*\*|\*|\?)", glob)]
    below = "" if is_included and set(glob.rpartition("/")[2]) & set("*?") else "(?:/.*)?"
    return re.compile("".join(parts) + below if glob else ".*")


def _is_file(archive: Archive, name: str) -> bool:
    member = archive.members.get(name)
    return member is not None and member.kind is Kind.FILE
