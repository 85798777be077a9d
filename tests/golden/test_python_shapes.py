"""Modules of random statements: rewritten, they bind what the original binds, the handler wrapped, or are refused.

The agent is a stand-in that marks what it wraps; real interpreters and the real agent are test_python_proof's part.
"""

from __future__ import annotations

import builtins
import contextlib
import types
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from defender.edits.splice import apply_splices, put_back, spans_after
from defender.errors import DefenderError, DetectionError, RewriteRefused
from defender.runtimes.python import wrapping

HEADS = [
    "",
    '"""Documentation."""\n',
    '"""Documentation."""; note("same line")\n',
    "('''Documentation''')\n",
    "# coding: utf-8\n'Documentation'\nfrom __future__ import annotations\n",
    "from __future__ import division; note('same line')\n",
    "#!/usr/bin/env python3\n\n\n",
    "\\\nnote('continued')\n",
]
BINDINGS = [
    "def handler(event, context):\n    return 1\n",
    "async def handler(event, context): pass\n",
    "@tag('a')\n# between\n@tag('b')\ndef handler(*args):\n    return 2\n",
    "handler = made('assigned')\n",
    "handler: object = made('annotated')\n",
    "other, (handler, *rest) = 1, (made('unpacked'), 2, 3)\n",
    "handler = again = made('chained')\n",
    "from impl import handler\n",
    "from impl import other as handler\n",
    "from impl import *\n",
    "from without import *\n",
    "import impl as handler\n",
    "import impl.handler\n",
    "class handler:\n    pass\n",
    "class handler(object): handler = 1\n",
    "if flag:\n    handler = made('if')\nelse:\n    def handler(): pass\n",
    "if not flag: handler = made('never')\n",
    "try:\n    note('try')\n    handler = made('try')\nexcept ValueError:\n    handler = None\n",
    "try:\n    raise ValueError\nexcept ValueError as handler:\n    pass\n",
    "try:\n    missing\nexcept NameError:\n    handler = made('except')\nfinally:\n    last = 1\n",
    "for handler in [made('one'), made('two')]: pass\n",
    "for handler in []: pass\n",
    "while True:\n    handler = made('while')\n    break\n",
    "with context(made('with')) as handler: pass\n",
    "with context(1):\n    handler = made('inside')\n",
    "with suppress(NameError):\n    missing\n    handler = made('skipped')\n",
    "try:\n    raise ExceptionGroup('', [ValueError()])\n    handler = 1\nexcept* ValueError:\n    pass\n",
    "missing = False and (handler := 1)\n",
    "(handler := made('walrus'))\n",
    "seen = [handler := made(x) for x in 'ab']\n",
    "match [made('matched')]:\n    case [handler]:\n        pass\n",
    "handler = made('base'); handler += 'more'\n",
    "globals()['handler'] = made('globals')\n",
    "exec('handler = made(\"exec\")')\n",
    "for name in ('handler', 'second'): globals()[name] = made(name)\n",
    "handler = tag('by hand')(globals().get('handler'))\n",
    "vars().update(handler=made('vars'))\n",
]
OTHERS = [
    "note('statement')\n",
    "import os, json\n",
    "value = globals().get('handler')\n",
    "def helper(handler=1):\n    handler = 2\n    return [handler for handler in []]\n",
    "class Other:\n    handler = 3\n    def handler(self): pass\n",
    "def reader():\n    global handler\n    return handler\n",
    "def setter():\n    global handler, other\n    other = 1\n",
    "lambda: (handler := 1)\n",
    "text = '''\ndef handler(): pass\n'''\n",
    "twistlock = 'mine'\n",
    "other = [x for x in (1, 2)]\n",
    "if flag:\n\tvalue = 'tab'\n",
    "note('a'); note('b');\n",
    "# handler = 1\n",
    "\x0c\n",
    "value = (1 +\n   2)\n",
    "print\n",
    "del note\ndef note(x): pass\n",
    "handler: int\n",
    "if __name__ == '__main__':\n    handler = None\n",
]
TAILS = ["", "\n\n", "# end", "last = 1", "    ", "if flag: last = 2", "\n# end\n\n"]


class Marked:
    """What the stand-in of the agent makes of a handler."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner


class Tagged(str):
    """A value that is equal to another of its making; composed by `+=`."""


@contextlib.contextmanager
def context(value: Any) -> Any:
    yield value


def unmarked(value: Any) -> Any:
    while isinstance(value, Marked):
        value = value.inner
    return value


def tag(name: str) -> Any:
    return lambda inner: (name, unmarked(inner))


def plain(value: Any) -> Any:
    """A comparable form of a name's value: code for functions, names for classes and modules."""
    value = unmarked(value)
    if isinstance(value, types.FunctionType):
        return "function", value.__name__, value.__code__.co_code, value.__code__.co_consts[:0]
    if isinstance(value, type | types.ModuleType):
        return type(value).__name__, value.__name__
    if isinstance(value, tuple | list):
        return type(value).__name__, [plain(item) for item in value]
    if isinstance(value, BaseException):
        return type(value).__name__, str(value)
    return value


