"""pom.xml files that are refused, warned of or extended in ways that no build has to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from defender.archive import open_archive
from defender.bundle import Agent, builtin
from defender.detect import detect
from defender.errors import RewriteRefused
from defender.plan import Plan, file_changes
from defender.runtimes import runtime
from defender.runtimes.java import maven
from defender.runtimes.java.maven import agent
from defender.runtimes.java.projects import Project
from defender.runtimes.model import Request

AGENT = Agent(builtin("java"), "open")

HEAD = (
    "<modelVersion>4.0.0</modelVersion>\n<groupId>g</groupId><artifactId>a</artifactId><version>1</version>\n"
)


@dataclass(frozen=True)
class Tree:
    """Files in a folder, and the project among them."""

    folder: Path
    project: Project

    def edited(self, **options: Any) -> dict[str, str]:
        """The files after embedding."""
        with open_archive(self.folder) as archive:
            edits = maven.edits(archive, self.project, "1.0", **options)
            return {one.path: one.after.decode() for one in file_changes(archive, Plan(edits=edits))}

    def lacking(self) -> str | None:
        with open_archive(self.folder) as archive:
            return maven.lacking(archive, self.project)

    def warnings(self) -> tuple[str, ...]:
        with open_archive(self.folder) as archive:
            return maven.warnings(archive, self.project)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Tree]:
    def make(files: Mapping[str, str] | str, folder: str = "") -> Tree:
        for name, text in ({"pom.xml": files} if isinstance(files, str) else files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return Tree(tmp_path, Project(folder, "maven", f"{folder}/pom.xml" if folder else "pom.xml"))

    return make


def plugin(
    name: str, configuration: str = "", execution: str = "", goal: str = "shade", group: str = ""
) -> str:
    """A plugin with one execution."""
    own = f"<configuration>{configuration}</configuration>" if configuration else ""
    inner = f"<configuration>{execution}</configuration>" if execution else ""
    return (
        f"<plugin>{f'<groupId>{group}</groupId>' if group else ''}<artifactId>{name}</artifactId>{own}<executions>"
        f"<execution><goals><goal>{goal}</goal></goals>{inner}</execution></executions></plugin>"
    )


def shade(configuration: str = "", execution: str = "") -> str:
    return plugin("maven-shade-plugin", configuration, execution)


def pom(*plugins: str, more: str = "", managed: str = "") -> str:
    management = f"<pluginManagement><plugins>{managed}</plugins></pluginManagement>" if managed else ""
    build = f"<build>{management}\n<plugins>\n{''.join(plugins)}\n</plugins></build>"
    return f"<project>\n{HEAD}{more}\n{build}\n</project>\n"


def filters(text: str, artifact: str = "*:*") -> str:
    return f"<filters><filter><artifact>{artifact}</artifact>{text}</filter></filters>"


def excludes(*patterns: str) -> str:
    return f"<excludes>{''.join(f'<exclude>{one}</exclude>' for one in patterns)}</excludes>"


def includes(*patterns: str) -> str:
    return f"<includes>{''.join(f'<include>{one}</include>' for one in patterns)}</includes>"


def relocation(pattern: str, more: str = "") -> str:
    return f"<relocations><relocation><pattern>{pattern}</pattern>{more}</relocation></relocations>"


def copying(configuration: str) -> str:
    return plugin("maven-dependency-plugin", execution=configuration, goal="copy-dependencies")


LEFT_OUT = {
    "excluded artifact": shade(f"<artifactSet>{excludes('com.*')}</artifactSet>"),
    "excluded artifact by name": shade(f"<artifactSet>{excludes('*:defender')}</artifactSet>"),
    "unknown artifact": shade(f"<artifactSet>{excludes('${left.out}')}</artifactSet>"),
    "excluded classes": shade(filters(excludes("com/twistlock/**"))),
    "excluded settings": shade(filters(excludes("**/*.properties"))),
    "excluded folder": shade(filters(excludes("com/"))),
    "excluded library": shade(filters(excludes("**/lib*-linux-*"), agent.KEY)),
    "excluded by regular expression": shade(filters(excludes("%regex[.*]"))),
    "included classes": shade(filters(includes("**/*.class"))),
    "relocated": shade(relocation("com.twistlock")),
    "all relocated": shade(relocation("com")),
    "relocated by half a name": shade(relocation("com.tw")),
    "relocated without a pattern": shade("<relocations><relocation/></relocations>"),
    "relocated by regular expression": shade(relocation("org", "<rawString>true</rawString>")),
    "relocated but for some": shade(relocation("com", excludes("com.twistlock.serverless.Twistlock"))),
    "dropped settings": shade(
        '<transformers><transformer implementation="a.DontIncludeResourceTransformer"><resource>.PROPERTIES</resource>'
        "</transformer></transformers>"
    ),
    "two lists that merge": shade(
        f"<artifactSet>{includes('a:b')}</artifactSet>", f"<artifactSet>{includes('c:d')}</artifactSet>"
    ),
    "filters that merge": shade("<minimizeJar>true</minimizeJar>", filters(excludes("x"))),
    "copied without its group": copying("<excludeGroupIds>org.x, com.twistlock</excludeGroupIds>"),
    "copied without its name": copying("<excludeArtifactIds>defender</excludeArtifactIds>"),
    "copied without its scope": copying("<excludeScope>compile</excludeScope>"),
    "copied without any scope": copying("<excludeScope>test</excludeScope>"),
    "only others copied": copying("<includeGroupIds>org.x</includeGroupIds>"),
    "only provided copied": copying("<includeScope>provided</includeScope>"),
    "only the test's jars": plugin(
        "maven-assembly-plugin",
        "<descriptorRefs><descriptorRef>src</descriptorRef></descriptorRefs>",
        goal="single",
    ),
    "descriptor elsewhere": plugin(
        "maven-assembly-plugin", "<descriptors><descriptor>no.xml</descriptor></descriptors>", goal="single"
    ),
    "descriptors of a folder": plugin(
        "maven-assembly-plugin", "<descriptorSourceDirectory>a</descriptorSourceDirectory>", goal="single"
    ),
    "shading off": shade("<skip>true</skip>"),
    "Spring Boot": plugin("spring-boot-maven-plugin", group="org.springframework.boot", goal="repackage"),
    "Quarkus": plugin("quarkus-maven-plugin", group="io.quarkus.platform", goal="build") + shade(),
    "Micronaut": plugin("micronaut-maven-plugin", group="io.micronaut.maven") + shade(),
    "ProGuard": shade() + plugin("proguard-maven-plugin", group="com.github.wvengen"),
    "native code": plugin("native-maven-plugin", group="org.graalvm.buildtools") + shade(),
    "unpacked": plugin("maven-dependency-plugin", goal="unpack-dependencies"),
    "nothing packs": plugin("maven-compiler-plugin", goal="compile"),
    "repositories forbidden": shade()
    + plugin("maven-enforcer-plugin", "<rules><requireNoRepositories/></rules>", goal="enforce"),
    "repositories banned": shade()
    + plugin("maven-enforcer-plugin", "<rules><bannedRepositories/></rules>", goal="enforce"),
    "scopes to be written out": shade()
    + plugin("maven-enforcer-plugin", "<rules><requireExplicitDependencyScope/></rules>", goal="enforce"),
    "all banned": shade()
    + plugin(
        "maven-enforcer-plugin",
        f"<rules><bannedDependencies>{excludes('*')}</bannedDependencies></rules>",
        goal="enforce",
    ),
}


@pytest.mark.parametrize("plugins", LEFT_OUT.values(), ids=LEFT_OUT)
def test_left_out(plugins: str, tree: Callable[..., Tree]) -> None:
    """Where the agent would not get into the package whole, or the build would fail, nothing is edited."""
    with pytest.raises(RewriteRefused) as caught:
        tree(pom(plugins)).edited()
    assert caught.value.path == "pom.xml"
    assert caught.value.hint


@pytest.mark.parametrize(
    "plugins",
    [
        shade(),
        shade(filters(excludes("META-INF/*.SF", "module-info.class", "**/Log4j2Plugins.dat", "META-INF/**"))),
        shade(filters(excludes("**"), "org.x:*") + relocation("org.x") + relocation("com.google")),
        shade(relocation("com", excludes("com.twistlock.**"))),
        shade(relocation("com", includes("com.google.**"))),
        shade(f"<artifactSet>{excludes('com.amazonaws:*', 'org.x', '*:tests', 'junit:junit')}</artifactSet>"),
        shade("<minimizeJar>false</minimizeJar>"),
        "<plugin><artifactId>maven-shade-plugin</artifactId></plugin>",
        copying("<includeScope>runtime</includeScope><excludeGroupIds>com.amazonaws</excludeGroupIds>"),
        copying("<includeScope>runtime</includeScope><excludeScope>test</excludeScope>"),
        copying("<includeGroupIds>org.x,com.twistlock</includeGroupIds>"),
        shade() + copying("<includeArtifactIds>java-agent</includeArtifactIds>"),
        shade() + plugin("spring-boot-maven-plugin", group="org.springframework.boot"),
        shade() + plugin("maven-enforcer-plugin", "<rules><requireReleaseDeps/></rules>", goal="enforce"),
        shade()
        + plugin(
            "maven-enforcer-plugin",
            f"<rules><bannedDependencies>{excludes('*')}{includes('com.twistlock.*')}</bannedDependencies></rules>",
        ),
        plugin(
            "maven-assembly-plugin",
            "<descriptorRefs><descriptorRef>${kind}</descriptorRef></descriptorRefs>",
            goal="single",
        ),
    ],
)
def test_packed(plugins: str, tree: Callable[..., Tree]) -> None:
    """Repository and dependency are all that is added."""
    before = pom(plugins, more="<properties><kind>jar-with-dependencies</kind></properties>")
    after = tree(before).edited()["pom.xml"]
    assert after == before.replace(
        "</project>",
        "<repositories>\n  <repository>\n    <id>twistlock-internal</id>\n    <name>twistlock</name>\n"
        "    <url>file://${project.basedir}/twistlock</url>\n  </repository>\n</repositories>\n"
        "<dependencies>\n  <dependency>\n    <groupId>com.twistlock.serverless</groupId>\n"
        "    <artifactId>defender</artifactId>\n    <version>1.0</version>\n  </dependency>\n"
        "</dependencies>\n</project>",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<settings/>", "not <project>"),
        ("<m:project xmlns:m='http://maven.apache.org/POM/4.0.0'/>", "no prefixes"),
        (pom(shade(), more="<dependencies/><dependencies/>"), "second <dependencies>"),
        (pom(shade(), more="<packaging>pom</packaging>"), "packaging is pom"),
        (
            pom(shade(), more="<packaging>${p}</packaging><properties><p>war</p></properties>"),
            "packaging is war",
        ),
        (
            pom(
                shade(),
                more="<dependencies><dependency><groupId>com.twistlock.serverless</groupId></dependency></dependencies>",
            ),
            "an agent already",
        ),
        (
            pom(
                shade(),
                more="<profiles><profile><repositories><repository><id>twistlock-internal</id></repository></repositories></profile></profiles>",
            ),
            "repository of the agent's name",
        ),
        (pom(shade(), more="<dependencies>text</dependencies>"), "holds text"),
    ],
)
def test_refused_poms(text: str, message: str, tree: Callable[..., Tree]) -> None:
    with pytest.raises(RewriteRefused, match=message):
        tree(text).edited()


PARENT = "<parent><groupId>{}</groupId><artifactId>{}</artifactId><version>1</version>{}</parent>"


def module(*plugins: str, above: str = "") -> str:
    head = PARENT.format("g", "top", above) + "<artifactId>function</artifactId>"
    return f"<project>{head}<build><plugins>{''.join(plugins)}</plugins></build></project>"


def top(build: str, more: str = "") -> str:
    head = "<groupId>g</groupId><artifactId>top</artifactId><version>1</version><packaging>pom</packaging>"
    return f"<project>{head}{more}<build>{build}</build></project>"


def test_parent_packs(tree: Callable[..., Tree]) -> None:
    """A plugin of the parent's counts, unless it is not inherited or another project is the parent."""
    own = "<plugin><artifactId>maven-shade-plugin</artifactId>"
    files = {"pom.xml": top(f"<plugins>{own}</plugin></plugins>"), "f/pom.xml": module()}
    assert set(tree(files, "f").edited()) == {"f/pom.xml"}
    for wrong in (
        {"pom.xml": top(f"<plugins>{own}<inherited>false</inherited></plugin></plugins>")},
        {"pom.xml": top(f"<plugins>{own}</plugin></plugins>").replace(">top<", ">other<")},
        {"pom.xml": top(f"<plugins>{own}</plugin></plugins>").replace("<version>1<", "<version>2<")},
        {"f/pom.xml": module(above="<relativePath/>")},
        {"f/pom.xml": module(above="<relativePath>../other</relativePath>")},
    ):
        with pytest.raises(RewriteRefused, match="nothing in this build"):
            tree(files | wrong, "f").edited()


