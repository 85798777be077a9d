"""Gradle builds that are refused, or read in ways that no build has to show."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defender.archive import open_archive
from defender.errors import RewriteRefused
from defender.plan import Plan, file_changes
from defender.runtimes.java import gradle
from defender.runtimes.java.gradle.script import Script, refuse_unreached
from defender.runtimes.java.projects import Project

JAVA = "apply plugin: 'java'\n"
ZIP = "task pack(type: Zip) {\n    into('lib') { from configurations.runtimeClasspath }\n}\n"
OURS = "repositories {\n    maven { url = uri('twistlock') }\n}\n"


@dataclass(frozen=True)
class Tree:
    """Files in a folder, and the project among them."""

    folder: Path
    project: Project

    def edited(self, **options: Any) -> dict[str, str]:
        """The files after embedding."""
        with open_archive(self.folder) as archive:
            edits = gradle.edits(archive, self.project, "1.0", **options)
            return {one.path: one.after.decode() for one in file_changes(archive, Plan(edits=edits))}

    def refused(self) -> RewriteRefused:
        """Why it is refused."""
        with pytest.raises(RewriteRefused) as caught:
            self.edited()
        assert caught.value.hint
        return caught.value

    def embed(self) -> None:
        """Write the edited files, and something of the agent's repository."""
        for name, text in self.edited().items():
            (self.folder / name).write_bytes(text.encode())
        place = self.folder / "twistlock/com/twistlock/serverless/defender/1.0"
        place.mkdir(parents=True)
        (place / "defender-1.0.jar").touch()

    def lacking(self) -> str | None:
        with open_archive(self.folder) as archive:
            return gradle.lacking(archive, self.project)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Tree]:
    def make(files: Mapping[str, str] | str, folder: str = "", kind: str = "build.gradle") -> Tree:
        for name, text in ({kind: files} if isinstance(files, str) else files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return Tree(tmp_path, Project(folder, "gradle", f"{folder}/{kind}" if folder else kind))

    return make


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("return\n", "may end here"),
        ("if (x) return\n", "may end here"),
        ("if (x) { println 1\n return }\n", "may end here"),
        ("try { return } finally { }\n", "may end here"),
        ("x = 1\n{ -> }\n{\n return }\n", "may end here"),
        ("again: { return }\n", "may end here"),
        ("try (x) { return } finally { }\n", "may end here"),
        ("repositories.all { it.url = 'x' }\n", "may change"),
        (
            "repositories { exclusiveContent { filter { includeGroupByRegex 'com.*' } } }\n",
            "may have the agent",
        ),
        ("def deps = configurations.runtimeClasspath\n    .filter { it.name != 'x' }\n", "may leave"),
        ("task y { doLast { copy { from configurations.runtimeClasspath\n exclude 'd*' } } }\n", "leaves"),
        ("def x =\n", "not complete"),
        ("apply plugin:\n", "not complete"),
        ("if (project.hasProperty('x'))\n", "not complete"),
        ("if (x) { } else\n", "not complete"),
        ("@Override\n", "not complete"),
        ("foo {\n", "never closed"),
        ("foo }\n", "none opened"),
        ("foo( }\n", "none opened"),
        ("/* no end\n", "does not end"),
        ("x = 'no end\n", "does not end"),
        ("x = '''no end\n", "does not end"),
        ('x = "${ no end"\n', "does not end"),
        ("x = $/ no end $/\n", "does not end"),
        ("exclude /a/\n", "may divide or begin"),
        ("x = '\\u007b'\n", "Unicode escape"),
        ("x = 1\r\ny = 2\rz = 3\n", "carriage returns"),
        ("def repositories = [:]\n", "of its own"),
        ("ext.implementation = 'x'\n", "of its own"),
        ("Task buildZip = null\n", "of its own"),
        ("void dependencies(Closure c) { }\n", "of its own"),
        ("import org.example.Zip\n", "of its own"),
        ("repositories.clear()\n", "take back"),
        ("configurations.all { withDependencies { it.removeAll { true } } }\n", "take back"),
        ("dependencies { implementation 'com.twistlock.serverless:defender:1.0' }\n", "an agent already"),
        ("def group = 'com.twistlock.serverless'\n", "an agent already"),
    ],
)
def test_scripts_that_can_not_be_added_to(tree: Callable[..., Tree], text: str, message: str) -> None:
    assert message in tree(JAVA + text).refused().message


