"""The classes of a built package, found as Lambda's class loader finds them: the task root first, then `lib/*.jar`.

Jars are read in memory and never unpacked. Layers and the runtime's own classes are not here, so a class that is
missing may still exist.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import cached_property

from defender.archive import Archive, Kind, open_member
from defender.errors import DefenderError
from defender.runtimes.java.classfile import ClassFile, parse

ENDING = ".class"
LIBRARIES = "lib"


class Classpath:
    """One task root's classes, each parsed when it is asked for."""

    def __init__(self, archive: Archive, task_root: str) -> None:
        """Nothing is read yet."""
        self._archive = archive
        self._root = task_root
        self._parsed: dict[str, ClassFile | None] = {}

    @cached_property
    def jars(self) -> dict[str, Archive]:
        """The jars in `lib/` by path, in the order in which the loader asks them; what can't be read is left out."""
        found: dict[str, Archive] = {}
        for path in self._jar_paths():
            try:
                found[path] = open_member(self._archive, path)
            except DefenderError:
                self.unread.append(path)
        return found

    @cached_property
    def unread(self) -> list[str]:
        """Jars that could not be read, as far as they were looked for."""
        return []

    def place(self, name: str) -> str | None:
        """The file that holds a class (slashes in its name): its own, or a jar; None where there is none."""
        path = posixpath.join(self._root, name + ENDING)
        member = self._archive.members.get(path)
        if member is not None and member.kind is Kind.FILE:
            return path
        return next((jar for jar, content in self.jars.items() if name + ENDING in content.members), None)

    def read(self, name: str) -> ClassFile | None:
        """The class of a name with slashes; None where the package has none, PackageError where it is damaged."""
        if name not in self._parsed:
            self._parsed[name] = self._read(name)
        return self._parsed[name]

    def _read(self, name: str) -> ClassFile | None:
        place = self.place(name)
        if place is None:
            return None
        jar = self.jars[place] if not place.endswith(ENDING) else None
        return parse(place, self._archive.read(place) if jar is None else jar.read(name + ENDING))

    def line(self, name: str) -> tuple[list[ClassFile], bool]:
        """The class with all that it extends and implements, nearest first, and whether all of them were found."""
        found: list[ClassFile] = []
        waiting, seen, whole = [name], {name}, True
        while waiting:
            current = self.read(waiting.pop(0))
            if current is None:
                whole = False
                continue
            found.append(current)
            above = [one for one in current.supertypes if one not in seen and one != "java/lang/Object"]
            seen.update(above)
            waiting += above
        return found, whole

    def own_classes(self) -> Iterator[str]:
        """The names of the classes that lie in the task root itself, and in no jar."""
        prefix = posixpath.join(self._root, "")
        for name, member in self._archive.members.items():
            if name.endswith(ENDING) and name.startswith(prefix) and member.kind is Kind.FILE:
                yield name[len(prefix) : -len(ENDING)]

    def _jar_paths(self) -> list[str]:
        folder = posixpath.join(self._root, LIBRARIES)
        return sorted(
            name
            for name, member in self._archive.members.items()
            if posixpath.dirname(name) == folder
            and name.endswith(".jar")
            and len(posixpath.basename(name)) > len(".jar")
            and member.kind is Kind.FILE
        )
