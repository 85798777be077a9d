"""What in a folder shows that a bundler builds a Node.js function: TypeScript is edited then, and refused otherwise."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from defender.archive import open_archive
from defender.bundle import Agent, builtin
from defender.detect import detect
from defender.errors import RewriteRefused
from defender.runtimes import nodejs
from defender.runtimes.model import Request

AGENT = Agent(builtin("nodejs"), "open")

SOURCE = "export const handler = async (event: unknown) => event;\n"
MODULE = "export const handler = async (event) => event;\n"
COMMON = "exports.handler = async (event) => event;\n"
CONSTRUCT = "new NodejsFunction(this, 'orders');\n"


def script(command: str) -> str:
    return json.dumps({"scripts": {"task": command}})


def commands(listed: str) -> list[str]:
    return [command.strip() for command in listed.split(",")]


def template(metadata: str, runtime: str = "nodejs20.x") -> dict[str, str]:
    text = f"""\
Parameters: {{Version: {{Type: String}}}}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Metadata: {metadata}
    Properties: {{CodeUri: ., Handler: index.handler, Runtime: {runtime}}}
"""
    return {"template.yaml": text}


def service(
    more: str, function: str = "handler: index.handler", runtime: str = "nodejs20.x"
) -> dict[str, str]:
    text = f"service: orders\nprovider: {{name: aws, runtime: {runtime}}}\n{more}\n"
    return {"serverless.yml": f"{text}functions:\n  orders: {{{function}}}\n"}


def shape(folder: Path, files: Mapping[str, str], handler: str | None = None) -> str:
    """The function's shape by a detection and a plan, which has to change the handler's file."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return planned(folder, handler)


def planned(package: Path, handler: str | None) -> str:
    with open_archive(package) as archive:
        wanted = Request(runtime="nodejs", handlers=() if handler is None else (handler,))
        found, _ = detect(archive, wanted)
        (function,) = found.functions
        assert function.file in {edit.path for edit in nodejs.plan(archive, found, AGENT).edits}
        return nodejs.shape(archive, function)


BUNDLED_NAMES = """\
webpack.config.js webpack.config.ts webpack.prod.config.js webpack.config.prod.cjs esbuild.js esbuild.mjs
esbuild.config.mjs rollup.config.js tsup.config.ts tsdown.config.ts rolldown.config.mjs rspack.config.cjs
vite.config.mts .parcelrc build.config.ts
"""
OTHER_NAMES = """\
webpack.config.json webpack.js my-webpack.config.js webpack.config.js.bak rollup.config tsup.ts parcelrc xparcelrc
node_modules/x/webpack.config.js web/esbuild.config.js build.config.js esbuild.config.md vitest.config.ts
"""
# One script each, between commas.
BUNDLED_SCRIPTS = """\
esbuild x.ts, webpack, rollup -c, rolldown -c, rspack build, tsup x.ts, tsdown, spack, swc-pack, ncc build x.ts,
parcel build x.ts, vite build, bun build x.ts, nx build x, sls webpack, serverless webpack, npx esbuild x.ts,
NODE_ENV=production webpack, rm -rf dist && webpack, tsc;webpack, webpack;cat, webpack|cat, (webpack),
node_modules/.bin/webpack, bash -c 'webpack', bash -c "esbuild x.ts", pnpm -F x exec esbuild x.ts,
npm install webpack && webpack, esbuild x.ts --outfile=index.ts, esbuild x.ts --outdir=., echo x\nwebpack"""
OTHER_SCRIPTS = """\
ncc x.ts, vite, bun x.ts, parcel x.html, nx test x, webpack-dev-server, esbuild-register x.ts, my-webpack, rolluper,
rm -rf webpack, rimraf dist webpack, del-cli webpack, cp -r x webpack, mv x webpack, mkdir -p webpack, cd webpack,
echo webpack, echo "webpack", cat webpack, which webpack, eslint webpack, prettier webpack, yarn add rollup,
npm i esbuild, npm install tsup, npm link esbuild, ls webpack, npm list webpack, npm outdated webpack,
npm rebuild esbuild, npm ci webpack, npm remove webpack, npm un webpack, npm uninstall tsup, npm up tsup,
npm update tsup, yarn upgrade tsup, npm why tsup,
npm prune esbuild, serverless deploy"""
CDK = {"infra/cdk.json": "{}"}
PLUGIN = "plugins: [serverless-offline, {}]".format
V4 = "frameworkVersion: "
ESBUILD = "build: {esbuild: {bundle: true}}"
OPTION = "build: {esbuild: false}"