@pytest.mark.parametrize(
    "text",
    [
        "def f() { if (x) { return 1 }\n return 2 }\n",
        "tasks.each { task -> if (task.enabled) { return } }\n",
        "if (version == null) throw new GradleException('no version')\n",
        "x = 'a\\'{' + \"b\\\"{\" + '''{'{''' + \"\"\"{\"${'}'}\"{\"\"\"\n",
        "x = ~/\\/{/\n",
        "x = $/ $$ { / /$\n",
        "x = a / b\ny = (1 + 2) / 3\nz = list[0] / 2\n",
        "x = 1 // {\n/* { */ y = 2 /** } */\n",
        "x = [a: 1,\n     b: { it }]\n",
        "foo\n    .bar { }\n    .baz()\n",
        "def (a, b) = [1, 2]\n",
    ],
)
def test_text_that_looks_like_other_text(tree: Callable[..., Tree], text: str) -> None:
    after = tree(JAVA + text + ZIP).edited()["build.gradle"]
    assert after == f"{JAVA}{text}{ZIP}\n{OURS}\ndependencies {{\n    implementation '{_COORDINATES}'\n}}\n"


_COORDINATES = "com.twistlock.serverless:defender:1.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jar { from { configurations.lambda.collect { zipTree(it) } } }\n", "can't be told"),
        (
            "jar { from { configurations.runtimeClasspath.filter { it.name != x }.collect { it } } }\n",
            "may leave",
        ),
        (
            "task z(type: Zip) { into('lib') { from configurations.runtimeClasspath\n exclude '*.jar' } }\n",
            "leaves",
        ),
        (
            "task z(type: Zip) { into('lib') { from configurations.runtimeClasspath\n include 'a*' } }\n",
            "leaves",
        ),
        (
            "task z(type: Zip) { from(configurations.runtimeClasspath) { exclude(skipped) } }\n",
            "can't be told",
        ),
        ("task z(type: Zip) { from(configurations.runtimeClasspath) { rename { 'x' } } }\n", "may leave"),
        (
            "jar { from { configurations.runtimeClasspath.collect { zipTree(it) } }\n exclude 'com/**' }\n",
            "leaves",
        ),
        (
            "jar { from { configurations.runtimeClasspath.collect { zipTree(it) } }\n exclude '**/*x86_64' }\n",
            "leaves",
        ),
        (
            "tasks.register('pack', Zip) { eachFile { it.exclude() }\n from configurations.default }\n",
            "may leave",
        ),
        ("task buildZip(type: Zip) { from compileJava }\n", "packs no dependencies"),
    ],
)
def test_packages_that_leave_the_agent_out(tree: Callable[..., Tree], text: str, message: str) -> None:
    assert message in tree(JAVA + text).refused().message


@pytest.mark.parametrize(
    "text",
    [
        "minimize()",
        "minimize { exclude(dependency('a:b:.*')) }",
        "relocate 'com', 'shaded.com'",
        "relocate('com.twistlock.serverless', 'x')",
        "relocate prefix, 'x'",
        "enableRelocation = true",
        "dependencies { include(dependency('a:b')) }",
        "dependencies { exclude(dependency('.*:.*:.*')) }",
        "dependencies { exclude(dependency('com.twistlock.serverless:defender:.*')) }",
        "exclude 'com/twistlock/serverless/Core.class'",
        "configurations = [project.configurations.mine]",
    ],
)
def test_shadow_jars_that_lack_the_agent(tree: Callable[..., Tree], text: str) -> None:
    plugins = "plugins {\n    id 'java'\n    id 'com.github.johnrengelman.shadow' version '8.1.1'\n}\n"
    tree(f"{plugins}shadowJar {{\n    {text}\n}}\n").refused()


