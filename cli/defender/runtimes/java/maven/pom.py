"""pom.xml as Maven reads it, as far as the files of a project tell: parents, properties, plugins.

Profiles count as if all were active, and what inherits from a parent outside of the tree is unknown; whoever
asks decides what that means.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from defender.archive import Archive, Kind
from defender.edits.xml import Document, Element, parse
from defender.errors import RewriteRefused

FILE = "pom.xml"
_PLUGINS = "org.apache.maven.plugins"
_MOST_PARENTS = 20
_DEEPEST_PROPERTY = 10
_LONGEST = 10_000
_PROPERTY = re.compile(r"\$\{([^{}]*)\}")
# A second one is an error to Maven, or hides the first.
_ONCE = ("parent", "packaging", "properties", "repositories", "dependencies", "dependencyManagement", "build")


@dataclass(frozen=True, slots=True, eq=False)
class Pom:
    """One file of a project's line of parents."""

    document: Document

    @property
    def path(self) -> str:
        """Its place in the archive."""
        return self.document.path

    @property
    def folder(self) -> str:
        """The folder that it lies in, "" for the archive itself."""
        return posixpath.dirname(self.path)

    @property
    def root(self) -> Element:
        """The element `project`."""
        return self.document.root

    @property
    def parent(self) -> str | None:
        """Its parent's coordinates, `group:artifact:version`."""
        found = self.root.first("parent")
        if found is None:
            return None
        return ":".join(found.value(name) or "" for name in ("groupId", "artifactId", "version"))

    def builds(self) -> Iterator[tuple[Element, str | None]]:
        """The `build` elements, the project's own and then each profile's, with the profile's id."""
        yield from ((build, None) for build in self.root.all("build"))
        for profile in self.root.all("profiles", "profile"):
            yield from ((build, profile.value("id") or "") for build in profile.all("build"))

    def sections(self, *path: str) -> Iterator[Element]:
        """What a path leads to from the project itself and from each of its profiles."""
        for home in (self.root, *self.root.all("profiles", "profile")):
            yield from home.all(*path)


@dataclass(frozen=True, slots=True, eq=False)
class Configuration:
    """One `configuration` of a plugin, and whose it is.

    `execution` is the id of the execution that it belongs to, None for the plugin itself. `goals` are that
    execution's. `profile` is the profile that holds it, and `is_managed` says that it stands in
    `pluginManagement`. `element` is None for an execution without configuration.
    """

    pom: Pom
    plugin: Element
    element: Element | None
    execution: str | None
    goals: tuple[str, ...]
    phase: str | None
    profile: str | None
    is_managed: bool

    def all(self, *path: str) -> list[Element]:
        """The elements that a path of names leads to."""
        return [] if self.element is None else self.element.all(*path)


