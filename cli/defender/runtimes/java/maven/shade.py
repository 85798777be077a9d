"""maven-shade-plugin: whether the agent gets into its jar whole, under its own name, and what has to be added for that.

What can't be told from the files is refused: how a filter of a parent outside of the tree merges with ours, or a
pattern whose property is defined elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from defender.edits.xml import Element
from defender.edits.xml_insert import New, fitting
from defender.errors import RewriteRefused
from defender.runtimes.java.maven import agent
from defender.runtimes.java.maven.additions import Addition
from defender.runtimes.java.maven.pom import Configuration, Lineage

NAME = "org.apache.maven.plugins:maven-shade-plugin"
_CLASS = ".class"


def is_used(lineage: Lineage) -> bool:
    """Whether the build runs the plugin, as far as the files tell."""
    found = lineage.configurations(NAME)
    runs = [one for one in found if one.execution is not None]
    is_on = not runs or any(one.phase != "none" for one in runs)
    return bool(found) and is_on and not any(_flag(lineage, one, "skip") == "true" for one in found)


def additions(lineage: Lineage) -> list[Addition]:
    """What the plugin's configuration lacks for the agent to be in the jar.

    Raises RewriteRefused, with the line, for what would leave the agent out, take a part of it, or rename it.
    """
    found = [one for one in lineage.configurations(NAME) if one.element is not None]
    for one in found:
        for relocation in one.all("relocations", "relocation"):
            _refuse_relocated(lineage, one, relocation)
        for entry in one.all("filters", "filter"):
            _refuse_filtered(lineage, one, entry)
        for transformer in one.all("transformers", "transformer"):
            _refuse_dropped(lineage, one, transformer)
    return [*_included(lineage, found), *_kept(lineage, found)]


def _included(lineage: Lineage, found: list[Configuration]) -> Iterator[Addition]:
    """The agent as an artifact of the jar, where the configuration lists these."""
    for one in found:
        for exclude in one.all("artifactSet", "excludes", "exclude"):
            if agent.fits_artifact(_text(lineage, one, exclude)):
                raise _refused(one, exclude, "the shade plugin leaves the agent out of the jar")
    listing = [one for one in found if one.all("artifactSet", "includes", "include")]
    for one in listing:
        includes = one.all("artifactSet", "includes")[0]
        texts = [_text(lineage, one, include) for include in includes.elements]
        if not any(agent.names_artifact(text) for text in texts):
            _refuse_merging(lineage, one, listing, includes)
            yield Addition(
                one.pom.document,
                includes,
                New("include", agent.KEY),
                "java.maven.include-artifact",
                "the shade plugin packs only what is listed",
            )


def _kept(lineage: Lineage, found: list[Configuration]) -> Iterator[Addition]:
    """All of the agent's classes, where classes that nothing seems to use are left out."""
    minimizing = [one for one in found if _flag(lineage, one, "minimizeJar") not in ("false", "", None)]
    filtering = [one for one in found if one.all("filters")]
    for one in minimizing:
        if any(_keeps(lineage, one, entry) for entry in one.all("filters", "filter")):
            continue
        involved = [*minimizing, *(other for other in filtering if other not in minimizing)]
        filters = one.all("filters")
        place = filters[0] if filters else one.element
        assert place is not None
        _refuse_merging(lineage, one, involved, place)
        if len(filters) > 1:
            raise _refused(one, filters[1], "there are two lists of filters")
        includes = New("includes", below=(New("include", "**"),))
        new = New("filter", below=(New("artifact", agent.KEY), includes))
        if filters:
            new = fitting(filters[0], new, "excludes")
        else:
            # Else Maven merges the first filter with the first one of a parent.
            appended = (("combine.children", "append"),) if lineage.outside else ()
            new = New("filters", below=(new,), attributes=appended)
        why = "the shade plugin drops classes that nothing seems to use"
        yield Addition(one.pom.document, place, new, "java.maven.keep-classes", why)


def _keeps(lineage: Lineage, one: Configuration, entry: Element) -> bool:
    """Whether a filter keeps all classes of the agent; what it excludes is refused before."""
    named = any(agent.names_artifact(_text(lineage, one, each)) for each in entry.all("artifact"))
    return named and any(each.text == "**" for each in entry.all("includes", "include"))


