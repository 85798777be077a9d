"""What puts a Maven project's dependencies into its package, and whether the agent gets there with them."""

from __future__ import annotations

import posixpath

from defender.archive import Archive
from defender.edits.xml import Element
from defender.errors import RewriteRefused
from defender.runtimes.java.maven import assembly, copying, shade
from defender.runtimes.java.maven.additions import Addition
from defender.runtimes.java.maven.pom import Lineage

_MODULE = "src/main/java/module-info.java"
_HINT = "build the project and embed the package that is deployed"
# What packs a function by itself, or changes compiled classes: none of it is proved by a test.
_FOREIGN = {
    "quarkus-maven-plugin": "Quarkus packs the function",
    "micronaut-maven-plugin": "Micronaut packs the function",
    "native-maven-plugin": "the function is compiled to native code",
    "native-image-maven-plugin": "the function is compiled to native code",
    "proguard-maven-plugin": "ProGuard drops and renames classes",
    "maven-bundle-plugin": "an OSGi bundle lists the packages that it holds",
}
_SPRING = "org.springframework.boot:spring-boot-maven-plugin"


def additions(archive: Archive, line: Lineage, *, by_sam: bool) -> list[Addition]:
    """What is to be added for the build to pack the agent whole.

    `by_sam`: `sam build` makes the package, out of the classes and all dependencies that the dependency plugin
    copies. Raises RewriteRefused, with the line, where nothing packs dependencies, or the agent would be left out.
    """
    added = shade.additions(line) if shade.is_used(line) else []
    by_assembly, more = assembly.judge(archive, line)
    by_copying = copying.copies(line)
    if by_sam and not copying.copies(line, by_command=True):
        raise RewriteRefused(
            "the dependency plugin's configuration leaves the agent out of what `sam build` copies",
            path=line.own.path,
            hint=_HINT,
        )
    if by_sam or shade.is_used(line) or by_assembly or by_copying:
        return [*added, *more]
    for name, pom, plugin, _ in line.plugins():
        if name == _SPRING:
            raise _refused(
                pom.path, plugin, "Spring Boot packs jars into a jar, where Lambda does not find a handler"
            )
    raise RewriteRefused(
        "nothing in this build puts dependencies into the package, so the agent would be missing from it",
        path=line.own.path,
        hint=f"add the shade plugin, or {_HINT}",
    )


def refuse_kind(archive: Archive, line: Lineage) -> None:
    """Raise RewriteRefused for a project that is packed in a way which no test proves."""
    own = line.own
    packaging = line.resolved(own.root.value("packaging") or "jar")
    if packaging != "jar":
        element = own.root.first("packaging") or own.root
        raise _refused(own.path, element, f"the project's packaging is {packaging}, not jar")
    for name, pom, plugin, profile in line.plugins():
        reason = _FOREIGN.get(name.partition(":")[2])
        if reason is not None and profile is None:
            raise _refused(pom.path, plugin, reason)
    if posixpath.join(own.folder, _MODULE) in archive.members:
        raise RewriteRefused(
            "the project is a Java module, which would have to require the agent's",
            path=posixpath.join(own.folder, _MODULE),
            hint=_HINT,
        )
    if line.outside is not None and line.outside.startswith("io.micronaut"):
        raise _refused(line.poms[-1].path, line.poms[-1].root, _FOREIGN["micronaut-maven-plugin"])


def _refused(path: str, element: Element, message: str) -> RewriteRefused:
    return RewriteRefused(message, path=path, line=element.line, hint=_HINT)
