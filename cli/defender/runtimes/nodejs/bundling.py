"""Sources that the project's own bundler builds: the bundle would hold the agent's code, and lack its native library.

Looks at a folder's configuration files and at the scripts in package.json; runs none. An archive is deployed as it is.
"""

from __future__ import annotations

import posixpath
import re

from defender.archive import Archive, Kind
from defender.errors import RewriteRefused
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


def refuse(archive: Archive, module: Module) -> None:
    """Raise RewriteRefused where a bundler makes what is deployed out of the handler's file."""
    if not archive.is_folder or _OUTPUTS & set(posixpath.dirname(module.path).split("/")):
        return
    found = _bundler(archive, module)
    if found is not None:
        path, what = found
        raise RewriteRefused(
            f"{what} builds the function from {module.path}, and would leave the agent's native library out",
            path=path,
            hint="embed what the bundler made: the built folder or the deployment package",
        )


def _bundler(archive: Archive, module: Module) -> tuple[str, str] | None:
    """The file that says so, and what it says."""
    for folder in _above(module.path):
        for name in archive.members:
            if posixpath.dirname(name) == folder and _CONFIGURATION.fullmatch(posixpath.basename(name)):
                return name, posixpath.basename(name)
        path = posixpath.join(folder, "package.json")
        scripts = package_json(archive, path).get("scripts")
        for name, command in scripts.items() if isinstance(scripts, dict) else ():
            if (
                isinstance(command, str)
                and _COMMAND.search(command)
                and not _is_output(command, folder, module.path)
            ):
                return path, f"the script {name!r}"
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


def _construct(archive: Archive) -> tuple[str, str] | None:
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
            return name, "the construct NodejsFunction"
    return None
