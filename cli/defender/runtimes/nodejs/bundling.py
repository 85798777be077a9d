"""Whether a bundler builds what is deployed: then TypeScript is rewritten, and a file may mix kinds of modules.

Looks at a folder's configuration files and at the scripts in package.json; runs none. An archive is deployed as it is.
"""

from __future__ import annotations

import posixpath
import re

from defender.archive import Archive, Kind
from defender.runtimes.model import Function
from defender.runtimes.nodejs.modules import Module, package_json

_CONFIGURATION = re.compile(
    r"(?:webpack(?:\.\w+)?\.config(?:\.\w+)?|esbuild(?:\.config)?|rollup\.config|tsup\.config|tsdown\.config"
    r"|rolldown\.config|rspack\.config|vite\.config)\.[cm]?[jt]s|\.parcelrc|build\.config\.ts"
)
_COMMAND = re.compile(
    r"(?:^|[\s/&|;\"'])(?:esbuild|webpack|rollup|rolldown|rspack|tsup|tsdown|ncc\s+build|parcel\s+build|vite\s+build"
    r"|bun\s+build|nx\s+build|swc-pack|spack|(?:sls|serverless)\s+webpack)(?=$|[\s\"'])"
)
_OUTPUT = re.compile(r"(?:--?(?:outfile|o|out)[= ]|--output-filename[= ])\s*[\"']?([^\s\"']+)")
_OUTPUTS = frozenset(
    {"dist", "build", "out", "lib", "bundle", ".build", ".webpack", ".esbuild", ".aws-sam", "output"}
)
_CDK = re.compile(rb"\bNodejsFunction\b")
_LARGEST = 1 << 20


def bundler(archive: Archive, module: Module, function: Function) -> str | None:
    """What makes another file out of the handler's before it is deployed; None where nothing is seen to."""
    if not archive.is_folder or _OUTPUTS & set(posixpath.dirname(module.path).split("/")):
        return None
    if function.build_method not in (
        None,
        "makefile",
        f"nodejs{(function.runtime or '').removeprefix('nodejs')}",
    ):
        return function.build_method
    return _own_bundler(archive, module)


def _own_bundler(archive: Archive, module: Module) -> str | None:
    """The configuration file, or the script, that has the project bundled."""
    for folder in _above(module.path):
        for name in archive.members:
            if posixpath.dirname(name) == folder and _CONFIGURATION.fullmatch(posixpath.basename(name)):
                return name
        path = posixpath.join(folder, "package.json")
        scripts = package_json(archive, path).get("scripts")
        for name, command in scripts.items() if isinstance(scripts, dict) else ():
            if (
                isinstance(command, str)
                and _COMMAND.search(command)
                and not _is_output(command, folder, module.path)
            ):
                return f"{path}: {name}"
    return _construct(archive)


def _above(path: str) -> list[str]:
    """The folders that hold a file, the nearest first."""
    folders = [posixpath.dirname(path)]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
    return folders


def _is_output(command: str, folder: str, path: str) -> bool:
    """Whether the file is what the command writes."""
    written = {posixpath.normpath(posixpath.join(folder, name)) for name in _OUTPUT.findall(command)}
    return path in written or posixpath.dirname(path) in written


def _construct(archive: Archive) -> str | None:
    """A CDK program that has esbuild bundle its functions."""
    if not any(posixpath.basename(name) == "cdk.json" for name in archive.members):
        return None
    for name, member in archive.members.items():
        is_program = name.endswith((".ts", ".js", ".mts", ".mjs")) and "node_modules" not in name.split("/")
        if (
            is_program
            and member.kind is Kind.FILE
            and member.size <= _LARGEST
            and _CDK.search(archive.read(name))
        ):
            return f"NodejsFunction in {name}"
    return None