@pytest.mark.parametrize(
    "text",
    [
        "from('src/main/lambda') { include '*.js' }",
        "from(fileTree('scripts')) { exclude { it.directory } }",
        "into('lib') { from configurations.runtimeClasspath\n exclude 'tests-*.jar' }",
        "into('lib') { from configurations.runtimeClasspath\n include '*.jar' }",
        "into('lib') { from configurations['runtimeClasspath'] }",
        "into('lib') { from configurations.getByName('runtimeClasspath') }",
        "into('lib') { from sourceSets.main.runtimeClasspath }",
        "from { configurations.runtimeClasspath.filter { it.exists() }.collect { zipTree(it) } }\nexclude '**/*.md'",
    ],
)
def test_packages_that_hold_the_agent(tree: Callable[..., Tree], text: str) -> None:
    both = f"into('lib') {{ from configurations.runtimeClasspath }}\n{text}"
    after = tree(f"{JAVA}task pack(type: Zip) {{\n{both}\n}}\n").edited()["build.gradle"]
    assert "buildZip" not in after


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ("", "Java plugin"),
        ("plugins { id 'base' }\n", "Java plugin"),
        ("plugins { id 'java' apply false }\n", "Java plugin"),
        ("afterEvaluate { apply plugin: 'java' }\n", "Java plugin"),
        ('plugins { id "${kind}" }\n', "can't be told"),
        ("apply plugin: \"${'java'}\"\n", "is computed"),
        ("plugins { id 'com.android.application' }\n", "Android"),
        ("plugins { id 'java'\n id 'org.springframework.boot' version '3.2.0' }\n", "Spring Boot"),
        ("plugins { id 'java'\n id 'io.quarkus' }\n", "Quarkus"),
        ("plugins { id 'io.micronaut.application' version '4.0' }\n", "Micronaut"),
        ("plugins { id 'org.jetbrains.kotlin.multiplatform' }\n", "Multiplatform"),
        ("plugins { alias(libs.plugins.none) }\n", "no plugin"),
        ("apply plugin: 'java'\napply from: 'https://example.com/x.gradle'\n", "can't be read"),
        ("apply plugin: 'java'\napply from: 'missing.gradle'\n", "can't be read"),
        ("apply plugin: 'java'\napply from: \"${folder}/x.gradle\"\n", "can't be read"),
        ("apply plugin: 'java'\napply from: '../x.gradle'\n", "can't be read"),
    ],
)
def test_projects_of_another_kind(tree: Callable[..., Tree], plugins: str, message: str) -> None:
    assert message in tree(plugins).refused().message


@pytest.mark.parametrize(
    "plugins",
    [
        "plugins { id 'java' }",
        'plugins { id("java-library") }',
        "plugins { id 'org.jetbrains.kotlin.jvm' version '1.9.20' }",
        "apply plugin: JavaPlugin",
        "apply(plugin: 'groovy')",
        "apply { plugin 'application' }",
        "pluginManager.apply('java')",
    ],
)
def test_ways_to_apply_the_java_plugin(tree: Callable[..., Tree], plugins: str) -> None:
    assert "implementation 'com.twist" in tree(f"{plugins}\n{ZIP}").edited()["build.gradle"]


def test_a_build_script_in_kotlin(tree: Callable[..., Tree]) -> None:
    refused = tree("plugins { java }\n", kind="build.gradle.kts").refused()
    assert refused.path == "build.gradle.kts"
    assert "com.twistlock.serverless:defender" in (refused.hint or "")


