"""Which file Lambda's Node.js runtime loads for a handler, and what a console's bundle can serve."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from defender.archive import open_archive
from defender.errors import DetectionError, RewriteRefused
from defender.runtimes.nodejs import large
from defender.runtimes.nodejs.modules import Format, Module, resolve

HERE = '{"type": "module"}'


def found(tmp_path: Path, handler: str, root: str = "", **files: str) -> Module | None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with open_archive(tmp_path) as archive:
        return resolve(archive, root, handler)


ORDER = [
    (["index", "index.js", "index.mjs"], "", "index", Format.COMMONJS),
    (["index.js", "index.mjs", "index.cjs"], "", "index.js", Format.COMMONJS),
    (["index.mjs", "index.cjs"], "", "index.mjs", Format.ESM),
    (["index.cjs", "index.ts"], "", "index.cjs", Format.COMMONJS),
    (["index.js", "index.mjs"], HERE, "index.js", Format.ESM),
    (["index.cjs"], HERE, "index.cjs", Format.COMMONJS),
    (["index.ts"], "", "index.ts", Format.TYPESCRIPT),
    (["index.mts"], HERE, "index.mts", Format.TYPESCRIPT),
    (["index/index.js", "index.js"], "", "index.js", Format.COMMONJS),
    (["index/index.js", "index.mjs"], "", "index/index.js", Format.COMMONJS),
    (["index/other.js", "index.js"], "", "index.js", Format.COMMONJS),
    (["index.json"], "", None, None),
]


@pytest.mark.parametrize(("names", "package", "path", "form"), ORDER)
def test_order(names: list[str], package: str, path: str | None, form: Format | None, tmp_path: Path) -> None:
    files = dict.fromkeys(names, "") | ({"package.json": package} if package else {})
    module = found(tmp_path, "index.handler", **files)
    assert (module and module.path, module and module.format) == (path, form)


def test_nearest_package_json_decides(tmp_path: Path) -> None:
    files = {"a/b/x.js": "", "a/package.json": HERE, "package.json": "{}"}
    module = found(tmp_path, "a/b/x.get.one", **files)
    assert module == Module("a/b/x.js", Format.ESM, "get.one", "")
    assert module.keys == ("get", "one")
    assert module.agent() == "../../twistlock"


def test_package_json_stops_at_node_modules(tmp_path: Path) -> None:
    module = found(tmp_path, "node_modules/x.handler", **{"node_modules/x.js": "", "package.json": HERE})
    assert module is not None
    assert module.format is Format.COMMONJS


def test_main_of_a_folder(tmp_path: Path) -> None:
    files = {"app/package.json": '{"main": "./lib/run"}', "app/lib/run.js": "", "app/index.js": ""}
    module = found(tmp_path, "app.handler", **files)
    assert module is not None
    assert module.path == "app/lib/run.js"


def test_task_root(tmp_path: Path) -> None:
    module = found(tmp_path, "src/app.handler", "fn", **{"fn/src/app.js": ""})
    assert module is not None
    assert (module.path, module.agent("index.js")) == ("fn/src/app.js", "../twistlock/index.js")


@pytest.mark.parametrize("handler", ["index", ".handler", "index.", "../index.handler", "index.a..b", ""])
def test_no_handler(handler: str, tmp_path: Path) -> None:
    with pytest.raises(DetectionError):
        found(tmp_path, handler, **{"index.js": ""})


@pytest.mark.parametrize("text", ["{", "[]", "3", ""])
def test_damaged_package_json_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(RewriteRefused, match=r"package\.json can't be read"):
        found(tmp_path, "index.handler", **{"index.js": "", "package.json": text})


Defender = Callable[..., tuple[int, str, str]]


@pytest.fixture
def console(tmp_path: Path) -> Path:
    """What a console's Node.js bundle looks like, its entry points apart."""
    path = tmp_path / "console.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "twistlock/index.js", "exports.handler = (f) => f;\nexports.asyncHandler = (f) => f;\n"
        )
        archive.writestr("twistlock/defender.node", b"\x7fELF")
    return path


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("exports.handler = async () => 1;\n", "exports.handler = twistlock.asyncHandler(exports.handler);"),
        (
            "exports.handler = (e, c, done) => done();\n",
            "exports.handler = twistlock.handler(exports.handler);",
        ),
        (
            "exports.handler = () => Promise.resolve(1);\n",
            "exports.handler = twistlock.asyncHandler(exports.handler);",
        ),
        (
            "exports.handler = () => fetch('x').then(String);\n",
            "exports.handler = twistlock.asyncHandler(exports.handler);",
        ),
    ],
)
def test_console_gets_the_exact_entry_point(
    source: str, expected: str, console: Path, tmp_path: Path, defender: Defender
) -> None:
    folder = tmp_path / "fn"
    folder.mkdir()
    (folder / "index.js").write_text(source)
    code, _, err = defender("embed", folder, "--bundle", console, "--tw-policy", "x")
    assert code == 0, err
    assert expected in (tmp_path / "fn.protected" / "index.js").read_text().splitlines()