@dataclass(frozen=True, eq=False)
class Lineage:
    """A project's own pom.xml, and those of its parents that the archive holds, the nearest first."""

    poms: tuple[Pom, ...]

    @property
    def own(self) -> Pom:
        """The project's own."""
        return self.poms[0]

    @property
    def outside(self) -> str | None:
        """The coordinates of a parent that the archive does not hold."""
        return self.poms[-1].parent

    def resolved(self, text: str) -> str:
        """Text with the properties filled in that the tree defines; others stay as they are written."""
        for _ in range(_DEEPEST_PROPERTY):
            filled = _PROPERTY.sub(lambda match: self._property(match[1], match[0]), text)
            if filled == text or len(filled) > _LONGEST:
                break
            text = filled
        return text

    def _property(self, name: str, otherwise: str) -> str:
        if name == "file.separator":
            return "/"
        key = name.removeprefix("project.").removeprefix("pom.")
        if key in ("basedir", "baseUri") or key.startswith("build."):
            return otherwise
        for pom in self.poms:
            if key in ("groupId", "version", "artifactId", "packaging") and key != name:
                values = {pom.root.value(key) or pom.root.value("parent", key) or otherwise}
            else:
                values = {one.text for one in pom.sections("properties", name)}
            if values:
                # Which profile is active is not known, so two different values are none.
                return values.pop() if len(values) == 1 else otherwise
        return otherwise

    def configurations(self, plugin: str) -> list[Configuration]:
        """All that is configured for a plugin, `group:artifact`; nothing where no `build` declares it."""
        found = [one for pom in self.poms for one in self._configurations(pom, plugin)]
        return found if any(not one.is_managed for one in found) else []

    def plugins(self) -> Iterator[tuple[str, Pom, Element, str | None]]:
        """Every plugin that a `build` declares: its name, the file, its element, and the profile that it stands in."""
        for pom in self.poms:
            for build, profile in pom.builds():
                for plugin in build.all("plugins", "plugin"):
                    if self._is_inherited(pom, plugin):
                        yield self._name(plugin), pom, plugin, profile

    def _configurations(self, pom: Pom, name: str) -> Iterator[Configuration]:
        for build, profile in pom.builds():
            for path, is_managed in ((("plugins",), False), (("pluginManagement", "plugins"), True)):
                for plugin in build.all(*path, "plugin"):
                    if self._name(plugin) == name and self._is_inherited(pom, plugin):
                        yield from self._parts(pom, plugin, profile, is_managed)

    def _parts(
        self, pom: Pom, plugin: Element, profile: str | None, is_managed: bool
    ) -> Iterator[Configuration]:
        own = plugin.first("configuration")
        yield Configuration(pom, plugin, own, None, (), None, profile, is_managed)
        for execution in plugin.all("executions", "execution"):
            yield Configuration(
                pom,
                plugin,
                execution.first("configuration"),
                execution.value("id") or "default",
                tuple(self.resolved(goal.text) for goal in execution.all("goals", "goal")),
                execution.value("phase"),
                profile,
                is_managed,
            )

    def _name(self, plugin: Element) -> str:
        group = self.resolved(plugin.value("groupId") or _PLUGINS)
        return f"{group}:{self.resolved(plugin.value('artifactId') or '')}"

    def _is_inherited(self, pom: Pom, plugin: Element) -> bool:
        return pom is self.own or plugin.value("inherited") != "false"


def lineage(archive: Archive, path: str) -> Lineage:
    """The project that a pom.xml describes, with its parents in the archive.

    Raises RewriteRefused for files that can't be read as a pom.xml.
    """
    poms = [_read(archive, path)]
    while len(poms) < _MOST_PARENTS:
        above = _parent_file(archive, poms[-1])
        if above is None or any(above == pom.path for pom in poms):
            return Lineage(tuple(poms))
        poms.append(_read(archive, above))
    raise RewriteRefused("its parents never end", path=path)


def _read(archive: Archive, path: str) -> Pom:
    document = parse(archive.read(path), path)
    root = document.root
    if root.name != "project":
        raise RewriteRefused(
            f"the file holds <{root.name}>, not <project>: Maven knows no prefixes of namespaces",
            path=path,
            line=root.line,
        )
    for name in _ONCE:
        if len(root.all(name)) > 1:
            second = root.all(name)[1]
            raise RewriteRefused(f"the file has a second <{name}>", path=path, line=second.line)
    return Pom(document)


def _parent_file(archive: Archive, pom: Pom) -> str | None:
    """The parent's file where the archive holds it, by `relativePath` and the coordinates, as Maven looks for it."""
    parent = pom.root.first("parent")
    if parent is None:
        return None
    relative = parent.value("relativePath")
    if relative == "":
        return None
    path = posixpath.normpath(posixpath.join(pom.folder, relative or f"../{FILE}"))
    if path in archive.members and archive.members[path].kind is Kind.FOLDER:
        path = posixpath.join(path, FILE)
    if path not in archive.members or archive.members[path].kind is not Kind.FILE:
        return None
    above = _read(archive, path).root
    for name in ("groupId", "artifactId", "version"):
        wanted, found = parent.value(name), above.value(name) or above.value("parent", name)
        # Versions may be properties, which Maven fills in first.
        if wanted != found and not (name == "version" and "${" in f"{wanted}{found}"):
            return None
    return path
