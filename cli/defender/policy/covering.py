"""Whether one entry of a list already says all that another says, for each kind of entry.

Answers are safe rather than complete: True is always right, False may mean that it could not be
told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from defender.policy.matching import is_everything, lowered, matches, negatives, positives, split
from defender.policy.model import Collection, Kind, Ports


def covers(wide: str, narrow: str, *, case_sensitive: bool = False) -> bool:
    """Whether every value that `narrow` matches is matched by `wide` too."""
    if is_everything(wide):
        return True
    if not case_sensitive:
        wide, narrow = lowered(wide), lowered(narrow)
    wide_starts, wide_core, wide_ends = split(wide)
    starts, core, ends = split(narrow)
    if (starts and not wide_starts) or (ends and not wide_ends):
        return False
    if wide_starts and wide_ends:
        return wide_core in core
    if wide_starts:
        return core.endswith(wide_core)
    return core.startswith(wide_core) if wide_ends else core == wide_core


def disjoint(one: str, other: str) -> bool:
    """Whether no value can match both patterns, case-insensitively."""
    one, other = lowered(one), lowered(other)
    if "*" not in (one[:1], one[-1:]):
        return not matches(other, one)
    if "*" not in (other[:1], other[-1:]):
        return not matches(one, other)
    (one_starts, one_core, one_ends), (other_starts, other_core, other_ends) = split(one), split(other)
    if not one_starts and not other_starts:
        return not (one_core.startswith(other_core) or other_core.startswith(one_core))
    if not one_ends and not other_ends:
        return not (one_core.endswith(other_core) or other_core.endswith(one_core))
    return False


def selection_covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether a list of patterns and `-pattern` selects all that another one selects."""
    for veto in negatives(wide):
        left_out = any(covers(other, veto) for other in negatives(narrow))
        if not left_out and not all(disjoint(veto, entry) for entry in positives(narrow)):
            return False
    return all(any(covers(entry, other) for entry in positives(wide)) for other in positives(narrow))


def collection_covers(wide: Collection, narrow: Collection) -> bool:
    """Whether a collection selects every function that another selects, on either cloud."""
    return (
        selection_covers(wide.functions, narrow.functions)
        and selection_covers(wide.regions, narrow.regions)
        and selection_covers(wide.accounts, narrow.accounts)
    )


def program_covers(wide: str, narrow: str) -> bool:
    """Likewise for programs: an entry without a slash is compared with base names."""
    if is_everything(wide) or wide == "/*":
        return True
    if ("/" in wide) == ("/" in narrow):
        return covers(wide, narrow, case_sensitive=True)
    if "/" in wide or narrow.endswith("*"):
        return False
    return covers(wide, narrow.rpartition("/")[2], case_sensitive=True)


def address_covers(wide: str, narrow: str) -> bool:
    """Likewise for addresses and networks."""
    import ipaddress

    one, other = ipaddress.ip_network(wide), ipaddress.ip_network(narrow)
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return other.subnet_of(one)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return other.subnet_of(one)
    return False


def ports_cover(wide: Ports, narrow: Ports) -> bool:
    """Likewise for ranges of ports."""
    return wide.first <= narrow.first and narrow.last <= wide.last


def path_covers(wide: str, narrow: str) -> bool:
    """Likewise for paths, which stand for all below them."""
    return narrow == wide or narrow.startswith(wide.rstrip("/") + "/")


COVERS: dict[Kind, Callable[[Any, Any], bool]] = {
    Kind.PATTERNS: covers,
    Kind.PROGRAMS: program_covers,
    Kind.ADDRESSES: address_covers,
    Kind.PORTS: ports_cover,
    Kind.NAMES: covers,
    Kind.PATHS: path_covers,
}
# One entry that takes the whole kind, so that an allow list with it allows everything.
WHOLE: dict[Kind, tuple[Any, ...]] = {
    Kind.PROGRAMS: ("*",),
    Kind.ADDRESSES: ("0.0.0.0/0", "::/0"),
    Kind.PORTS: (Ports(1, 65535),),
    Kind.NAMES: ("*",),
    Kind.PATHS: ("/",),
}
