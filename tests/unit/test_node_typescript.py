"""What a project's own files show of a build by tsc, and what they leave open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from defender.archive import open_archive
from defender.errors import RewriteRefused
from defender.runtimes.nodejs import compiled, tsc, tsconfig
from defender.runtimes.nodejs.modules import Format, Module

Build = Callable[..., Path]
COMMONJS = {"compilerOptions": {"module": "commonjs", "outDir": "dist"}}


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes a project of one source, `src/app.ts`, with other files by keyword."""

    def write(script: str = "tsc", config: object = COMMONJS, package: object = None, **files: str) -> Path:
        content = {
            "package.json": json.dumps({"scripts": {"build": script}, **dict(package or {})}),
            "tsconfig.json": config if isinstance(config, str) else json.dumps(config),
            "src/app.ts": "export const handler = async () => 1;\n",
            **{name.replace("__", "/") + ".json": text for name, text in files.items()},
        }
        for name, text in content.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        return tmp_path

    return write


def found(folder: Path, handler: str = "dist/app.handler", root: str = "") -> tuple[str, str, str] | None:
    with open_archive(folder) as archive:
        one = tsc.find(archive, root, handler)
    return None if one is None else (one.source, one.emitted.path, one.emitted.format.name)


RESULT = ("src/app.ts", "dist/app.js", "COMMONJS")


@pytest.mark.parametrize(
    "script",
    [
        "tsc",
        "rm -rf dist && tsc",
        "npx tsc -p .",
        "./node_modules/.bin/tsc --project tsconfig.json",
        "NODE_ENV=production tsc --build",
        "tsc -w --pretty false",
        "tsc --noEmit -p other.json && tsc && cp package.json dist",
    ],
)
def test_a_script_that_compiles(build: Build, script: str) -> None:
    assert found(build(script)) == RESULT


@pytest.mark.parametrize("script", ["tsc --noEmit", "tsc-watch", "node tsc.js", "jest"])
def test_a_script_that_does_not(build: Build, script: str) -> None:
    assert found(build(script)) is None


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("tsc --outDir dist", "'--outDir'"),
        ("tsc src/app.ts", "'src/app.ts'"),
        ("tsc && tsc -p tsconfig.esm.json", "several configurations"),
        ("concurrently 'tsc -w' 'nodemon'", "can't be told"),
        ("tsc && swc src -d dist", "swc builds it too"),
    ],
)
def test_scripts_that_leave_it_open(build: Build, script: str, why: str) -> None:
    with pytest.raises(RewriteRefused) as caught:
        found(build(script))
    assert why in caught.value.message


@pytest.mark.parametrize("name", ["esbuild", "serverless-plugin-typescript", "@nestjs/cli"])
def test_what_else_builds_is_a_dependency(build: Build, name: str) -> None:
    with pytest.raises(RewriteRefused, match="builds it too"):
        found(build(package={"devDependencies": {name: "1"}}))


def test_comments_commas_and_what_is_extended(build: Build) -> None:
    config = '{/* , } */ "extends": ["./base", "@org/node20"], "compilerOptions": {"outDir": "dist", /*"a"*/},} // end'
    base = '{"compilerOptions": {"Module": "es2022", "plugins": [{"name": "http://x"}]}}'
    files = {"base": base, "node_modules__@org__node20": '{"compilerOptions": {"module": "CommonJS"}}'}
    assert found(build(config=config, **files)) == RESULT


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("module", "amd", "depends on its version"),
        ("module", "esnext", "loaded as the other kind"),
        ("importHelpers", True, "importhelpers"),
        ("outFile", "all.js", "outfile"),
        ("composite", True, "composite"),
        ("plugins", [{"transform": "x"}], "plugins"),
        ("checkJs", True, "agent's files"),
    ],
)
def test_options_that_are_not_supported(build: Build, option: str, value: object, why: str) -> None:
    folder = build(config={"compilerOptions": {**COMMONJS["compilerOptions"], option: value}})
    with pytest.raises(RewriteRefused) as caught:
        found(folder)
    assert why in caught.value.message


