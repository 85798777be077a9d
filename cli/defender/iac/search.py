"""Which files of a package may be infrastructure-as-code, and their documents.

Names and a few marker bytes decide before anything is parsed: a deployment ZIP of thousands of
members must not cost more than its list of names.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_BYTES = 1 << 20
"""CloudFormation's own limit for a template."""
MAX_FILES = 500

_SKIPPED_FOLDERS = frozenset(
    {
        *("node_modules", ".aws-sam", ".serverless", ".git", "venv", ".venv", "virtualenv", ".tox"),
        *(".nox", "site-packages", "__pycache__", "cdk.out", ".terraform", "bower_components"),
        *(".mypy_cache", ".pytest_cache", ".hg", ".svn", ".idea", ".vscode", "twistlock"),
    }
)
_YAML = re.compile(r"[^/]*\.(ya?ml|template)", re.IGNORECASE)
_JSON = re.compile(r"([^/]*[-._])?(template|serverless|sam|cloudformation)\.json", re.IGNORECASE)
_SERVERLESS = re.compile(r"serverless([-._][^/]*)?\.(ya?ml|json)", re.IGNORECASE)
_PROGRAM = re.compile(r"(serverless\.(ts|[cm]?js)|cdk\.json)", re.IGNORECASE)
_FUNCTION_TYPES = (b"AWS::Serverless::Function", b"AWS::Lambda::Function")
_ENVIRONMENT_MARKS = ("pyvenv.cfg", ".dist-info/METADATA")
_ENDINGS = (
    *(".yaml", ".yml", ".template", "template.json", "serverless.json", "sam.json", "cloudformation.json"),
    *("samconfig.toml", "serverless.ts", "serverless.js", "serverless.cjs", "serverless.mjs", "cdk.json"),
    *(mark.lower() for mark in _ENVIRONMENT_MARKS),
)
# Bounded runs of blanks: a megabyte of them must not cost its square.
_KEY = rb"""(?:^(?:\xef\xbb\xbf)?|[{,])[ \t]{0,80}["']?(%s)["']?[ \t]{0,80}:"""
_SERVERLESS_MARKS = re.compile(_KEY % b"provider|functions|service", re.MULTILINE)
_TEMPLATE_MARKS = re.compile(_KEY % b"Resources|AWSTemplateFormatVersion", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Candidates:
    """File names worth a look: those nearest to the input's root first."""

    templates: tuple[str, ...]
    services: tuple[str, ...]
    programs: tuple[str, ...]
    configs: tuple[str, ...]
    left_out: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing can declare a function."""
        return not (self.templates or self.services or self.programs)


def likely(names: Iterable[str]) -> list[str]:
    """The names that `candidates` looks at: cheap, so that thousands of others need not be."""
    return [name for name in names if name.lower().endswith(_ENDINGS)]


def candidates(names: Iterable[str]) -> Candidates:
    """The candidates among all names, skipping folders of dependencies and of build results."""
    wanted = likely(names)
    skipped = _environments(name for name in wanted if name.endswith(_ENVIRONMENT_MARKS))
    found: dict[str, list[str]] = {"template": [], "service": [], "program": [], "config": []}
    for name in wanted:
        kind = _kind(posixpath.basename(name))
        if kind is not None and not _is_skipped(posixpath.dirname(name), skipped):
            found[kind].append(name)
    nearest = {kind: sorted(paths, key=_by_depth) for kind, paths in found.items()}
    left_out = sum(max(0, len(paths) - MAX_FILES) for paths in nearest.values())
    return Candidates(
        tuple(nearest["template"][:MAX_FILES]),
        tuple(_chosen_services(nearest["service"])[:MAX_FILES]),
        tuple(nearest["program"][:MAX_FILES]),
        tuple(nearest["config"][:MAX_FILES]),
        left_out,
    )


def _kind(name: str) -> str | None:
    if name == "samconfig.toml":
        return "config"
    if _SERVERLESS.fullmatch(name):
        return "service"
    if _PROGRAM.fullmatch(name):
        return "program"
    return "template" if _YAML.fullmatch(name) or _JSON.fullmatch(name) else None


def _by_depth(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _environments(names: Iterable[str]) -> frozenset[str]:
    """Folders that hold a virtual environment, or packages that pip installed beside each other."""
    found = set()
    for name in names:
        folder, base = posixpath.split(name)
        if base == "pyvenv.cfg":
            found.add(folder)
        elif base == "METADATA" and folder.endswith(".dist-info"):
            found.add(posixpath.dirname(folder) + "/*")
    return frozenset(found)


def _is_skipped(folder: str, environments: frozenset[str]) -> bool:
    """Whether a folder is one that holds no source of the user's own."""
    while folder:
        parent, base = posixpath.split(folder)
        if base in _SKIPPED_FOLDERS or folder in environments or parent + "/*" in environments:
            return True
        folder = parent
    return False


def _chosen_services(names: Iterable[str]) -> list[str]:
    """Per folder the file that the framework picks; variants such as serverless.prod.yml only without it."""
    order = ("serverless.yml", "serverless.yaml", "serverless.json")
    folders: dict[str, list[str]] = {}
    for name in names:
        folders.setdefault(posixpath.dirname(name), []).append(name)
    chosen: list[str] = []
    for folder, paths in folders.items():
        usual = [posixpath.join(folder, base) for base in order]
        chosen += next(([path] for path in usual if path in paths), paths)
    return chosen


def has_functions(data: bytes) -> bool:
    """Whether a file's bytes hold a function's resource type."""
    return any(mark in data for mark in _FUNCTION_TYPES)


def is_clearly_template(data: bytes) -> bool:
    """Whether a file is a template beyond doubt, even if it does not parse."""
    return has_functions(data) and _TEMPLATE_MARKS.search(data) is not None


def is_clearly_service(data: bytes) -> bool:
    """Whether a file has at least two of a service's top-level keys."""
    return len({found[1] for found in _SERVERLESS_MARKS.finditer(data)}) > 1
