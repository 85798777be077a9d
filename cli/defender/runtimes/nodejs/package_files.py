"""The list `files` in package.json, which says what npm packs: the agent's folder has to be in it."""

from __future__ import annotations

import posixpath
import re
from functools import partial

import msgspec

from defender.archive import Archive
from defender.edits.source import UTF8_BOM, Source, walk
from defender.edits.splice import Splice
from defender.errors import RewriteRefused
from defender.plan import Edit, Plan
from defender.runtimes.nodejs.modules import package_json
from defender.runtimes.nodejs.source import JAVASCRIPT

_FOLDER = "twistlock"
_HOLDS_ALL = frozenset(
    {"", ".", "*", "**", "**/*", _FOLDER, f"{_FOLDER}/*", f"{_FOLDER}/**", f"{_FOLDER}/**/*"}
)


def include_agent(archive: Archive, task_root: str) -> Plan:
    """The edit of the task root's package.json, where it has a list that would leave the agent out.

    Raises RewriteRefused for a list that can't be extended.
    """
    path = posixpath.join(task_root, "package.json")
    listed = package_json(archive, path).get("files")
    if not isinstance(listed, list) or any(_holds_agent(one) for one in listed):
        return Plan()
    data = archive.read(path)
    why = "npm packs what the list names, and the agent is not in it"
    splice = _insertion(path, data)
    return Plan(edits=(Edit(path, "nodejs.package-files", why, (splice,), partial(_prove, path, data)),))


def _holds_agent(pattern: object) -> bool:
    text = pattern if isinstance(pattern, str) else "!"
    return re.sub(r"^(?:\./|/)+", "", text).rstrip("/") in _HOLDS_ALL


def _insertion(path: str, data: bytes) -> Splice:
    """One more item behind the last, on a line of its own where the others have theirs."""
    body = b"   " + data[3:] if data.startswith(UTF8_BOM) else data
    # A parenthesis on each side makes an expression of it.
    source = Source(path, data, b"(" + body + b")", JAVASCRIPT)
    for pair in walk(source.root, lambda node: node.type != "array"):
        key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
        depth = pair.parent.parent if pair.parent is not None else None
        if pair.type != "pair" or key is None or value is None or value.type != "array":
            continue
        if key.text != b'"files"' or depth is None or depth.type != "parenthesized_expression":
            continue
        items = value.named_children
        if not items:
            return Splice.insert(value.start_byte, f'"{_FOLDER}"'.encode())
        start, end = items[-1].start_byte - 1, items[-1].end_byte - 1
        before = data[data.rfind(b"\n", 0, start) + 1 : start]
        newline = b"\r\n" if b"\r\n" in data else b"\n"
        gap = newline + before if not before.strip() else b" "
        return Splice.insert(end, b"," + gap + f'"{_FOLDER}"'.encode())
    raise RewriteRefused("the list of files can't be found", path=path, hint=f'add "{_FOLDER}" to it')


def _prove(path: str, before: bytes, after: bytes) -> None:
    old, new = (_decoded(data) for data in (before, after))
    listed = old["files"]
    expected = {**old, "files": [*listed, _FOLDER]} if isinstance(listed, list) else None
    if new != expected or list(new) != list(old):
        raise RewriteRefused("the list of files would not be the old one and the agent", path=path)


def _decoded(data: bytes) -> dict[str, object]:
    return msgspec.json.decode(data.removeprefix(UTF8_BOM), type=dict[str, object])