def run(source: bytes) -> tuple[dict[str, Any], list[str]]:
    """The names that a module binds, and what happened in which order."""
    happened: list[str] = []
    impl = types.ModuleType("impl")
    impl.handler, impl.other = Tagged("impl.handler"), Tagged("impl.other")  # type: ignore[attr-defined]
    empty = types.ModuleType("without")
    agent = types.ModuleType("twistlock")
    agent.serverless = types.SimpleNamespace(handler=Marked)  # type: ignore[attr-defined]
    fakes = {"impl": impl, "impl.handler": impl, "without": empty, "twistlock.serverless": agent}

    def load(name: str, *arguments: Any) -> Any:
        if name != "__future__":  # The interpreter has acted on it before the module runs.
            happened.append(name)
        fake = fakes.get(name)
        return fake if fake is not None else builtins.__import__(name, *arguments)

    space: dict[str, Any] = {
        "__builtins__": {**vars(builtins), "__import__": load, "note": happened.append, "flag": True},
        "__name__": "app",
    }
    space["__builtins__"].update(made=Tagged, tag=tag, context=context, suppress=contextlib.suppress)
    code = compile(source, "app.py", "exec", dont_inherit=True)
    exec(code, space)
    return {name: value for name, value in space.items() if name != "__builtins__"}, happened


def check(source: bytes) -> str:
    """Rewrite, run both, compare; what became of it."""
    try:
        names, order = run(source)
    except (NameError, SyntaxError, TypeError):
        return "the original fails"
    try:
        plan = wrapping.wrap("app.py", source, "app", ["handler"])
    except DetectionError:
        assert "handler" not in names
        return "no handler"
    except RewriteRefused:
        return "refused"
    splices = [splice for edit in plan.edits for splice in edit.splices]
    after = apply_splices(source, splices, "app.py")
    inserted = [(start, after[start:end], b"") for start, end in spans_after(splices)]
    assert put_back(after, inserted) == source
    for edit in plan.edits:
        edit.prove(after)
    again = wrapping.wrap("app.py", after, "app", ["handler"])
    assert again.edits == ()
    new_names, new_order = run(after)
    assert new_order[0] == "twistlock.serverless"
    assert [one for one in new_order if one != "twistlock.serverless"] == order
    added = {"twistlock", "_twistlock_serverless"} - set(names)
    assert {name: plain(value) for name, value in new_names.items() if name not in added} == {
        name: plain(value) for name, value in names.items()
    }
    if "handler" not in names:
        assert "handler" not in new_names
        return "not bound"
    assert isinstance(new_names["handler"], Marked)
    assert not isinstance(new_names["handler"].inner, Marked)
    return "wrapped"


MODULES = st.tuples(
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(OTHERS), max_size=3),
    st.lists(st.sampled_from(BINDINGS + OTHERS), max_size=4),
    st.sampled_from(BINDINGS),
    st.lists(st.sampled_from(OTHERS), max_size=3),
    st.sampled_from(TAILS),
)


@settings(max_examples=300, deadline=None, report_multiple_bugs=False)
@given(parts=MODULES, crlf=st.booleans(), bom=st.booleans())
@example(parts=("", [], [], BINDINGS[0], ["twistlock = 'mine'\n"], "    "), crlf=True, bom=True)
def test_same_names_and_the_handler_wrapped(parts: Any, crlf: bool, bom: bool) -> None:
    head, before, middle, binding, behind, tail = parts
    text = "".join([head, *before, *middle, binding, *behind, tail])
    data = (text.replace("\n", "\r\n") if crlf else text).encode()
    event(check(b"\xef\xbb\xbf" + data if bom else data))


NEVER_BOUND = {
    "if not flag: handler = made('never')\n",
    "for handler in []: pass\n",
    "from without import *\n",
}
NEVER_BOUND |= {
    "try:\n    raise ValueError\nexcept ValueError as handler:\n    pass\n",
    "import impl.handler\n",
    "missing = False and (handler := 1)\n",
}
NEVER_BOUND |= {binding for binding in BINDINGS if "suppress" in binding or "except*" in binding}


@pytest.mark.parametrize("binding", BINDINGS, ids=range(len(BINDINGS)))
@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_each_binding_alone(head: str, binding: str) -> None:
    expected = {"not bound", "no handler"} if binding in NEVER_BOUND else {"wrapped"}
    assert check((head + binding).encode()) in expected


@pytest.mark.parametrize("tail", TAILS, ids=range(len(TAILS)))
@pytest.mark.parametrize("binding", BINDINGS[:4], ids=range(4))
def test_each_end_of_a_file(binding: str, tail: str) -> None:
    assert check((binding + tail).encode()) == "wrapped"


def test_errors_of_the_rewriting_are_the_documented_ones() -> None:
    assert issubclass(DetectionError, DefenderError)
    with pytest.raises(DetectionError):
        wrapping.wrap("app.py", b"x = 1\n", "app", ["handler"])