def test_a_version_catalog_names_the_plugin(tree: Callable[..., Tree]) -> None:
    files = {
        "build.gradle": "plugins {\n    id 'java'\n    alias(libs.plugins.spring.boot)\n}\n",
        "gradle/libs.versions.toml": '[plugins]\nspring-boot = { id = "org.springframework.boot", version = "3" }\n',
    }
    assert "Spring Boot" in tree(files).refused().message
    files["gradle/libs.versions.toml"] = '[plugins]\nspring-boot = "com.diffplug.spotless:6.0"\n'
    assert OURS in tree(files).edited()["build.gradle"]


def test_a_plugin_of_the_build_itself(tree: Callable[..., Tree]) -> None:
    files = {
        "build.gradle": "plugins { id 'example.java-conventions' }\n",
        "buildSrc/build.gradle": "plugins { id 'groovy-gradle-plugin' }\n",
        "buildSrc/src/main/groovy/example.java-conventions.gradle": "plugins { id 'java' }\n" + ZIP,
    }
    assert "buildZip" not in tree(files).edited()["build.gradle"]
    files["buildSrc/src/main/groovy/example.java-conventions.gradle"] += "repositories.clear()\n"
    assert "take back" in tree(files).refused().message


def test_a_plugin_of_the_build_in_kotlin(tree: Callable[..., Tree]) -> None:
    files = {
        "build.gradle": "plugins { id 'java'\n id 'conventions' }\n",
        "buildSrc/src/main/kotlin/conventions.gradle.kts": "plugins { java }\n",
    }
    assert tree(files).refused().path == "buildSrc/src/main/kotlin/conventions.gradle.kts"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("dependencyResolutionManagement { repositoriesMode.set(mode) }\n", "can't be told"),
        ("if (x) { dependencyResolutionManagement { repositories { } } }\n", "in a place"),
        ("gradle.beforeProject { repositories { } }\n", "may declare"),
        ("apply from: 'x.gradle'\n", "may declare"),
        ("rootProject.buildFileName = 'other.gradle'\n", "may declare"),
        ("plugins { id 'com.example.repositories' version '1' }\n", "may declare"),
        ("dependencyResolutionManagement { repositories { } }\nreturn\n", "may end here"),
    ],
)
def test_settings_that_can_not_be_told(tree: Callable[..., Tree], settings: str, message: str) -> None:
    assert message in tree({"build.gradle": JAVA, "settings.gradle": settings}).refused().message


@pytest.mark.parametrize(
    "settings",
    ["dependencyResolutionManagement { }\n", 'apply(plugin = "x")\n', 'plugins { id("com.example") }\n'],
)
def test_settings_in_kotlin_that_matter(tree: Callable[..., Tree], settings: str) -> None:
    assert (
        tree({"build.gradle": JAVA, "settings.gradle.kts": settings}).refused().path == "settings.gradle.kts"
    )


def test_settings_in_kotlin_that_do_not(tree: Callable[..., Tree]) -> None:
    files = {"build.gradle": JAVA, "settings.gradle.kts": 'rootProject.name = "a"\n'}
    assert list(tree(files).edited()) == ["build.gradle"]


def test_repositories_of_plugins_are_not_the_projects(tree: Callable[..., Tree]) -> None:
    own = "buildscript {\n    repositories { mavenCentral() }\n}\n"
    files = {
        "build.gradle": own + JAVA,
        "settings.gradle": "dependencyResolutionManagement {\n\trepositories { mavenCentral() }\n}\n",
    }
    after = tree(files).edited()
    added = (
        "dependencyResolutionManagement {\n\trepositories {\n\t\tmaven { url = uri('twistlock') }\n\t}\n}\n"
    )
    assert after["settings.gradle"] == f"{files['settings.gradle']}\n{added}"
    assert "uri" not in after["build.gradle"]


