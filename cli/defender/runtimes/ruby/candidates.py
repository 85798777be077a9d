"""Ruby methods that look like handlers, for packages that say nowhere which one it is."""

from __future__ import annotations

import re

from defender.archive import Archive, Kind
from defender.runtimes.model import Candidate

# At the left margin, so at the top level of its file: the only place where the name alone says how it is called.
_LOOKS_LIKE_HANDLER = re.compile(
    rb"^def[ \t]+(\w+[?!]?)[ \t]*\(?[ \t\r\n]*(?:event:[^()\n]*\bcontext:|context:[^()\n]*\bevent:)", re.M
)
_FOREIGN = frozenset(
    {"spec", "test", "tests", "vendor", "node_modules", ".bundle", ".aws-sam", "twistlock", "layer", "gems"}
)
_DEEPEST = 3
_LARGEST = 1 << 20
_MOST = 400


def candidates(archive: Archive) -> tuple[Candidate, ...]:
    """Methods at the top level with the keywords `event` and `context`, in the user's files."""
    paths = [
        name
        for name, member in archive.members.items()
        if name.endswith(".rb")
        and member.kind is Kind.FILE
        and member.size <= _LARGEST
        and len(name.split("/")) <= _DEEPEST
        and not _FOREIGN & set(name.split("/"))
        and "." not in name.removesuffix(".rb")
    ]
    return tuple(
        Candidate(
            f"{path.removesuffix('.rb')}.{match[1].decode()}",
            f"{path} defines {match[1].decode()}(event:, context:)",
        )
        for path in paths[:_MOST]
        for match in _LOOKS_LIKE_HANDLER.finditer(archive.read(path))
    )
