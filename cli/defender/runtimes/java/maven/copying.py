"""maven-dependency-plugin: whether copy-dependencies brings the agent, and what its analyses ask."""

from __future__ import annotations

from collections.abc import Callable

from defender.edits.xml import Element
from defender.errors import RewriteRefused
from defender.runtimes.java.maven import agent
from defender.runtimes.java.maven.pom import Configuration, Lineage

NAME = "org.apache.maven.plugins:maven-dependency-plugin"
_COPYING = ("copy-dependencies",)
_ALL_OF_THEM = (*_COPYING, "unpack-dependencies")
_ANALYSES = ("analyze", "analyze-only", "analyze-report")
_SCOPES = ("", "runtime", "compile", "test")
_HARMLESS_SCOPES = ("", "provided", "system")
_HINT = "change it, or build the project and embed the package that is deployed"


def copies(lineage: Lineage, *, by_command: bool = False) -> bool:
    """Whether an execution copies the project's dependencies, the agent among them; or whether a command would.

    One that lists what it takes does not count: it may be for something else than the package. Nor does
    unpacking, which no test proves. Raises RewriteRefused, with the line, for one that leaves the agent out by
    its name or its kind.
    """
    found = [one for one in lineage.configurations(NAME) if one.phase != "none"]
    shared = [one for one in found if one.execution is None]
    runs = [one for one in found if set(one.goals) & set(_ALL_OF_THEM)]
    if by_command:
        # An execution of this name is what a goal on the command line is configured by.
        shared += [one for one in found if one.execution == "default-cli"]
    for one in (*shared, *runs):
        _refuse_excluding(lineage, one)
    takes = by_command or any(_takes(lineage, one) for one in runs if set(one.goals) & set(_COPYING))
    is_off = any(_values(lineage, one, "skip") == ["true"] for one in found)
    return takes and all(_takes(lineage, one) for one in shared) and not is_off


def refuse_analysis(lineage: Lineage) -> None:
    """Raise RewriteRefused where the build fails because of a dependency that no class of the project names."""
    found = lineage.configurations(NAME)
    runs = any(set(one.goals) & set(_ANALYSES) for one in found)
    for one in found:
        for element in one.all("failOnWarning"):
            is_ignored = any(
                agent.fits_artifact(lineage.resolved(each.text))
                for list_name in ("ignoredUnusedDeclaredDependencies", "ignoredDependencies")
                for other in found
                for each in (part for whole in other.all(list_name) for part in whole.elements)
            )
            if runs and lineage.resolved(element.text) != "false" and not is_ignored:
                raise _refused(
                    one, element, "the build fails for dependencies that no class names, as the agent's is"
                )


def _takes(lineage: Lineage, one: Configuration) -> bool:
    groups, artifacts = (_values(lineage, one, f"include{kind}Ids") for kind in ("Group", "Artifact"))
    types = _values(lineage, one, "includeTypes")
    scope = "".join(_values(lineage, one, "includeScope"))
    is_listed = (not groups or any(agent.GROUP.startswith(each) for each in groups)) and (
        not artifacts or agent.NAME in artifacts
    )
    has_classifier = one.all("classifier") or one.all("includeClassifiers")
    return is_listed and (not types or "jar" in types) and scope in _SCOPES and not has_classifier


def _refuse_excluding(lineage: Lineage, one: Configuration) -> None:
    excluded: dict[str, Callable[[str], bool]] = {
        "excludeGroupIds": agent.GROUP.startswith,
        "excludeArtifactIds": agent.NAME.__eq__,
        "excludeTypes": "jar".__eq__,
        "excludeScope": lambda text: text not in _HARMLESS_SCOPES,
        "excludes": lambda text: bool(agent.fitting_members(text)) or text.startswith("%"),
    }
    if _values(lineage, one, "includeScope"):
        # Old versions look at one of the two only; later ones fail, whatever is added.
        del excluded["excludeScope"]
    for name, is_excluding in excluded.items():
        for element in one.all(name):
            if any("${" in text or is_excluding(text) for text in _parts(lineage, element)):
                raise _refused(one, element, "the dependency plugin leaves the agent out, or a part of it")
    for element in one.all("includes"):
        if agent.without(agent.members(), _parts(lineage, element)):
            raise _refused(one, element, "the dependency plugin unpacks only a part of the agent")


def _values(lineage: Lineage, one: Configuration, name: str) -> list[str]:
    return [part for element in one.all(name) for part in _parts(lineage, element)]


def _parts(lineage: Lineage, element: Element) -> list[str]:
    """The entries of a list that is written with commas."""
    return [part.strip() for part in lineage.resolved(element.text).split(",") if part.strip()]


def _refused(one: Configuration, element: Element, message: str) -> RewriteRefused:
    return RewriteRefused(message, path=one.pom.path, line=element.line, hint=_HINT)
