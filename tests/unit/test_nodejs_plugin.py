"""What a service's files show of a build by serverless-plugin-typescript, and what they leave open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from defender.archive import open_archive
from defender.errors import DetectionError, RewriteRefused
from defender.runtimes.nodejs import plugin, tsc

Build = Callable[..., Path]
SERVICE = """\
service: s
provider: {name: aws, runtime: nodejs20.x}
plugins: [serverless-plugin-typescript]
functions:
  f: {handler: src/app.handler}
"""
COMMONJS = {"compilerOptions": {"module": "commonjs"}}


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes a service of one source, `src/app.ts`, with other files by name."""

    def write(service: str = SERVICE, files: dict[str, object] | None = None) -> Path:
        given = {"serverless.yml": service, "src/app.ts": "export const handler = async () => 1;\n"}
        for name, content in {**given, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / name).write_text(text, "utf-8")
        return tmp_path

    return write


def found(folder: Path, handler: str = "src/app.handler") -> tuple[str, str, str, bool] | None:
    with open_archive(folder) as archive:
        one = plugin.find(archive, "", handler)
    return None if one is None else (one.source, one.emitted.path, one.emitted.format.name, one.in_place)


RESULT = ("src/app.ts", "src/app.js", "COMMONJS", False)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"tsconfig.json": COMMONJS},
        {"tsconfig.json": {"compilerOptions": {"module": "commonjs", "outDir": "lib", "rootDir": "src"}}},
        {"tsconfig.json": {"compilerOptions": {"module": "commonjs", "allowJs": True}, "include": ["src"]}},
        {"src/app.js": "exports.handler = 1;"},
    ],
)
def test_the_source_is_the_handlers_own(build: Build, files: dict[str, object]) -> None:
    assert found(build(files=files)) == RESULT


def test_a_configuration_of_another_name(build: Build) -> None:
    custom = "custom:\n  serverlessPluginTypescript: {tsConfigFileLocation: ./conf/build.json}\n"
    files: dict[str, object] = {
        "conf/build.json": COMMONJS,
        "tsconfig.json": {"compilerOptions": {"noEmit": True}},
    }
    assert found(build(SERVICE + custom, files)) == RESULT


@pytest.mark.parametrize(
    "service", [SERVICE.replace("[serverless-plugin-typescript]", "[other]"), "service: s\n"]
)
def test_a_service_without_the_plugin(build: Build, service: str) -> None:
    assert found(build(service)) is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"noEmit": True}, "write nothing"),
        ({"module": "esnext"}, "the compiler writes an ES module"),
        ({"target": "es2020"}, "`module` is not set"),
        ({"module": "commonjs", "importHelpers": True}, "importhelpers"),
        ({"module": "commonjs", "allowJs": True}, "take the agent's files"),
    ],
)
def test_options_that_are_refused(build: Build, options: object, why: str) -> None:
    with pytest.raises(RewriteRefused) as caught:
        found(build(files={"tsconfig.json": {"compilerOptions": options}}))
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("service", "handler", "why"),
    [
        (SERVICE + "frameworkVersion: '4'\nbuild: {esbuild: false}\n", "src/app.handler", "versions 2 and 3"),
        (SERVICE + "frameworkVersion: ^4.1.0\n", "src/app.handler", "esbuild builds it, too"),
        (
            SERVICE.replace("[serverless", "[serverless-webpack, serverless"),
            "src/app.handler",
            "serverless-webpack",
        ),
        (SERVICE, "src/app.inner.handler", "of a TypeScript file"),
        (
            SERVICE + "custom:\n  serverlessPluginTypescript: {tsConfigFileLocation: '${env:CONFIG}'}\n",
            "src/app.handler",
            "its configuration can't be told",
        ),
    ],
)
def test_services_that_leave_it_open(build: Build, service: str, handler: str, why: str) -> None:
    with pytest.raises(RewriteRefused) as caught:
        found(build(service), handler)
    assert why in caught.value.message


def test_what_an_earlier_build_has_left_is_refused(build: Build) -> None:
    with pytest.raises(RewriteRefused) as caught:
        found(build(files={".build/twistlock/index.js": ""}))
    assert caught.value.path == ".build/twistlock/index.js"


def test_a_bundler_beside_it_is_refused(
    build: Build, defender: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder = build(files={"webpack.config.js": ""})
    code, _, err = defender("embed", folder, "-o", tmp_path.with_name("out"))
    assert code == 5
    assert "webpack.config.js builds it too" in err


PLAIN = SERVICE.replace("plugins: [serverless-plugin-typescript]\n", "frameworkVersion: VERSION\n")


@pytest.mark.parametrize("version", ["'3'", "^3.38.0", "2.x", "'~2.72'"])
def test_a_framework_before_version_4_bundles_nothing(build: Build, version: str) -> None:
    files: dict[str, object] = {"package.json": {"scripts": {"build": "tsc"}}, "tsconfig.json": COMMONJS}
    with open_archive(build(PLAIN.replace("VERSION", version), files)) as archive:
        one = tsc.find(archive, "", "src/app.handler")
    assert one is not None
    assert (one.source, one.emitted.path, one.in_place) == ("src/app.ts", "src/app.js", True)


@pytest.mark.parametrize(
    "version", ["'>=3'", "'4'", "'3 || 4'", "${env:VERSION}", "'3'\nplugins: [x-typescript]"]
)
def test_a_framework_that_may_bundle_is_refused(build: Build, version: str) -> None:
    files: dict[str, object] = {"package.json": {"scripts": {"build": "tsc"}}, "tsconfig.json": COMMONJS}
    with (
        open_archive(build(PLAIN.replace("VERSION", version), files)) as archive,
        pytest.raises(RewriteRefused) as caught,
    ):
        tsc.find(archive, "", "src/app.handler")
    assert "may bundle it" in caught.value.message


def test_no_handler_of_the_name(build: Build) -> None:
    assert found(build(), "src/other.handler") is None
    with pytest.raises(DetectionError):
        found(build(), "src/app")
