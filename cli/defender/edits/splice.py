"""Splices: bytes put into a file's original bytes at exact offsets, and taken out again.

Knows nothing of any syntax; what is inserted where is decided by the callers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from defender.errors import RewriteRefused


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    """`data` takes the place of the original's bytes `start:end`; an insertion has `start == end`."""

    start: int
    end: int
    data: bytes

    @classmethod
    def insert(cls, at: int, data: bytes) -> Splice:
        """An insertion in front of the original's byte `at`."""
        return cls(at, at, data)


def in_order(splices: Iterable[Splice]) -> tuple[Splice, ...]:
    """The splices by position; those at one place keep the order in which they were given."""
    return tuple(sorted(splices, key=lambda splice: (splice.start, splice.end)))


def apply_splices(original: bytes, splices: Iterable[Splice], path: str) -> bytes:
    """`original` with all splices made.

    Raises RewriteRefused when two overlap or one lies outside of the file: a defect of ours, found
    before anything is written.
    """
    parts: list[bytes] = []
    position = 0
    for splice in in_order(splices):
        if not position <= splice.start <= splice.end <= len(original):
            raise RewriteRefused("two edits of this file overlap", path=path)
        parts += (original[position : splice.start], splice.data)
        position = splice.end
    parts.append(original[position:])
    return b"".join(parts)


def spans_after(splices: Iterable[Splice]) -> tuple[tuple[int, int], ...]:
    """Where each splice's bytes stand in the result, as (start, end)."""
    shift = 0
    spans = []
    for splice in in_order(splices):
        start = splice.start + shift
        spans.append((start, start + len(splice.data)))
        shift += len(splice.data) - (splice.end - splice.start)
    return tuple(spans)


def put_back(data: bytes, replaced: Iterable[tuple[int, bytes, bytes]]) -> bytes | None:
    """`data` with what was replaced in its places: offsets in order, what stands there now, what stood there.

    None where other bytes stand there.
    """
    parts: list[bytes] = []
    position = 0
    for at, now, was in replaced:
        if at < position or data[at : at + len(now)] != now:
            return None
        parts += (data[position:at], was)
        position = at + len(now)
    parts.append(data[position:])
    return b"".join(parts)


def take_out(
    data: bytes, insertions: Sequence[bytes], path: str, replaced: Mapping[bytes, bytes] | None = None
) -> bytes:
    """`data`, edited by its owner since, less exactly the recorded insertions.

    Each has to stand in the file as often as it was inserted, neither more nor less: only then is it
    certain which bytes are ours. `replaced` has, for those that took the place of something, what that was.
    Raises RewriteRefused otherwise.
    """
    spans: list[tuple[int, int]] = []
    # The longest first: what stands inside of one that was found is a part of it.
    for wanted, count in sorted(Counter(insertions).items(), key=lambda item: -len(item[0])):
        found = [one for one in _occurrences(data, wanted) if not _is_within(one, spans)]
        if len(found) != count:
            raise RewriteRefused(
                f"the file was edited after embedding, and what was inserted ({_shown(wanted)}) now "
                f"stands in it {len(found)} times instead of {count}",
                path=path,
                hint="take the inserted lines out by hand, or restore the file as it was embedded",
            )
        spans += found
    spans.sort()
    if any(left[1] > right[0] for left, right in pairwise(spans)):
        raise RewriteRefused("what was inserted can't be told apart any more", path=path)
    was = replaced or {}
    restored = put_back(data, [(at, data[at:end], was.get(data[at:end], b"")) for at, end in spans])
    assert restored is not None  # the spans are in order, and apart
    return restored


def _is_within(span: tuple[int, int], spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in spans)


def _occurrences(data: bytes, wanted: bytes) -> list[tuple[int, int]]:
    """Where `wanted` stands; an insertion that is whole lines counts only at the start of a line."""
    whole_lines = wanted.endswith((b"\n", b"\r")) and not wanted.startswith((b"\n", b"\r"))
    found = []
    at = data.find(wanted)
    while at >= 0:
        if not whole_lines or at == 0 or data[at - 1 : at] in (b"\n", b"\r", b"\x0c", b"\xbf"):
            found.append((at, at + len(wanted)))
        at = data.find(wanted, at + 1)
    return found


def _shown(data: bytes) -> str:
    return repr(data.decode("utf-8", "replace").strip())