def test_parent_is_extended(tree: Callable[..., Tree]) -> None:
    """What the parent manages is judged with it, and extended where it stands."""
    listed = shade("<artifactSet>" + includes("a:b") + "</artifactSet>")
    managed = f"<pluginManagement><plugins>{listed}</plugins></pluginManagement>"
    used = "<plugin><artifactId>maven-shade-plugin</artifactId></plugin>"
    files = {
        "top/pom.xml": top(managed),
        "f/pom.xml": module(used, above="<relativePath>../top</relativePath>"),
    }
    edited = tree(files, "f").edited()
    assert edited["top/pom.xml"] == files["top/pom.xml"].replace(
        "<include>a:b</include>", f"<include>a:b</include><include>{agent.KEY}</include>"
    )
    with pytest.raises(RewriteRefused, match="nothing in this build"):
        tree(files | {"f/pom.xml": files["f/pom.xml"].replace(used, "")}, "f").edited()


def test_parent_outside(tree: Callable[..., Tree]) -> None:
    """How Maven merges lists with those of a parent that is not there is unknown, but for a list of our own."""
    minimized = "<minimizeJar>true</minimizeJar>"
    more = PARENT.format("org.x", "company", "")
    edited = tree(pom(shade(minimized), more=more)).edited()["pom.xml"]
    assert f'{minimized}<filters combine.children="append"><filter><artifact>{agent.KEY}<' in edited
    listed = f"{minimized}{filters(excludes('x'))}"
    with pytest.raises(RewriteRefused, match="company"):
        tree(pom(shade(listed), more=more)).edited()
    spring = PARENT.format("org.springframework.boot", "spring-boot-starter-parent", "")
    assert agent.KEY in tree(pom(shade(listed), more=spring)).edited()["pom.xml"]
    with pytest.raises(RewriteRefused, match="Micronaut"):
        tree(pom(shade(), more=PARENT.format("io.micronaut.platform", "micronaut-parent", ""))).edited()


