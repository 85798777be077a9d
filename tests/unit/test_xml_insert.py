"""Insertions into XML files: additions only, in the file's own style, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defender.edits.splice import Splice, apply_splices, put_back, spans_after
from defender.edits.xml import Aside, Element, parse
from defender.edits.xml_insert import New, append, fitting, proof
from defender.errors import RewriteRefused

ITEM = New("item", below=(New("id", "a<b"),))


def extended(data: bytes, name: str = "list", new: New = ITEM, spare: str = "more") -> bytes:
    """The file with `new` at the end of its first element of a name, proved, and taken out again."""
    document = parse(data, "pom.xml")
    parent = document.root if document.root.name == name else document.root.first(name)
    assert parent is not None
    made = fitting(parent, new, spare)
    splices = append(document, parent, made)
    after = apply_splices(data, splices, "pom.xml")
    proof(document, {id(parent): [made]})(after)
    assert all(splice.start == splice.end for splice in splices)
    assert undone(after, splices) == data
    return after


def undone(after: bytes, splices: tuple[Splice, ...]) -> bytes | None:
    """The file without what was inserted."""
    places = zip(spans_after(splices), splices, strict=True)
    return put_back(after, [(start, splice.data, b"") for (start, _), splice in places])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "<p>\n  <list>\n    <a/>\n  </list>\n</p>\n",
            "<p>\n  <list>\n    <a/>\n    <item>\n      <id>a&lt;b</id>\n    </item>\n  </list>\n</p>\n",
        ),
        (
            "<p>\r\n\t<list>\r\n\t</list>\r\n</p>",
            "<p>\r\n\t<list>\r\n\t\t<item>\r\n\t\t\t<id>a&lt;b</id>\r\n\t\t</item>\r\n\t</list>\r\n</p>",
        ),
        (
            "<p>\n<list>\n<a/>\n</list>\n</p>",
            "<p>\n<list>\n<a/>\n<item>\n  <id>a&lt;b</id>\n</item>\n</list>\n</p>",
        ),
        (
            "<p>\n    <list>\n            <a/>\n    </list>\n</p>",
            "<p>\n    <list>\n            <a/>\n            <item>\n                <id>a&lt;b</id>\n"
            "            </item>\n    </list>\n</p>",
        ),
        ("<p><list><a/></list></p>", "<p><list><a/><item><id>a&lt;b</id></item></list></p>"),
        (
            "<p>\n  <list></list></p>",
            "<p>\n  <list>\n    <item>\n      <id>a&lt;b</id>\n    </item>\n  </list></p>",
        ),
        (
            "<p>\n  <list/>\n</p>",
            "<p>\n  <list>\n    <item>\n      <id>a&lt;b</id>\n      <more/>\n    </item>\n  </list>\n</p>",
        ),
        (
            "<p>\n  <list a='/>' />\n</p>",
            "<p>\n  <list a='/>' >\n    <item>\n      <id>a&lt;b</id>\n      <more/>\n    </item>\n  </list>\n</p>",
        ),
        (
            "<p>\n  <list>\n    <a/> <!-- of a -->\n    <!-- end -->\n  </list>\n</p>",
            "<p>\n  <list>\n    <a/> <!-- of a -->\n    <!-- end -->\n    <item>\n      <id>a&lt;b</id>\n"
            "    </item>\n  </list>\n</p>",
        ),
        (
            "<p>\n  <list>\n    <a/></list>\n</p>",
            "<p>\n  <list>\n    <a/>\n    <item>\n      <id>a&lt;b</id>\n    </item>\n  </list>\n</p>",
        ),
        (
            "<p>\n  <list\n  ><a>\n</a\n></list\n  >\n</p>",
            "<p>\n  <list\n  ><a>\n</a\n>\n    <item>\n      <id>a&lt;b</id>\n    </item>\n  </list\n  >\n</p>",
        ),
        (
            "<?xml version='1.0'?><!-- > --><p><?list <list>?><![CDATA[<list>]]><list><a/></list></p>",
            "<?xml version='1.0'?><!-- > --><p><?list <list>?><![CDATA[<list>]]><list><a/><item><id>a&lt;b</id>"
            "</item></list></p>",
        ),
    ],
)
def test_forms(before: str, after: str) -> None:
    assert extended(before.encode()).decode() == after


@pytest.mark.parametrize(
    ("head", "codec"),
    [
        ("", "utf-8"),
        ("\ufeff", "utf-8"),
        ("\ufeff<?xml version='1.0' encoding='utf-8'?>", "utf-8"),
        ("\ufeff", "utf-16-le"),
        ("\ufeff<?xml version='1.0' encoding='UTF-16'?>", "utf-16-be"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?>", "latin-1"),
        ("<?xml version='1.0' encoding='windows-1252'?>", "cp1252"),
    ],
)
def test_encodings(head: str, codec: str) -> None:
    before = head + "<p>\n  <!-- é -->\n  <n>\u00e9</n>\n  <list>\n    <a/>\n  </list>\n</p>"
    after = before.replace("<a/>\n", "<a/>\n    <item>\n      <id>a&lt;b</id>\n    </item>\n")
    assert extended(before.encode(codec)) == after.encode(codec)


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE p><p><list/></p>",
        b"<!DOCTYPE p [<!ENTITY a 'b'>]><p>&a;</p>",
        b"<p>&nbsp;</p>",
        b"<p><list></p>",
        b"<p/><p/>",
        b"",
        b"\0",
        b"<p>\xff</p>",
        b"<?xml version='1.1'?><p/>",
        b"<?xml version='1.0' encoding='UTF-16'?><p/>",
        b"<?xml version='1.0' encoding='shift_jis'?><p/>",
        b"<?xml version='1.0' encoding='utf-7'?><p/>",
        b"<?xml version='1.0' encoding='cp037'?><p/>",
        b"<?xml version='1.0' encoding='no-such'?><p/>",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='latin-1'?><p/>",
        "<p/>".encode("utf-16-le"),
        b"<a>" * 200 + b"</a>" * 200,
    ],
)
def test_refused_documents(data: bytes) -> None:
    with pytest.raises(RewriteRefused):
        parse(data, "pom.xml")


def test_refused_places() -> None:
    with pytest.raises(RewriteRefused, match="holds text"):
        extended(b"<p><list>text</list></p>")
    document = parse(b"<p><list/></p>", "pom.xml")
    parent = document.root.elements[0]
    with pytest.raises(RewriteRefused, match="can't be opened"):
        append(document, parent, ITEM)


def test_same_name_inside() -> None:
    """An empty element in front of the end tag of another one of its name."""
    assert extended(b"<list><list/></list>") == b"<list><list/><item><id>a&lt;b</id></item></list>"


def test_attributes() -> None:
    new = New("add", attributes=(("key", 'a"b'), ("value", "./x&y")))
    assert extended(b"<p>\n  <list/>\n</p>", new=new, spare="unused") == (
        b'<p>\n  <list>\n    <add key=\'a"b\' value="./x&amp;y">\n      <unused/>\n    </add>\n  </list>\n</p>'
    )
    document = parse(b"<p>\n  <list/>\n</p>", "pom.xml")
    parent = document.root.elements[0]
    after = apply_splices(document.data, append(document, parent, new), "pom.xml")
    proof(document, {id(parent): [new]})(after)
    assert after == b'<p>\n  <list>\n    <add key=\'a"b\' value="./x&amp;y"/>\n  </list>\n</p>'


@pytest.mark.parametrize(
    "after",
    [
        b"<p><list><a/></list><b> x </b></p>",
        b"<p><list><a/><item><id>a&lt;b</id></item></list><b> x</b></p>",
        b"<p><list><item><id>a&lt;b</id></item><a/></list><b> x </b></p>",
        b"<p><list><a/><item><id>a&lt;b</id><id/></item></list><b> x </b></p>",
        b"<p><list><a/><item><id>b</id></item></list><b> x </b></p>",
        b"<p><list><a/><item x='1'><id>a&lt;b</id></item></list><b> x </b></p>",
        b"<p><list><a/><item><id>a&lt;b</id></item><c/></list><b> x </b></p>",
        b"<p><!-- --><list><a/><item><id>a&lt;b</id></item></list><b> x </b></p>",
        b"<p><list><a/><!-- <item><id>a&lt;b</id></item> --></list><b> x </b></p>",
        b"<!-- --><p><list><a/><item><id>a&lt;b</id></item></list><b> x </b></p>",
        b"<p><list><a/><item><id>a&lt;b</id></list><b> x </b></p>",
    ],
)
def test_proof_fails(after: bytes) -> None:
    document = parse(b"<p><list><a/></list><b> x </b></p>", "pom.xml")
    prove = proof(document, {id(document.root.elements[0]): [ITEM]})
    prove(b"<p><list><a/><item><id>a&lt;b</id></item></list><b> x </b></p>")
    with pytest.raises(RewriteRefused):
        prove(after)


NAMES = st.sampled_from(["a", "list", "b.c", "d-e"])
LEAVES = st.sampled_from(
    ["text", " ", "", "&lt;&#228;", "<!-- <x> -->", "<?pi <x> ?>", "<![CDATA[<y/>]]>", "ä\n"]
)
GAPS = st.sampled_from(["", "\n", "\n    ", "\r\n\t", " "])


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> str:
    """An element with others and with text below, written in all ways."""
    name, gap = draw(NAMES), draw(GAPS)
    if depth == 0:
        return draw(st.sampled_from([f"<{name}/>", f"<{name} />", f"<{name} a='>'/>", f"<{name}></{name}>"]))
    parts = draw(st.lists(LEAVES | trees(depth=depth - 1), max_size=3))
    more = draw(st.sampled_from(["", ' x="/>"', "\n"]))
    return f"<{name}{more}>{gap}{gap.join(parts)}{gap}</{name}>"


def walk(element: Element) -> list[Element]:
    return [element, *(below for one in element.elements for below in walk(one))]


@settings(max_examples=150, deadline=None)
@given(trees(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.integers(0, 50))
def test_any_element(text: str, codec: str, choice: int) -> None:
    data = text.encode(codec)
    document = parse(data, "pom.xml")
    everything = walk(document.root)
    parent = everything[choice % len(everything)]
    made = fitting(parent, ITEM, "more")
    try:
        splices = append(document, parent, made)
    except RewriteRefused:
        assert parent.text
        return
    after = apply_splices(data, splices, "pom.xml")
    proof(document, {id(parent): [made]})(after)
    assert undone(after, splices) == data
    for element in everything:
        assert (
            document.data[element.start : element.end].decode(document.codec).startswith(f"<{element.name}")
        )


def test_asides_are_kept() -> None:
    document = parse(b"<?a b?><!-- c --><p/>", "pom.xml")
    assert document.prolog == (Aside("instruction", "a", "b"), Aside("comment", "", " c "))