@pytest.mark.parametrize(
    "files",
    [
        {"index.js": "exports.handler = wrap(async () => 1);\n"},
        {"index.js": "Object.assign(exports, { handler: async () => 1 });\n"},
        {"index.mjs": "export const handler = async () => 1;\n"},
    ],
)
def test_console_has_nothing_for_other_forms(
    files: dict[str, str], console: Path, tmp_path: Path, defender: Defender
) -> None:
    folder = tmp_path / "fn"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    code, _, err = defender("embed", folder, "--bundle", console, "--tw-policy", "x")
    assert code == 5
    assert "has no entry point for a handler that is callable" in err.replace("\n", " ")


def test_large_bundles_are_protected_and_restored(tmp_path: Path, defender: Defender) -> None:
    """More than is parsed, on one line; the outcome is held by its bytes."""
    head = '"use strict";'
    body = (
        'module.exports={handler:async e=>e};var t="'
        + "x" * (1 << 20)
        + '";\n//# sourceMappingURL=index.js.map\n'
    )
    folder = tmp_path / "fn"
    folder.mkdir()
    (folder / "index.js").write_text(head + body)
    code, out, err = defender("embed", folder, "--json")
    assert code == 0, err
    assert [one["rule"] for one in json.loads(out)["changes"]][:2] == ["nodejs.require", "nodejs.protect"]
    protected = tmp_path / "fn.protected"
    text = (protected / "index.js").read_text()
    lines = body.split("\n")
    assert text.split("\n") == [
        head + 'var twistlock = require("./twistlock"); ' + lines[0],
        ';twistlock.protect(module, "handler");',
        *lines[1:],
    ]
    assert defender("remove", protected, "-o", tmp_path / "back")[0] == 0
    assert (tmp_path / "back" / "index.js").read_text() == head + body


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("exports.other = 1;\n", "exports no 'handler'"),
        ("exports.handler = 1;\nreturn;\n", "a return at the top level"),
        ("import x from 'y';\nexport { x as handler };\n", "written as an ES module"),
    ],
)
def test_large_bundles_are_refused(source: str, message: str, tmp_path: Path, defender: Defender) -> None:
    folder = tmp_path / "fn"
    folder.mkdir()
    (folder / "index.js").write_text("/*" + "x" * (1 << 20) + "*/\n" + source)
    code, _, err = defender("embed", folder, "--handler", "index.handler", "--runtime", "nodejs")
    assert code in (4, 5)
    assert message in err.replace("\n", " ")


@pytest.mark.parametrize(
    "licenses",
    [
        "\n",
        "\n/*! Bundled license information:\n\nsax/lib/sax.js:\n  (*! by me **)\n*/\n//# sourceMappingURL=i.map\n",
        "\n// one\n/* two */ // three\n",
    ],
)
def test_licenses_behind_the_list_of_exports(licenses: str) -> None:
    """As esbuild writes them: a bundle with some is not parsed either."""
    assert large.exported(b"var a=1;export{a as handler};" + licenses.encode()) == {"handler"}


def test_comments_without_an_end_are_read_once() -> None:
    """Each could be divided in many ways, were they tried."""
    for comment in (b"// ", b"/**/", b"/* ", b" "):
        assert not large.exported(b"var a=1;export{a as handler};" + comment * 20_000 + b"\nfoo();")


def test_large_es_modules_get_a_facade(tmp_path: Path, defender: Defender) -> None:
    folder = tmp_path / "fn"
    folder.mkdir()
    source = "var t='" + "x" * (1 << 20) + "',r=async e=>e;export{r as handler,t as default};\n"
    (folder / "index.mjs").write_text(source)
    code, _, err = defender("embed", folder)
    assert code == 0, err
    protected = tmp_path / "fn.protected"
    assert (protected / "index.original.mjs").read_text() == source
    assert (protected / "index.mjs").read_text() == (
        "import twistlock from './twistlock/index.js';\n"
        "import { handler as original } from './index.original.mjs';\n"
        "export * from './index.original.mjs';\n"
        "export { default } from './index.original.mjs';\n"
        "export const handler = twistlock.handler(original);\n"
    )
