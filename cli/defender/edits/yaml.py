"""YAML and JSON documents as trees whose nodes know where they stand in the file.

ruamel.yaml finds the places; it never writes a user's file. Scalars stay text: what `yes` or `0x10`
mean is up to the reader of the document. `edits/yaml_insert.py` makes the insertions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from defender.errors import DetectionError

NULL = frozenset({"", "~", "null", "Null", "NULL"})
_MAX_DEPTH = 100
_MAX_EXPANSION = 20
_ALWAYS_ALLOWED = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single value as text; `quoted` text is never null or a boolean.

    `start` and `end` are offsets into `Document.text`, `line` counts from 1, `tag` is an explicit
    tag such as `!Ref`, else "". The same holds for the other two kinds of node.
    """

    text: str
    start: int
    end: int
    line: int
    tag: str = ""
    quoted: bool = False
    block: bool = False

    @property
    def is_null(self) -> bool:
        """Whether this is the absence of a value."""
        return not self.quoted and not self.tag and self.text in NULL


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """Keys and values in the file's order; merge keys (`<<`) are entries like all others."""

    entries: tuple[tuple[Node, Node], ...]
    start: int
    end: int
    line: int
    tag: str = ""
    flow: bool = False

    def scalars(self) -> Iterator[tuple[Scalar, Node]]:
        """The entries whose keys are scalars."""
        return ((key, value) for key, value in self.entries if isinstance(key, Scalar))


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    start: int
    end: int
    line: int
    tag: str = ""
    flow: bool = False


Node: TypeAlias = Scalar | Mapping | Sequence


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A parsed file. `shared` holds the ids of nodes that aliases make part of several places."""

    path: str
    data: bytes
    text: str
    root: Node | None
    shared: frozenset[int]
    bom: bool = False

    def byte_offset(self, at: int) -> int:
        """The byte in the file where the character `at` of `text` begins."""
        return len(self.text[:at].encode()) + (3 if self.bom else 0)


def parse(data: bytes, path: str, *, text: str | None = None) -> Document:
    """The document in `data`; `text`, of the same length as the decoded data, is parsed in its place.

    Raises DetectionError with the line for what is no single YAML document in UTF-8, for a
    structure that is nested too deeply or refers to itself, and for aliases that expand beyond all
    measure.
    """
    bom = data.startswith(b"\xef\xbb\xbf")
    try:
        original = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DetectionError("the file is not UTF-8", path=path, line=line) from error
    source = original if text is None else text
    converter = _Converter(path)
    composed = _compose(source, path)
    root = None if composed is None else converter.node(composed, 0)
    if root is not None:
        _refuse_bomb(root, path)
    return Document(path, data, original, root, frozenset(converter.shared), bom)


def _compose(text: str, path: str) -> Any:
    # Pure Python costs some 30 ms to import, and most packages hold no YAML.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _MAX_DEPTH
    yaml.composer.warn_double_anchors = False
    try:
        return yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        message = ", ".join(part for part in (error.context, error.problem) if part)
        raise DetectionError(f"invalid YAML: {message}", path=path, line=line) from error
    except RecursionError as error:
        raise DetectionError("invalid YAML: nested too deeply", path=path) from error
    # ruamel's scanner lets these out on malformed escapes, directives and tags.
    except (YAMLError, ValueError, TypeError, AttributeError, LookupError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DetectionError(f"invalid YAML: {reason}", path=path) from error


class _Converter:
    """Turns ruamel's nodes into ours, each once, so that aliases stay shared."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.shared: set[int] = set()
        self._done: dict[int, Node] = {}
        self._open: set[int] = set()

    def node(self, composed: Any, depth: int) -> Node:
        known = self._done.get(id(composed))
        if known is not None:
            self.shared.add(id(known))
            return known
        line = composed.start_mark.line + 1
        if depth > _MAX_DEPTH or id(composed) in self._open:
            raise DetectionError("invalid YAML: nested without end", path=self.path, line=line)
        self._open.add(id(composed))
        made = self._made(composed, line, depth + 1)
        self._open.discard(id(composed))
        self._done[id(composed)] = made
        return made

    def _made(self, composed: Any, line: int, depth: int) -> Node:
        start, end = composed.start_mark.index, composed.end_mark.index
        tag = str(composed.tag or "")
        tag = "" if tag.startswith("tag:yaml.org,2002:") else tag
        if composed.id == "scalar":
            quoted, block = composed.style in ("'", '"'), composed.style in ("|", ">")
            return Scalar(str(composed.value), start, end, line, tag, quoted or block, block)
        flow = bool(composed.flow_style)
        if composed.id == "sequence":
            items = tuple(self.node(item, depth) for item in composed.value)
            return Sequence(items, start, end, line, tag, flow)
        entries = tuple((self.node(key, depth), self.node(value, depth)) for key, value in composed.value)
        return Mapping(entries, start, end, line, tag, flow)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, keys included."""
    if isinstance(node, Mapping):
        return tuple(part for entry in node.entries for part in entry)
    return node.items if isinstance(node, Sequence) else ()


def _refuse_bomb(root: Node, path: str) -> None:
    """Raise DetectionError where following all aliases would make the document huge."""
    sizes: dict[int, int] = {}

    def size(node: Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 1 + sum(size(child) for child in children(node))
        return sizes[id(node)]

    if size(root) > _ALWAYS_ALLOWED + _MAX_EXPANSION * len(sizes):
        raise DetectionError("invalid YAML: its aliases expand beyond all measure", path=path)


def plain(node: Node | None) -> Any:
    """The node as comparable data: tags, kinds, texts and order, without positions."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return ("scalar", node.tag, node.text, node.is_null)
    if isinstance(node, Sequence):
        return ("sequence", node.tag, [plain(item) for item in node.items])
    return ("mapping", node.tag, [(plain(key), plain(value)) for key, value in node.entries])
