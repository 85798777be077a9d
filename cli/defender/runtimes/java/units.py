"""What a Java source file declares: its package, its imports, its types and their members. Facts only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from defender.runtimes.java.syntax import JavaSource, named, parse, text, tokens

if TYPE_CHECKING:
    from tree_sitter import Node

KINDS = {
    "class_declaration": "class",
    "record_declaration": "record",
    "enum_declaration": "enum",
    "interface_declaration": "interface",
    "annotation_type_declaration": "annotation",
}


class Unit:
    """One source file."""

    def __init__(self, path: str, data: bytes) -> None:
        """Raises Unproven where the file can't be read as a compiler would."""
        self.source: JavaSource = parse(path, data)
        self.single: dict[str, str] = {}
        """Simple names that are imported one by one, to their full names."""
        self.on_demand: list[str] = []
        """What is imported by `.*`: packages, or types."""
        self.package = ""
        self.imports: list[Node] = []
        self.package_node: Node | None = None
        for node in named(self.source.root):
            if node.type == "package_declaration":
                self.package_node = node
                self.package = "".join(tokens(self.source, node))[len("package") : -1]
            elif node.type == "import_declaration":
                self._add_import(node)

    def _add_import(self, node: Node) -> None:
        self.imports.append(node)
        words = [one for one in tokens(self.source, node) if one not in ("import", "static", ";")]
        if words[-1] == "*":
            self.on_demand.append("".join(words[:-2]))
        else:
            self.single[words[-1]] = "".join(words)

    @cached_property
    def types(self) -> tuple[Declaration, ...]:
        """The types at the file's top level."""
        return tuple(Declaration(self, node, None) for node in named(self.source.root) if node.type in KINDS)

    def all_types(self) -> Iterator[Declaration]:
        """All of its types that have names of their own, the outer before what is nested in them."""
        waiting = list(self.types)
        while waiting:
            current = waiting.pop(0)
            yield current
            waiting += current.nested.values()


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method: its type as tokens, `...` and brackets behind the name among them."""

    name: str
    type: tuple[str, ...]
    node: Node


@dataclass(frozen=True)
class Method:
    """One method as it is declared."""

    owner: Declaration
    node: Node
    name: str
    modifiers: frozenset[str]

    @property
    def is_concrete(self) -> bool:
        """Whether it has a body, in Java or elsewhere."""
        return self.node.child_by_field_name("body") is not None or "native" in self.modifiers

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, a receiver left out."""
        source = self.owner.unit.source
        given = self.node.child_by_field_name("parameters")
        found = []
        for node in named(given) if given is not None else []:
            if node.type == "formal_parameter":
                kind, name = node.child_by_field_name("type"), node.child_by_field_name("name")
                brackets = node.child_by_field_name("dimensions")
                assert kind is not None
                assert name is not None
                words = tokens(source, kind) + (tokens(source, brackets) if brackets is not None else [])
                found.append(Parameter(text(source, name), tuple(words), node))
            elif node.type == "spread_parameter":
                kind, declarator = (
                    one
                    for one in named(node)
                    if one.type not in ("modifiers", "annotation", "marker_annotation")
                )
                words = [*tokens(source, kind), "..."]
                found.append(Parameter(tokens(source, declarator)[0], tuple(words), node))
        return tuple(found)

    @property
    def returns(self) -> tuple[str, ...]:
        """Its type as tokens."""
        source = self.owner.unit.source
        kind = self.node.child_by_field_name("type")
        brackets = self.node.child_by_field_name("dimensions")
        assert kind is not None
        return (*tokens(source, kind), *(tokens(source, brackets) if brackets is not None else ()))

    @property
    def throws(self) -> tuple[str, ...]:
        """Its `throws` clause as tokens; empty where there is none."""
        clause = next((one for one in named(self.node) if one.type == "throws"), None)
        return tuple(tokens(self.owner.unit.source, clause)) if clause is not None else ()

    @property
    def is_generic(self) -> bool:
        """Whether it has type parameters of its own."""
        return self.node.child_by_field_name("type_parameters") is not None