BUNDLED = [
    *({name: ""} for name in BUNDLED_NAMES.split()),
    *({"package.json": script(command)} for command in commands(BUNDLED_SCRIPTS)),
    template("{BuildMethod: esbuild}"),
    template("{BuildMethod: makefile}") | {"esbuild.js": ""},
    template("{BuildMethod: nodejs20.x}") | {"esbuild.js": ""},
    *(
        service(PLUGIN(f"serverless-{name}"))
        for name in ("esbuild", "webpack", "bundle", "rollup", "parcel", "vite")
    ),
    *(service(PLUGIN(f"serverless-{name}")) for name in ("ncc", "rspack", "swc", "plugin-optimize")),
    service("plugins: {modules: [serverless-esbuild]}"),
    *(service(f"{V4}{version}") for version in ("'4'", "4", "^4.0.0", "~4.1", "'>=4'", "'>= 4.2'", "'=4'")),
    service(ESBUILD),
    service("build: {esbuild: true}"),
    service(f"{OPTION}\n{PLUGIN('serverless-esbuild')}"),
    CDK | {"infra/bin/app.ts": CONSTRUCT},
    *(CDK | {f"infra/app{ending}": CONSTRUCT} for ending in (".js", ".mts", ".mjs")),
]
PLAIN = [
    {},
    *({name: ""} for name in OTHER_NAMES.split()),
    *({"package.json": script(command)} for command in commands(OTHER_SCRIPTS)),
    {
        "package.json": '{"scripts": ["webpack"], "devDependencies": {"webpack": "*"}, "description": "esbuild x"}'
    },
    {"package.json": '{"scripts": {"build": ["webpack"]}}'},
    {"web/package.json": script("webpack")},
    template("{BuildMethod: makefile}"),
    template("{BuildMethod: nodejs20.x}"),
    template("{BuildMethod: nodejs18.x}"),
    template("{BuildMethod: nodejs20.x}", "!Ref Version"),
    template("{Other: esbuild}"),
    service(""),
    service(PLUGIN("serverless-prune-plugin")),
    service("custom: {webpack: {}, esbuild: {}}"),
    *(service(f"{V4}{version}") for version in ("'3'", "^3.40.0", "'>=3'", "'<4'", "'${env:V}'")),
    service(f"{V4}'4'\n{OPTION}"),
    service(OPTION),
    {"bin/app.ts": CONSTRUCT},
    CDK | {"node_modules/x/app.js": CONSTRUCT},
    CDK | {"app.py": CONSTRUCT},
    CDK | {"app.ts": "new MyNodejsFunctions(this);"},
    CDK | {"app.ts": CONSTRUCT + " " * (1 << 20)},
]


def handler_of(files: Mapping[str, str]) -> str | None:
    return None if {"template.yaml", "serverless.yml"} & files.keys() else "index.handler"


@pytest.mark.parametrize("files", BUNDLED, ids=repr)
def test_bundled(files: dict[str, str], tmp_path: Path) -> None:
    assert shape(tmp_path, {"index.ts": SOURCE} | files, handler_of(files)) == "bundled"


@pytest.mark.parametrize("files", PLAIN, ids=lambda files: repr(files)[:120])
def test_not_bundled(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(RewriteRefused, match="nothing in the project shows what builds it"):
        shape(tmp_path, {"index.ts": SOURCE} | files, handler_of(files))


@pytest.mark.parametrize("files", PLAIN, ids=lambda files: repr(files)[:120])
def test_plain_javascript_is_edited_all_the_same(files: dict[str, str], tmp_path: Path) -> None:
    assert shape(tmp_path, {"index.js": COMMON} | files, handler_of(files)) == "async"


@pytest.mark.parametrize("folder", ["functions", "functions/orders", "lib", "src/lib"])
def test_signs_above_the_handler(folder: str, tmp_path: Path) -> None:
    files = {f"{folder}/index.ts": SOURCE, "package.json": script("webpack"), f"{folder}/package.json": "{}"}
    assert shape(tmp_path, files, f"{folder}/index.handler") == "bundled"


OUTPUTS = "dist build out lib bundle .build .webpack .esbuild .aws-sam output x/dist/y"


@pytest.mark.parametrize("folder", OUTPUTS.split())
def test_output_folders_hold_what_is_built(folder: str, tmp_path: Path) -> None:
    files = {f"{folder}/index.js": COMMON, "esbuild.js": "", "package.json": script("webpack")}
    assert shape(tmp_path, files, f"{folder}/index.handler") == "async"


WRITES = """\
--outfile=a/index.js, --outfile a/index.js, --output-filename='a/index.js', --out ./a, -o a, -d a, --outdir=a,
--out-dir a, --dir a, --dist-dir=a/, --output-path a"""


@pytest.mark.parametrize("option", commands(WRITES))
def test_what_the_script_writes_is_built(option: str, tmp_path: Path) -> None:
    files = {
        "a/index.js": COMMON,
        "b/index.js": COMMON,
        "package.json": script(f"esbuild b/index.js {option}"),
    }
    assert shape(tmp_path, files, "a/index.handler") == "async"
    assert shape(tmp_path, {}, "b/index.handler") == "bundled"


@pytest.mark.parametrize("option", ["--outdir=.", "-o ./"])
def test_what_the_script_writes_beside_package_json(option: str, tmp_path: Path) -> None:
    files = {"index.js": COMMON, "package.json": script(f"esbuild src/index.ts {option}")}
    assert shape(tmp_path, files, "index.handler") == "async"


def test_es_module_syntax_in_a_bundled_file(tmp_path: Path) -> None:
    assert shape(tmp_path, {"index.js": MODULE, "esbuild.js": ""}, "index.handler") == "bundled"


def test_archives_are_deployed_as_they_are(tmp_path: Path) -> None:
    package = tmp_path / "function.zip"
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("index.js", COMMON)
        file.writestr("esbuild.js", "")
        file.writestr("package.json", script("webpack"))
    assert planned(package, "index.handler") == "async"
