"""Whether a Python module could bind its handler anew behind the wrapper's back.

What stands at module level runs before the wrapper is put on at the end; what stands in functions may run
at any time, and is refused unless it can't meet the handler's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from defender.edits.source import Source, captures, query, walk
from defender.errors import RewriteRefused
from defender.runtimes.python.bindings import SCOPES, callee, identifiers, name_of, targets
from defender.runtimes.python.source import GRAMMAR, scm

if TYPE_CHECKING:
    from tree_sitter import Node

_READS_OF_GLOBALS = frozenset({"get", "keys", "items", "values", "copy", "__contains__"})
_READERS = frozenset(
    {"getattr", "hasattr", "dir", "id", "inspect.getmembers", "inspect.getfile", "eval", "len", "dict"}
)
_OWN_MODULE = ("sys.modules[", "modules[", "__import__(", "importlib.import_module(__n", "import_module(__n")


def refuse_rebinding(source: Source, name: str, dotted: str) -> None:
    """Raise RewriteRefused where the module could bind `name` anew; `dotted` is the module's own name."""
    found = captures(query(GRAMMAR, scm("rebinding")), source.root)
    own = _Own(source, name, dotted, _own_module_names(source, found, dotted))
    found["kept"] = _kept_dictionaries(source, found.get("alias", []))
    for kind, nodes in found.items():
        for node in nodes:
            reason = own.reason(kind, node)
            if reason:
                line, column = source.position(node.start_byte)
                raise RewriteRefused(
                    f"{reason}: a wrapper around {name!r} could be undone without notice",
                    path=source.path,
                    line=line,
                    column=column,
                    hint="bind the handler once, by def, assignment or import",
                )


@dataclass(frozen=True)
class _Own:
    """Judges single nodes; `aliases` are the names by which the module refers to itself."""

    source: Source
    name: str
    dotted: str
    aliases: frozenset[str]

    def reason(self, kind: str, node: Node) -> str | None:
        """Why this node may rebind the name, or None."""
        judges: dict[str, Callable[[Node], str | None]] = {
            "global": self._global,
            "delete": self._delete,
            "call": self._call,
            "dictionary": self._dictionary,
            "kept": self._kept,
            "item": self._item,
            "attribute": self._attribute,
        }
        return judges[kind](node) if kind in judges else None

    def _delete(self, node: Node) -> str | None:
        names = {name_of(self.source, found) for found in identifiers(node)}
        return "the handler is deleted" if _scope_of(node) is None and self.name in names else None

    def _global(self, node: Node) -> str | None:
        scope = _scope_of(node)
        if scope is None or name_of(self.source, node) != self.name:
            return None
        if scope.type == "class_definition":
            return "a class body declares the handler global"
        bound = any(
            name_of(self.source, target) == self.name
            for inner in walk(scope)
            for target in targets(inner)
            if inner != scope
        )
        return "a function declares the handler global and binds it" if bound else None

    def _call(self, node: Node) -> str | None:
        called = callee(self.source, node)
        arguments = node.named_children[-1].named_children if node.named_children else []
        if called in ("setattr", "delattr") and len(arguments) >= 2:
            other = self._is_other_name(arguments[1])
            own = self._is_own_module(arguments[0])
            return f"{called} on the module itself" if own and not other else None
        if called == "globals" and _scope_of(node) is not None:
            return None if self._only_reads(node) else "globals() may be changed in a function"
        if called == "vars" and arguments and self._is_own_module(arguments[0]):
            return None if self._only_reads(node) else "vars() of the module itself may be changed"
        if called in ("sys.modules.update", "sys.modules.__setitem__"):
            return "the module may replace itself in sys.modules"
        if called.endswith("__setattr__") and any(map(self._is_own_module, (node, *arguments))):
            return "__setattr__ on the module itself"
        return None

    def _item(self, node: Node) -> str | None:
        """`sys.modules[...] = x` for this module."""
        value, key = node.child_by_field_name("value"), node.child_by_field_name("subscript")
        if value is None or key is None:
            return None
        text = self._text(value)
        if text in ("sys.modules", "modules"):
            literal = _string(self.source, key)
            own = literal is None or literal == self.dotted
            return "the module replaces itself in sys.modules" if own else None
        return None

    def _dictionary(self, node: Node) -> str | None:
        """`module.__dict__`, and what functions and frames call their globals, wherever it is used."""
        attribute = self._text(node.named_children[-1])
        if attribute == "__dict__" and not self._is_own_module(node.named_children[0]):
            return None
        return None if self._only_reads(node) else f"the module's {attribute} may be changed"

    def _kept(self, node: Node) -> str | None:
        """A name for `globals()`, where it is used."""
        return None if self._only_reads(node) else "globals() is kept under a name and may be changed"

    def _attribute(self, node: Node) -> str | None:
        owner, attribute = node.named_children[0], node.named_children[-1]
        name = name_of(self.source, attribute)
        if name not in (self.name, "__class__", "__dict__") or not self._is_own_module(owner):
            return None
        return f"the module sets its own attribute {name}"

    def _only_reads(self, call: Node) -> bool:
        """Whether the dictionary that this `globals()` gives is but read."""
        parent = call.parent
        if parent is None:
            return False
        if parent.type == "attribute":
            return name_of(self.source, parent.named_children[-1]) in _READS_OF_GLOBALS
        if parent.type == "subscript":
            changed = parent.parent is not None and (
                parent.parent.type == "delete_statement"
                or parent.parent.child_by_field_name("left") == parent
            )
            key = parent.child_by_field_name("subscript")
            return not changed or (key is not None and self._is_other_name(key))
        if parent.type == "argument_list" and parent.parent is not None:
            return callee(self.source, parent.parent) in _READERS
        return parent.type in ("comparison_operator", "dictionary_splat", "for_statement")

    def _is_own_module(self, node: Node) -> bool:
        text = self._text(node)
        return text in self.aliases or any(
            own in text for own in ("sys.modules[", "__import__(", "import_module(__name__")
        )

    def _is_other_name(self, node: Node) -> bool:
        literal = _string(self.source, node)
        return literal is not None and literal != self.name

    def _text(self, node: Node) -> str:
        return self.source.bytes_of(node).decode("utf-8", "replace")