def test_whose_repositories_these_are(tree: Callable[..., Tree]) -> None:
    files = {
        "app/build.gradle": JAVA,
        "build.gradle": "configure(subprojects.findAll { it.name == 'x' }) {\n    repositories { }\n}\n",
        "settings.gradle": "dependencyResolutionManagement {\n    repositories { }\n}\ninclude 'app'\n",
    }
    assert "whose repositories" in tree(files, "app").refused().message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gradle/verification-metadata.xml", "checksums"),
        ("gradle/dependency-locks/compileClasspath.lockfile", "lock files"),
        ("src/main/java/module-info.java", "a module"),
    ],
)
def test_files_that_hold_a_build_to_what_it_had(tree: Callable[..., Tree], name: str, message: str) -> None:
    assert message in tree({"build.gradle": JAVA, name: ""}).refused().message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a:b:1=compileClasspath\nempty=runtimeClasspath\n", "can't be extended"),
        ("a:b:1=compileClasspath,lambda\n", "'lambda'"),
        ("what\n", "can't be extended"),
    ],
)
def test_lock_files_that_can_not_be_extended(tree: Callable[..., Tree], lines: str, message: str) -> None:
    assert message in tree({"build.gradle": JAVA, "gradle.lockfile": lines}).refused().message


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:b:1=runtimeClasspath\n", "a:b:1=runtimeClasspath\n{}runtimeClasspath\n"),
        ("z:b:1=runtimeClasspath\n", "{}runtimeClasspath\nz:b:1=runtimeClasspath\n"),
        (
            "# x\r\na:b:1=compileClasspath\r\nempty=checkstyle\r\n",
            "# x\r\na:b:1=compileClasspath\r\n{}compileClasspath\r\nempty=checkstyle\r\n",
        ),
    ],
)
def test_where_the_agent_stands_in_a_lock_file(tree: Callable[..., Tree], before: str, after: str) -> None:
    found = tree({"build.gradle": JAVA, "gradle.lockfile": before}).edited()
    assert found["gradle.lockfile"] == after.format(f"{_COORDINATES}=")


def test_nothing_is_locked_that_has_the_agent(tree: Callable[..., Tree]) -> None:
    assert (
        "gradle.lockfile"
        not in tree({"build.gradle": JAVA, "gradle.lockfile": "empty=checkstyle\n"}).edited()
    )


def wrapper(version: str) -> dict[str, str]:
    return {
        "gradle/wrapper/gradle-wrapper.properties": "distributionBase=GRADLE_USER_HOME\n"
        f"distributionUrl=https\\://services.gradle.org/distributions/gradle-{version}-bin.zip\n"
    }


def test_the_wrappers_version(tree: Callable[..., Tree]) -> None:
    old = {"build.gradle": JAVA + "dependencies { compile 'a:b:1' }\n" + ZIP}
    assert "    compile 'com.twist" in tree({**old, **wrapper("5.6.4")}).edited()["build.gradle"]
    assert "gone in Gradle 7" in tree({**old, **wrapper("7.0")}).refused().message
    assert "older" in tree({**old, **wrapper("3.5.1")}).refused().message
    new = {"build.gradle": JAVA + ZIP, **wrapper("9.0.0")}
    assert "    implementation 'com.twist" in tree(new).edited()["build.gradle"]


@pytest.mark.parametrize("script", ["other/build.gradle", "other/build.gradle.kts", "build.gradle"])
def test_others_that_depend_on_the_function(tree: Callable[..., Tree], script: str) -> None:
    files = {
        "app/build.gradle": JAVA,
        script: "dependencies { implementation project(':app') }\n",
        "settings.gradle": "include 'app', 'other'\n",
    }
    assert tree(files, "app").refused().path == script
    files["settings.gradle"] += "dependencyResolutionManagement {\n    repositories { }\n}\n"
    assert "app/build.gradle" in tree(files, "app").edited()


