"""Where inserted Java stands in a file, and how it is laid out there: indentation, braces and line ends of the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from defender.edits.source import UTF8_BOM
from defender.edits.splice import Splice
from defender.runtimes.java.syntax import JavaSource, Unproven, is_comment, named, text
from defender.runtimes.java.units import Declaration, Unit

if TYPE_CHECKING:
    from tree_sitter import Node

_DEFAULT = b"    "


def imported(unit: Unit, name: str) -> Splice:
    """`import name;` among the file's imports, in their order if they have one."""
    source, line = unit.source, f"import {name};"
    plain = [one for one in unit.imports if not any(child.type == "static" for child in one.children)]
    full = [text(source, one) for one in plain]
    if full == sorted(full) and any(one < line for one in full):
        return _behind(source, plain[max(at for at, one in enumerate(full) if one < line)], [line])
    if plain and full == sorted(full):
        return _before(source, plain[0], line)
    last = unit.imports[-1] if unit.imports else None
    if last is not None:
        return _behind(source, last, [line])
    if unit.package_node is not None:
        return _behind(source, unit.package_node, ["", line])
    at = len(UTF8_BOM) if source.data.startswith(UTF8_BOM) else 0
    return Splice.insert(at, line.encode() + source.newline * 2)


def first_in_body(owner: Declaration, code: str) -> Splice:
    """The text as the class's first member."""
    source, brace = owner.unit.source, owner.body.start_byte + 1
    rest, end = _rest_of_line(source, brace)
    if rest.strip() and not _is_line_comment(owner.body, brace, end):
        return Splice.insert(brace, b" " + _on_one_line(source, code))
    if end >= len(source.data):
        return Splice.insert(brace, b" " + _on_one_line(source, code))
    following = _line_at(source, end + 1).strip()
    block = _lines(source, owner, code)
    spaced = b"" if not following or following.startswith(b"}") else source.newline
    return Splice.insert(end + 1, b"".join(line + source.newline for line in block) + spaced)


def behind_member(owner: Declaration, member: Node, code: str) -> Splice:
    """The text as the member behind another."""
    source = owner.unit.source
    rest, end = _rest_of_line(source, member.end_byte)
    if (rest.strip() and not _is_line_comment(owner.body, member.end_byte, end)) or end >= len(source.data):
        return Splice.insert(member.end_byte, b" " + _on_one_line(source, code))
    block = [b"", *_lines(source, owner, code)]
    return Splice.insert(end + 1, b"".join(line + source.newline for line in block))


def last_in_body(owner: Declaration, code: str) -> Splice:
    """The text as the class's last member."""
    source = owner.unit.source
    brace = owner.body.end_byte - 1
    start = source.line_start(brace)
    if source.data[start:brace].strip() or start <= owner.body.start_byte:
        lead = b"" if source.data[brace - 1 : brace].isspace() else b" "
        return Splice.insert(brace, lead + _on_one_line(source, code) + b" ")
    is_first = not owner.members
    block = [*([] if is_first else [b""]), *_lines(source, owner, code)]
    return Splice.insert(start, b"".join(line + source.newline for line in block))


def _behind(source: JavaSource, node: Node, lines: list[str]) -> Splice:
    rest, end = _rest_of_line(source, node.end_byte)
    encoded = [line.encode() for line in lines]
    parent = node.parent
    assert parent is not None
    if (rest.strip() and not _is_line_comment(parent, node.end_byte, end)) or end >= len(source.data):
        return Splice.insert(node.end_byte, b" " + b"".join(encoded))
    return Splice.insert(end + 1, b"".join(line + source.newline for line in encoded))


def _before(source: JavaSource, node: Node, line: str) -> Splice:
    start = source.line_start(node.start_byte)
    if source.data[start : node.start_byte].removeprefix(UTF8_BOM).strip():
        return Splice.insert(node.start_byte, line.encode() + b" ")
    return Splice.insert(node.start_byte, line.encode() + source.newline)


def _rest_of_line(source: JavaSource, at: int) -> tuple[bytes, int]:
    """What follows on the line, and the offset of its line feed, or of the file's end."""
    newline = source.data.find(b"\n", at)
    end = len(source.data) if newline < 0 else newline
    return source.data[at:end], end


def _line_at(source: JavaSource, at: int) -> bytes:
    return source.data[at : _rest_of_line(source, at)[1]]


def _is_line_comment(around: Node, start: int, end: int) -> bool:
    """Whether all that stands there is comments which end there, too."""
    inside = [one for one in around.children if start <= one.start_byte < end]
    return bool(inside) and all(is_comment(one) and one.end_byte <= end for one in inside)


def _on_one_line(source: JavaSource, code: str) -> bytes:
    return _encoded(source, " ".join(line.strip() for line in code.splitlines()))


def _encoded(source: JavaSource, code: str) -> bytes:
    try:
        return code.encode(source.encoding)
    except UnicodeEncodeError as error:
        raise Unproven(f"{source.path}: its encoding lacks a letter of {code!r}") from error


def _lines(source: JavaSource, owner: Declaration, code: str) -> list[bytes]:
    """The text's lines, whose own indentation is four blanks, as lines of the class's body."""
    outer = _indentation(source, owner.node)
    unit = _unit(source, owner, outer)
    made = []
    for line in _braced(code, owner).splitlines():
        bare = line.lstrip(" ")
        depth = (len(line) - len(bare)) // 4
        made.append(outer + unit * (depth + 1) + _encoded(source, bare))
    return made


def _indentation(source: JavaSource, node: Node) -> bytes:
    start = source.line_start(node.start_byte)
    lead = re.match(rb"(?:\xef\xbb\xbf)?([ \t]*)", source.data[start : node.start_byte])
    return b"" if lead is None else lead[1]


def _unit(source: JavaSource, owner: Declaration, outer: bytes) -> bytes:
    """What one level of indentation is, by the first member that begins a line."""
    for member in owner.members:
        start = source.line_start(member.start_byte)
        lead = source.data[start : member.start_byte]
        if not lead.strip() and len(lead) > len(outer) and lead.startswith(outer):
            return lead[len(outer) :]
    return b"\t" if outer.startswith(b"\t") else _DEFAULT


def _braced(code: str, owner: Declaration) -> str:
    """Opening braces on lines of their own where the class's members have them so."""
    source = owner.unit.source
    bodies = [one.child_by_field_name("body") for one in named(owner.body)]
    for brace in [*(one for one in bodies if one is not None), owner.body]:
        if source.data[brace.start_byte : brace.start_byte + 1] == b"{":
            start = source.line_start(brace.start_byte)
            if source.data[start : brace.start_byte].strip():
                return code
            lines = [re.sub(r"^( *)(.*\S) \{$", r"\1\2\n\1{", line) for line in code.splitlines()]
            return "\n".join(re.sub(r"^( *)\} finally\n", r"\1}\n\1finally\n", line) for line in lines)
    return code