def _kept_dictionaries(source: Source, assigned: list[Node]) -> list[Node]:
    """Where names are used to which `globals()` or the like was assigned, those assignments left out."""
    targets_of = []
    for target in assigned:
        value = target.parent.child_by_field_name("right") if target.parent else None
        if value is not None and source.bytes_of(value) in (b"globals()", b"vars()", b"locals()"):
            targets_of.append(target)
    kept = {name_of(source, target) for target in targets_of if _scope_of(target) is None}
    if not kept:
        return []
    return [
        node
        for node in walk(source.root)
        if node.type == "identifier" and node not in targets_of and name_of(source, node) in kept
    ]


def _own_module_names(source: Source, found: dict[str, list[Node]], dotted: str) -> frozenset[str]:
    """Names that hold the module itself: `this = sys.modules[__name__]`, `import app` in app.py."""
    names = set()
    for target in found.get("alias", []):
        value = target.parent.child_by_field_name("right") if target.parent else None
        text = source.bytes_of(value).decode("utf-8", "replace") if value is not None else ""
        if text.startswith(_OWN_MODULE):
            names.add(name_of(source, target))
    for imported in found.get("import", []):
        module = imported.child_by_field_name("name") or imported
        name = source.bytes_of(module).decode("utf-8", "replace")
        if name == dotted or _is_from_package(source, imported, name, dotted):
            alias = imported.child_by_field_name("alias") or imported
            names.add(source.bytes_of(alias).decode("utf-8", "replace"))
    return frozenset(names)


def _is_from_package(source: Source, imported: Node, name: str, dotted: str) -> bool:
    """Whether `from package import name` means this very module; a relative package is taken for its own."""
    statement = imported.parent
    package = statement.child_by_field_name("module_name") if statement is not None else None
    if package is None:
        return False
    text = source.bytes_of(package).decode("utf-8", "replace")
    return f"{text}.{name}" == dotted or (text.startswith(".") and dotted.endswith(f".{name}"))


def _scope_of(node: Node) -> Node | None:
    """The function or class whose body holds the node, or None at module level."""
    current: Node | None = node
    while current is not None and current.parent is not None:
        if current.type == "block" and current.parent.type in SCOPES:
            return current.parent
        if current.type == "lambda":
            return current
        current = current.parent
    return None


def _string(source: Source, node: Node) -> str | None:
    """The value of a plain string literal without escapes."""
    if node.type != "string" or any(
        child.type not in ("string_start", "string_content", "string_end") for child in node.children
    ):
        return None
    if source.bytes_of(node.children[0]).strip(b"'\"rRuU"):
        return None
    content = b"".join(source.bytes_of(child) for child in node.children if child.type == "string_content")
    return None if b"\\" in content else content.decode("utf-8", "replace")
