"""Whether a bundler builds what is deployed: then TypeScript is rewritten, and a file may mix kinds of modules.

Looks at a folder's configuration files and at the scripts in package.json; runs none. An archive is deployed as it is.
"""

from __future__ import annotations

import posixpath
import re

from defender.archive import Archive, Kind
from defender.runtimes.model import Function
from defender.runtimes.nodejs.modules import Format, Module, package_json

_CONFIGURATION = re.compile(
    r"(?:webpack(?:\.\w+)?\.config(?:\.\w+)?|esbuild(?:\.config)?|rollup\.config|tsup\.config|tsdown\.config"
    r"|rolldown\.config|rspack\.config|vite\.config)\.[cm]?[jt]s|\.parcelrc|build\.config\.ts"
)
_COMMAND = re.compile(
    r"(?:^|[\s/&|;\"'(])(?:esbuild|webpack|rollup|rolldown|rspack|tsup|tsdown|ncc\s+build|parcel\s+build|vite\s+build"
    r"|bun\s+build|nx\s+build|swc-pack|spack)(?=$|[\s\"')])"
)
_SEPARATORS = re.compile(r"[;|&\n]+")
# With these before it, a bundler's name is an argument: a package to install, a folder to remove.
_MENTION = re.compile(
    r"(?:^|[\s/\"'])(?:rm|rimraf|del-cli|cp|mv|mkdir|cd|echo|cat|which|eslint|prettier|add|i|ci|install|link|ls|list"
    r"|outdated|prune|rebuild|remove|un|uninstall|up|update|upgrade|why)[\s\"']"
)
_OUTPUT = re.compile(
    r"(?:^|\s)(?:--?(?:outfile|outdir|out-dir|out|o|d|dir|dist-dir)|--output-(?:filename|path))[= ]\s*[\"']?([^\s\"']+)"
)
_OUTPUTS = frozenset(
    {"dist", "build", "out", "lib", "bundle", ".build", ".webpack", ".esbuild", ".aws-sam", "output"}
)
_CDK = re.compile(rb"\bNodejsFunction\b")
_LARGEST = 1 << 20


def bundler(archive: Archive, module: Module, function: Function) -> str | None:
    """What makes another file out of the handler's before it is deployed; None where nothing is seen to."""
    outputs = _OUTPUTS - {"lib"} if module.format is Format.TYPESCRIPT else _OUTPUTS
    if not archive.is_folder or outputs & set(posixpath.dirname(module.path).split("/")):
        return None
    method = function.build_method
    # SAM's other methods for Node.js install packages and copy files, whatever version they name.
    if method is not None and method != "makefile" and not method.startswith("nodejs"):
        return method
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
            if isinstance(command, str) and _calls(command) and not _is_output(command, folder, module):
                return f"{path}: {name}"
    return _construct(archive)


def _above(path: str) -> list[str]:
    """The folders that hold a file, the nearest first."""
    folders = [posixpath.dirname(path)]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
    return folders


def _calls(command: str) -> bool:
    """Whether a bundler's name stands where it is run."""
    for part in _SEPARATORS.split(command):
        found = _COMMAND.search(part)
        if found is not None and not _MENTION.search(part[: found.start() + 1]):
            return True
    return False


def _is_output(command: str, folder: str, module: Module) -> bool:
    """Whether the file is what the command writes, which is never TypeScript."""
    if module.format is Format.TYPESCRIPT:
        return False
    written = {posixpath.normpath(posixpath.join(folder, name)) for name in _OUTPUT.findall(command)}
    return module.path in written or (posixpath.dirname(module.path) or ".") in written


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
