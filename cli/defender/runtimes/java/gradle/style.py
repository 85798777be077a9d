"""The line ends and indentation that a script is written in, and blocks in that style."""

from __future__ import annotations

import re
from dataclasses import dataclass

_INDENTED = re.compile(rb"\{[ \t]*\r?\n([ \t]+)[^\s/*]")


@dataclass(frozen=True, slots=True)
class Style:
    """How a file is written; `gap` is what parts its end from a new block."""

    newline: str
    indent: str
    gap: str

    @classmethod
    def of(cls, data: bytes) -> Style:
        """The style of a file: its first line end, its first block's indentation, four blanks where it has none."""
        newline = "\r\n" if b"\r\n" in data[: data.find(b"\n") + 1] else "\n"
        found = _INDENTED.search(data)
        indent = found[1].decode() if found and (b"\t" not in found[1] or found[1] == b"\t") else "    "
        blank = not data.strip() or data.endswith((b"\n\n", b"\r\n\r\n"))
        gap = ("" if data.endswith(b"\n") or not data else newline) + ("" if blank else newline)
        return cls(newline, indent, gap)

    def block(self, head: str, inside: str) -> str:
        """A block whose inside has lines of its own."""
        lines = [f"{self.indent}{line}" for line in inside.split(self.newline)]
        return self.newline.join((f"{head} {{", *lines, "}"))
