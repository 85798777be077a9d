"""The agent's `require_relative` in a Ruby file: where it has to stand, and whether it is there.

Also which of the package's own files a file loads, as far as it names them. Knows nothing of handlers.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from defender.archive import Archive
from defender.edits.source import Source, captures, query
from defender.edits.splice import Splice
from defender.errors import RewriteRefused
from defender.plan import Edit, Plan, Skipped
from defender.resources import template
from defender.runtimes.ruby.bindings import arguments, called, symbol
from defender.runtimes.ruby.handlers import is_file
from defender.runtimes.ruby.paths import name_of
from defender.runtimes.ruby.rebinding import refuse_own_names
from defender.runtimes.ruby.source import GRAMMAR, parse, preamble_end, scm, statements

if TYPE_CHECKING:
    from tree_sitter import Node

_SHIM = "twistlock/twistlock"


def required_first(path: str, data: bytes, task_root: str) -> bool:
    """Whether the agent is the first thing that the file does."""
    return _is_first(parse(path, data), task_root)


def require_first(path: str, data: bytes, task_root: str) -> Plan:
    """The edit that makes the agent the first thing that a file requires."""
    source = parse(path, data)
    rule = "ruby.require"
    refuse_own_names(source)
    if _is_first(source, task_root):
        return Plan(skipped=(Skipped(path, rule, "the agent is required first already"),))
    at = preamble_end(source)
    shim = posixpath.relpath(posixpath.join(task_root, _SHIM), posixpath.dirname(path) or ".")
    line = template("ruby", "require.rb.j2", shim=shim if shim.startswith("../") else f"./{shim}").encode()
    # A magic comment that is the whole file and has no line end: nothing else can stand behind it.
    text = (
        line + source.newline
        if not at or source.data[at - 1 : at] in (b"\n", b"\xbf")
        else source.newline + line
    )
    edit = Edit(
        path,
        rule,
        "the core has to be active before the file's own statements run",
        (Splice.insert(at, text),),
        partial(_prove_required, path, task_root),
    )
    return Plan(edits=(edit,))


def required(archive: Archive, source: Source, task_root: str) -> Iterator[tuple[Node, str]]:
    """The package's files that the file loads, or may load, as far as it names them.

    That is by `require_relative`, `require`, `load` and `autoload`, and by a pattern in `Dir[...]`.
    """
    found = captures(query(GRAMMAR, scm("requiring")), source.root)
    folders = [task_root, *_folders(source, found, task_root)]
    for call in found.get("call", []):
        given = arguments(call)
        name = name_of(source, given[-1]) if given else None
        if name is None:
            continue
        is_relative = called(source, call) == "require_relative"
        for folder in [posixpath.dirname(source.path)] if is_relative else folders:
            path = name.under(folder)
            path = path if path.endswith(".rb") else f"{path}.rb"
            if is_file(archive, path):
                yield call, path
    for node in found.get("pattern", []):
        pattern = name_of(source, node)
        if pattern is not None:
            yield from ((node, path) for path in _matching(archive, pattern.under(task_root)))


def computed(source: Source) -> Iterator[Node]:
    """Calls that load a file whose name shows only when the code runs."""
    for call in captures(query(GRAMMAR, scm("requiring")), source.root).get("call", []):
        given = arguments(call)
        if given and name_of(source, given[-1]) is None:
            yield call


def trees(source: Source, task_root: str) -> list[str]:
    """The folders in which a loader finds the file of a constant by its name."""
    found = captures(query(GRAMMAR, scm("requiring")), source.root).get("tree", [])
    names = [name_of(source, node) for node in found]
    return [name.under(task_root) for name in names if name is not None]


def _folders(source: Source, found: dict[str, list[Node]], task_root: str) -> list[str]:
    """What the file adds to the folders that `require` searches."""
    nodes = [
        *found.get("folder", []),
        *(one for given in found.get("folders", []) for one in statements(given)),
    ]
    names = [name_of(source, node) for node in nodes]
    return [name.under(task_root) for name in names if name is not None]


def _matching(archive: Archive, pattern: str) -> list[str]:
    """The package's Ruby files that a pattern of `Dir[...]` may mean; `**/` is any number of folders, or none."""
    parts = [re.escape(part) for part in re.split(r"\*\*/|\*|\?|\{.*?\}|\[.*?\]", pattern)]
    marks = re.findall(r"\*\*/|\*|\?|\{.*?\}|\[.*?\]", pattern)
    meant = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    text = parts[0] + "".join(
        meant.get(mark, ".*") + part for mark, part in zip(marks, parts[1:], strict=True)
    )
    return [path for path in archive.members if path.endswith(".rb") and re.fullmatch(text, path)]


def _is_first(source: Source, task_root: str) -> bool:
    first = statements(source.root)[:1]
    if not first or called(source, first[0]) != "require_relative":
        return False
    given = arguments(first[0])
    name = symbol(source, given[0]) if len(given) == 1 else None
    wanted = posixpath.normpath(posixpath.join(task_root, _SHIM))
    if name is None or first[0].child_by_field_name("receiver") is not None:
        return False
    found = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), name)).removesuffix(".rb")
    return found == wanted


def _prove_required(path: str, task_root: str, after: bytes) -> None:
    if not required_first(path, after, task_root):
        raise RewriteRefused("the agent would not be the first thing that the file requires", path=path)
