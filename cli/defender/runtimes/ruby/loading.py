"""Which file of a Ruby package defines the handler's method: its own, or one that this loads.

Follows what the files name. Where code in them may change the method is `rebinding`'s business.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from defender.archive import Archive, Kind
from defender.edits.source import Source
from defender.errors import RewriteRefused
from defender.runtimes.model import Function
from defender.runtimes.ruby import requiring, wrapping
from defender.runtimes.ruby.bindings import Binding, bindings
from defender.runtimes.ruby.handlers import Target, is_file
from defender.runtimes.ruby.rebinding import refuse_rebinding_from_outside
from defender.runtimes.ruby.source import parse, refuse

if TYPE_CHECKING:
    from tree_sitter import Node

_MOST_FILES = 1000
# Folders that hold no code of the function's own.
_FOREIGN = frozenset({"vendor", "node_modules", "twistlock", "spec", "test", "tests"})


def defining_file(archive: Archive, function: Function, handler: Target) -> str:
    """The file that defines the method: the handler's own, else the only one that it loads.

    Raises RewriteRefused where a file that is loaded would define the method anew or change it, DetectionError
    where no file defines it.
    """
    own = parse(function.file, archive.read(function.file))
    found = bindings(own, handler)
    reached = _reached(archive, function, function.file)
    for path in reached:
        source = parse(path, archive.read(path))
        refuse_rebinding_from_outside(source, own, handler, bindings(source, handler))
    if found:
        _refuse_later(archive, function, own, handler, found)
        return function.file
    possible = [*reached, *_named_by_constant(archive, function, handler, reached)]
    defining = [path for path in possible if bindings(parse(path, archive.read(path)), handler)]
    if not defining:
        raise wrapping.missing(own, handler)
    if len(defining) > 1:
        raise RewriteRefused(
            f"{handler.label!r} is defined in several files that {function.file} loads: {', '.join(defining)}",
            path=defining[-1],
            hint="define it in the handler's own file",
        )
    for call in requiring.computed(own):
        _refuse_any(archive, function, own, handler, call, (function.file, defining[0]))
    return defining[0]


def _refuse_later(
    archive: Archive, function: Function, own: Source, handler: Target, found: list[Binding]
) -> None:
    """Raise RewriteRefused where a file that is loaded behind the definition defines the method anew, or may do so."""
    first = min(one.node.start_byte for one in found)
    hint = "load it before the definition, or take the handler out of it"
    for call, path in requiring.required(archive, own, function.task_root):
        others = [path, *_reached(archive, function, path)] if call.start_byte > first else []
        for other in (one for one in others if one != function.file):
            source = parse(other, archive.read(other))
            if bindings(source, handler):
                raise refuse(
                    own, call, f"{other}, which is loaded later, defines {handler.label!r} anew", hint
                )
            if any(requiring.computed(source)):
                _refuse_any(archive, function, own, handler, call, (function.file,))
    for call in requiring.computed(own):
        if call.start_byte > first:
            _refuse_any(archive, function, own, handler, call, (function.file,))


def _refuse_any(
    archive: Archive, function: Function, own: Source, handler: Target, call: Node, known: tuple[str, ...]
) -> None:
    """Raise RewriteRefused where any other file of the function defines the method: the call may load it."""
    for path in _own_files(archive, function.task_root):
        data = archive.read(path) if path not in known else b""
        if handler.method.encode() in data and bindings(parse(path, data), handler):
            why = f"{path}, which this may load, defines {handler.label!r} anew"
            raise refuse(own, call, why, "load files by literal names, or before the definition")


def _own_files(archive: Archive, task_root: str) -> Iterator[str]:
    prefix = f"{task_root}/" if task_root else ""
    for path, member in archive.members.items():
        folders = path.removeprefix(prefix).split("/")[:-1]
        is_ruby = path.startswith(prefix) and path.endswith(".rb") and member.kind is Kind.FILE
        if is_ruby and not _FOREIGN & set(folders):
            yield path


def _named_by_constant(
    archive: Archive, function: Function, handler: Target, reached: list[str]
) -> list[str]:
    """Where a loader that goes by a constant's name (Zeitwerk) finds the handler's: `Shop::Line` in shop/line.rb."""
    words = [
        re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", one).lower()
        for one in handler.constant
    ]
    sources = [parse(path, archive.read(path)) for path in (function.file, *reached)]
    folders = [folder for source in sources for folder in requiring.trees(source, function.task_root)]
    found = [posixpath.normpath(posixpath.join(folder, *words) + ".rb") for folder in folders if words]
    return [path for path in dict.fromkeys(found) if path not in reached and is_file(archive, path)]


def _reached(archive: Archive, function: Function, path: str) -> list[str]:
    """The package's files that a file loads, directly and through others, in no certain order."""
    reached: list[str] = []
    waiting = [path]
    while waiting and len(reached) < _MOST_FILES:
        current = waiting.pop(0)
        source = parse(current, archive.read(current))
        for _, other in requiring.required(archive, source, function.task_root):
            agents = posixpath.join(function.task_root, "twistlock") + "/"
            if other not in reached and other != path and not other.startswith(agents):
                reached.append(other)
                waiting.append(other)
    return reached