@pytest.mark.parametrize("option", ["noEmit", "emitDeclarationOnly"])
def test_a_compiler_that_only_checks_builds_nothing(build: Build, option: str) -> None:
    assert found(build(config={"compilerOptions": {**COMMONJS["compilerOptions"], option: True}})) is None


def test_javascript_beside_is_no_harm_where_the_agent_is_not_included(build: Build) -> None:
    config = {"compilerOptions": {**COMMONJS["compilerOptions"], "allowJs": True}, "include": ["src"]}
    assert found(build(config=config)) == RESULT


def test_the_build_may_empty_the_agents_folder(build: Build) -> None:
    with pytest.raises(RewriteRefused, match="may empty the folder dist"):
        found(build(), "app.handler", "dist")


@pytest.mark.parametrize(
    ("lists", "takes"),
    [
        ({}, True),
        ({"include": ["src"]}, True),
        ({"include": ["*"]}, False),
        ({"include": ["src/*"]}, True),
        ({"include": ["lib/**/*"]}, False),
        ({"files": ["src/app.ts"]}, True),
        ({"files": ["src/other.ts"]}, False),
        ({"include": ["**/*.ts"], "exclude": ["src/a?p.ts"]}, False),
        ({"exclude": ["**/src"]}, False),
        ({"exclude": ["src/*.spec.ts"]}, True),
    ],
)
def test_which_files_the_compiler_takes(build: Build, lists: dict[str, list[str]], takes: bool) -> None:
    with open_archive(build(config={**COMMONJS, **lists})) as archive:
        assert tsconfig.read(archive, "tsconfig.json").takes("src/app.ts") == takes


@pytest.mark.parametrize("extended", ["./tsconfig.json", "./missing"])
def test_a_base_without_end(build: Build, extended: str) -> None:
    with pytest.raises(RewriteRefused):
        found(build(config={**COMMONJS, "extends": extended}))


EXPORT = "export const handler = async () => 1;\n"


@pytest.mark.parametrize(
    "text",
    [
        "exports.handler = 1;\n" + EXPORT,
        "setTimeout(() => { module.exports = {}; });\n" + EXPORT,
        "const { module } = globalThis as any;\n" + EXPORT,
        "class module {}\n" + EXPORT,
        "import { createRequire } from 'module';\nconst require = createRequire('/');\n" + EXPORT,
        "function require(name: string) { return name; }\n" + EXPORT,
        "use(module);\n" + EXPORT,
        "let f = 1;\nexport { f as handler, f as other };\nexport function later() { f = 2; }\n",
        "export let { handler } = all;\nexport function later() { handler = 2; }\n",
        "export let handler = 1;\nexport function later() { handler = 2; }\n",
        "const handler = 1;\nexport = { handler };\n",
        "export const handler = (;\n",
    ],
)
@pytest.mark.parametrize("form", [Format.COMMONJS])
def test_sources_that_might_undo_the_wrapping(text: str, form: Format) -> None:
    with pytest.raises(RewriteRefused):
        compiled.wrap("src/app.ts", text.encode(), [Module("dist/app.js", form, "handler", "")])


@pytest.mark.parametrize(
    "text", ["export { handler } from './a';\n", "export class handler {}\n", "export * from './a';\n"]
)
def test_sources_of_es_modules_that_would_take_a_facade(text: str) -> None:
    with pytest.raises(RewriteRefused, match="can't be wrapped in the source"):
        compiled.wrap("src/app.ts", text.encode(), [Module("dist/app.js", Format.ESM, "handler", "")])


def test_whether_it_is_started_by_itself_may_be_asked() -> None:
    text = EXPORT + "if (require.main === module) handler();\nconst fs = require('fs');\n"
    plan = compiled.wrap("src/app.ts", text.encode(), [Module("dist/app.js", Format.COMMONJS, "handler", "")])
    assert [edit.rule for edit in plan.edits] == ["nodejs.require", "nodejs.protect"]
