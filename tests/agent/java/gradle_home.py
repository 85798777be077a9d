"""Two Gradles: Debian's, the oldest that is tested, and a newer one made of the jar that plugins are compiled against.

That jar holds all of Gradle's classes, and says which modules there were; a home for it needs one small jar for each.
It lacks the Kotlin DSL and its own way to javac, so builds call javac as a program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

from .conftest import ROOT

PACKAGES = ROOT / "build" / "gradle"
API = "gradle-api-8.5.jar"
VERSION = "8.5"
OLD, NEW = 4, 8
# What Gradle keeps of its own, below the folder that it is run in.
HOME, USER = ".home", "user"
# What the modules need besides Gradle's own classes.
_LIBRARIES = ("annotations-", "ant-", "groovy", "javaparser-", "junit-4", "kotlin-", "qdox-")
_MODULES = "-classpath.properties"
_ABSENT = ("gradle-instrumentation-agent", "gradle-java-compiler-plugin")
_OPENED = (
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.net",
    "java.base/java.nio.charset",
    "java.base/java.util",
    "java.base/java.util.concurrent.atomic",
    "java.prefs/java.util.prefs",
)
_DEPENDENCY = (
    "<dependency><groupId>plugins</groupId><artifactId>%s</artifactId><version>1</version></dependency>"
)
_POM = (
    "<project><modelVersion>4.0.0</modelVersion><groupId>plugins</groupId><artifactId>%s</artifactId>"
    "<version>1</version>%s</project>"
)
_INIT = """
beforeSettings { settings ->
    settings.pluginManagement.repositories { maven { url = uri('%s') } }
    settings.pluginManagement.resolutionStrategy.eachPlugin {
        if (requested.id.id == 'com.gradleup.shadow') { useModule('plugins:all:1') }
    }
}
allprojects {
    tasks.withType(JavaCompile) {
        options.fork = true
        options.forkOptions.executable = new File(System.getProperty('java.home'), 'bin/javac').path
    }
}
"""


def run(version: int, folder: Path, task: str, java: Path) -> str:
    """What a run of Gradle printed, whatever came of it."""
    home = folder / HOME
    (home / USER).mkdir(parents=True)
    # Nothing stays behind, whoever runs Gradle with these files.
    (home / USER / "gradle.properties").write_text("org.gradle.daemon=false\n")
    command = ["gradle"] if version == OLD else _command(home, java)
    done = subprocess.run(
        [*command, "--no-daemon", "--continue", "--quiet", f"--gradle-user-home={home / USER}", task],
        cwd=folder,
        env=_environment(java),
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def _environment(java: Path) -> Mapping[str, str]:
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("GRADLE", "JAVA", "ORG_"))
    }
    return own | {"JAVA_HOME": str(java), "GRADLE_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def _command(home: Path, java: Path) -> list[str]:
    """The newer Gradle's, in one JVM: its memory is what Gradle asks for, or it would start another."""
    # From there it is read for the builds that a build runs, too.
    (home / USER / "init.gradle").write_text(_INIT % _plugins(home / "plugins").as_uri())
    opened = [option for one in _OPENED for option in ("--add-opens", f"{one}=ALL-UNNAMED")]
    memory = ["-Xmx512m", "-XX:MaxMetaspaceSize=384m", "-XX:+UseSerialGC"]
    speed = ["-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    jar = _distribution(home / "gradle")
    agent = "-Dorg.gradle.internal.instrumentation.agent=false"
    main = "org.gradle.launcher.GradleMain"
    return [str(java / "bin" / "java"), *memory, *speed, *opened, agent, "-cp", str(jar), main]


def _plugins(folder: Path) -> Path:
    """A repository whose one artifact depends on all of the plugin's jars."""
    listed = []
    for path in sorted((PACKAGES / "plugins").glob("*.jar")):
        _publish(folder, path.stem, "")
        _place(path, folder / "plugins" / path.stem / "1" / f"{path.stem}-1.jar")
        listed.append(_DEPENDENCY % path.stem)
    _publish(folder, "all", f"<packaging>pom</packaging><dependencies>{''.join(listed)}</dependencies>")
    return folder


def _place(path: Path, target: Path) -> None:
    """A file's second name, or its copy where the folders are on different disks."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _publish(folder: Path, name: str, more: str) -> None:
    place = folder / "plugins" / name / "1"
    place.mkdir(parents=True)
    (place / f"{name}-1.pom").write_text(_POM % (name, more))


def _distribution(folder: Path) -> Path:
    """A home for the newer Gradle; its one jar."""
    libraries = folder / "lib"
    (libraries / "plugins").mkdir(parents=True)
    needed = [API]
    for path in sorted((PACKAGES / "api").glob("*.jar")):
        # Where a symbolic link leads to is where Gradle would look for its home.
        _place(path, libraries / path.name)
        needed += [path.name] if path.name.startswith(_LIBRARIES) else []
    with zipfile.ZipFile(libraries / API) as packed:
        names = [name for name in packed.namelist() if name.endswith(_MODULES) and "/" not in name]
        for name in (*names, *(f"{one}{_MODULES}" for one in _ABSENT)):
            text = packed.read(name).decode() if name in names else ""
            above = [line for line in text.splitlines() if line.startswith("projects=")] or ["projects="]
            _module(libraries, name, [*above, f"runtime={','.join(needed)}"])
    with zipfile.ZipFile(libraries / "javax.inject-1.jar", "w"):
        pass  # The one jar has it.
    return libraries / API


def _module(libraries: Path, name: str, lines: list[str]) -> None:
    with zipfile.ZipFile(libraries / f"{name.removesuffix(_MODULES)}-{VERSION}.jar", "w") as packed:
        packed.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\nClass-Path: {API}\n\n")
        packed.writestr(name, "\n".join((*lines, "")))
