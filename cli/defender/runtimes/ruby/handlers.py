"""What a Ruby handler string names, and which file the platform loads for it, within one task root.

Follows the public runtime interface client: `file.method` or `file.Module::Class.method`, loaded by `require` with
the task root first in `$LOAD_PATH`. Reads no file's content.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from defender.archive import Archive, Kind
from defender.errors import DetectionError

_METHOD = re.compile(r"[^\W\d]\w*[?!]?")
_CONSTANT = re.compile(r"(?:::)?[A-Z]\w*(?:::[A-Z]\w*)*")
# The client calls `file.method` on an object of its own, which answers these itself (lambda_handler.rb).
_CLIENTS_METHODS = frozenset({"call_handler", "handler_file_name", "handler_method_name", "initialize"})
# What the client has loaded before: `require` of the same name loads nothing any more.
_CLIENTS_FILES = frozenset(
    (
        "base64",
        "bigdecimal",
        "bundler",
        "bundler/setup",
        "cgi",
        "date",
        "delegate",
        "digest",
        "English",
        "erb",
        "etc",
        "fileutils",
        "forwardable",
        "io/wait",
        "json",
        "logger",
        "monitor",
        "net/http",
        "net/protocol",
        "openssl",
        "optparse",
        "ostruct",
        "pathname",
        "pp",
        "rbconfig",
        "resolv",
        "rubygems",
        "securerandom",
        "set",
        "shellwords",
        "singleton",
        "socket",
        "stringio",
        "strscan",
        "tempfile",
        "thread",
        "time",
        "timeout",
        "tmpdir",
        "tsort",
        "uri",
        "weakref",
        "yaml",
        "zlib",
        "aws_lambda_ric",
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """What the handler string names: a method, and the constant that it is called on; () is Lambda's own object."""

    file: str
    constant: tuple[str, ...]
    method: str

    @property
    def label(self) -> str:
        """The method as messages call it."""
        return ".".join(filter(None, ("::".join(self.constant), self.method)))


def target(handler: str) -> Target:
    """The parts of a handler string; raises DetectionError for one that the platform can't call."""
    parts = handler.split(".")
    file, method = parts[0], parts[-1]
    constant = parts[1] if len(parts) == 3 else ""
    if len(parts) not in (2, 3) or not file or not _METHOD.fullmatch(method):
        raise DetectionError(
            f"{handler!r} is no Ruby handler",
            hint="a handler is written file.method or file.Module::Class.method",
        )
    if len(parts) == 3 and not _CONSTANT.fullmatch(constant):
        raise DetectionError(
            f"{handler!r} is no Ruby handler: {constant!r} is no name of a class or module",
            hint="a handler is written file.method or file.Module::Class.method",
        )
    if file in _CLIENTS_FILES:
        raise DetectionError(
            f"{handler!r}: Ruby has loaded another file named {file!r} before",
            hint="rename the handler's file",
        )
    if not constant and method in _CLIENTS_METHODS:
        raise DetectionError(
            f"{handler!r}: Lambda's runtime client has a method of this name itself", hint="rename the method"
        )
    names = tuple(constant.removeprefix("::").split("::")) if constant else ()
    return Target(file, names, method)


def resolve(archive: Archive, task_root: str, handler: str) -> str | None:
    """The file that `require` finds for the handler, or None; raises DetectionError for a malformed handler."""
    path = posixpath.normpath(posixpath.join(task_root, target(handler).file + ".rb"))
    return path if is_file(archive, path) and not path.startswith("../") else None


def is_file(archive: Archive, path: str) -> bool:
    """Whether the archive holds a file or link of this name."""
    member = archive.members.get(path)
    return member is not None and member.kind is not Kind.FOLDER