def test_endless_parents(tree: Callable[..., Tree]) -> None:
    below = PARENT.format("g", "function", "<relativePath>f</relativePath>")
    files = {"pom.xml": top("", more=below), "f/pom.xml": module(shade())}
    assert set(tree(files, "f").edited()) == {"f/pom.xml"}


def test_endless_properties(tree: Callable[..., Tree]) -> None:
    properties = "<properties><a>${b}${b}</a><b>${a}${a}</b></properties>"
    with pytest.raises(RewriteRefused, match="is not known"):
        tree(pom(shade(f"<artifactSet>{excludes('${a}')}</artifactSet>"), more=properties)).edited()


def test_properties(tree: Callable[..., Tree]) -> None:
    """A property counts as it is defined; one that a profile defines otherwise does not."""
    listed = shade(f"<artifactSet>{excludes('${out}')}</artifactSet>")
    harmless = "<properties><out>org.x:${project.artifactId}</out></properties>"
    assert tree(pom(listed, more=harmless)).edited()
    profile = "<profiles><profile><properties><out>com.*</out></properties></profile></profiles>"
    with pytest.raises(RewriteRefused, match="is not known"):
        tree(pom(listed, more=harmless + profile)).edited()
    with pytest.raises(RewriteRefused, match="leaves the agent out"):
        tree(pom(listed, more=profile)).edited()


