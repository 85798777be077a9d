"""A unified diff of one file around its splices: to compare the whole texts takes minutes for a bundle of megabytes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from defender.edits.splice import Splice, apply_splices, in_order

_CONTEXT = 3
_RANGES = re.compile(r"@@ -(\d+)((?:,\d+)?) \+(\d+)")


def unified_diff(path: str, before: bytes, splices: Sequence[Splice]) -> str:
    """What the splices do to the file, with three lines of context; empty without any."""
    lines = [f"--- a/{path}\n", f"+++ b/{path}\n"]
    shift = 0
    for start, end, inside in _windows(before, splices):
        old = before[start:end]
        new = apply_splices(
            old, [Splice(one.start - start, one.end - start, one.data) for one in inside], path
        )
        above = before.count(b"\n", 0, start)
        for line in list(difflib.unified_diff(_lines(old), _lines(new), n=_CONTEXT))[2:]:
            moved = _moved(line, above, shift)
            lines.append(moved if moved.endswith("\n") else f"{moved}\n\\ No newline at end of file\n")
        shift += new.count(b"\n") - old.count(b"\n")
    return "".join(lines) if len(lines) > 2 else ""


def _moved(line: str, above: int, shift: int) -> str:
    """A hunk's first line as it reads for the whole file; any other line as it is."""
    found = _RANGES.match(line)
    if found is None:
        return line
    old, new = int(found[1]) + above, int(found[3]) + above + shift
    return f"@@ -{old}{found[2]} +{new}{line[found.end() :]}"


def _lines(data: bytes) -> list[str]:
    # Only a line feed ends a line for a diff; `splitlines` knows others.
    return [line.decode("utf-8", "replace") for line in re.findall(rb"[^\n]*\n|[^\n]+", data)]


def _windows(before: bytes, splices: Sequence[Splice]) -> Iterator[tuple[int, int, list[Splice]]]:
    """The parts of the file that the diff shows, and the splices in each."""
    inside: list[Splice] = []
    start = end = 0
    for splice in in_order(splices):
        above, below = _above(before, splice.start), _below(before, splice.end)
        if inside and above > end:
            yield start, end, inside
            inside = []
        start = start if inside else above
        end = below
        inside.append(splice)
    if inside:
        yield start, end, inside


def _above(data: bytes, offset: int) -> int:
    for _ in range(_CONTEXT + 1):
        offset = data.rfind(b"\n", 0, offset)
        if offset < 0:
            return 0
    return offset + 1


def _below(data: bytes, offset: int) -> int:
    for _ in range(_CONTEXT + 1):
        offset = data.find(b"\n", offset) + 1
        if not offset:
            return len(data)
    return offset
