"""The compiler runs of a package.json's scripts: by which configuration `tsc` writes files, if that can be seen."""

from __future__ import annotations

import posixpath
import re
import shlex

from defender.archive import Archive
from defender.errors import RewriteRefused
from defender.runtimes.nodejs.modules import package_json

_SEPARATORS = re.compile(r"&&|\|\||[;|&\n]")
_WORD = re.compile(r"(?:^|[\s\"'(=])(?:\S*/)?tsc(?=$|[\s\"')])")
_RUNNERS = ("npx", "yarn", "pnpm", "exec", "run", "--no-install", "cross-env")
_WITHOUT_EFFECT = frozenset(
    {"-b", "--build", "-w", "--watch", "--pretty", "--incremental", "--preserveWatchOutput"}
)
_NO_OUTPUT = frozenset({"--noEmit", "--noemit", "--version", "-v", "--showConfig", "--init"})
# What else makes JavaScript of TypeScript, or rewrites the compiler's modules.
_OTHERS = frozenset({"swc", "babel", "ttsc", "tspc", "nest", "bun", "sucrase", "tsgo", "ts-patch", "sst"})
_PACKAGES = frozenset(
    {
        "serverless-plugin-typescript",
        "serverless-esbuild",
        "serverless-webpack",
        "serverless-bundle",
        "sst",
        "esbuild",
    }
    | {
        "webpack",
        "rollup",
        "rolldown",
        "tsup",
        "tsdown",
        "parcel",
        "vite",
        "@vercel/ncc",
        "@rspack/core",
        "@nestjs/cli",
    }
)


def configuration(archive: Archive, folder: str) -> str | None:
    """The configuration file by which the nearest package.json's scripts have `tsc` write; None for no such script.

    Raises RewriteRefused where the scripts do not settle it.
    """
    while True:
        path = posixpath.join(folder, "package.json")
        described = package_json(archive, path)
        scripts = described.get("scripts")
        commands = (
            [one for one in scripts.values() if isinstance(one, str)] if isinstance(scripts, dict) else []
        )
        found = {
            one
            for command in commands
            for piece in _SEPARATORS.split(command)
            if (one := _run(archive, path, piece)) is not None
        }
        if found:
            _refuse_others(path, described, commands)
            if len(found) > 1:
                raise _refusal(path, "its scripts run tsc by several configurations")
            return found.pop()
        if not folder:
            return None
        folder = posixpath.dirname(folder)


def _run(archive: Archive, path: str, piece: str) -> str | None:
    """The configuration of one command, where that is a run of tsc which writes files."""
    if not _WORD.search(piece):
        return None
    try:
        words = shlex.split(piece)
    except ValueError:
        words = piece.split()
    if _NO_OUTPUT & set(words):
        return None
    while words and (words[0] in _RUNNERS or re.match(r"\w+=", words[0])):
        words.pop(0)
    if not words or posixpath.basename(words[0]) != "tsc":
        raise _refusal(path, f"what the script {piece.strip()!r} compiles can't be told")
    config, rest = None, words[1:]
    while rest:
        word = rest.pop(0)
        if word in ("-p", "--project") and rest:
            config = rest.pop(0)
        elif word.startswith("--project="):
            config = word.partition("=")[2]
        elif word not in _WITHOUT_EFFECT and word not in ("true", "false"):
            raise _refusal(path, f"tsc is run with {word!r}")
    return _file(archive, path, config)


def _file(archive: Archive, path: str, config: str | None) -> str:
    folder = posixpath.dirname(path)
    if config is not None:
        found = posixpath.normpath(posixpath.join(folder, config))
        return (
            found
            if found.endswith(".json")
            else posixpath.join("" if found == "." else found, "tsconfig.json")
        )
    while posixpath.join(folder, "tsconfig.json") not in archive.members:
        if not folder:
            raise _refusal(path, "tsc is run, and there is no tsconfig.json")
        folder = posixpath.dirname(folder)
    return posixpath.join(folder, "tsconfig.json")


def _refuse_others(path: str, described: dict[str, object], commands: list[str]) -> None:
    for command in commands:
        for piece in _SEPARATORS.split(command):
            words = {posixpath.basename(word) for word in piece.split()}
            if words & _OTHERS:
                raise _refusal(path, f"{min(words & _OTHERS)} builds it too")
    for kind in ("dependencies", "devDependencies"):
        needed = described.get(kind)
        names = _PACKAGES & set(needed) if isinstance(needed, dict) else set()
        if names:
            raise _refusal(path, f"{min(names)} builds it too")


def _refusal(path: str, why: str) -> RewriteRefused:
    return RewriteRefused(
        f"the handler is TypeScript source, and {why}",
        path=path,
        hint="embed the built package: the output of tsc, or of a bundler",
    )