ASSEMBLY = plugin(
    "maven-assembly-plugin",
    "<descriptors><descriptor>${basedir}/a.xml</descriptor></descriptors>",
    goal="single",
)


def sets(*texts: str) -> str:
    inner = "".join(f"<dependencySet>{text}</dependencySet>" for text in texts)
    return f"<assembly><dependencySets>{inner}</dependencySets></assembly>"


@pytest.mark.parametrize(
    "descriptor",
    [
        sets(excludes("com.twistlock.*:*")),
        sets(excludes("*:defender:jar:*")),
        sets("<scope>provided</scope>"),
        sets(includes("a:b"), includes("c:d")),
        sets(f"<unpackOptions>{excludes('**/*.properties')}</unpackOptions>"),
        sets(f"<unpackOptions>{includes('**/*.class')}</unpackOptions>"),
        "<assembly><fileSets/></assembly>",
        "<assembly><moduleSets><moduleSet/></moduleSets></assembly>",
        "<assembly><componentDescriptors><componentDescriptor>b.xml</componentDescriptor></componentDescriptors></assembly>",
        "<!DOCTYPE assembly><assembly/>",
    ],
)
def test_refused_descriptors(descriptor: str, tree: Callable[..., Tree]) -> None:
    with pytest.raises(RewriteRefused):
        tree({"pom.xml": pom(ASSEMBLY), "a.xml": descriptor}).edited()


