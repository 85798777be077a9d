"""Whether a module's text shows that it exports a name, and what the report says where it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from defender.runtimes.nodejs.doubt import shows

UMD = "(function (g, f) { f(exports); })(this, function (e) { e.%s = async () => 1; });\n"


@pytest.mark.parametrize(
    "text",
    [
        "e.handler=1",
        "e['handler'] = 1",
        "d(e, {handler:()=>a})",
        "x = { other, handler }",
        "x = { async handler(event) {} }",
        "x = { get handler() {} }",
        'define(e, "handler", f)',
    ],
)
def test_a_property_of_the_name_is_seen(text: str) -> None:
    assert shows(text.encode(), "handler")


@pytest.mark.parametrize(
    "text",
    ["function handler(event) {}", "e.handler == 1", "e.handlers = 1", "handler(1)", "e.handler.x = 1"],
)
def test_what_is_no_export_is_not(text: str) -> None:
    assert not shows(text.encode(), "handler")


@pytest.mark.parametrize(
    ("text", "is_doubted"),
    [
        (UMD % "handler", False),
        (UMD % "other", True),
        (f"{UMD % 'other'}/* handler {'x' * (1 << 19)} */\n", True),
        (f"{UMD % 'handler'}/* {'x' * (1 << 19)} */\n", False),
        ("function later(name) { exports[name] = 1; }\n", True),
        ("setTimeout(() => { exports.handler = 1; });\n", False),
        ("module.exports = require('./other');\n", True),
    ],
)
def test_the_report_says_what_is_not_seen(
    text: str, is_doubted: bool, tmp_path: Path, defender: Callable[..., tuple[int, str, str]]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "index.js").write_text(text)
    code, out, err = defender("embed", folder, "-o", tmp_path / "out", "--handler", "index.handler", "--json")
    assert code == 0, err
    said = [line for line in json.loads(out)["warnings"] if "nothing in its text shows" in line]
    assert bool(said) == is_doubted
    assert defender("verify", tmp_path / "out")[0] == 0
