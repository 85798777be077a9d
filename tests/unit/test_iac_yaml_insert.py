"""Insertions into any list or mapping of a YAML file: additions only, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from defender.edits.splice import apply_splices
from defender.edits.yaml import Mapping, Sequence, children, parse, plain
from defender.edits.yaml_insert import add_list, append_items, plain_item, plain_list, proof
from defender.errors import DetectionError, RewriteRefused

SCALARS = st.sampled_from(
    [
        "a",
        "'b c'",
        '"d"',
        "1",
        "true",
        "!Ref X",
        "!Sub '${A}'",
        "|\n{}  text\n{}  more",
        ">-\n{}  text",
        "é",
        "''",
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from("klmno"), inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)
STYLES = st.tuples(
    st.sampled_from(["", " # note", "\n\n# alone\n"]), st.sampled_from([2, 4]), st.booleans(), st.booleans()
)


def block(tree, indent: int, comment: str, step: int, is_flush: bool) -> str:
    """A tree in block style, each entry with the comment behind or below it."""
    pad = " " * indent
    lines = []
    for key, value in tree.items() if isinstance(tree, dict) else ((None, one) for one in tree):
        head = f"{pad}{key}:" if key is not None else f"{pad}-"
        if isinstance(value, str):
            text = value.replace("{}", pad + "  ")
            lines.append(f"{head} {text}" + ("" if "\n" in text else comment.rstrip("\n")))
            continue
        below = indent if is_flush and key is not None and isinstance(value, list) else indent + step
        lines += [head, block(value, below, comment, step, is_flush)]
    return "\n".join(lines)


def containers(node):
    if isinstance(node, Mapping | Sequence):
        yield node
    for child in children(node):
        yield from containers(child)


@settings(max_examples=120, deadline=None)
@given(
    tree=st.dictionaries(st.sampled_from("klmno"), TREES, min_size=1, max_size=3),
    style=STYLES,
    data=st.data(),
)
def test_any_list_or_mapping_of_a_block_document_can_be_extended(tree, style, data):
    comment, step, is_flush, is_crlf = style
    text = block(tree, 0, comment, step, is_flush) + data.draw(
        st.sampled_from(["", "\n", "\n# end\n", "\n\n"])
    )
    # A block scalar that ends with the file gains a line end by anything below it: rightly refused.
    assume(not text.endswith("text") and not text.endswith("more"))
    before = (text.replace("\n", "\r\n") if is_crlf else text).encode()
    document = parse(before, "x.yml")
    node = data.draw(st.sampled_from(list(containers(document.root))))
    texts = ("twistlock/**", "b/twistlock/**")
    if isinstance(node, Sequence):
        splice, added = append_items(document, node, texts), tuple(map(plain_item, texts))
    else:
        splice, added = add_list(document, node, ("include",), texts), (plain_list(("include",), texts),)
    after = apply_splices(before, [splice], "x.yml")

    proof(document, {id(node): added})(after)
    assert splice.start == splice.end
    assert plain(parse(after, "x.yml").root) != plain(document.root)
    assert (b"\r\n" in splice.data) == (is_crlf and b"\r\n" in before)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x\n  - 1\nb: *x\n",
        "a: &x-y !t # - z\n    - 1\n",
        "a:\n  - - 1\n    - 2\n  - 3\n",
        "a: [1, 2] # x\n",
        "a: [\n  1,\n  2,\n]\n",
        "a: [1\n  ,2]\n",
        "a:\n- 1\n...\n",
        "--- # x\na:\n - 1\n",
        "a:\n  - |+\n    text\n\n\n",
        "? a\n: - 1\n",
        "a:\n  -\n  -\n",
        "a: ['x'] \n",
        'a: ["#", "]"]',
    ],
)
def test_odd_lists_are_extended_or_refused_but_never_spoilt(text):
    document = parse(text.encode(), "x.yml")
    node = next(one for one in containers(document.root) if isinstance(one, Sequence))
    splice = append_items(document, node, ("new",))
    after = apply_splices(text.encode(), [splice], "x.yml")
    try:
        proof(document, {id(node): (plain_item("new"),)})(after)
    except RewriteRefused:
        assert text in ("a:\n  - |+\n    text\n\n\n",)
    else:
        assert "new" in str(plain(parse(after, "x.yml").root))


def test_the_proof_finds_what_else_has_changed():
    document = parse(b"a: [1]\nb: 2\n", "x.yml")
    node = next(one for one in containers(document.root) if isinstance(one, Sequence))
    prove = proof(document, {id(node): (plain_item("new"),)})

    prove(b"a: [1, new]\nb: 2\n")
    for wrong in (b"a: [1, new]\nb: 3\n", b"a: [new, 1]\nb: 2\n", b"a: [1]\nb: 2\n", b"a: [1, new\n"):
        with pytest.raises(RewriteRefused):
            prove(wrong)


def test_errors_have_lines():
    with pytest.raises(DetectionError) as raised:
        parse(b"a: 1\nb: [\n", "x.yml")
    assert raised.value.line == 3
