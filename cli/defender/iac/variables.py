"""The Serverless Framework's variables, as far as the files alone can settle them.

`self`, `file`, `opt` with a fallback and `sls:stage` are resolved; environment variables,
parameters, CloudFormation outputs and secrets are not: they depend on who deploys.
https://www.serverless.com/framework/docs/guides/variables
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from defender.edits.yaml import Document, Node, Scalar, Sequence
from defender.iac.folders import resolve_path
from defender.iac.lookup import BLANK, Value, entries, get

_INNERMOST = re.compile(r"\$\{([^${}]*)\}")
_WHOLE = re.compile(r"\s*\$\{(.*)\}\s*", re.DOTALL)
_FILE = re.compile(r"file\(\s*([^()]+?)\s*\)(?::(.*))?", re.DOTALL)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"", re.DOTALL)
_MAX_STEPS = 20_000
_MAX_DEPTH = 25
_MAX_LENGTH = 2_000
DEFAULT_STAGE = "dev"


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A node and the document that it stands in."""

    node: Node
    document: Document


class Variables:
    """Resolves variables against one service's file and the files that it includes.

    `load` gives a parsed file of the input or None. What can't be settled comes back with a reason.
    """

    def __init__(self, document: Document, load: Callable[[str], Document | None]) -> None:
        self.document = document
        self._load = load
        self._steps = 0
        self._depth = 0

    @property
    def root(self) -> Place | None:
        """The whole document."""
        return None if self.document.root is None else Place(self.document.root, self.document)

    def place(self, node: Node | None, document: Document | None = None) -> Place | None:
        """The node itself, or what it refers to where it is one variable and nothing else."""
        document = document or self.document
        if node is None:
            return None
        if isinstance(node, Scalar) and not node.tag and (found := _WHOLE.fullmatch(node.text)):
            if len(found[1]) > _MAX_LENGTH:
                return None
            return self._node_of(found[1])
        return Place(node, document)

    def child(self, place: Place | None, key: str) -> Place | None:
        """What stands under `key`, with variables followed on the way."""
        if place is None:
            return None
        return self.place(get(place.node, key, place.document.path), place.document)

    def text(self, place: Place | None) -> Value:
        """A place's text with all variables in it resolved."""
        if place is None:
            return Value()
        if not isinstance(place.node, Scalar) or place.node.tag:
            return Value(reason="it is no plain text")
        return self.expand(place.node.text)

    def raw_text(self, place: Place | None, key: str) -> Value:
        """The text under `key`; unlike `text(child(...))` it keeps the reason why it can't be told."""
        if place is None:
            return Value()
        node = get(place.node, key, place.document.path)
        if isinstance(node, Scalar) and not node.tag:
            return self.expand(node.text)
        return Value() if node is None else Value(reason="it is no plain text")

    def expand(self, text: str) -> Value:
        """`text` with its variables replaced, from the innermost outwards."""
        if BLANK in text:
            return Value(reason="it is a project generator's placeholder")
        assumed: list[str] = []
        if len(text) > _MAX_LENGTH:
            return Value(reason="it is too long")
        while (found := _INNERMOST.search(text)) is not None:
            value = self._variable(found[1])
            if value.text is None:
                return Value(reason=value.reason or f"${{{found[1]}}} depends on the deployment")
            assumed += value.assumed
            text = text[: found.start()] + value.text + text[found.end() :]
            if len(text) > _MAX_LENGTH:
                return Value(reason="it grows without end")
        return Value(text, tuple(dict.fromkeys(assumed)))

    @contextmanager
    def _nested(self) -> Iterator[bool]:
        """Whether one more level of reference is allowed: variables may refer to each other in circles."""
        self._steps += 1
        self._depth += 1
        try:
            yield self._depth <= _MAX_DEPTH and self._steps <= _MAX_STEPS
        finally:
            self._depth -= 1

    def _variable(self, expression: str) -> Value:
        """The first of a variable's comma-separated alternatives that can be settled."""
        assumed: tuple[str, ...] = ()
        for source in _alternatives(expression):
            if source.startswith("opt:"):
                assumed += (f"no --{source[4:]} given",)
                continue
            value = self._source(source)
            if value is None:
                return Value(reason=f"${{{expression}}} depends on the deployment")
            if value.text is not None:
                return Value(value.text, assumed + value.assumed)
        return Value(reason=f"${{{expression}}} can't be found in the files")

    def _source(self, source: str) -> Value | None:
        """One alternative's value; a Value without text when it is missing, None when nobody can know."""
        if quoted := _QUOTED.fullmatch(source):
            return Value(quoted[1] if quoted[1] is not None else quoted[2])
        if source == "sls:stage":
            return self._stage()
        if _is_address(source):
            return self._addressed_text(source)
        if re.fullmatch(r"-?[0-9.]+|true|false", source):
            return Value(source)
        return None

    def _addressed_text(self, source: str) -> Value:
        """The text at an address, keeping what it rests on; unlike a Place, which has no room for that."""
        holder, _, key = source.rpartition("." if "." in source.rpartition(":")[2] else ":")
        place = self._address(holder if "." in source.rpartition(":")[2] else f"{holder}:")
        with self._nested() as allowed:
            if not allowed:
                return Value(reason="its variables refer to each other without end")
            if place is not None and isinstance(place.node, Sequence):
                return self.text(self._below(place, key))
            return self.raw_text(place, key)

    def _stage(self) -> Value:
        provider = self.child(self.root, "provider")
        declared = self.raw_text(provider, "stage")
        if declared.text is None and declared.reason is None:
            return Value(DEFAULT_STAGE, ("no --stage given",))
        return Value(declared.text, declared.assumed or ("no --stage given",), declared.reason)

    def _node_of(self, expression: str) -> Place | None:
        """The node that a whole-value variable stands for; a text becomes a scalar node."""
        value = self.expand(expression) if "${" in expression else Value(expression)
        if value.literal is None:
            return None
        for source in _alternatives(value.literal):
            place = self._address(source) if _is_address(source) else None
            if place is not None and not isinstance(place.node, Scalar):
                return place
            if place is not None or not _is_address(source):
                break
        value = self._variable(value.literal)
        if value.literal is None:
            return None
        return Place(Scalar(value.literal, 0, 0, 1, quoted=True), self.document)

    def _address(self, source: str) -> Place | None:
        """What `self:a.b` or `file(path):a.b` points to."""
        if found := _FILE.fullmatch(source):
            path = resolve_path(posixpath.dirname(self.document.path), found[1].strip("'\""))
            document = None if path is None else self._load(path)
            address = found[2] or ""
        else:
            document, address = self.document, source.removeprefix("self:")
        if document is None or document.root is None:
            return None
        with self._nested() as allowed:
            place: Place | None = Place(document.root, document) if allowed else None
            for key in filter(None, address.split(".")):
                place = self._below(place, key)
        return place

    def _below(self, place: Place | None, key: str) -> Place | None:
        if place is not None and isinstance(place.node, Sequence):
            if key.isdecimal() and int(key) < len(place.node.items):
                return self.place(place.node.items[int(key)], place.document)
            return None
        return self.child(place, key)

    def mapping(self, place: Place | None) -> dict[str, Place | None]:
        """A mapping's entries by key, each value followed; the last of doubled keys is None."""
        found: dict[str, Place | None] = {}
        if place is not None:
            for key, value in entries(place.node):
                doubled = key.text in found
                found[key.text] = None if doubled else self.place(value, place.document)
        return found


def _is_address(source: str) -> bool:
    return source.startswith("self:") or _FILE.fullmatch(source) is not None


def _alternatives(expression: str) -> list[str]:
    """A variable's sources, split at commas outside of quotes and parentheses."""
    parts = re.findall(r"(?:'[^']*'|\"[^\"]*\"|\([^()]*\)|[^,'\"(])+", expression)
    return [part.strip() for part in parts if part.strip()]