def files(text: str) -> str:
    return f"<assembly><fileSets><fileSet>{text}</fileSet></fileSets></assembly>"


@pytest.mark.parametrize(
    ("descriptor", "is_fit"),
    [
        (files(""), True),
        (files(includes("**")), True),
        (files(includes("org-*.jar", "*.jar")), True),
        (files(excludes("org-*.jar")), True),
        (files(includes("lib/*.jar")), True),
        (files(includes("**/*.class")), True),
        (files(excludes("META-INF/**")), True),
        (files(excludes("**/*.jar")), False),
        (files(excludes("defender*")), False),
        (files(includes("org-*.jar")), False),
    ],
)
def test_copied_files(descriptor: str, is_fit: bool, tree: Callable[..., Tree]) -> None:
    """What the dependency plugin copies a descriptor takes from there, all or some of it."""
    named = ASSEMBLY.replace("${basedir}/a.xml", "src${file.separator}a.xml")
    made = tree({"pom.xml": pom(copying(""), named), "src/a.xml": descriptor})
    if is_fit:
        assert set(made.edited()) == {"pom.xml"}
    else:
        with pytest.raises(RewriteRefused, match="out of what was copied"):
            made.edited()


@pytest.mark.parametrize(
    ("descriptor", "after"),
    [
        (sets(""), None),
        (sets(includes("*:*"), includes("a:b")), None),
        (sets("<unpack>true</unpack>" + excludes("org.x:*")), None),
        (sets(includes("a:b")), sets(includes("a:b", agent.KEY))),
        (sets(includes("*:*:zip")), sets(includes("*:*:zip", agent.KEY))),
    ],
)
def test_descriptors(descriptor: str, after: str | None, tree: Callable[..., Tree]) -> None:
    edited = tree({"pom.xml": pom(ASSEMBLY), "a.xml": descriptor}).edited()
    assert edited.get("a.xml") == after