def test_the_agent_lies_elsewhere(tree: Callable[..., Tree]) -> None:
    files = {"app/build.gradle": JAVA, "settings.gradle": "include 'app'\n"}
    assert "uri('../twistlock')" in tree(files, "app").edited(root="")["app/build.gradle"]


def test_sam_makes_the_package(tree: Callable[..., Tree]) -> None:
    assert "buildZip" in tree(JAVA).edited()["build.gradle"]
    assert "buildZip" not in tree(JAVA).edited(by_sam=True)["build.gradle"]


def test_the_task_makes_another_package_than_the_one_deployed(tree: Callable[..., Tree]) -> None:
    project = tree(JAVA)
    with open_archive(project.folder) as archive:
        found = gradle.edits(archive, project.project, "1.0")
        assert len(gradle.warnings(found)) == 1
        assert gradle.warnings(gradle.edits(archive, project.project, "1.0", by_sam=True)) == ()
        with pytest.raises(RewriteRefused, match="which is deployed"):
            gradle.edits(archive, project.project, "1.0", output="build/libs/function.jar")
    (project.folder / "build.gradle").write_text(JAVA + ZIP)
    assert "uri" in project.edited(output="build/distributions/function.zip")["build.gradle"]


MANAGED = "dependencyResolutionManagement {\n    repositories { }\n}\n"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"settings.gradle": MANAGED},
        {"gradle.lockfile": "a:b:1=compileClasspath\n"},
        wrapper("4.10") | {"build.gradle": JAVA + "dependencies { compile files() }\n"},
    ],
)
def test_what_an_edited_project_lacks(tree: Callable[..., Tree], more: dict[str, str]) -> None:
    project = tree({"build.gradle": JAVA, **more})
    assert project.lacking() is not None
    project.embed()
    assert project.lacking() is None
    for name in ("build.gradle", *(one for one in more if one != "build.gradle" and "wrapper" not in one)):
        path = project.folder / name
        whole = path.read_bytes()
        path.write_bytes((JAVA if name == "build.gradle" else more[name]).encode())
        assert project.lacking() is not None
        path.write_bytes(whole + b"\n// more\n" if name.endswith(".gradle") else whole)
    assert project.lacking() is None


def test_an_edited_project_that_was_changed(tree: Callable[..., Tree]) -> None:
    project = tree(JAVA)
    project.embed()
    path = project.folder / "build.gradle"
    whole = path.read_text()
    for old, new in (
        ("apply plugin", "return\napply plugin"),
        ("uri('twistlock')", "uri('other')"),
        ("defender:1.0'", "defender:1.1'"),
        ("from configurations", "exclude '*.jar'\nfrom configurations"),
        ("implementation", "compileOnly"),
        ("dependencies {", "dependencies.x {"),
    ):
        path.write_text(whole.replace(old, new, 1))
        assert project.lacking() is not None
    path.write_text(whole)
    assert project.lacking() is None


@pytest.mark.parametrize("folder", ["it's", "a b"])
def test_a_folder_whose_name_can_not_be_written(tree: Callable[..., Tree], folder: str) -> None:
    files = {f"{folder}/build.gradle": JAVA, "settings.gradle": MANAGED}
    assert "can't be written" in tree(files, folder).refused().message


def test_strings_in_strings_end_somewhere() -> None:
    with pytest.raises(RewriteRefused, match="strings in strings"):
        _ = Script("b", b'"${' * 2000).tokens


@given(
    st.lists(
        st.sampled_from(["{", "}", "(", ")", "'", '"', "/", "$", "\n", "x", " ", "\\", "*", "if", "=", "."])
    )
)
def test_any_text_is_read_or_refused(parts: list[str]) -> None:
    with contextlib.suppress(RewriteRefused):
        script = Script("build.gradle", "".join(parts).encode())
        refuse_unreached(script)
        list(script.calls())
        list(script.heads)