@dataclass(frozen=True)
class Declaration:
    """One type that a file declares, at its top level or nested in another."""

    unit: Unit
    node: Node
    outer: Declaration | None

    @cached_property
    def name(self) -> str:
        """Its simple name."""
        node = self.node.child_by_field_name("name")
        assert node is not None
        return text(self.unit.source, node)

    @property
    def kind(self) -> str:
        """class, record, enum, interface or annotation."""
        return KINDS[self.node.type]

    @cached_property
    def binary(self) -> str:
        """Its name as handlers write it: `package.Outer$Inner`."""
        if self.outer is not None:
            return f"{self.outer.binary}${self.name}"
        return f"{self.unit.package}.{self.name}" if self.unit.package else self.name

    @cached_property
    def canonical(self) -> str:
        """Its name as sources write it: `package.Outer.Inner`."""
        if self.outer is not None:
            return f"{self.outer.canonical}.{self.name}"
        return self.binary

    @cached_property
    def modifiers(self) -> frozenset[str]:
        """Its modifiers, annotations left out."""
        return _modifiers(self.unit.source, self.node)

    @cached_property
    def annotations(self) -> tuple[str, ...]:
        """The simple names of its annotations."""
        return tuple(name for name, _ in annotated(self.unit.source, self.node))

    @property
    def is_static(self) -> bool:
        """Whether no object of an outer class is needed for one of this."""
        nested_in_static = self.outer is not None and self.outer.kind in ("interface", "annotation")
        return self.outer is None or self.kind != "class" or nested_in_static or "static" in self.modifiers

    @cached_property
    def type_parameters(self) -> tuple[str, ...]:
        """The names of its type variables."""
        given = self.node.child_by_field_name("type_parameters")
        if given is None:
            return ()
        found = [named(one) for one in named(given)]
        names = [
            next(each for each in one if each.type in ("type_identifier", "identifier")) for one in found
        ]
        return tuple(text(self.unit.source, one) for one in names)

    @property
    def superclass(self) -> Node | None:
        """The type that it extends, if it is a class."""
        clause = self.node.child_by_field_name("superclass")
        return named(clause)[0] if clause is not None else None

    @property
    def interfaces(self) -> list[Node]:
        """The interfaces that it implements, or as an interface extends."""
        clauses = [one for one in named(self.node) if one.type in ("super_interfaces", "extends_interfaces")]
        return [each for clause in clauses for one in named(clause) for each in named(one)]

    @property
    def body(self) -> Node:
        """What stands in its braces."""
        node = self.node.child_by_field_name("body")
        assert node is not None
        return node

    @cached_property
    def members(self) -> tuple[Node, ...]:
        """Its members in their order, an enum's constants left out."""
        found = named(self.body)
        if self.kind == "enum":
            found = [each for one in found if one.type == "enum_body_declarations" for each in named(one)]
        return tuple(found)

    @cached_property
    def nested(self) -> dict[str, Declaration]:
        """The types that are declared right in it."""
        inner = (Declaration(self.unit, node, self) for node in self.members if node.type in KINDS)
        return {one.name: one for one in inner}

    def methods(self, name: str) -> list[Method]:
        """Its own methods of a name."""
        return [one for one in self.all_methods if one.name == name]

    @cached_property
    def all_methods(self) -> tuple[Method, ...]:
        """Its own methods."""
        found = []
        for node in self.members:
            if node.type == "method_declaration":
                name = node.child_by_field_name("name")
                assert name is not None
                source = self.unit.source
                found.append(Method(self, node, text(source, name), _modifiers(source, node)))
        return tuple(found)


def annotated(source: JavaSource, node: Node) -> Iterator[tuple[str, Node]]:
    """The annotations of a declaration, by their simple names."""
    for clause in (one for one in named(node) if one.type == "modifiers"):
        for one in named(clause):
            name = one.child_by_field_name("name")
            if name is not None:
                yield tokens(source, name)[-1], one


def _modifiers(source: JavaSource, node: Node) -> frozenset[str]:
    clause = next((one for one in named(node) if one.type == "modifiers"), None)
    return frozenset(tokens(source, clause)) if clause is not None else frozenset()