def test_sam(tree: Callable[..., Tree]) -> None:
    """`sam build` copies the dependencies by itself, as far as the plugin's own configuration lets it."""
    assert tree(f"<project>{HEAD}</project>").edited(by_sam=True)
    narrow = plugin("maven-dependency-plugin", "<includeGroupIds>org.x</includeGroupIds>", goal="tree")
    for plugins in ([narrow], [narrow, shade()]):
        with pytest.raises(RewriteRefused, match="what `sam build` copies"):
            tree(pom(*plugins)).edited(by_sam=True)


JAR = "twistlock/com/twistlock/serverless/defender/1.0/defender-1.0.jar"


@pytest.mark.parametrize("more", ["", "<repositories/><dependencies/>", "<dependencies>\n</dependencies>"])
def test_lacking(more: str, tree: Callable[..., Tree]) -> None:
    """An edited project is whole, and none with anything taken out of what was inserted, or put elsewhere."""
    minimized = shade("<minimizeJar>true</minimizeJar>")
    after = tree({"pom.xml": pom(minimized, more=more), JAR: ""}).edited()["pom.xml"]
    assert tree(after).lacking() is None
    for old, new in (
        ("<version>1.0</version>", "<version>1.1</version>"),
        ("<version>1.0</version>", "<version>1.0</version><scope>test</scope>"),
        ("<version>1.0</version>", "<version>1.0</version><optional>true</optional>"),
        ("${project.basedir}/twistlock", "${project.basedir}/other"),
        ("<include>**</include>", "<include>**/*.class</include>"),
        ("<artifactId>defender</artifactId>", "<artifactId>other</artifactId>"),
        (
            "<minimizeJar>",
            "<artifactSet><excludes><exclude>com.*</exclude></excludes></artifactSet><minimizeJar>",
        ),
        ("<dependencies", "<profiles><profile><dependencies"),
        ("<filters>", "<!-- <filters>"),
    ):
        changed = after.replace(old, new)
        assert changed != after
        changed = (
            changed.replace("</dependencies>", "</dependencies></profile></profiles>")
            if "<profile>" in new
            else changed
        )
        changed = changed.replace("</filters>", "</filters> -->") if "<!--" in new else changed
        assert tree(changed).lacking(), new
    assert tree({"pom.xml": after}).lacking() is None


def test_lacking_agent(tree: Callable[..., Tree]) -> None:
    after = tree(pom(shade())).edited()["pom.xml"]
    assert "no version" in str(tree(after).lacking())


HANDLER = """package a;
import com.amazonaws.services.lambda.runtime.*;
public class Hello implements RequestHandler<String, String> {
    public String handleRequest(String event, Context context) {
        return event;
    }
}
"""
CORE = "<groupId>com.amazonaws</groupId><artifactId>aws-lambda-java-core</artifactId><version>1.4.0</version>"
FUNCTION = """Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {}
      Handler: a.Hello
      Runtime: java17
"""
BY_MAKE = "    Metadata:\n      BuildMethod: makefile\n"


@pytest.mark.parametrize(
    ("code", "more", "is_fit"),
    [(".", "", True), ("target/a-1.jar", "", False), ("target/classes", "", False), (".", BY_MAKE, False)],
)
def test_sam_packs(code: str, more: str, is_fit: bool, tree: Callable[..., Tree]) -> None:
    """`sam build` makes the package of a folder, not where the template names what Maven makes, or another method."""
    pom = f"<project>{HEAD}<dependencies><dependency>{CORE}</dependency></dependencies></project>"
    template = FUNCTION.format(code) + more
    files = {"pom.xml": pom, "src/main/java/a/Hello.java": HANDLER, "template.yaml": template}
    with open_archive(tree(files).folder) as archive:
        found, _ = detect(archive, Request())
        assert found.build == "sam"
        if is_fit:
            rules = [one.rule for one in runtime("java").plan(archive, found, AGENT).edits]
            assert "java.maven.add-dependency" in rules
        else:
            with pytest.raises(RewriteRefused, match="nothing in this build"):
                runtime("java").plan(archive, found, AGENT)


