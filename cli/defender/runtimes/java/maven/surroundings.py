"""What stands around a pom.xml and bears on a local repository: mirrors, offline builds, images, rules of a build."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from defender.archive import Archive, Kind
from defender.edits.xml import Element, parse
from defender.errors import RewriteRefused
from defender.runtimes.java.maven import agent
from defender.runtimes.java.maven.pom import Configuration, Lineage

_ENFORCER = "org.apache.maven.plugins:maven-enforcer-plugin"
_SETTINGS = re.compile(r"(?:.*/)?[\w.-]*settings[\w.-]*\.xml", re.IGNORECASE)
_IMAGE = re.compile(r"(?:.*/)?(?:[\w.-]*\.)?(?:Dockerfile|Containerfile)(?:\.[\w.-]+)?")
_COPIES_POM = re.compile(r"^\s*(?:COPY|ADD)\s[^\n]*\bpom\.xml", re.IGNORECASE | re.MULTILINE)
_OFFLINE = re.compile(r"(?:^|\s)(?:-[a-zA-Z]*o|--offline)(?:\s|$)")
_OFFLINE_FILES = "aether.offline.protocols"
# They look at each file of the project, and fail the build for one without a header.
_HEADERS = ("apache-rat-plugin", "license-maven-plugin")
# They bring a pom.xml into their own order, or fail the build for another one.
_SORTING = ("sortpom-maven-plugin", "tidy-maven-plugin", "spotless-maven-plugin")
_HINT = "change it, or build the project and embed the package that is deployed"
_LARGEST = 1 << 20


def warnings(archive: Archive, lineage: Lineage) -> Iterator[str]:
    """What a build of the edited project may fail at, found in files that are not edited."""
    folders = _above(lineage.own.folder)
    for path, member in archive.members.items():
        if member.kind is not Kind.FILE or member.size > _LARGEST:
            continue
        if _SETTINGS.fullmatch(path) and _mirrors_all(archive, path):
            yield (
                f"{path}: a mirror for all repositories hides the agent's; "
                f"write <mirrorOf>*,!{agent.REPOSITORY}</mirrorOf>"
            )
        elif path in [posixpath.join(folder, ".mvn/maven.config") for folder in folders]:
            yield from _offline(path, archive.read(path).decode("utf-8", "replace"))
        elif _IMAGE.fullmatch(path) and _copies_pom_alone(archive.read(path).decode("utf-8", "replace")):
            yield f"{path}: copies pom.xml by itself; the folder twistlock has to be copied with it"
    for name, pom, _, _ in lineage.plugins():
        if name.partition(":")[2] in _HEADERS:
            yield f"{pom.path}: {name} may ask for a licence header in the agent's files; exclude the folder twistlock"
        if name.partition(":")[2] in _SORTING:
            yield f"{pom.path}: {name} may want what is inserted in another place"
    if lineage.outside is not None and not lineage.outside.startswith("org.springframework.boot:"):
        yield (
            f"{lineage.poms[-1].path}: the parent {lineage.outside} is not in the package; "
            "what it tells Maven's plugins to leave out is not known"
        )


def refuse_rules(lineage: Lineage) -> None:
    """Raise RewriteRefused where a rule of the enforcer plugin forbids the agent's repository or dependency."""
    for one in lineage.configurations(_ENFORCER):
        for rule in (each for rules in one.all("rules") for each in rules.elements):
            name = rule.name[:1].lower() + rule.name[1:]
            if name == "requireNoRepositories" and rule.value("banRepositories") != "false":
                raise _refused(one, rule, "a rule of the enforcer plugin forbids repositories in a pom.xml")
            if name == "requireExplicitDependencyScope":
                raise _refused(
                    one, rule, "a rule of the enforcer plugin asks for a scope that is written out"
                )
            if name == "bannedRepositories":
                raise _refused(one, rule, "a rule of the enforcer plugin bans repositories")
            if name == "bannedDependencies" and _bans(lineage, rule):
                raise _refused(one, rule, "a rule of the enforcer plugin bans the agent")


def _bans(lineage: Lineage, rule: Element) -> bool:
    excludes, includes = (
        [lineage.resolved(each.text) for each in rule.all(name, name[:-1])]
        for name in ("excludes", "includes")
    )
    is_allowed = any(agent.fits_artifact(text) and text.count(":") <= 1 for text in includes)
    return any(agent.fits_artifact(text) for text in excludes) and not is_allowed


def _mirrors_all(archive: Archive, path: str) -> bool:
    try:
        root = parse(archive.read(path), path).root
    except RewriteRefused:
        return False  # Maven can't read it either.
    patterns = [each.text.replace(" ", "").split(",") for each in root.all("mirrors", "mirror", "mirrorOf")]
    return root.name == "settings" and any(
        ("*" in one or agent.REPOSITORY in one) and f"!{agent.REPOSITORY}" not in one for one in patterns
    )


def _offline(path: str, text: str) -> Iterator[str]:
    if _OFFLINE.search(text) and _OFFLINE_FILES not in text:
        yield f"{path}: builds offline; add -D{_OFFLINE_FILES}=file, or Maven takes no file from the agent's repository"


def _copies_pom_alone(text: str) -> bool:
    return _COPIES_POM.search(text) is not None and "twistlock" not in text


def _above(folder: str) -> list[str]:
    """A folder and those above it."""
    found = [folder]
    while found[-1]:
        found.append(posixpath.dirname(found[-1]))
    return found


def _refused(one: Configuration, element: Element, message: str) -> RewriteRefused:
    return RewriteRefused(message, path=one.pom.path, line=element.line, hint=_HINT)
