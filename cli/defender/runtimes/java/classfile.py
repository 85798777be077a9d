"""Compiled classes as far as a handler is concerned: names, supertypes, methods.

The format is chapter 4 of the Java Virtual Machine Specification. Code and attributes are stepped over.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from defender.errors import PackageError

PUBLIC = 0x0001
INTERFACE = 0x0200
ABSTRACT = 0x0400

_MAGIC = b"\xca\xfe\xba\xbe"
_UTF8, _CLASS = 1, 7
# Bytes behind the tag of each other kind of constant; long and double take two places.
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_WIDE = (5, 6)


@dataclass(frozen=True, slots=True)
class Method:
    """One method that a class declares; the descriptor is the format's, such as `(I)V`."""

    name: str
    descriptor: str
    flags: int


@dataclass(frozen=True, slots=True)
class ClassFile:
    """One class; names are the format's, with slashes. `parent` is None for java/lang/Object and modules."""

    name: str
    flags: int
    parent: str | None
    interfaces: tuple[str, ...]
    methods: tuple[Method, ...]

    @property
    def supertypes(self) -> tuple[str, ...]:
        """The class that it extends and the interfaces that it implements itself."""
        return (*((self.parent,) if self.parent else ()), *self.interfaces)

    @property
    def is_concrete(self) -> bool:
        """Whether others may make an object of it, as far as its own flags tell."""
        return bool(self.flags & PUBLIC) and not self.flags & (INTERFACE | ABSTRACT)


def parse(path: str, data: bytes) -> ClassFile:
    """The class in a file; PackageError when it is none, or damaged."""
    try:
        return _parse(data)
    except (struct.error, IndexError, KeyError, UnicodeDecodeError, ValueError) as error:
        raise PackageError(f"is no class file that could be read: {error}", path=path) from error


def _parse(data: bytes) -> ClassFile:
    if data[:4] != _MAGIC:
        raise ValueError("it does not begin as one")
    texts, classes, at = _constants(data)
    flags, this, parent, count = struct.unpack_from(">4H", data, at)
    interfaces = struct.unpack_from(f">{count}H", data, at + 8)
    _, at = _members(data, at + 8 + 2 * count, texts)  # its fields
    methods, _ = _members(data, at, texts)
    return ClassFile(
        name=texts[classes[this]],
        flags=flags,
        parent=texts[classes[parent]] if parent else None,
        interfaces=tuple(texts[classes[one]] for one in interfaces),
        methods=methods,
    )


def _constants(data: bytes) -> tuple[Mapping[int, str], Mapping[int, int], int]:
    """Texts by their place, classes as the place of their name, and where the pool ends."""
    texts: dict[int, str] = {}
    classes: dict[int, int] = {}
    (count,) = struct.unpack_from(">H", data, 8)
    at, place = 10, 1
    while place < count:
        tag = data[at]
        if tag == _UTF8:
            (length,) = struct.unpack_from(">H", data, at + 1)
            # Nearly UTF-8: what differs (NUL, what lies outside of the basic plane) is in no name of ours.
            texts[place] = data[at + 3 : at + 3 + length].decode("utf-8", "surrogateescape")
            at += 3 + length
        elif tag == _CLASS:
            (classes[place],) = struct.unpack_from(">H", data, at + 1)
            at += 3
        else:
            at += 1 + _SIZES[tag]
        place += 2 if tag in _WIDE else 1
    return texts, classes, at


def _members(data: bytes, at: int, texts: Mapping[int, str]) -> tuple[tuple[Method, ...], int]:
    """Fields or methods, which look alike, and where they end."""
    (count,) = struct.unpack_from(">H", data, at)
    at += 2
    found = []
    for _ in range(count):
        flags, name, descriptor, attributes = struct.unpack_from(">4H", data, at)
        at += 8
        for _ in range(attributes):
            (length,) = struct.unpack_from(">I", data, at + 2)
            at += 6 + length
        found.append(Method(texts[name], texts[descriptor], flags))
    if at > len(data):
        raise ValueError("it ends too early")
    return tuple(found), at