def test_analysis(tree: Callable[..., Tree]) -> None:
    """A dependency that no class names fails builds which forbid such."""
    strict = "<failOnWarning>true</failOnWarning>"
    analysed = shade() + plugin("maven-dependency-plugin", strict, goal="analyze-only")
    assert tree(pom(analysed)).edited()
    with pytest.raises(RewriteRefused, match="no class names"):
        tree(pom(analysed)).edited(is_named=False)
    ignored = "<ignoredUnusedDeclaredDependencies><i>com.twistlock.*</i></ignoredUnusedDeclaredDependencies>"
    relaxed = shade() + plugin("maven-dependency-plugin", strict + ignored, goal="analyze-only")
    assert tree(pom(relaxed)).edited(is_named=False)


def test_root(tree: Callable[..., Tree]) -> None:
    """The repository may lie in another folder than the project."""
    url = "<url>file://${project.basedir}/../twistlock</url>"
    assert url in tree({"f/pom.xml": pom(shade())}, "f").edited(root="")["f/pom.xml"]


def test_java_module(tree: Callable[..., Tree]) -> None:
    with pytest.raises(RewriteRefused, match="Java module"):
        tree({"pom.xml": pom(shade()), "src/main/java/module-info.java": "module a {}"}).edited()


MIRROR = "<settings><mirrors><mirror><id>m</id><mirrorOf>{}</mirrorOf></mirror></mirrors></settings>"


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"settings.xml": MIRROR.format("*")}, "settings.xml"),
        ({".mvn/maven-settings.xml": MIRROR.format("central, *")}, ".mvn/maven-settings.xml"),
        ({"ci/settings.xml": MIRROR.format("*,!twistlock-internal")}, None),
        ({"ci/settings.xml": MIRROR.format("external:*")}, None),
        ({"ci/settings.xml": MIRROR.format("central")}, None),
        ({"ci/settings.xml": "no xml"}, None),
        ({".mvn/maven.config": "-T1\n-o\n"}, ".mvn/maven.config"),
        ({".mvn/maven.config": "-B --offline"}, ".mvn/maven.config"),
        ({".mvn/maven.config": "-B --no-transfer-progress"}, None),
        ({".mvn/maven.config": "-o -Daether.offline.protocols=file"}, None),
        ({"Dockerfile": "FROM x\nCOPY pom.xml .\nRUN mvn dependency:go-offline\n"}, "Dockerfile"),
        ({"Dockerfile": "FROM x\nCOPY . .\nRUN mvn package\n"}, None),
        ({"Dockerfile": "COPY pom.xml twistlock ./\n"}, None),
        (
            {"pom.xml": pom(shade(), plugin("sortpom-maven-plugin", group="com.github.ekryd.sortpom"))},
            "pom.xml",
        ),
        ({"pom.xml": pom(shade(), plugin("apache-rat-plugin", group="org.apache.rat"))}, "pom.xml"),
        ({"pom.xml": pom(shade(), more=PARENT.format("org.x", "company", ""))}, "pom.xml"),
        ({"pom.xml": pom(shade(), more=PARENT.format("org.springframework.boot", "p", ""))}, None),
    ],
)
def test_warnings(files: dict[str, str], named: str | None, tree: Callable[..., Tree]) -> None:
    """What is not edited and can make a build fail is named."""
    found = tree({"pom.xml": pom(shade())} | files).warnings()
    assert [one.partition(":")[0] for one in found] == ([named] if named else [])
