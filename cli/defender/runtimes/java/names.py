"""Which type a name in a Java source file means, by the scopes of the Java Language Specification (6.3 and 6.5.5).

Where that depends on classes that are not in the project, the answer is Unproven and never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from defender.runtimes.java.sources import Sources
from defender.runtimes.java.syntax import Unproven, named, tokens
from defender.runtimes.java.units import Declaration

if TYPE_CHECKING:
    from tree_sitter import Node

RUNTIME = "com.amazonaws.services.lambda.runtime"
CONTEXT = f"{RUNTIME}.Context"
REQUEST_HANDLER = f"{RUNTIME}.RequestHandler"
STREAM_HANDLER = f"{RUNTIME}.RequestStreamHandler"
INPUT, OUTPUT = "java.io.InputStream", "java.io.OutputStream"
# What packages outside of the project are known to hold: enough for handlers, and no more than was looked up.
_KNOWN = {
    RUNTIME: {
        "Context",
        "RequestHandler",
        "RequestStreamHandler",
        "LambdaLogger",
        "ClientContext",
        "CognitoIdentity",
    },
    "java.io": {"InputStream", "OutputStream", "Serializable", "Closeable", "IOException"},
    "java.util": {
        "List",
        "Map",
        "Set",
        "Collection",
        "Optional",
        "ArrayList",
        "HashMap",
        "LinkedHashMap",
        "UUID",
    },
    "java.lang": {
        *(
            "Object",
            "String",
            "CharSequence",
            "Number",
            "Integer",
            "Long",
            "Short",
            "Byte",
            "Double",
            "Float",
        ),
        *("Boolean", "Character", "Void", "Iterable", "Runnable", "AutoCloseable", "Cloneable", "Comparable"),
        *("Record", "Enum", "Exception", "RuntimeException", "Throwable"),
    },
}
# Interfaces of others that have neither nested types nor code that would run when they are initialised.
HARMLESS = frozenset(
    {
        *(REQUEST_HANDLER, STREAM_HANDLER, "org.crac.Resource"),
        *("java.io.Serializable", "java.io.Closeable", "java.lang.AutoCloseable", "java.lang.Cloneable"),
        *("java.lang.Comparable", "java.lang.Runnable", "java.util.concurrent.Callable"),
        *(
            f"java.util.function.{name}"
            for name in ("Function", "BiFunction", "Supplier", "Consumer", "UnaryOperator")
        ),
    }
)
_DEEPEST = 40


class TypeVariable(Exception):
    """The name means a type variable."""


class Names:
    """Looks names up in a project's sources."""

    def __init__(self, sources: Sources) -> None:
        """Nothing is read yet."""
        self._sources = sources
        self._depth = 0

    def of_type(self, node: Node, scope: Declaration, in_body: bool) -> str:
        """The full name of the class that a type names, its arguments left aside.

        `scope` is the declaration in whose header or body it stands. Raises Unproven, and TypeVariable.
        """
        return self.full_name(head(scope, node), scope, in_body)

    def full_name(self, words: Sequence[str], scope: Declaration, in_body: bool) -> str:
        """The full name of what `words`, a name split at its dots, means there."""
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                raise Unproven(
                    f"the name {'.'.join(words)} is too deep to follow", scope.unit.source, scope.node
                )
            first = self._simple(words[0], scope, in_body)
            if len(words) == 1:
                if first is None:
                    raise Unproven(
                        f"where {words[0]} comes from is not certain", scope.unit.source, scope.node
                    )
                return first
            return self._qualified(words, first)
        finally:
            self._depth -= 1

    def _qualified(self, words: Sequence[str], first: str | None) -> str:
        whole = ".".join(words)
        if first is None:
            return whole  # A package begins it.
        if self._sources.by_canonical_name(first) is not None or words[0][:1].isupper():
            return ".".join([first, *words[1:]])
        raise Unproven(f"{words[0]} in {whole} may be a class or a package")

    def _simple(self, name: str, scope: Declaration, in_body: bool) -> str | None:
        current: Declaration | None = scope
        while current is not None:
            if name in current.type_parameters:
                raise TypeVariable(name)
            if name == current.name:
                return current.canonical
            found = self.member_type(name, current) if in_body else None
            if found is not None:
                return found
            current, in_body = current.outer, True
        unit = scope.unit
        if name in unit.single:
            return unit.single[name]
        own = next((one for one in unit.types if one.name == name), None)
        if own is not None:
            return own.canonical
        beside = f"{unit.package}.{name}" if unit.package else name
        if self._sources.by_canonical_name(beside) is not None:
            return beside
        return self._on_demand(name, scope)

    def _on_demand(self, name: str, scope: Declaration) -> str | None:
        packages = [*scope.unit.on_demand, "java.lang"]
        within = [f"{one}.{name}" for one in packages if self._sources.by_canonical_name(f"{one}.{name}")]
        if within:
            return within[0]
        return next((f"{one}.{name}" for one in packages if name in _KNOWN.get(one, ())), None)

    def member_type(self, name: str, owner: Declaration) -> str | None:
        """The full name of a class nested in one, or in what that inherits from; None where there is none."""
        if name in owner.nested:
            return owner.nested[name].canonical
        for node in supertypes(owner):
            above = self.of_type(node, owner, in_body=False)
            declared = self._sources.by_canonical_name(above)
            if declared is not None:
                found = self.member_type(name, declared)
                if found is not None:
                    return found
            elif above not in HARMLESS:
                raise Unproven(f"{above} is not in the project's sources", owner.unit.source, node)
        return None

    def declaration(self, name: str) -> Declaration | None:
        """The class of a full name, if it is one of the project's own."""
        return self._sources.by_canonical_name(name)


def supertypes(owner: Declaration) -> Iterator[Node]:
    """What a class extends and implements itself."""
    if owner.superclass is not None:
        yield owner.superclass
    yield from owner.interfaces


def head(scope: Declaration, node: Node) -> list[str]:
    """A type's name, split at its dots; without arguments, annotations and comments."""
    while node.type in ("generic_type", "annotated_type"):
        node = next(one for one in named(node) if "annotation" not in one.type)
    if node.type not in ("type_identifier", "scoped_type_identifier"):
        raise Unproven("the type is none with a name", scope.unit.source, node)
    words = [word for word in tokens(scope.unit.source, node) if word != "."]
    if "<" in words:
        raise Unproven("the class belongs to one with type arguments", scope.unit.source, node)
    return words
