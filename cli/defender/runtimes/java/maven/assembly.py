"""maven-assembly-plugin: whether one of its descriptors packs the agent, and what has to be added for that."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from defender.archive import Archive, Kind
from defender.edits.xml import Document, Element, parse
from defender.edits.xml_insert import New
from defender.errors import RewriteRefused
from defender.runtimes.java.maven import agent
from defender.runtimes.java.maven.additions import Addition
from defender.runtimes.java.maven.pom import Configuration, Lineage

NAME = "org.apache.maven.plugins:maven-assembly-plugin"
_WITH_DEPENDENCIES = "jar-with-dependencies"
_BASE = ("${project.basedir}/", "${basedir}/", "${pom.basedir}/")
_SCOPES = ("", "runtime", "compile", "test")
_HINT = "change it, or build the project and embed the package that is deployed"


def judge(archive: Archive, lineage: Lineage) -> tuple[bool, list[Addition]]:
    """Whether the plugin packs the project's dependencies, and what its descriptors lack for the agent.

    Raises RewriteRefused, with the line, for a descriptor that packs dependencies and would leave the agent out,
    and for one that the archive does not hold.
    """
    found = [one for one in lineage.configurations(NAME) if one.element is not None]
    if any(lineage.resolved(each.text) == "true" for one in found for each in one.all("skipAssembly")):
        return False, []
    names = [each.text for one in found for each in one.all("descriptorRefs", "descriptorRef")]
    names += [each.text for one in found for each in one.all("descriptorRef")]
    packs = _WITH_DEPENDENCIES in [lineage.resolved(name) for name in names]
    added: list[Addition] = []
    for document in _descriptors(archive, lineage, found):
        is_packing, more = _descriptor(document)
        packs = packs or is_packing
        added += more
    return packs, added


def _descriptors(archive: Archive, lineage: Lineage, found: list[Configuration]) -> Iterator[Document]:
    """The descriptors that the configurations name, each once."""
    seen: set[str] = set()
    for one in found:
        for folder in one.all("descriptorSourceDirectory"):
            raise _refused(one.pom.path, folder, "descriptors are taken from a whole folder")
        for each in (*one.all("descriptors", "descriptor"), *one.all("descriptor")):
            path = _place(archive, lineage, each)
            if path is None:
                raise _refused(one.pom.path, each, f"the descriptor {each.text} is not in the package")
            if path not in seen:
                seen.add(path)
                yield parse(archive.read(path), path)


def _place(archive: Archive, lineage: Lineage, descriptor: Element) -> str | None:
    """The file, relative to the project that is built, whoever names it; None where the archive lacks it."""
    text = lineage.resolved(descriptor.text).replace("\\", "/")
    for base in _BASE:
        text = text.removeprefix(base)
    path = posixpath.normpath(posixpath.join(lineage.own.folder, text))
    member = archive.members.get(path)
    return path if member is not None and member.kind is Kind.FILE else None


def _descriptor(document: Document) -> tuple[bool, list[Addition]]:
    for name in ("componentDescriptors", "moduleSets"):
        for element in document.root.all(name):
            if element.elements:
                raise _refused(document.path, element, f"a descriptor with <{name}> is not understood")
    for one in document.root.all("fileSets", "fileSet"):
        _refuse_choosing(document, one)
    sets = document.root.all("dependencySets", "dependencySet")
    for one in sets:
        _refuse_excluding(document, one)
    taking = [one for one in sets if (one.value("scope") or "") in _SCOPES]
    if not taking or any(_takes(one) for one in taking):
        return bool(taking), []
    includes = [element for one in taking for element in one.all("includes")]
    if len(includes) > 1:
        raise _refused(
            document.path, taking[0], "several sets list what they take, and none of them takes the agent"
        )
    why = "the descriptor packs only what is listed"
    return True, [
        Addition(document, includes[0], New("include", agent.KEY), "java.maven.include-dependency", why)
    ]


def _takes(one: Element) -> bool:
    includes = one.all("includes", "include")
    return not includes or any(agent.names_artifact(each.text) for each in includes)


def _refuse_choosing(document: Document, one: Element) -> None:
    """A set of files that takes some jars of a folder, where the dependency plugin may have copied the agent."""
    excludes, includes = (
        [each.text.replace("\\", "/") for each in one.all(name, name[:-1])]
        for name in ("excludes", "includes")
    )
    jars = [text for text in includes if text.endswith(".jar")]
    if any(map(agent.fits_jar, excludes)) or (jars and not any(map(agent.fits_jar, includes))):
        raise _refused(document.path, one, "the assembly leaves the agent's jar out of what was copied")


def _refuse_excluding(document: Document, one: Element) -> None:
    """Each dependency set may be the one that is deployed."""
    for exclude in one.all("excludes", "exclude"):
        if agent.fits_artifact(exclude.text) or "${" in exclude.text:
            raise _refused(document.path, exclude, "the assembly leaves the agent out")
    for options in one.all("unpackOptions"):
        excludes = [each.text for each in options.all("excludes", "exclude")]
        includes = [each.text for each in options.all("includes", "include")]
        rest = agent.without(agent.members(), excludes)
        is_unknown = any("${" in text or text.startswith("%") for text in (*excludes, *includes))
        if is_unknown or len(rest) < len(agent.members()) or (includes and agent.without(rest, includes)):
            raise _refused(document.path, options, "the assembly leaves a part of the agent out")


def _refused(path: str, element: Element, message: str) -> RewriteRefused:
    return RewriteRefused(message, path=path, line=element.line, hint=_HINT)
