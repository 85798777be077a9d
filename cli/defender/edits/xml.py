"""XML documents as trees whose elements know where they stand in the file's bytes.

expat finds the places; nothing here writes a user's file. Names are taken as they are written: a prefix is
part of one. `edits/xml_insert.py` makes the insertions.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.parsers import expat

from defender.errors import RewriteRefused

_DEEPEST = 100
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ASCII = "".join(map(chr, range(128)))


@dataclass(frozen=True, slots=True)
class Text:
    """Characters between tags, entities and CDATA sections resolved."""

    value: str


@dataclass(frozen=True, slots=True)
class Aside:
    """A comment, or a processing instruction: its kind, target and content."""

    kind: str
    target: str
    value: str


@dataclass(slots=True, eq=False)
class Element:
    """One element. Offsets count the file's bytes; `line` counts from 1.

    `start` is the start tag's first byte, `inside` the first one behind that tag, `close` the end tag's
    first, `end` the first one behind it. Of an empty-element tag, `inside`, `close` and `end` are the same.
    """

    name: str
    attributes: tuple[tuple[str, str], ...]
    start: int
    line: int
    inside: int = -1
    close: int = -1
    end: int = -1
    items: list[Item] = field(default_factory=list)

    @property
    def is_empty_tag(self) -> bool:
        """Whether it is written `<name/>`."""
        return self.inside == self.end

    @property
    def elements(self) -> list[Element]:
        """The elements directly below, in order."""
        return [item for item in self.items if isinstance(item, Element)]

    @property
    def text(self) -> str:
        """Its own characters without the blanks around them."""
        return "".join(item.value for item in self.items if isinstance(item, Text)).strip()

    def all(self, *path: str) -> list[Element]:
        """The elements that a path of names leads to; several of a name are all followed."""
        found = [self]
        for name in path:
            found = [below for one in found for below in one.elements if below.name == name]
        return found

    def first(self, *path: str) -> Element | None:
        """The first element that a path of names leads to."""
        return next(iter(self.all(*path)), None)

    def value(self, *path: str) -> str | None:
        """The text of that element; None where there is none."""
        found = self.first(*path)
        return None if found is None else found.text


Item: TypeAlias = Element | Text | Aside


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A parsed file. `codec` is Python's name of its encoding, byte order mark left out."""

    path: str
    data: bytes
    codec: str
    root: Element
    prolog: tuple[Aside, ...]

    def encode(self, text: str) -> bytes:
        """Text as the file writes it."""
        return text.encode(self.codec)

    def before(self, at: int) -> str:
        """What stands on the line in front of byte `at`."""
        text = self.data[:at].decode(self.codec).removeprefix("\ufeff")
        return text[max(text.rfind("\n"), text.rfind("\r")) + 1 :]

    @property
    def newline(self) -> str:
        """The line end that the file's first line uses; a line feed where there is none."""
        text = self.data.decode(self.codec)
        at = text.find("\n")
        return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def parse(data: bytes, path: str) -> Document:
    """The document in `data`.

    Raises RewriteRefused, with the line, for what is not well-formed, for a DOCTYPE and what comes with one,
    for encodings whose bytes can't be told apart, and for elements nested beyond all measure.
    """
    reader = _Reader(path)
    reader.read(data)
    codec = _codec(data, reader.encoding, path)
    if reader.root is None:
        raise RewriteRefused("the file holds no element", path=path)
    document = Document(path, data, codec, reader.root, tuple(reader.prolog))
    _refuse_shifted(document)
    return document


class _Reader:
    """Builds the tree from the parser's events, and notes where each begins."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.encoding: str | None = None
        self.root: Element | None = None
        self.prolog: list[Aside] = []
        self._open: list[Element] = []
        self._unclosed_tag: Element | None = None
        self._parser = expat.ParserCreate()
        self._parser.ordered_attributes = True
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.CommentHandler = lambda value: self._aside(Aside("comment", "", value))
        self._parser.ProcessingInstructionHandler = lambda target, value: self._aside(
            Aside("instruction", target, value)
        )
        self._parser.StartCdataSectionHandler = self._event
        self._parser.EndCdataSectionHandler = self._event

    def read(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise self._refused(f"the file is not well-formed XML: {error}") from error
        except (ValueError, LookupError) as error:
            raise self._refused(f"the file can't be read as XML: {error}") from error

    def _refused(self, message: str) -> RewriteRefused:
        return RewriteRefused(message, path=self.path, line=self._parser.CurrentLineNumber)

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        del standalone
        if version != "1.0":
            raise self._refused(f"the file is XML {version}, not 1.0")
        self.encoding = encoding

    def _doctype(self, *_: object) -> None:
        raise self._refused("the file has a DOCTYPE, which may change what it says")

    def _event(self) -> int:
        """Where the event begins, which is where a start tag in front of it ends."""
        at = self._parser.CurrentByteIndex
        if self._unclosed_tag is not None:
            self._unclosed_tag.inside = at
            self._unclosed_tag = None
        return at

    def _start(self, name: str, attributes: list[str]) -> None:
        pairs = tuple(zip(attributes[::2], attributes[1::2], strict=True))
        element = Element(name, pairs, self._event(), self._parser.CurrentLineNumber)
        if len(self._open) >= _DEEPEST:
            raise self._refused("elements are nested too deeply")
        if self._open:
            self._open[-1].items.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._unclosed_tag = element

    def _end(self, _: str) -> None:
        at = self._event()
        self._open.pop().close = at

    def _text(self, value: str) -> None:
        self._event()
        items = self._open[-1].items
        if items and isinstance(items[-1], Text):
            items[-1] = Text(items[-1].value + value)
        else:
            items.append(Text(value))

    def _aside(self, aside: Aside) -> None:
        self._event()
        (self._open[-1].items if self._open else self.prolog).append(aside)


def _codec(data: bytes, declared: str | None, path: str) -> str:
    """The encoding in which ASCII can be inserted and counted; RewriteRefused where two are named or none fits."""
    name = (declared or "utf-8").lower()
    for mark, codec in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            if declared is not None and not name.startswith(codec[:6]):
                raise RewriteRefused(f"the file is declared as {declared}, and begins as {codec}", path=path)
            return codec
    try:
        if name.startswith("utf-16"):
            raise RewriteRefused("the file is UTF-16 without a byte order mark", path=path)
        if _ASCII.encode(name) != _ASCII.encode("ascii"):
            raise RewriteRefused(f"ASCII is written otherwise in the encoding {declared}", path=path)
        data.decode(name)
    except (LookupError, UnicodeError) as error:
        raise RewriteRefused(f"the file can't be read as {declared}: {error}", path=path) from error
    return name


def _refuse_shifted(document: Document) -> None:
    """Complete the elements' ends, and raise RewriteRefused where a tag is not at the place that was noted for it."""
    stack = [document.root]
    while stack:
        element = stack.pop()
        tag = document.encode(f"<{element.name}")
        closing = document.encode(f"</{element.name}")
        slash = document.encode("/>")
        is_right = document.data.startswith(tag, element.start)
        if element.inside != element.close or not document.data.endswith(slash, 0, element.close):
            is_right = is_right and document.data.startswith(closing, element.close)
            bracket = document.data.find(document.encode(">"), element.close + len(closing))
            element.end = bracket + len(document.encode(">"))
            is_right = is_right and bracket > 0 and element.inside > element.start
        else:
            element.end = element.close
            is_right = is_right and not element.items
        if not is_right:
            raise RewriteRefused("the file's bytes can't be counted", path=document.path, line=element.line)
        stack.extend(element.elements)