def _refuse_merging(
    lineage: Lineage, one: Configuration, others: list[Configuration], place: Element
) -> None:
    """Maven merges lists of two configurations by position, which may swallow what is added to one of them."""
    ids = [other.execution for other in others]
    are_apart = (
        all(other.plugin is one.plugin for other in others) and None not in ids and len(set(ids)) == len(ids)
    )
    if len(others) > 1 and not are_apart:
        raise _refused(one, place, "the shade plugin is configured in several places that merge")
    is_extended = place.name != "configuration" and dict(place.attributes).get("combine.children") != "append"
    if is_extended and lineage.outside and not _is_harmless(lineage.outside):
        raise _refused(one, place, f"how this merges with the parent {lineage.outside} is not known")


def _is_harmless(parent: str) -> bool:
    """Spring Boot's parent has one filter and no list of artifacts: an entry behind the first merges with nothing."""
    return parent.startswith("org.springframework.boot:spring-boot-starter-parent:")


def _refuse_relocated(lineage: Lineage, one: Configuration, relocation: Element) -> None:
    """Relocation is by prefix; the core's native part knows the agent's classes by their own names."""
    raw = relocation.first("rawString")
    if raw is not None and _text(lineage, one, raw) != "false":
        raise _refused(one, raw, "a relocation by regular expression may rename the agent's classes")
    pattern = relocation.first("pattern")
    prefix = "" if pattern is None else _text(lineage, one, pattern).replace(".", "/").removeprefix("/")
    moved = [name for name in agent.members() if name.startswith(prefix)]
    excludes, includes = relocation.all("excludes", "exclude"), relocation.all("includes", "include")
    moved = agent.without(moved, (_path(_text(lineage, one, each)) for each in excludes))
    if includes:
        kept = agent.without(moved, (_path(_text(lineage, one, each)) for each in includes))
        moved = [name for name in moved if name not in kept]
    if moved:
        raise _refused(one, relocation, "the shade plugin gives the agent's classes another name")


def _path(pattern: str) -> str:
    return pattern.replace(".", "/")


def _refuse_filtered(lineage: Lineage, one: Configuration, entry: Element) -> None:
    artifact = entry.first("artifact")
    if artifact is None or not agent.fits_artifact(_text(lineage, one, artifact)):
        return
    excludes = [_text(lineage, one, each) for each in entry.all("excludes", "exclude")]
    includes = [_text(lineage, one, each) for each in entry.all("includes", "include")]
    strange = [text for text in (*excludes, *includes) if text.startswith("%")]
    is_whole = not includes or not agent.without(agent.members(), includes)
    if strange or not is_whole or len(agent.without(agent.members(), excludes)) < len(agent.members()):
        raise _refused(one, entry, "a filter of the shade plugin leaves a part of the agent out")


def _refuse_dropped(lineage: Lineage, one: Configuration, transformer: Element) -> None:
    """DontIncludeResourceTransformer drops what ends with one of its texts."""
    kind = dict(transformer.attributes).get("implementation", "").rpartition(".")[2]
    if kind != "DontIncludeResourceTransformer":
        return
    texts = [
        _text(lineage, one, each)
        for each in (*transformer.all("resource"), *transformer.all("resources", "resource"))
    ]
    resources = [name for name in agent.members() if not name.endswith(_CLASS)]
    if any(name.lower().endswith(text.lower()) for name in resources for text in texts if text):
        raise _refused(one, transformer, "a transformer of the shade plugin drops one of the agent's files")


def _flag(lineage: Lineage, one: Configuration, name: str) -> str | None:
    found = one.all(name)
    return lineage.resolved(found[0].text).strip().lower() if found else None


def _text(lineage: Lineage, one: Configuration, element: Element) -> str:
    """An element's text; RewriteRefused where a property in it is defined elsewhere."""
    text = lineage.resolved(element.text)
    if "${" in text:
        raise _refused(one, element, f"what {element.text} stands for is not known")
    return text


def _refused(one: Configuration, element: Element, message: str) -> RewriteRefused:
    return RewriteRefused(
        message,
        path=one.pom.path,
        line=element.line,
        hint="change it, or build the project and embed the package that is deployed",
    )
