"""Sources in any encoding that Python reads: the insertion lands where it belongs, or the file is refused."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defender.edits.splice import apply_splices
from defender.errors import RewriteRefused
from defender.runtimes.python import wrapping

ENCODINGS = ["utf-8", "latin-1", "cp1252", "cp437", "koi8-r", "mac-roman", "iso8859-15", "utf-8-sig"]
ENCODINGS += ["shift_jis", "cp932", "euc_jp", "gbk", "gb18030", "big5", "euc_kr", "johab"]
STATEFUL = ["iso2022_jp", "iso2022_kr", "hz", "utf-7"]
LETTERS = "abé ßµ表ソ能十噂中文乗한글Яж€№½ー¥‾" + "\u3000\uff5e\xd7\u2028\u0085\xa0\ufeff"


def module(encoding: str, text: str) -> str:
    return (
        f"# coding: {encoding}\n'''{text}'''\nA = '{text}'  # {text}\n\n\n"
        f'def handler(event, context):\n    return [A, "{text}"]\n'
    )


def encodable(encoding: str, text: str) -> str:
    """The characters of a text that the encoding has, and that come back as they were."""
    kept = []
    for letter in text:
        try:
            same = letter.encode(encoding).decode(encoding) == letter
        except UnicodeError:
            continue
        kept += [letter] if same and letter not in "\n\r\\'\"\x0c" else []
    return "".join(kept)


def bodies(data: bytes) -> tuple[list[str], list[str]]:
    """The statements of a module, and those that are not the agent's, its decorator left out."""
    tree: Any = ast.parse(data)
    all_of = [ast.dump(node) for node in tree.body]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [one for one in node.decorator_list if "twistlock" not in ast.dump(one)]
    kept = [ast.dump(node) for node in tree.body]
    return all_of, [node for node in kept if "twistlock" not in node]


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=25, deadline=None)
@given(
    text=st.text(
        st.sampled_from(LETTERS) | st.characters(min_codepoint=32, max_codepoint=0xFFFF), max_size=12
    ).filter(lambda text: "twistlock" not in text)  # By that word `bodies` knows what was inserted.
)
def test_everything_else_stays(encoding: str, text: str) -> None:
    original = module(encoding, encodable(encoding, text)).encode(encoding)
    try:
        before, _ = bodies(original)
    except SyntaxError:  # Python itself does not read it.
        with pytest.raises(RewriteRefused):
            wrapping.wrap("app.py", original, "app", ["handler"])
        return
    plan = wrapping.wrap("app.py", original, "app", ["handler"])
    after = apply_splices(original, [splice for edit in plan.edits for splice in edit.splices], "app.py")
    for edit in plan.edits:
        edit.prove(after)
    everything, rest = bodies(after)
    assert rest == before
    assert len(everything) == len(before) + 1
    assert "twistlock" in everything[1]


@pytest.mark.parametrize("encoding", STATEFUL)
def test_encodings_with_states_are_refused(encoding: str) -> None:
    letters = encodable(encoding, "表中한") or "é"
    original = module(encoding, letters).encode(encoding)
    with pytest.raises(RewriteRefused, match=r"ambiguous|can't be read|syntax error"):
        wrapping.wrap("app.py", original, "app", ["handler"])


@pytest.mark.parametrize(
    "cookie", ["utf8", "UTF-8", "utf_8", "U8", "ascii", "us-ascii", "latin_1", "cp65001x"]
)
def test_names_of_encodings(cookie: str) -> None:
    original = f"# coding: {cookie}\n".encode() + b"def handler(event, context):\n    return 1\n"
    try:
        ast.parse(original)
    except SyntaxError:
        with pytest.raises(RewriteRefused):
            wrapping.wrap("app.py", original, "app", ["handler"])
        return
    assert [edit.rule for edit in wrapping.wrap("app.py", original, "app", ["handler"]).edits] == [
        "python.import",
        "python.decorate",
    ]
