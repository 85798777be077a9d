"""The scripts that a Gradle project is built by: its own, those above it, those they apply; and Gradle's version.

Found by name in the archive, as Gradle finds them; nothing is run. A script that is taken from elsewhere, or whose
name is computed, is refused: it might say anything.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from defender.archive import Archive, Kind
from defender.errors import RewriteRefused
from defender.runtimes.java.gradle.script import Call, Script
from defender.runtimes.java.gradle.tokens import BY_HAND

SETTINGS = ("settings.gradle", "settings.gradle.kts")
BUILD = "build.gradle"
KOTLIN = ".kts"
_WRAPPER = "gradle/wrapper/gradle-wrapper.properties"
_CATALOG = "gradle/libs.versions.toml"
_VERSION = re.compile(rb"^\s*distributionUrl\s*[=:].*/gradle-(\d+)\.(\d+)", re.MULTILINE)
_OURS = "com.twistlock.serverless"
_BY_HAND = "take what refers to it out of the build, or embed the package that is built"


@dataclass(frozen=True)
class Build:
    """One project of a build; `root` is the folder with the build's settings, "" for the archive itself."""

    archive: Archive
    folder: str
    build_file: str

    @cached_property
    def settings_file(self) -> str | None:
        """The settings file that Gradle finds from the project's folder upwards; None for a build without one."""
        for folder in _upwards(self.folder):
            for name in SETTINGS:
                if is_file(self.archive, posixpath.join(folder, name)):
                    return posixpath.join(folder, name)
        return None

    @property
    def root(self) -> str:
        """The folder of the settings file, or the project's own."""
        return self.folder if self.settings_file is None else posixpath.dirname(self.settings_file)

    @cached_property
    def own(self) -> Script:
        """The project's own script."""
        return self.script(self.build_file)

    @cached_property
    def above(self) -> tuple[Script, ...]:
        """The scripts of the projects above it, topmost first."""
        folders = [one for one in _upwards(self.folder) if _is_below(one, self.root)]
        paths = [posixpath.join(one, BUILD) for one in reversed(folders)]
        for path in paths:
            _refuse_kotlin(self.archive, path)
        return tuple(
            self.script(path) for path in paths if path != self.build_file and is_file(self.archive, path)
        )

    @cached_property
    def all(self) -> tuple[Script, ...]:
        """All scripts that have a say, each once: its own, those above, and what these apply in turn."""
        found: dict[str, Script] = {}
        waiting = [self.own, *self.above]
        while waiting:
            script = waiting.pop(0)
            if script.path not in found:
                found[script.path] = script
                waiting += [self.script(path) for path in self._applied(script)]
        return tuple(found.values())

    def script(self, path: str) -> Script:
        """A script of the archive."""
        return Script(path, self.archive.read(path))

    @cached_property
    def version(self) -> tuple[int, int] | None:
        """The version of Gradle that the wrapper fetches; None where nothing tells."""
        path = posixpath.join(self.root, _WRAPPER)
        if not is_file(self.archive, path):
            return None
        match = _VERSION.search(self.archive.read(path).replace(b"\\", b""))
        return None if match is None else (int(match[1]), int(match[2]))

    @cached_property
    def catalog(self) -> dict[str, str]:
        """Plugin ids by the alias that scripts use, `libs.plugins.` left out."""
        path = posixpath.join(self.root, _CATALOG)
        if not is_file(self.archive, path):
            return {}
        try:
            listed = tomllib.loads(self.archive.read(path).decode()).get("plugins", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RewriteRefused(
                f"the version catalog can't be read: {error}", path=path, hint=BY_HAND
            ) from error
        named = {
            alias: one.get("id", "") if isinstance(one, dict) else str(one).partition(":")[0]
            for alias, one in listed.items()
        }
        return {re.sub(r"[-_.]", ".", alias): identifier for alias, identifier in named.items()}

    def plugins(self, script: Script) -> Iterator[tuple[str, Call]]:
        """The plugins that a script applies at its top, with the statements that do."""
        for call in script.calls():
            if call.name == "plugins" and call.inside:
                for one in script.calls(call.inside):
                    yield from self._declared(script, one)
            elif call.name == "apply":
                yield from _named(script, call)
            elif call.name in ("plugins", "pluginManager") and "apply" in call.words:
                yield from ((text, call) for text in call.texts if text)

    def _declared(self, script: Script, call: Call) -> Iterator[tuple[str, Call]]:
        if "apply" in call.words and "false" in call.words:
            return
        if call.name == "id" and call.texts and call.texts[0]:
            yield call.texts[0], call
        elif call.name == "alias" and call.words[:2] == ("libs", "plugins"):
            words = call.words[2:]
            name = ".".join(words[: words.index("version")] if "version" in words else words)
            if name not in self.catalog:
                raise script.refused(f"the version catalog has no plugin {name!r}", call.index)
            yield self.catalog[name], call
        else:
            raise script.refused("the plugin that is meant here can't be told", call.index)

    def _applied(self, script: Script) -> Iterator[str]:
        """The scripts of the tree that a script applies, by `apply from` or as a plugin of the build's own."""
        for index, token in enumerate(script.tokens[:-2]):
            rest = script.tokens[index + 1 :]
            if token.text == "apply" and any(one.text == "from" for one in rest[:2]):
                yield self._from(script, index)
        for plugin, _ in self.plugins(script):
            yield from self._conventions(plugin)

    def _from(self, script: Script, index: int) -> str:
        text = next((one for one in script.tokens[index : index + 6] if one.kind == "string"), None)
        path = _resolved(text.text[1:-1], self.root, posixpath.dirname(script.path)) if text else None
        if path is None or not is_file(self.archive, path) or path.endswith(KOTLIN):
            raise script.refused("the script that is applied here can't be read", index)
        return path

    def _conventions(self, plugin: str) -> Iterator[str]:
        """The files that a plugin of the build's own is written in."""
        wanted = re.compile(
            rf"(?:.*/)?src/main/(?:groovy|kotlin)/(?:.*/)?{re.escape(plugin)}\.gradle(?:\.kts)?"
        )
        for path in self.archive.members:
            if wanted.fullmatch(path) and _is_below(path, self.root):
                if path.endswith(KOTLIN):
                    raise RewriteRefused(
                        f"the plugin {plugin!r} is a script in Kotlin, which defender does not read",
                        path=path,
                        hint=BY_HAND,
                    )
                yield path


def is_file(archive: Archive, path: str) -> bool:
    """Whether the archive has a file of this name."""
    member = archive.members.get(path)
    return member is not None and member.kind is Kind.FILE


def refuse_embedded(build: Build) -> None:
    """Raise RewriteRefused where the build has an agent already, by another hand than ours."""
    for script in build.all:
        for index, token in enumerate(script.tokens):
            if token.kind == "string" and _OURS in token.text:
                raise script.refused("the build refers to an agent already", index, _BY_HAND)


def refuse_depended_on(build: Build) -> None:
    """Raise RewriteRefused where another project of the build depends on this one: it would look for the agent, too."""
    name = posixpath.basename(build.folder)
    if not name or build.folder == build.root:
        return
    wanted = re.compile(rf"""[:'"]{re.escape(name)}['"]|projects\.""".encode())
    names = (BUILD, BUILD + KOTLIN)
    others = [path for path in build.archive.members if posixpath.basename(path) in names]
    for path in others:
        is_other = path != build.build_file and _is_below(path, build.root) and is_file(build.archive, path)
        if is_other and wanted.search(build.archive.read(path)):
            raise RewriteRefused(
                f"this script may depend on the project {name!r}, and would not find the agent",
                path=path,
                hint="declare the build's repositories in its settings, or embed the package that is built",
            )


def _named(script: Script, call: Call) -> Iterator[tuple[str, Call]]:
    """`apply plugin: 'java'`, `apply plugin: JavaPlugin`, `apply { plugin 'java' }`."""
    if call.inside:
        for one in script.calls(call.inside):
            yield from _named(script, replace(one, arguments=(script.tokens[one.index], *one.arguments)))
    elif "plugin" in call.words:
        for text in call.texts:
            if text is None:
                raise script.refused("the plugin that is meant here is computed", call.index)
            yield text, call
        yield from ((word, call) for word in call.words if word[:1].isupper())


def _refuse_kotlin(archive: Archive, path: str) -> None:
    if is_file(archive, path + KOTLIN):
        raise RewriteRefused("a build script in Kotlin", path=path + KOTLIN, hint=BY_HAND)


def _resolved(text: str, root: str, own: str) -> str | None:
    """The path of the archive that `apply from` names; None where it lies elsewhere, or is computed."""
    for variables, folder in (
        (r"rootDir|rootProject\.projectDir|rootProject\.rootDir", root),
        ("projectDir", own),
    ):
        text, count = re.subn(rf"^\$(?:\{{(?:{variables})\}}|(?:{variables})(?![\w.]))/", "", text)
        if count:
            own = folder
    if not re.fullmatch(r"[\w./ -]+", text) or text.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(own, text))
    return None if path.startswith("../") else path


def _upwards(folder: str) -> list[str]:
    """The folder, and those above it to the archive's top, which is ""."""
    found = [folder]
    while found[-1]:
        found.append(posixpath.dirname(found[-1]))
    return found


def _is_below(path: str, root: str) -> bool:
    return not root or path == root or path.startswith(f"{root}/")
