"""Which file Lambda's Node.js runtime loads for a handler string, and as which kind of module.

Follows the runtime client (`UserFunction.js`): the file without ending by `require`, `.js` by `require` or
`import` as the nearest package.json says, then `.mjs`, then `.cjs`. Where none is there, TypeScript sources
of the name are taken: they are built before they are deployed. Reads package.json files and no others.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from defender.archive import Archive, Kind
from defender.errors import DetectionError, RewriteRefused

_HANDLER = re.compile(r"([^.]*)\.(.+)", re.DOTALL)
_SOURCES = (".ts", ".mts", ".cts", ".tsx", ".jsx")


class Format(StrEnum):
    """How Node.js loads a file."""

    COMMONJS = "CommonJS"
    ESM = "ES module"
    TYPESCRIPT = "TypeScript"


@dataclass(frozen=True, slots=True)
class Module:
    """The handler's file, how it is loaded, and the name of its export, dots and all."""

    path: str
    format: Format
    export: str
    task_root: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The export's name, and the names of properties that lead on from there."""
        return tuple(self.export.split("."))

    @property
    def hiding(self) -> tuple[str, ...]:
        """Files that `require` would find before the agent's folder."""
        return tuple(self._folder + ending for ending in (".js", ".json", ".node", ".ts"))

    def agent(self, file: str = "") -> str:
        """The agent as `require` or `import` finds it from this file."""
        folder = posixpath.join(self.task_root, "twistlock", file) if file else self._folder
        relative = posixpath.relpath(folder, posixpath.dirname(self.path) or ".")
        return relative if relative.startswith("../") else f"./{relative}"

    @property
    def _folder(self) -> str:
        return posixpath.join(self.task_root, "twistlock")


def split_handler(handler: str) -> tuple[str, str, str]:
    """Folder, file and export of a handler string; raises DetectionError when it has not all."""
    folder, _, name = handler.rpartition("/")
    match = _HANDLER.fullmatch(name)
    if not match or not match[1] or not all(match[2].split(".")) or ".." in handler:
        raise DetectionError(
            f"{handler!r} is no Node.js handler",
            hint="a handler is written file.export or folder/file.export",
        )
    return folder, match[1], match[2]


def resolve(archive: Archive, task_root: str, handler: str) -> Module | None:
    """The module that the platform will load, or None when the task root has none of that name.

    Raises DetectionError for a malformed handler.
    """
    folder, name, export = split_handler(handler)
    base = posixpath.normpath(posixpath.join(task_root, folder, name))
    found = _deployed(archive, base) or _source(archive, base)
    return None if found is None else Module(found[0], found[1], export, task_root)


def _deployed(archive: Archive, base: str) -> tuple[str, Format] | None:
    if _is_file(archive, base):
        return base, Format.COMMONJS
    if _is_folder(archive, base):
        # The client sees that the name exists and requires it: Node.js tries the endings before the folder.
        inside = f"{base}.js" if _is_file(archive, f"{base}.js") else _main(archive, base)
        if inside is not None:
            return inside, _format(archive, inside)
    is_module = is_type_module(archive, base)
    for ending, form in (
        (".js", Format.ESM if is_module else Format.COMMONJS),
        (".mjs", Format.ESM),
        (".cjs", Format.COMMONJS),
    ):
        if _is_file(archive, base + ending):
            return base + ending, form
    return None


def _source(archive: Archive, base: str) -> tuple[str, Format] | None:
    return next(
        ((base + ending, Format.TYPESCRIPT) for ending in _SOURCES if _is_file(archive, base + ending)), None
    )


def _main(archive: Archive, folder: str) -> str | None:
    """What `require` loads of a folder: the package's main file, else its index.js."""
    described = package_json(archive, posixpath.join(folder, "package.json"))
    main = described.get("main")
    names = [main, f"{main}.js", f"{main}/index.js"] if isinstance(main, str) and main else []
    for name in (*names, "index.js"):
        path = posixpath.normpath(posixpath.join(folder, name))
        if _is_file(archive, path):
            return path
    return None


def _format(archive: Archive, path: str) -> Format:
    if path.endswith(".mjs"):
        return Format.ESM
    return Format.ESM if path.endswith(".js") and is_type_module(archive, path) else Format.COMMONJS


def is_type_module(archive: Archive, path: str) -> bool:
    """Whether the nearest package.json above a path says `"type": "module"`."""
    folder = posixpath.dirname(path)
    while True:
        if posixpath.basename(folder) == "node_modules":
            return False
        described = posixpath.join(folder, "package.json")
        if _is_file(archive, described):
            return package_json(archive, described).get("type") == "module"
        if not folder:
            return False
        folder = posixpath.dirname(folder)


def package_json(archive: Archive, path: str) -> dict[str, object]:
    """A package.json's content; an empty one where the file is missing.

    Raises RewriteRefused for a file that is no JSON object.
    """
    if not _is_file(archive, path):
        return {}
    data = archive.read(path)
    try:
        return msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RewriteRefused(f"this package.json can't be read: {error}", path=path) from error


def _is_file(archive: Archive, name: str) -> bool:
    member = archive.members.get(name)
    return member is not None and member.kind is not Kind.FOLDER


def _is_folder(archive: Archive, folder: str) -> bool:
    return any(member.startswith(folder + "/") for member in archive.members)
