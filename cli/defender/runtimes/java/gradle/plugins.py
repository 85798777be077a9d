"""What a project's plugins say of it: whether it has Java's configurations, and who packs it."""

from __future__ import annotations

from defender.errors import RewriteRefused
from defender.runtimes.java.gradle.build import Build
from defender.runtimes.java.gradle.script import Script
from defender.runtimes.java.gradle.tokens import BY_HAND

_JAVA = frozenset(
    {"java", "java-library", "application", "groovy", "scala", "war", "kotlin", "org.jetbrains.kotlin.jvm"}
    | {"JavaPlugin", "JavaLibraryPlugin", "ApplicationPlugin", "GroovyPlugin", "ScalaPlugin", "WarPlugin"}
    | {f"org.gradle.{name}" for name in ("java", "java-library", "application", "groovy", "scala", "war")}
)
# What packs a function by itself, or changes compiled classes: none of it is proved by a test.
_FRAMEWORKS = {
    "com.android": "Android packs nothing that Lambda runs",
    "org.springframework.boot": "Spring Boot packs the function in a way of its own",
    "io.quarkus": "Quarkus packs the function in a way of its own",
    "io.micronaut": "Micronaut packs the function in a way of its own",
    "org.graalvm": "the function is compiled to native code",
    "org.jetbrains.kotlin.multiplatform": "Kotlin Multiplatform has configurations of its own",
    "org.jetbrains.kotlin.js": "it compiles to JavaScript",
    "kotlin-multiplatform": "Kotlin Multiplatform has configurations of its own",
    "com.guardsquare.proguard": "ProGuard drops and renames classes",
    "proguard": "ProGuard drops and renames classes",
    "biz.aQute.bnd": "an OSGi bundle lists the packages that it holds",
}


def refuse_frameworks(build: Build) -> None:
    """Raise RewriteRefused for plugins that pack a function in ways of their own, named by the build or for it."""
    for script in build.all:
        for plugin, call in build.plugins(script):
            why = next((_FRAMEWORKS[one] for one in _FRAMEWORKS if f"{plugin}.".startswith(f"{one}.")), None)
            if why is not None:
                raise script.refused(f"{why} ({plugin})", call.index)


def refuse_other_than_java(build: Build) -> None:
    """Raise RewriteRefused where nothing shows that the project has the Java plugin's configurations."""
    if not any(_applies_java(build, script) for script in build.all):
        raise RewriteRefused(
            "nothing in the build scripts shows that the Java plugin is applied",
            path=build.build_file,
            hint=BY_HAND,
        )


def _applies_java(build: Build, script: Script) -> bool:
    if script not in build.above:
        return any(plugin in _JAVA for plugin, _ in build.plugins(script))
    shared = [call for call in script.calls() if call.name in ("allprojects", "subprojects") and call.inside]
    return any(
        one.name == "apply" and "plugin" in one.words and bool({*one.texts, *one.words} & _JAVA)
        for call in shared
        for one in script.calls(call.inside)
    )
